/* sipbridge dispatch: LiveKit's own SIP dispatch rules, which say into what room a call is put. Which agent answers it
 * there is what sipbridge's rules are for. */
#include "cli/dispatch.h"

#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/delete.h"
#include "cli/show.h"

enum { SHOWN_MAX = 200 };

static const char *kind_of(const struct livekit_rule *rule) {
    static const char *const kinds[] = {[LIVEKIT_RULE_OTHER] = "other",
                                        [LIVEKIT_RULE_DIRECT] = "direct",
                                        [LIVEKIT_RULE_INDIVIDUAL] = "individual",
                                        [LIVEKIT_RULE_CALLEE] = "callee"};
    return kinds[rule->kind];
}

static void add_room(struct buf *out, const struct livekit_rule *rule) {
    bool is_prefix = rule->kind == LIVEKIT_RULE_INDIVIDUAL || rule->kind == LIVEKIT_RULE_CALLEE;
    text_escape(out, rule->room, SHOWN_MAX);
    buf_adds(out, is_prefix ? "_…" : "");
}

static void add_notes(struct cli_table *table, const struct livekit_rule *rule) {
    cleanup_buf struct buf text = {0};
    buf_adds(&text, rule->has_pin ? ", PIN" : "");
    buf_adds(&text, rule->hide_phone_number ? ", hides numbers" : "");
    if (rule->agents.count > 0) {
        buf_adds(&text, ", LiveKit's agents: ");
        show_add_texts(&text, rule->agents, "");
    }
    if (rule->room_metadata.n > 0) {
        buf_adds(&text, ", room metadata ");
        text_escape(&text, rule->room_metadata, SHOWN_MAX);
    }
    cli_table_add(table, text.len > 2 ? text.p + 2 : "");
}

bool dispatch_is_ours(const struct livekit_rule *rule, struct slice prefix) {
    return rule->kind != LIVEKIT_RULE_OTHER && slice_starts(rule->room, prefix);
}

void dispatch_print(const struct livekit_rule *rules, size_t count, struct slice prefix) {
    static const char *const titles[] = {"RULE",   "NAME",          "KIND",   "ROOM", "OURS",
                                         "TRUNKS", "CALLED NUMBER", "CALLER", "NOTES"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < count; i++) {
        cleanup_buf struct buf room = {0};
        bool ours = dispatch_is_ours(&rules[i], prefix);
        add_room(&room, &rules[i]);
        show_text(&table, rules[i].id);
        show_text(&table, rules[i].name);
        cli_table_add(&table, kind_of(&rules[i]));
        cli_table_add(&table, room.len > 0 ? room.p : "");
        cli_table_add_coloured(&table, ours ? COLOUR_GREEN : COLOUR_YELLOW, ours ? "yes" : "no");
        show_texts(&table, rules[i].trunk_ids, "any");
        show_texts(&table, rules[i].numbers, "any");
        show_texts(&table, rules[i].inbound_numbers, "any");
        add_notes(&table, &rules[i]);
    }
    cli_table_print(&table);
}

json_t *dispatch_json(const struct livekit_rule *rule, struct slice prefix) {
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:b}", "id", show_json_text(rule->id), "name", show_json_text(rule->name),
                  "metadata", show_json_text(rule->metadata), "kind", kind_of(rule), "room", show_json_text(rule->room),
                  "ours", (int)dispatch_is_ours(rule, prefix));
    json_object_set_new(object, "random", json_boolean(rule->random));
    json_object_set_new(object, "has_pin", json_boolean(rule->has_pin));
    json_object_set_new(object, "hide_phone_number", json_boolean(rule->hide_phone_number));
    json_object_set_new(object, "trunk_ids", show_json_texts(rule->trunk_ids));
    json_object_set_new(object, "numbers", show_json_texts(rule->numbers));
    json_object_set_new(object, "callers", show_json_texts(rule->inbound_numbers));
    json_object_set_new(object, "room_metadata", show_json_text(rule->room_metadata));
    json_object_set_new(object, "livekit_agents", show_json_texts(rule->agents));
    return object;
}

char *dispatch_label(const struct livekit_rule *rule) {
    struct buf text = {0};
    buf_adds(&text, "dispatch rule ");
    text_escape(&text, rule->id, SHOWN_MAX);
    buf_adds(&text, " (");
    if (rule->name.n > 0) {
        text_escape(&text, rule->name, SHOWN_MAX);
        buf_adds(&text, "; ");
    }
    buf_adds(&text, rule->kind == LIVEKIT_RULE_OTHER ? "rooms of a kind that is not known here" : "room ");
    add_room(&text, rule);
    buf_addc(&text, ')');
    return buf_take(&text);
}

static int session_open(const struct cli *cli, struct livekit_session *ret_session) {
    return livekit_session_open(cli, livekit_list_rules, "LiveKit's dispatch rules cannot be listed", ret_session);
}

struct list_options {
    bool json;
};

static void print_list(const struct livekit_answer *answer, struct slice prefix) {
    if (answer->count == 0) {
        puts("LiveKit has no dispatch rule: it puts no call into a room. `sipbridge dispatch create` makes one.");
    } else {
        dispatch_print(answer->rules, answer->count, prefix);
    }
}

static int run_list(struct cli *cli) {
    struct list_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = session_open(cli, &session);
    if (code != CLI_OK) {
        return code;
    }
    struct slice prefix = slice_of(session.settings.room_prefix);
    const struct livekit_answer *answer = &session.listed->answer;
    if (options.json) {
        json_t *list = json_array();
        for (size_t i = 0; i < answer->count; i++) {
            json_array_append_new(list, dispatch_json(&answer->rules[i], prefix));
        }
        show_json(list);
    } else {
        print_list(answer, prefix);
    }
    show_left_out(cli, answer);
    return CLI_OK;
}

struct delete_options {
    bool json, yes;
};

static char *label_of(const struct cli *cli, void *context, const char *id) {
    const struct livekit_session *session = context;
    const struct livekit_answer *answer = &session->listed->answer;
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_is(answer->rules[i].id, id)) {
            return dispatch_label(&answer->rules[i]);
        }
    }
    cli_error(cli, "LiveKit has no dispatch rule %s; `sipbridge dispatch list` shows those it has", id);
    return NULL;
}

static int run_delete(struct cli *cli) {
    struct delete_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = session_open(cli, &session);
    const struct delete_job job = {.api = session.access.api,
                                   .label = label_of,
                                   .context = &session,
                                   .send = livekit_delete_rule,
                                   .consequence = "Its calls find another rule, or none.",
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
    .summary = "List LiveKit's own SIP dispatch rules.",
    .options = list_table,
    .option_count = ARRAY_LEN(list_table),
    .details = "OURS says whether their rooms begin with SIP_ROOM_PREFIX: sipbridge looks at no others.",
    .run = run_list,
};
static const struct cli_command delete_command = {
    .name = "delete",
    .summary = "Delete LiveKit's own SIP dispatch rules.",
    .arguments = "ID...",
    .min_arguments = 1,
    .max_arguments = DELETE_MAX,
    .options = delete_table,
    .option_count = ARRAY_LEN(delete_table),
    .details = "All of them must be there, else none is deleted.",
    .run = run_delete,
};
static const struct cli_command *const verbs[] = {&list_command, &dispatch_create_command, &delete_command, NULL};

const struct cli_command cli_dispatch = {
    .name = "dispatch",
    .summary = "List, create and delete LiveKit's own SIP dispatch rules: what room a call is put into.",
    .verbs = verbs,
};
