/* sipbridge trunks: LiveKit's inbound SIP trunks, which say whose calls it takes. Listing and deleting here, making and
 * changing in trunk_edit.c. */
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/delete.h"
#include "cli/show.h"
#include "cli/trunk.h"

enum { SHOWN_MAX = 200 };

static void add_auth(struct cli_table *table, const struct livekit_trunk *trunk) {
    if (trunk->auth_username.n == 0) {
        cli_table_add(table, trunk->has_password ? "password" : "none");
        return;
    }
    cleanup_free char *text =
        xasprintf("%.*s, %s", SLICE_ARG(trunk->auth_username), trunk->has_password ? "password set" : "no password");
    cli_table_add(table, text);
}

void trunk_print(const struct livekit_trunk *trunks, size_t count) {
    static const char *const titles[] = {"TRUNK", "NAME", "NUMBERS", "ALLOWED ADDRESSES", "ALLOWED NUMBERS", "AUTH"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < count; i++) {
        show_text(&table, trunks[i].id);
        show_text(&table, trunks[i].name);
        show_texts(&table, trunks[i].numbers, "any");
        show_texts(&table, trunks[i].allowed_addresses, "any");
        show_texts(&table, trunks[i].allowed_numbers, "any");
        add_auth(&table, &trunks[i]);
    }
    cli_table_print(&table);
}

json_t *trunk_json(const struct livekit_trunk *trunk) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "id", show_json_text(trunk->id), "name",
                     show_json_text(trunk->name), "metadata", show_json_text(trunk->metadata), "numbers",
                     show_json_texts(trunk->numbers), "allowed_addresses", show_json_texts(trunk->allowed_addresses),
                     "allowed_numbers", show_json_texts(trunk->allowed_numbers), "auth_username",
                     show_json_text(trunk->auth_username), "has_password", (int)trunk->has_password);
}

char *trunk_label(const struct livekit_trunk *trunk) {
    struct buf text = {0};
    buf_adds(&text, "trunk ");
    text_escape(&text, trunk->id, SHOWN_MAX);
    buf_adds(&text, " (");
    if (trunk->name.n > 0) {
        text_escape(&text, trunk->name, SHOWN_MAX);
        buf_adds(&text, "; ");
    }
    buf_adds(&text, trunk->numbers.count > 0 ? "numbers " : "");
    show_add_texts(&text, trunk->numbers, "every number");
    buf_addc(&text, ')');
    return buf_take(&text);
}

int trunk_session_open(const struct cli *cli, struct livekit_session *ret_session) {
    return livekit_session_open(cli, livekit_list_trunks, "the trunks cannot be listed", ret_session);
}

const struct livekit_trunk *trunk_find(const struct cli *cli, const struct livekit_session *session, const char *id) {
    const struct livekit_answer *answer = &session->listed->answer;
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_is(answer->trunks[i].id, id)) {
            return &answer->trunks[i];
        }
    }
    cli_error(cli, "LiveKit has no inbound trunk %s; `sipbridge trunks list` shows those it has", id);
    return NULL;
}

struct list_options {
    bool json;
};

static void print_list(const struct livekit_answer *answer) {
    if (answer->count == 0) {
        puts("LiveKit has no inbound trunk: it takes no call. `sipbridge setup +NUMBER --agent NAME` makes the first.");
    } else {
        trunk_print(answer->trunks, answer->count);
    }
}

static int run_list(struct cli *cli) {
    struct list_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = trunk_session_open(cli, &session);
    if (code != CLI_OK) {
        return code;
    }
    const struct livekit_answer *answer = &session.listed->answer;
    if (options.json) {
        json_t *list = json_array();
        for (size_t i = 0; i < answer->count; i++) {
            json_array_append_new(list, trunk_json(&answer->trunks[i]));
        }
        show_json(list);
    } else {
        print_list(answer);
    }
    show_left_out(cli, answer);
    return CLI_OK;
}

struct delete_options {
    bool json, yes;
};

static char *label_of(const struct cli *cli, void *context, const char *id) {
    const struct livekit_trunk *trunk = trunk_find(cli, context, id);
    return trunk != NULL ? trunk_label(trunk) : NULL;
}

static int run_delete(struct cli *cli) {
    struct delete_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = trunk_session_open(cli, &session);
    const struct delete_job job = {.api = session.access.api,
                                   .label = label_of,
                                   .context = &session,
                                   .send = livekit_delete_trunk,
                                   .consequence = "Calls over it no longer come in.",
                                   .yes = options.yes,
                                   .json = options.json};
    return code == CLI_OK ? delete_all(cli, &job) : code;
}

static const struct cli_option list_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct list_options, json), NULL, "one JSON array"},
};
static const struct cli_option delete_table[] = {
    CONFIRM_OPTION(delete_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct delete_options, json), NULL, "one JSON object: {\"deleted\":[ID…]}"},
};

static const struct cli_command list_command = {
    .name = "list",
    .summary = "List LiveKit's inbound SIP trunks.",
    .options = list_table,
    .option_count = ARRAY_LEN(list_table),
    .details = "Passwords are never shown.",
    .run = run_list,
};
static const struct cli_command delete_command = {
    .name = "delete",
    .summary = "Delete inbound SIP trunks.",
    .arguments = "ID...",
    .min_arguments = 1,
    .max_arguments = DELETE_MAX,
    .options = delete_table,
    .option_count = ARRAY_LEN(delete_table),
    .details = "All of them must be there, else none is deleted. Dispatch rules that name them stay.",
    .run = run_delete,
};
static const struct cli_command *const verbs[] = {&list_command, &trunk_create_command, &trunk_update_command,
                                                  &delete_command, NULL};

const struct cli_command cli_trunks = {
    .name = "trunks",
    .summary = "List, create, change and delete LiveKit's inbound SIP trunks.",
    .verbs = verbs,
};
