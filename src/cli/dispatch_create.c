/* sipbridge dispatch create. */
#include <jansson.h>
#include <stdio.h>

#include "cli/dispatch.h"
#include "cli/show.h"
#include "cli/trunk.h"

struct create_options {
    const char *name, *metadata, *prefix, *direct, *room_metadata;
    struct cli_list trunk_ids, numbers, callers;
    bool callee, no_random, hide_phone_number, json;
};

static bool check(const struct cli *cli, const struct create_options *options) {
    if (options->direct != NULL && (options->prefix != NULL || options->callee || options->no_random)) {
        cli_error(cli, "--direct names one room for all calls: --prefix, --callee and --no-random do not go with it");
        return false;
    }
    if ((options->direct != NULL && *options->direct == '\0') ||
        (options->prefix != NULL && *options->prefix == '\0')) {
        cli_error(cli, "%s is empty: give the room's name, or what the names begin with",
                  options->direct != NULL ? "--direct" : "--prefix");
        return false;
    }
    return true;
}

/* An empty SIP_ROOM_PREFIX means that every room is ours: then the name that is usual. */
static struct slice prefix_of(const struct create_options *options, const struct settings *settings) {
    struct slice own = slice_of(settings->room_prefix);
    return options->prefix != NULL ? slice_of(options->prefix) : own.n > 0 ? own : SLICE("sip-inbound");
}

static struct livekit_rule rule_of(const struct create_options *options, const struct settings *settings) {
    struct livekit_rule rule = {
        .name = slice_of(options->name),
        .metadata = slice_of(options->metadata),
        .kind = options->callee ? LIVEKIT_RULE_CALLEE : LIVEKIT_RULE_INDIVIDUAL,
        .room = prefix_of(options, settings),
        .random = !options->no_random,
        .hide_phone_number = options->hide_phone_number,
        .trunk_ids = {options->trunk_ids.at, options->trunk_ids.count},
        .numbers = {options->numbers.at, options->numbers.count},
        .inbound_numbers = {options->callers.at, options->callers.count},
        .room_metadata = slice_of(options->room_metadata),
    };
    if (options->direct != NULL) {
        rule.kind = LIVEKIT_RULE_DIRECT;
        rule.room = slice_of(options->direct);
        rule.random = false;
    }
    return rule;
}

static bool is_object(struct slice text) {
    json_t *value = json_loadb(text.p, text.n, 0, NULL);
    bool good = json_is_object(value);
    json_decref(value);
    return good;
}

static void warn(const struct cli *cli, const struct livekit_rule *rule, const struct settings *settings) {
    struct slice prefix = slice_of(settings->room_prefix);
    if (!livekit_rule_makes(rule, prefix)) {
        cli_error(
            cli,
            "warning: rooms that begin with \"%.*s\" are none of sipbridge's: SIP_ROOM_PREFIX is \"%.*s\", and no "
            "agent of ours comes",
            SLICE_ARG(rule->room), SLICE_ARG(prefix));
    }
    if (rule->kind == LIVEKIT_RULE_CALLEE && settings->room_number == ROOM_NUMBER_CALLER) {
        cli_error(cli, "warning: the rooms have the called number in their names, but SIP_ROOM_NUMBER is caller: set "
                       "SIP_ROOM_NUMBER=called for the bridge, and the agent is chosen as soon as the room is there");
    }
    if (rule->hide_phone_number && rule->numbers.count == 0) {
        cli_error(cli, "warning: with the numbers hidden sipbridge tells the called number by the trunk, if that has "
                       "exactly one");
    }
    if (rule->room_metadata.n > 0 && !is_object(rule->room_metadata)) {
        cli_error(cli, "warning: the room metadata is no JSON object: sipbridge finds no agent in it; to choose one "
                       "write {\"agent_name\":\"NAME\"}");
    }
}

