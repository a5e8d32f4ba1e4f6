/* sipbridge rules add: one more rule, given or asked for step by step. */
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/ask.h"
#include "cli/confirm.h"
#include "cli/rules_ask.h"
#include "cli/rules_edit.h"
#include "cli/rules_show.h"
#include "rules/decide.h"
#include "rules/shadow.h"

struct add_options {
    struct new_rule rule;
    int64_t at;
    bool json;
};

struct adding {
    const struct cli *cli;
    struct add_options options;
    struct rules_edit edit;
    struct buf rule;   /* JSON */
    struct buf before; /* who answers, and after */
    struct buf after;
    struct buf example;     /* the number of which this is said */
    struct ruleset *parsed; /* the rules with the new one */
    size_t place;
    json_t *warnings;
};

static void adding_release(struct adding *adding) {
    rules_edit_release(&adding->edit);
    buf_release(&adding->rule);
    buf_release(&adding->before);
    buf_release(&adding->after);
    buf_release(&adding->example);
    ruleset_release(adding->parsed);
    json_decref(adding->warnings);
}

static enum edit_result on_edit(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    const struct adding *adding = context;
    return edit_add(text, &(struct edit_place){buf_slice(&adding->rule), (long)adding->options.at}, ret_text, diag);
}

static void warn(struct adding *adding, const char *text) {
    json_array_append_new(adding->warnings, json_string(text));
    cli_error(adding->cli, "warning: %s", text);
}

/* The new rule is entry or entries of its place. */
static const struct rule *find_rule(const struct ruleset *rules, size_t place) {
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        if (ruleset_at(rules, i)->index == place) {
            return ruleset_at(rules, i);
        }
    }
    return NULL;
}

static void warn_of_rule(struct adding *adding) {
    const struct rule *rule = find_rule(adding->parsed, adding->place);
    cleanup_free char *trouble = adding->edit.agents != NULL ? rules_trouble_of(rule, adding->edit.agents) : NULL;
    cleanup_buf struct buf text = {0};
    if (trouble != NULL) {
        buf_addf(&text, "%s: the rule gives way to the next", trouble);
        warn(adding, text.p);
        buf_clear(&text);
    }
    const struct rule *shadow = shadow_of(adding->parsed, rule->index, adding->edit.agents);
    if (shadow != NULL) {
        rule_label(shadow, &text);
        buf_adds(&text, " comes first and takes every call of this one: give it a lower --priority");
        warn(adding, text.p);
    }
}

/* A number that PATTERN matches: itself, or with digits for its wildcards. */
static void make_example(const char *pattern, struct buf *out) {
    bool filled = false;
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '?') {
            buf_addc(out, '5');
        } else if (*at != '*') {
            buf_addc(out, *at);
        } else if (!filled) {
            buf_adds(out, "5550100");
            filled = true;
        }
    }
    buf_add(out, "", 0);
}

static void describe_call(const struct adding *adding, const struct ruleset *rules, struct buf *out) {
    const struct rule *rule = find_rule(adding->parsed, adding->place);
    cleanup_buf struct buf caller = {0};
    make_example(rule->caller != NULL ? rule->caller : "", &caller);
    struct decide_input input = {
        .rules = rules,
        .directory = adding->edit.agents,
        .default_agent = slice_of(adding->edit.settings.default_agent),
        .leg_known = true,
        .called = buf_slice(&adding->example),
        .caller = buf_slice(&caller),
        .trunk = slice_of(rule->trunk),
    };
    struct choice choice = decide(&input);
    decide_describe(&choice, out);
}

/* What the document would be now: whether it is changed at all, where, and what of it. EDIT_FAILED was said. */
static enum edit_result look_ahead(struct adding *adding) {
    struct diag diag;
    cleanup_buf struct buf text = {0};
    struct rules_change change = {.edit = on_edit, .context = adding};
    enum edit_result result = rules_change_make(&change, adding->edit.text, &text, &diag);
    if (result == EDIT_FAILED) {
        cli_fail(adding->cli, &diag);
        return result;
    }
    struct slice document = result == EDIT_SAME ? adding->edit.text : buf_slice(&text);
    adding->parsed = ruleset_parse(document, &diag);
    adding->place = (size_t)edit_find(document, buf_slice(&adding->rule));
    const struct rule *rule = find_rule(adding->parsed, adding->place);
    make_example(rule->called[0], &adding->example);
    describe_call(adding, adding->edit.rules, &adding->before);
    describe_call(adding, adding->parsed, &adding->after);
    return result;
}

static void print_ahead(const struct adding *adding, FILE *to) {
    cleanup_buf struct buf rule = {0};
    cleanup_buf struct buf number = {0};
    rules_edit_show(buf_slice(&adding->rule), &rule);
    text_escape(&number, buf_slice(&adding->example), 64);
    fprintf(to, "%s\na call to %s: now %s\n", rule.p, number.p, adding->before.p);
    fprintf(to, "%*sthen %s\n", (int)number.len + 12, "", adding->after.p);
}

