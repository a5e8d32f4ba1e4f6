/* sipbridge reload: the running bridge reads settings, keys, rules and agents again. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/remote.h"

enum { DONE = 200, WRONG = 409, UNAUTHORISED = 401, SHOWN_MAX = 64 << 10 };

struct reload_options {
    const char *url;
};

/* Line by line what the bridge says of it: what changed, what waits for a restart, what is wrong. */
static void print_said(const struct buf *body) {
    struct slice rest = buf_slice(body);
    while (rest.n > 0) {
        cleanup_buf struct buf line = {0};
        text_clean(&line, slice_line(&rest), SHOWN_MAX);
        puts(line.len > 0 ? line.p : "");
    }
}

static int tell(const struct cli *cli, const struct remote_answer *answer) {
    if (answer->status == DONE || answer->status == WRONG) {
        print_said(&answer->body);
        return answer->status == DONE ? CLI_OK : CLI_FAILED;
    }
    cli_error(cli, "the running bridge answered %d%s", answer->status,
              answer->status == UNAUTHORISED ? ": the keys in your settings are not its own" : "");
    return CLI_FAILED;
}

static int run(struct cli *cli) {
    struct reload_options options = {0};
    cleanup_settings struct settings settings = {0};
    struct diag diag;
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    if (!settings_need_keys(&settings, &diag)) {
        (void)cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    const struct remote_wish wish = {.where = options.url, .path = "/api/reload"};
    struct remote_answer answer = {0};
    bool answered = remote_post(&settings, &wish, &answer, &diag);
    int code = answered ? tell(cli, &answer) : cli_fail(cli, &diag);
    buf_release(&answer.body);
    return code;
}

static const struct cli_option options_table[] = {
    REMOTE_OPTION(reload_options, url),
};

const struct cli_command cli_reload = {
    .name = "reload",
    .summary = "Have the running bridge read its settings, keys, rules and agents again.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "As SIGHUP does, and it says what changed, and what waits for a restart. The exit code is 1 where a value "
        "is wrong: then all settings and keys stay as they were. Agents that were left alone because they failed "
        "again and again are tried at once.",
    .run = run,
};