/* LiveKit takes any text as a trunk's id, and the rule then holds for no call. */
static bool are_trunks(const struct cli *cli, const struct livekit_session *session, const struct cli_list *ids) {
    for (size_t i = 0; i < ids->count; i++) {
        cleanup_free char *id = xasprintf("%.*s", SLICE_ARG(ids->at[i]));
        if (things_find(cli, &trunk_things, session, id) < 0) {
            return false;
        }
    }
    return true;
}

static void print(const struct livekit_rule *made, struct slice prefix, bool json) {
    if (json) {
        show_json(dispatch_json(made, prefix));
        return;
    }
    cleanup_free char *label = dispatch_label(made);
    printf("%s created\n", label);
    dispatch_print(made, 1, prefix);
}

static int create(const struct cli *cli, const struct create_options *options) {
    cleanup_session struct livekit_session session = {0};
    int code = things_open(cli, &trunk_things, &session);
    if (code != CLI_OK) {
        return code;
    }
    const struct livekit_rule rule = rule_of(options, &session.settings);
    cleanup_result struct livekit_result *result =
        are_trunks(cli, &session, &options->trunk_ids)
            ? livekit_access_change(cli, livekit_create_rule(session.access.api, NULL, &rule),
                                    "no dispatch rule is created")
            : NULL;
    if (result == NULL) {
        return CLI_FAILED;
    }
    print(result->answer.rules, slice_of(session.settings.room_prefix), options->json);
    warn(cli, result->answer.rules, &session.settings);
    return CLI_OK;
}

static int run_create(struct cli *cli) {
    struct create_options options = {0};
    if (!cli_parse(cli, &options) || !check(cli, &options)) {
        return CLI_USAGE;
    }
    return create(cli, &options);
}

#define FIELD(name) offsetof(struct create_options, name)
static const struct cli_option create_table[] = {
    {"name", 0, CLI_TEXT, FIELD(name), "NAME", "what it is called, for people"},
    {"prefix", 0, CLI_TEXT, FIELD(prefix), "TEXT", "what the rooms' names begin with (default: SIP_ROOM_PREFIX)"},
    {"callee", 0, CLI_FLAG, FIELD(callee), NULL, "rooms are named after the called number (SIP_ROOM_NUMBER=called)"},
    {"direct", 0, CLI_TEXT, FIELD(direct), "ROOM", "all calls into this one room"},
    {"no-random", 0, CLI_FLAG, FIELD(no_random), NULL,
     "no random characters at the end of a room's name: calls of one number share it"},
    {"trunk-id", 0, CLI_LIST, FIELD(trunk_ids), "ID", "only calls over this trunk (default: any)"},
    {"number", 0, CLI_LIST, FIELD(numbers), "NUMBER", "only calls to this number, exactly as it is dialled"},
    {"caller", 0, CLI_LIST, FIELD(callers), "NUMBER", "only calls from this number, exactly as it is sent"},
    {"hide-phone-number", 0, CLI_FLAG, FIELD(hide_phone_number), NULL, "nobody in the room learns the numbers"},
    {"room-metadata", 0, CLI_TEXT, FIELD(room_metadata), "TEXT",
     "metadata of the rooms; {\"agent_name\":NAME} chooses the agent before all rules"},
    {"metadata", 0, CLI_TEXT, FIELD(metadata), "TEXT", "LiveKit's metadata of the rule"},
    {"json", 0, CLI_FLAG, FIELD(json), NULL, "the rule as a JSON object"},
};

const struct cli_command dispatch_create_command = {
    .name = "create",
    .summary = "Create one of LiveKit's own SIP dispatch rules.",
    .options = create_table,
    .option_count = ARRAY_LEN(create_table),
    .details = "By default every call gets a room of its own (an individual rule) whose name begins with "
               "SIP_ROOM_PREFIX. Trunks and numbers may be given several times, or with commas.\n\n"
               "For example:\n    sipbridge dispatch create --trunk-id ST_AbC",
    .run = run_create,
};
