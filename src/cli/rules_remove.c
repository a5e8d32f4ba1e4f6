/* sipbridge rules remove: rules by their place or by their pattern. What is taken out is what was shown, not what has
 * come to stand at its place meanwhile. */
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/confirm.h"
#include "cli/rules_edit.h"
#include "cli/rules_show.h"
#include "rules/pattern.h"

enum { ARGUMENTS_MAX = 64, CANDIDATES_MAX = 20, SHOWN_MAX = 160 };

struct remove_options {
    bool yes, json;
};

struct removing {
    const struct cli *cli;
    struct rules_edit edit;
    struct edit_rules written;    /* the rules as they were shown */
    size_t places[ARGUMENTS_MAX]; /* ascending */
    size_t count;
};

static void removing_release(struct removing *removing) {
    rules_edit_release(&removing->edit);
    edit_rules_release(&removing->written);
}

/* "3" and "[3]"; a number that is called is written with its '+', so digits alone are a place. */
static bool is_place(const char *argument, int64_t *ret_place) {
    struct slice text = slice_of(argument);
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        text = (struct slice){text.p + 1, text.n - 2};
    }
    return text_int64(text, ret_place) && *ret_place >= 0;
}

static void add_place(struct removing *removing, size_t place) {
    size_t at = 0;
    while (at < removing->count && removing->places[at] < place) {
        at++;
    }
    if (at < removing->count && removing->places[at] == place) {
        return;
    }
    memmove(&removing->places[at + 1], &removing->places[at], (removing->count - at) * sizeof removing->places[0]);
    removing->places[at] = place;
    removing->count++;
}

static void show(const struct removing *removing, size_t place, FILE *to) {
    cleanup_buf struct buf rule = {0};
    rules_edit_show(removing->written.at[place], &rule);
    fprintf(to, "  [%zu] %s\n", place, rule.p);
}

static bool has_pattern(const struct rule *rule, struct slice pattern) {
    for (char **at = rule->called; *at != NULL; at++) {
        if (slice_is(pattern, *at)) {
            return true;
        }
    }
    return false;
}

struct found {
    size_t places[CANDIDATES_MAX + 1]; /* the first ones */
    size_t count;
};

/* A rule may be tried, and so listed, more than once. */
static void note_found(struct found *found, size_t place) {
    size_t kept = found->count < CANDIDATES_MAX ? found->count : CANDIDATES_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (found->places[i] == place) {
            return;
        }
    }
    found->places[kept] = place;
    found->count++;
}

static void find(const struct removing *removing, const char *argument, struct found *ret_found) {
    cleanup_buf struct buf pattern = {0};
    const struct ruleset *rules = removing->edit.rules;
    pattern_normalise(&pattern, slice_of(argument));
    for (size_t i = 0; rules != NULL && i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        if (has_pattern(rule, buf_slice(&pattern))) {
            note_found(ret_found, rule->index);
        }
    }
}

/* Whether the rule at PLACE is for other numbers too: every entry of it counts. */
static bool has_other_patterns(const struct removing *removing, size_t place) {
    const struct ruleset *rules = removing->edit.rules;
    size_t patterns = 0;
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        for (char **at = rule->called; rule->index == place && *at != NULL; at++) {
            patterns++;
        }
    }
    return patterns > 1;
}

static bool fail_with(const struct removing *removing, const struct found *found, const char *what,
                      const char *argument) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, slice_of(argument), SHOWN_MAX);
    cli_error(removing->cli, "%s: %s", shown.p != NULL ? shown.p : "", what);
    size_t kept = found->count < CANDIDATES_MAX ? found->count : CANDIDATES_MAX;
    for (size_t i = 0; i < kept; i++) {
        show(removing, found->places[i], stderr);
    }
    if (found->count > kept) {
        fprintf(stderr, "  … and more\n");
    }
    return false;
}

