/* sipbridge token: a token for sipbridge's own operator interface, for curl and monitoring. */
#include <inttypes.h>
#include <stdio.h>

#include "app/keys.h"
#include "auth/keyring.h"
#include "auth/operator.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "livekit/token.h"

struct token_options {
    bool reader;
    int64_t ttl_ms;
};

static bool check_ttl(const struct cli *cli, const struct token_options *options) {
    if (options->ttl_ms < 1000) {
        cli_error(cli, "--ttl: give at least 1s");
        return false;
    }
    if (!options->reader && options->ttl_ms > INT64_C(1000) * OPERATOR_MAX_TTL_S) {
        cli_error(cli, "--ttl: an operator's token lives at most 1h; only --reader may have more");
        return false;
    }
    return true;
}

static int run(struct cli *cli) {
    struct token_options options = {.ttl_ms = HOUR_MS};
    cleanup_settings struct settings settings = {0};
    struct diag diag;
    if (!cli_parse(cli, &options) || !check_ttl(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    struct keyring *keys = keys_load(&settings, &diag);
    if (keys == NULL) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    cleanup_free char *token = token_for_operator(keys, options.reader, clock_wall_ms() / 1000, options.ttl_ms / 1000);
    puts(token);
    keyring_free(keys);
    return CLI_OK;
}

static const struct cli_option options_table[] = {
    {"reader", 0, CLI_FLAG, offsetof(struct token_options, reader), NULL, "may only read (the status); any --ttl"},
    {"ttl", 0, CLI_DURATION, offsetof(struct token_options, ttl_ms), "TIME",
     "how long it is valid, at most 1h without --reader (default 1h)"},
};

const struct cli_command cli_token = {
    .name = "token",
    .summary = "Print a token for sipbridge's own status and operator requests.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details = "For example:\n    curl -H \"Authorization: Bearer $(sipbridge token --reader)\" "
               "http://127.0.0.1:8791/health/sip-bridge-status\n\nIt is signed with the API secret and carries a claim "
               "of sipbridge's own: LiveKit takes it for nothing, and no LiveKit token takes its place.",
    .run = run,
};
