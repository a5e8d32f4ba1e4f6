/* sipbridge explain: what a line of the log, or of health, means and what to do about it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "messages/messages.h"
#include "ops/ops.h"

enum { INPUT_MAX = 16 * 1024 * 1024, SHOWN_MAX = 4096 };

static void print_one(const char *label, const char *text) {
    if (text[0] != '\0') {
        printf("  %-8s  %s\n", label, text);
    }
}

static bool explain_message(const struct message_line *line) {
    const struct message *message = messages_find(line);
    if (message == NULL) {
        return false;
    }
    cleanup_buf struct buf shown = {0};
    text_clean(&shown, buf_slice(&line->text), SHOWN_MAX); /* a file may hold more than our log writes */
    printf("%s: %s\n", log_level_name(message->level), shown.p);
    print_one("when", message->cause);
    print_one("remedy", message->remedy);
    return true;
}

/* What status and /health/sip-bridge say. */
static bool explain_health(const struct message_line *line) {
    for (size_t i = 0; i < ops_state_count(); i++) {
        const struct ops_state *state = ops_state_at(i);
        if (slice_is(buf_slice(&line->text), state->message)) {
            printf("health, %s: %s\n", ops_health_name(state->health), state->message);
            print_one("remedy", state->remedy);
            return true;
        }
    }
    return false;
}

static bool explain(struct slice text) {
    cleanup_message_line struct message_line line;
    messages_read_line(text, &line);
    return line.text.len > 0 && (explain_health(&line) || explain_message(&line));
}

/* How many lines of BYTES mean something to us; what lies between them is somebody else's. */
static size_t explain_all(struct slice bytes) {
    size_t known = 0;
    while (bytes.n > 0) {
        known += explain(slice_line(&bytes));
    }
    return known;
}

static int explain_input(const struct cli *cli) {
    cleanup_buf struct buf bytes = {0};
    struct diag diag = {0};
    if (!cli_read("-", INPUT_MAX, &bytes, &diag)) {
        return cli_fail(cli, &diag);
    }
    if (explain_all(buf_slice(&bytes)) == 0) {
        cli_error(cli, "there is no line of sipbridge's log in it");
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int run(struct cli *cli) {
    if (!cli_parse(cli, NULL)) {
        return CLI_USAGE;
    }
    if (strcmp(cli->argv[0], "-") == 0 && cli->argc == 1) {
        return explain_input(cli);
    }
    cleanup_buf struct buf line = {0};
    for (int i = 0; i < cli->argc; i++) {
        buf_addf(&line, "%s%s", i > 0 ? " " : "", cli->argv[i]);
    }
    if (!explain(buf_slice(&line))) {
        cli_error(cli, "this is no message of sipbridge %s: give it as it stands in the log, in quotes",
                  SIPBRIDGE_VERSION);
        return CLI_FAILED;
    }
    return CLI_OK;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .summary = "Tell what a line of the log means: when it comes, and what to do about it.",
    .arguments = "LINE|-",
    .min_arguments = 1,
    .max_arguments = 400,
    .no_settings = true,
    .details =
        "LINE is one of the log, text or JSON, with or without what a journal writes before it, or a message of status "
        "and health. Put it in single quotes. With `-` every line of the standard input that is ours is explained: "
        "`journalctl -u sipbridge | grep -E 'SIP (error|warning)' | sipbridge explain -`.",
    .run = run,
};