static bool take_argument(struct removing *removing, const char *argument) {
    struct found found = {0};
    int64_t place;
    if (is_place(argument, &place)) {
        if ((uint64_t)place >= removing->written.count) {
            cli_error(removing->cli,
                      "there is no rule [%lld]: there are %zu, and places count from 0; a number is written with its +",
                      (long long)place, removing->written.count);
            return false;
        }
        add_place(removing, (size_t)place);
        return true;
    }
    find(removing, argument, &found);
    if (found.count == 0) {
        return fail_with(removing, &found, "no rule has this pattern; `sipbridge rules list` shows them", argument);
    }
    if (found.count > 1) {
        return fail_with(removing, &found, "several rules have this pattern: give the place of one", argument);
    }
    if (has_other_patterns(removing, found.places[0])) {
        return fail_with(removing, &found, "its rule has other patterns too: give its place to remove it whole",
                         argument);
    }
    add_place(removing, found.places[0]);
    return true;
}

/* The last first: what stands before it keeps its place. */
static enum edit_result on_edit(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    const struct removing *removing = context;
    cleanup_buf struct buf now = {0};
    buf_add_slice(&now, text);
    for (size_t i = removing->count; i-- > 0;) {
        cleanup_buf struct buf next = {0};
        size_t place = removing->places[i];
        struct edit_place rule = {removing->written.at[place], (long)place};
        if (edit_remove(buf_slice(&now), &rule, &next, diag) == EDIT_FAILED) {
            char where[32];
            snprintf(where, sizeof where, "[%zu]", place);
            diag_within(diag, where);
            return EDIT_FAILED;
        }
        buf_clear(&now);
        buf_add_slice(&now, buf_slice(&next));
    }
    buf_add_slice(ret_text, buf_slice(&now));
    return EDIT_CHANGED;
}

static void print_result(const struct removing *removing, size_t left, bool as_json) {
    if (!as_json) {
        printf("removed: %zu, left: %zu, in %s\n", removing->count, left, removing->edit.where);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < removing->count; i++) {
        struct slice rule = removing->written.at[removing->places[i]];
        json_array_append_new(list, json_pack("{s:I, s:o}", "place", (json_int_t)removing->places[i], "rule",
                                              json_loadb(rule.p, rule.n, 0, NULL)));
    }
    rules_print_json(
        json_pack("{s:o, s:I, s:s}", "removed", list, "count", (json_int_t)left, "where", removing->edit.where));
}

static int remove_rules(struct removing *removing, const struct remove_options *options) {
    if (!options->json || !options->yes) {
        for (size_t i = 0; i < removing->count; i++) {
            show(removing, removing->places[i], options->json ? stderr : stdout);
        }
    }
    int code = confirm(removing->cli, options->yes, "Remove %s from %s?",
                       removing->count == 1 ? "this rule" : "these rules", removing->edit.where);
    cleanup_buf struct buf text = {0};
    struct rules_change change = {.edit = on_edit, .context = removing};
    if (code != CLI_OK) {
        return code;
    }
    if (rules_edit_write(removing->cli, &removing->edit, &change, &text) == EDIT_FAILED) {
        return CLI_FAILED;
    }
    cleanup_edit_rules struct edit_rules left;
    edit_rules_read(buf_slice(&text), &left);
    print_result(removing, left.count, options->json);
    return CLI_OK;
}

static int run(struct cli *cli) {
    struct remove_options options = {0};
    __attribute__((cleanup(removing_release))) struct removing removing = {.cli = cli};
    struct rules_edit_need need = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = rules_edit_start(cli, &need, &removing.edit);
    if (code != CLI_OK) {
        return code;
    }
    edit_rules_read(removing.edit.text, &removing.written);
    for (int i = 0; i < cli->argc; i++) {
        if (!take_argument(&removing, cli->argv[i])) {
            return CLI_FAILED;
        }
    }
    return remove_rules(&removing, &options);
}

static const struct cli_option options_table[] = {
    CONFIRM_OPTION(remove_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct remove_options, json), NULL, "one JSON object: what was removed"},
};

const struct cli_command cli_rules_remove = {
    .name = "remove",
    .summary = "Remove rules by their place ([3] in `rules list`) or by their pattern.",
    .arguments = "INDEX|PATTERN…",
    .min_arguments = 1,
    .max_arguments = ARGUMENTS_MAX,
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "A pattern must be that of one rule, and its only one; else the candidates are listed. What is removed is "
        "the rule that was shown: if somebody moved it meanwhile it is found again, if somebody changed or removed "
        "it, nothing is done.",
    .run = run,
};
