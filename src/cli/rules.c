/* sipbridge rules: which agent answers which number: the rules in the order they are tried, whether they are good,
 * and for one call every step of the decision. */
#include <jansson.h>
#include <stdio.h>

#include "cli/documents.h"
#include "cli/rules_edit.h"
#include "cli/rules_show.h"
#include "rules/decide.h"

struct list_options {
    bool json;
};

/* "support", "(rejected)", "(skipped)". */
static const char *target_of(const struct rule *rule) {
    if (rule->agent_name != NULL) {
        return rule->agent_name;
    }
    return rule->reject ? "(rejected)" : "(skipped)";
}

static char *patterns_of(const struct rule *rule) {
    struct buf text = {0};
    for (char **at = rule->called; *at != NULL; at++) {
        buf_addf(&text, "%s%s", at == rule->called ? "" : ", ", *at);
    }
    return buf_take(&text);
}

static void print_table(const struct ruleset *rules) {
    static const char *const titles[] = {"RULE", "PRIORITY", "CALLED", "CALLER", "TRUNK", "AGENT", "METADATA"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        cleanup_free char *patterns = patterns_of(rule);
        cli_table_addf(&table, "[%u]", rule->index);
        cli_table_addf(&table, "%ld", rule->priority);
        cli_table_add(&table, patterns);
        cli_table_add(&table, rule->caller != NULL ? rule->caller : "*");
        cli_table_add(&table, rule->trunk != NULL ? rule->trunk : "*");
        cli_table_add_coloured(&table, rule->agent_name != NULL ? COLOUR_BOLD : COLOUR_YELLOW, target_of(rule));
        cli_table_add(&table, rule->metadata != NULL ? rule->metadata : "");
    }
    cli_table_print(&table);
}

static json_t *rules_json(const struct ruleset *rules) {
    json_t *list = json_array();
    for (size_t i = 0; rules != NULL && i < ruleset_tries(rules); i++) {
        json_array_append_new(list, rules_json_of(ruleset_at(rules, i)));
    }
    return list;
}

/* No rules configured anywhere: not a mistake, but worth a word. */
static void say_none(void) {
    puts("There are no rules: SIP_RULES_FILE is not set, and there is no REDIS_URL or Redis has none. "
         "DEFAULT_SIP_AGENT or the first agent "
         "answers every call.");
}

static int run_list(struct cli *cli) {
    struct list_options options = {0};
    cleanup_settings struct settings settings = {0};
    cleanup_documents struct documents documents = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    documents_load(&settings, &(struct documents_from){0}, &documents);
    const struct fetch_document *document = &documents.fetch.rules;
    if (!documents_good(cli, document, "the rules")) {
        return CLI_FAILED;
    }
    if (options.json) {
        rules_print_json(rules_json(document->rules));
    } else if (document->rules == NULL) {
        say_none();
    } else {
        print_table(document->rules);
    }
    return CLI_OK;
}

