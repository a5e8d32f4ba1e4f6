/* sipbridge dispatch: LiveKit's own SIP dispatch rules, which say into what room a call is put. Which agent answers it
 * there is what sipbridge's rules are for. */
#include "cli/dispatch.h"

#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
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

void dispatch_print(const struct livekit_rule *rules, size_t count, struct slice prefix) {
    static const char *const titles[] = {"RULE",   "NAME",          "KIND",   "ROOM", "OURS",
                                         "TRUNKS", "CALLED NUMBER", "CALLER", "NOTES"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < count; i++) {
        cleanup_buf struct buf room = {0};
        bool ours = livekit_rule_makes(&rules[i], prefix);
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
                  "ours", (int)livekit_rule_makes(rule, prefix));
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

static struct slice id_at(const struct livekit_answer *answer, size_t place) {
    return answer->rules[place].id;
}

static char *label_at(const struct livekit_answer *answer, size_t place) {
    return dispatch_label(&answer->rules[place]);
}

static json_t *json_at(const struct livekit_answer *answer, size_t place, struct slice prefix) {
    return dispatch_json(&answer->rules[place], prefix);
}

static void print_all(const struct livekit_answer *answer, struct slice prefix) {
    dispatch_print(answer->rules, answer->count, prefix);
}

static const struct things rule_things = {
    .unlisted = "LiveKit's dispatch rules cannot be listed",
    .none = "LiveKit has no dispatch rule: it puts no call into a room. `sipbridge dispatch create` makes one.",
    .name = "dispatch rule",
    .verb = "dispatch",
    .consequence = "Its calls find another rule, or none.",
    .list = livekit_list_rules,
    .remove = livekit_delete_rule,
    .id = id_at,
    .label = label_at,
    .json = json_at,
    .print = print_all,
};

static int run_list(struct cli *cli) {
    return things_run_list(cli, &rule_things);
}

static int run_delete(struct cli *cli) {
    return things_run_delete(cli, &rule_things);
}

static const struct cli_command list_command = {
    .name = "list",
    .summary = "List LiveKit's own SIP dispatch rules.",
    .options = things_list_table,
    .option_count = ARRAY_LEN(things_list_table),
    .details = "OURS says whether their rooms begin with SIP_ROOM_PREFIX: sipbridge looks at no others.",
    .run = run_list,
};
static const struct cli_command delete_command = {
    .name = "delete",
    .summary = "Delete LiveKit's own SIP dispatch rules.",
    .arguments = "ID...",
    .min_arguments = 1,
    .max_arguments = THINGS_MOST,
    .options = things_delete_table,
    .option_count = ARRAY_LEN(things_delete_table),
    .details = "All of them must be there, else none is deleted.",
    .run = run_delete,
};
static const struct cli_command *const verbs[] = {&list_command, &dispatch_create_command, &delete_command, NULL};

const struct cli_command cli_dispatch = {
    .name = "dispatch",
    .summary = "List, create and delete LiveKit's own SIP dispatch rules: what room a call is put into.",
    .verbs = verbs,
};
