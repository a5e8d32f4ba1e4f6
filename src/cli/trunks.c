/* sipbridge trunks: LiveKit's inbound SIP trunks, which say whose calls it takes. Listing and deleting here, making and
 * changing in trunk_edit.c. */
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/show.h"
#include "cli/trunk.h"
#include "livekit/address.h"

enum { SHOWN_MAX = 200 };

bool trunk_check_addresses(const struct cli *cli, const struct cli_list *addresses) {
    for (size_t i = 0; i < addresses->count; i++) {
        enum livekit_address kind = livekit_address_kind(addresses->at[i]);
        if (kind != LIVEKIT_ADDRESS_GOOD) {
            cli_error(cli,
                      "the allowed address %.*s: %s; give an IP address, a network such as 203.0.113.0/24, or a host's "
                      "name",
                      SLICE_ARG(addresses->at[i]),
                      kind == LIVEKIT_ADDRESS_IGNORED ? "LiveKit ignores it, and without another takes calls from "
                                                        "everywhere"
                                                      : "no caller has it");
            return false;
        }
    }
    return true;
}

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

static struct slice id_at(const struct livekit_answer *answer, size_t place) {
    return answer->trunks[place].id;
}

static char *label_at(const struct livekit_answer *answer, size_t place) {
    return trunk_label(&answer->trunks[place]);
}

static json_t *json_at(const struct livekit_answer *answer, size_t place, struct slice prefix) {
    (void)prefix;
    return trunk_json(&answer->trunks[place]);
}

static void print_all(const struct livekit_answer *answer, struct slice prefix) {
    (void)prefix;
    trunk_print(answer->trunks, answer->count);
}

const struct things trunk_things = {
    .unlisted = "the trunks cannot be listed",
    .none = "LiveKit has no inbound trunk: it takes no call. `sipbridge setup +NUMBER --agent NAME` makes the first.",
    .name = "inbound trunk",
    .verb = "trunks",
    .consequence = "Calls over it no longer come in.",
    .list = livekit_list_trunks,
    .remove = livekit_delete_trunk,
    .id = id_at,
    .label = label_at,
    .json = json_at,
    .print = print_all,
};

static int run_list(struct cli *cli) {
    return things_run_list(cli, &trunk_things);
}

static int run_delete(struct cli *cli) {
    return things_run_delete(cli, &trunk_things);
}

static const struct cli_command list_command = {
    .name = "list",
    .summary = "List LiveKit's inbound SIP trunks.",
    .options = things_list_table,
    .option_count = ARRAY_LEN(things_list_table),
    .details = "Passwords are never shown.",
    .run = run_list,
};
static const struct cli_command delete_command = {
    .name = "delete",
    .summary = "Delete inbound SIP trunks.",
    .arguments = "ID...",
    .min_arguments = 1,
    .max_arguments = THINGS_MOST,
    .options = things_delete_table,
    .option_count = ARRAY_LEN(things_delete_table),
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