static int run_check(struct cli *cli) {
    cleanup_settings struct settings settings = {0};
    cleanup_documents struct documents documents = {0};
    if (!cli_parse(cli, NULL) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    struct documents_from from = {.rules_file = cli->argc > 0 ? cli->argv[0] : NULL};
    documents_load(&settings, &from, &documents);
    const struct fetch_document *document = &documents.fetch.rules;
    if (!documents_good(cli, document, "the rules")) {
        return CLI_FAILED;
    }
    if (document->rules == NULL) {
        say_none();
        return CLI_OK;
    }
    size_t warnings = ruleset_warnings(document->rules);
    for (size_t i = 0; i < warnings; i++) {
        printf("warning: %s\n", ruleset_warning(document->rules, i));
    }
    warnings += rules_warn_of_agents(document->rules, documents.fetch.agents.directory);
    printf("rules from %s: %zu, warnings: %zu, mistakes: none\n", document->kind, ruleset_count(document->rules),
           warnings);
    return CLI_OK;
}

struct explain_options {
    bool json;
    const char *caller, *trunk, *room_agent;
};

static void print_step(void *context, const struct rule *rule, const char *what) {
    (void)context;
    printf("%s%s\n", rule != NULL ? "  " : "", what);
}

static void add_step(void *context, const struct rule *rule, const char *what) {
    json_t *step = json_pack("{s:s}", "text", what);
    if (rule != NULL) {
        json_object_set_new(step, "rule", json_integer(rule->index));
    }
    json_array_append_new(context, step);
}

static json_t *choice_json(const struct choice *choice, json_t *steps) {
    static const char *const kinds[] = {"uncertain", "agent", "reject", "nobody"};
    json_t *object = json_pack("{s:s, s:o}", "choice", kinds[choice->kind], "steps", steps);
    if (choice->kind == CHOICE_AGENT) {
        json_object_set_new(object, "agent", json_stringn(choice->name.p, choice->name.n));
    }
    if (choice->rule != NULL) {
        json_object_set_new(object, "rule", rules_json_of(choice->rule));
    }
    return object;
}

static int explain(const struct decide_input *input, bool json) {
    struct choice choice;
    if (json) {
        json_t *steps = json_array();
        choice = decide_explain(input, add_step, steps);
        rules_print_json(choice_json(&choice, steps));
    } else {
        choice = decide_explain(input, print_step, NULL);
    }
    return choice.kind == CHOICE_NOBODY ? CLI_FAILED : CLI_OK;
}

/* Nothing to decide with is most often a forgotten --env-file. */
static void warn_without_sources(const struct cli *cli, const struct settings *settings) {
    if (settings->rules_file == NULL && settings->agents_file == NULL && settings->redis_url == NULL &&
        settings->agent_command == NULL) {
        cli_error(cli, "warning: none of SIP_RULES_FILE, SIP_AGENTS_FILE, REDIS_URL, STIMM_API_URL and "
                       "SIP_AGENT_COMMAND is set; are the "
                       "daemon's settings in a file (--env-file)?");
    }
}

static int run_explain(struct cli *cli) {
    struct explain_options options = {0};
    cleanup_settings struct settings settings = {0};
    cleanup_documents struct documents documents = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    documents_load(&settings, &(struct documents_from){0}, &documents);
    warn_without_sources(cli, &settings);
    const struct fetch *fetch = &documents.fetch;
    bool good = documents_good(cli, &fetch->rules, "the rules");
    if (!documents_good(cli, &fetch->agents, "the agents") || !good) {
        return CLI_FAILED;
    }
    struct decide_input input = {
        .rules = fetch->rules.rules,
        .directory = fetch->agents.directory,
        .default_agent = slice_of(settings.default_agent),
        .room_agent = slice_of(options.room_agent),
        .leg_known = true,
        .called = slice_of(cli->argv[0]),
        .caller = slice_of(options.caller),
        .trunk = slice_of(options.trunk),
    };
    return explain(&input, options.json);
}

static const struct cli_option list_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct list_options, json), NULL,
     "one JSON array, in the order the rules are tried"},
};
static const struct cli_option explain_table[] = {
    {"caller", 0, CLI_TEXT, offsetof(struct explain_options, caller), "NUMBER", "who calls (default: hidden)"},
    {"trunk", 0, CLI_TEXT, offsetof(struct explain_options, trunk), "ID", "the trunk the call comes over (ST_…)"},
    {"room-agent", 0, CLI_TEXT, offsetof(struct explain_options, room_agent), "NAME",
     "the agent_name in the room's metadata"},
    {"json", 0, CLI_FLAG, offsetof(struct explain_options, json), NULL, "one JSON object"},
};

static const struct cli_command list_command = {
    .name = "list",
    .summary = "List the rules in the order they are tried.",
    .options = list_table,
    .option_count = ARRAY_LEN(list_table),
    .details = "A rule whose list of patterns is not equally specific is tried, and shown, once for each kind.",
    .run = run_list,
};
static const struct cli_command check_command = {
    .name = "check",
    .summary = "Check the rules in use, or those in FILE before they are.",
    .arguments = "[FILE]",
    .max_arguments = 1,
    .details = "The exit code is 1 when the document has a mistake: the daemon would keep the rules it has.",
    .run = run_check,
};
static const struct cli_command explain_command = {
    .name = "explain",
    .summary = "Tell step by step which agent answers a call to NUMBER.",
    .arguments = "NUMBER",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = explain_table,
    .option_count = ARRAY_LEN(explain_table),
    .details = "An empty NUMBER ('') is a hidden one. How many calls an agent has now is not known here: its max does "
               "not count. The exit code is 1 when nobody would answer.",
    .run = run_explain,
};
static const struct cli_command *const verbs[] = {
    &list_command, &check_command, &explain_command, &cli_rules_add, &cli_rules_remove, &cli_rules_import, NULL};

const struct cli_command cli_rules = {
    .name = "rules",
    .summary = "Show, check, explain and edit the rules of who answers which number.",
    .verbs = verbs,
};
