/* sipbridge dispatch create. */
#include <jansson.h>
#include <stdio.h>

#include "cli/dispatch.h"
#include "cli/show.h"

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
}

static int create(const struct cli *cli, const struct create_options *options) {
    cleanup_settings struct settings settings = {0};
    cleanup_access struct livekit_access access = {0};
    if (!cli_settings(cli, &settings) || !livekit_access_open(cli, &settings, &access)) {
        return CLI_USAGE;
    }
    const struct livekit_rule rule = rule_of(options, &settings);
    cleanup_result struct livekit_result *result =
        livekit_access_ask(cli, livekit_create_rule(access.api, NULL, &rule), "no dispatch rule is created");
    if (result == NULL) {
        return CLI_FAILED;
    }
    struct slice prefix = slice_of(settings.room_prefix);
    const struct livekit_rule *made = result->answer.rules;
    if (options->json) {
        show_json(dispatch_json(made, prefix));
    } else {
        cleanup_free char *label = dispatch_label(made);
        printf("%s created\n", label);
        dispatch_print(made, 1, prefix);
    }
    warn(cli, made, &settings);
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
