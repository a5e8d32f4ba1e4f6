/* sipbridge docs messages, messages-json, health: for doc/operations.md, and for tools. */
#include <string.h>

#include "cli/cli.h"
#include "cli/docs.h"
#include "messages/messages.h"
#include "ops/ops.h"

/* A span of code may hold backquotes if more of them, and a blank, are around it (CommonMark, section 6.1). */
static void add_code(struct buf *out, const char *text) {
    bool quotes = strchr(text, '`') != NULL;
    buf_adds(out, quotes ? "`` " : "`");
    docs_cell(out, text);
    buf_adds(out, quotes ? " ``" : "`");
}

static void add_message(struct buf *out, const struct message *message) {
    cleanup_buf struct buf shown = {0};
    messages_show(&shown, message->text);
    buf_addf(out, "| %s | ", log_level_name(message->level));
    add_code(out, shown.p);
    buf_adds(out, " | ");
    docs_cell(out, message->cause);
    buf_adds(out, " | ");
    docs_cell(out, message->remedy);
    buf_adds(out, " |\n");
}

void docs_messages(const struct cli *cli, struct buf *out) {
    (void)cli;
    for (size_t i = 0; i < messages_area_count(); i++) {
        const struct message_area *area = messages_area_at(i);
        buf_addf(out, "%s### %s\n\n| Level | Message | When | What to do |\n| --- | --- | --- | --- |\n",
                 i > 0 ? "\n" : "", area->title);
        for (size_t k = 0; k < area->count; k++) {
            add_message(out, &area->messages[k]);
        }
    }
}

void docs_messages_json(const struct cli *cli, struct buf *out) {
    (void)cli;
    messages_json(out);
}

static void add_state(struct buf *out, const char *status, const char *message, const char *remedy) {
    buf_addf(out, "| %s | ", status);
    add_code(out, message);
    buf_adds(out, " | ");
    docs_cell(out, remedy);
    buf_adds(out, " |\n");
}

void docs_health(const struct cli *cli, struct buf *out) {
    (void)cli;
    buf_adds(out, "| Status | Message | What to do |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < ops_state_count(); i++) {
        const struct ops_state *state = ops_state_at(i);
        add_state(out, ops_health_name(state->health), state->message, state->remedy);
    }
    for (size_t i = 0; i < ops_unready_count(); i++) {
        const struct ops_unready *unready = ops_unready_at(i);
        add_state(out, "503 of `/readyz`", unready->answer, unready->remedy);
    }
}
