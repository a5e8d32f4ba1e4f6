/* sipbridge serve: the daemon. */

#include <jansson.h>

#include "app/app.h"
#include "app/keys.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "loop/signals.h"

static int run(struct cli *cli) {
    if (!cli_parse(cli, NULL)) {
        return CLI_USAGE;
    }
    signals_hold_requests();
    json_set_alloc_funcs(xmalloc, free); /* or a good document would be taken for a bad one when memory is out */
    cleanup_settings struct settings settings = {0};
    struct diag diag = {0};
    if (!cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    struct keyring *keys = keys_of_daemon(&settings, &diag);
    if (keys == NULL) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    const struct settings_place place = {.env_file = cli->env_file, .environment = cli->environment};
    return app_run(&settings, &place, keys, &diag) == 0 ? CLI_OK : cli_fail(cli, &diag);
}

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "Take webhooks and run agents (the daemon).",
    .details = "Runs in the foreground and logs to standard output. SIGTERM stops it as SIP_ON_EXIT says, a second one "
               "ends the calls in progress; SIGHUP reads the settings (in the file of --env-file), keys, rules and "
               "agents again. Speaks systemd's protocols: readiness, watchdog, sockets.",
    .run = run,
};
