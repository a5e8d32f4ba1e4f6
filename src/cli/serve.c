/* sipbridge serve: the daemon. */
#include <stdio.h>

#include "app/app.h"
#include "app/keys.h"
#include "cli/cli.h"
#include "settings/environment.h"

/* A bridge that is switched off need not know any key: it answers, and does nothing. */
static struct keyring *keys_for(const struct settings *settings, struct diag *diag) {
    bool none = settings->livekit_api_key == NULL && settings->livekit_keys == NULL;
    return none && !settings->enabled ? keyring_new() : keys_load(settings, diag);
}

static int run(struct cli *cli) {
    if (!cli_parse(cli, NULL)) {
        return CLI_USAGE;
    }
    cleanup_settings struct settings settings = {0};
    struct diag diag = {0};
    if (!cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    environment_forget(cli->environment);
    struct keyring *keys = keys_for(&settings, &diag);
    if (keys == NULL) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    return app_run(&settings, keys, &diag) == 0 ? CLI_OK : cli_fail(cli, &diag);
}

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "Take webhooks and run agents (the daemon).",
    .details = "Runs in the foreground and logs to standard output. SIGTERM stops it as SIP_ON_EXIT says, a second one "
               "ends the calls in progress; SIGHUP reads the file of LIVEKIT_KEYS, rules and agents again.",
    .run = run,
};