static void print_result(const struct adding *adding, bool changed) {
    if (!adding->options.json) {
        printf(changed ? "added as rule [%zu] of %zu, in %s\n"
                       : "rule [%zu] of %zu means the same already, in %s: nothing "
                         "was changed\n",
               adding->place, ruleset_count(adding->parsed), adding->edit.where);
        return;
    }
    json_t *object = json_pack("{s:b, s:I, s:I, s:s}", "changed", changed, "place", (json_int_t)adding->place, "count",
                               (json_int_t)ruleset_count(adding->parsed), "where", adding->edit.where);
    json_object_set_new(object, "rule", json_loadb(adding->rule.p, adding->rule.len, 0, NULL));
    json_object_set(object, "warnings", adding->warnings);
    json_object_set_new(object, "before", json_string(adding->before.p));
    json_object_set_new(object, "after", json_string(adding->after.p));
    rules_print_json(object);
}

/* Where it came to lie among what others wrote meanwhile. */
static int write_rule(struct adding *adding) {
    struct diag diag;
    cleanup_buf struct buf text = {0};
    struct rules_change change = {.edit = on_edit, .context = adding};
    enum edit_result result = rules_edit_write(adding->cli, &adding->edit, &change, &text);
    if (result == EDIT_FAILED) {
        return CLI_FAILED;
    }
    if (result == EDIT_CHANGED) {
        adding->place = (size_t)edit_find(buf_slice(&text), buf_slice(&adding->rule));
        ruleset_release(adding->parsed);
        adding->parsed = ruleset_parse(buf_slice(&text), &diag);
    }
    print_result(adding, result == EDIT_CHANGED);
    return CLI_OK;
}

/* The rule is known: show it, and write it when it is wanted. */
static int add(struct adding *adding, bool asked) {
    switch (look_ahead(adding)) {
    case EDIT_FAILED: return CLI_FAILED;
    case EDIT_SAME: print_result(adding, false); return CLI_OK;
    case EDIT_CHANGED: break;
    }
    warn_of_rule(adding);
    if (asked || !adding->options.json) {
        print_ahead(adding, asked ? stderr : stdout);
    }
    int code = confirm(adding->cli, !asked, "Add this rule to %s?", adding->edit.where);
    return code == CLI_OK ? write_rule(adding) : code;
}

static int usage(const struct cli *cli) {
    cli_error(cli, "%s", "give PATTERN AGENT, or PATTERN --reject; at a terminal it asks when nothing is given");
    return CLI_USAGE;
}

/* CLI_OK when the arguments are a rule, or nothing was given and somebody can be asked. */
static int take_arguments(struct cli *cli, struct new_rule *rule, bool *ret_ask) {
    *ret_ask = cli->argc == 0;
    if (*ret_ask) {
        return ask_is_possible() ? CLI_OK : usage(cli);
    }
    rule->pattern = cli->argv[0];
    rule->agent = cli->argc > 1 ? cli->argv[1] : NULL;
    return (rule->agent != NULL) != rule->reject ? CLI_OK : usage(cli);
}

static int run_with(struct adding *adding, bool ask) {
    struct diag diag;
    __attribute__((cleanup(new_rule_answers_release))) struct new_rule_answers answers = {0};
    struct rules_edit_need need = {0};
    int code = rules_edit_start(adding->cli, &need, &adding->edit);
    if (code != CLI_OK) {
        return code;
    }
    if (ask && !new_rule_ask(&adding->options.rule, adding->edit.agents, &answers)) {
        cli_error(adding->cli, "nothing was done: the answers ended");
        return CLI_FAILED;
    }
    if (!new_rule_json(&adding->options.rule, &adding->rule, &diag)) {
        cli_fail(adding->cli, &diag);
        return CLI_USAGE;
    }
    return add(adding, ask);
}

static int run(struct cli *cli) {
    __attribute__((cleanup(adding_release))) struct adding adding = {.cli = cli,
                                                                     .options = {.at = EDIT_AT_END},
                                                                     .warnings = json_array()};
    bool ask;
    if (!cli_parse(cli, &adding.options)) {
        return CLI_USAGE;
    }
    int code = take_arguments(cli, &adding.options.rule, &ask);
    return code == CLI_OK ? run_with(&adding, ask) : code;
}

static const struct cli_option options[] = {
    {"caller", 0, CLI_TEXT, offsetof(struct add_options, rule.caller), "PATTERN", "only calls of this caller"},
    {"trunk", 0, CLI_TEXT, offsetof(struct add_options, rule.trunk), "ID", "only calls over this trunk (ST_…)"},
    {"priority", 0, CLI_TEXT, offsetof(struct add_options, rule.priority), "N", "lowest first (default 100)"},
    {"metadata", 0, CLI_TEXT, offsetof(struct add_options, rule.metadata), "JSON", "an object handed to the agent"},
    {"reject", 0, CLI_FLAG, offsetof(struct add_options, rule.reject), NULL, "reject the caller; no AGENT then"},
    {"at", 0, CLI_INT, offsetof(struct add_options, at), "INDEX",
     "its place in the document, from 0 (default: the end)"},
    {"json", 0, CLI_FLAG, offsetof(struct add_options, json), NULL, "one JSON object: the rule, its place, warnings"},
};

const struct cli_command cli_rules_add = {
    .name = "add",
    .summary = "Add a rule; without arguments, ask for it step by step.",
    .arguments = "[PATTERN [AGENT]]",
    .max_arguments = 2,
    .options = options,
    .option_count = ARRAY_LEN(options),
    .details =
        "It is written to SIP_RULES_FILE or to Redis, whichever the daemon reads, and counts for the next call. "
        "Of several who edit at the same time none loses a rule. A rule that means the same as one that is there is "
        "not added again. Who answers a call to PATTERN is shown as it is now and as it will be; asked step by "
        "step, you confirm it.",
    .run = run,
};
