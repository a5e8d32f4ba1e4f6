/* sipbridge rules import: a whole document in the place of the one that is there, or behind it. */
#include <jansson.h>
#include <stdio.h>

#include "cli/confirm.h"
#include "cli/rules_edit.h"
#include "cli/rules_show.h"

enum { LINES_MAX = 20 };

struct import_options {
    bool append, force, yes, json;
};

struct importing {
    const struct cli *cli;
    struct import_options options;
    struct rules_edit edit;
    struct buf text; /* what is imported */
    struct ruleset *parsed;
    struct edit_rules before, after; /* as they are and as they will be, or what is appended */
    struct edit_diff diff;
};

static void importing_release(struct importing *importing) {
    rules_edit_release(&importing->edit);
    buf_release(&importing->text);
    ruleset_release(importing->parsed);
    edit_rules_release(&importing->before);
    edit_rules_release(&importing->after);
    edit_diff_release(&importing->diff);
}

/* What was shown is what is replaced: another editor's change since then would be lost unseen. */
static enum edit_result on_replace(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    const struct importing *importing = context;
    if (!slice_eq(text, importing->edit.text)) {
        (void)diag_fail(diag, "", "somebody changed the rules meanwhile: nothing was written, run this again");
        return EDIT_FAILED;
    }
    buf_add_slice(ret_text, buf_slice(&importing->text));
    return EDIT_CHANGED;
}

static enum edit_result on_append(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    (void)diag;
    const struct importing *importing = context;
    return edit_append(text, buf_slice(&importing->text), ret_text);
}

static bool read_import(struct importing *importing, const char *path) {
    struct diag diag;
    bool read = cli_read(path, RULESET_MAX_BYTES, &importing->text, &diag);
    importing->parsed = read ? ruleset_parse(buf_slice(&importing->text), &diag) : NULL;
    if (importing->parsed != NULL) {
        return true;
    }
    if (read) {
        diag_within(&diag, path);
    }
    cli_fail(importing->cli, &diag);
    return false;
}

static void compare(struct importing *importing) {
    if (importing->edit.bad.what[0] == '\0') {
        edit_rules_read(importing->edit.text, &importing->before);
    }
    edit_rules_read(buf_slice(&importing->text), &importing->after);
    edit_compare(&importing->before, &importing->after, &importing->diff);
    if (importing->options.append) {
        importing->diff.kept = importing->before.count;
        importing->diff.removed_count = 0;
    }
}

struct side {
    char sign;
    enum cli_colour colour;
    const struct edit_rules *rules;
    const size_t *places;
    size_t count;
};

static void print_side(const struct side *side, FILE *to) {
    for (size_t i = 0; i < side->count && i < LINES_MAX; i++) {
        cleanup_buf struct buf rule = {0};
        rules_edit_show(side->rules->at[side->places[i]], &rule);
        fprintf(to, "%s%c [%zu] %s%s\n", to == stdout ? cli_colour(side->colour) : "", side->sign, side->places[i],
                rule.p, to == stdout ? cli_colour(COLOUR_NONE) : "");
    }
    if (side->count > LINES_MAX) {
        fprintf(to, "%c … and %zu more\n", side->sign, side->count - LINES_MAX);
    }
}

static void print_diff(const struct importing *importing, FILE *to) {
    const struct edit_diff *diff = &importing->diff;
    const struct side removed = {'-', COLOUR_RED, &importing->before, diff->removed, diff->removed_count};
    const struct side added = {'+', COLOUR_GREEN, &importing->after, diff->added, diff->added_count};
    print_side(&removed, to);
    print_side(&added, to);
    fprintf(to, "kept: %zu, added: %zu, removed: %zu\n", diff->kept, diff->added_count, diff->removed_count);
    if (diff->added_count + diff->removed_count == 0) {
        fprintf(to, "the same rules, in another order or written differently\n");
    }
    fflush(to);
}

static json_t *list_json(const struct edit_rules *rules, const size_t *places, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_loadb(rules->at[places[i]].p, rules->at[places[i]].n, 0, NULL));
    }
    return list;
}

static void print_result(const struct importing *importing, bool changed) {
    const struct edit_diff *diff = &importing->diff;
    size_t count = diff->kept + diff->added_count;
    if (!importing->options.json) {
        printf(changed ? "%zu rules are in use from now on, in %s\n"
                       : "the same %zu rules are there already, in %s: nothing "
                         "was changed\n",
               count, importing->edit.where);
        return;
    }
    json_t *object = json_pack("{s:b, s:I, s:I, s:s}", "changed", changed, "kept", (json_int_t)diff->kept, "count",
                               (json_int_t)count, "where", importing->edit.where);
    json_object_set_new(object, "added", list_json(&importing->after, diff->added, diff->added_count));
    json_object_set_new(object, "removed", list_json(&importing->before, diff->removed, diff->removed_count));
    rules_print_json(object);
}

/* Before anything is asked: whether there is anything to do. */
static bool is_same(const struct importing *importing) {
    if (importing->options.append) {
        return importing->diff.added_count == 0;
    }
    return slice_eq(importing->edit.text, buf_slice(&importing->text));
}

static int write_import(struct importing *importing) {
    struct rules_change change = {.edit = importing->options.append ? on_append : on_replace,
                                  .context = importing,
                                  .takes_bad = importing->options.force};
    enum edit_result result = rules_edit_write(importing->cli, &importing->edit, &change, NULL);
    if (result == EDIT_FAILED) {
        return CLI_FAILED;
    }
    print_result(importing, result == EDIT_CHANGED);
    return CLI_OK;
}

static int import(struct importing *importing) {
    const struct import_options *options = &importing->options;
    compare(importing);
    if (is_same(importing)) {
        print_result(importing, false);
        return CLI_OK;
    }
    if (importing->edit.bad.what[0] != '\0') {
        cli_error(importing->cli, "warning: the rules there have a mistake and are replaced whole: %s: %s",
                  importing->edit.bad.where, importing->edit.bad.what);
    }
    if (!options->json || !options->yes) {
        print_diff(importing, options->json ? stderr : stdout);
    }
    if (!options->json) {
        rules_warn_of_agents(importing->parsed, importing->edit.agents);
    }
    int code = confirm(importing->cli, options->yes, "Write this to %s?", importing->edit.where);
    return code == CLI_OK ? write_import(importing) : code;
}

static int run(struct cli *cli) {
    __attribute__((cleanup(importing_release))) struct importing importing = {.cli = cli};
    if (!cli_parse(cli, &importing.options)) {
        return CLI_USAGE;
    }
    if (importing.options.append && importing.options.force) {
        cli_error(cli, "--append and --force do not go together: nothing can be put behind rules that are bad");
        return CLI_USAGE;
    }
    struct rules_edit_need need = {.takes_bad = importing.options.force};
    int code = rules_edit_start(cli, &need, &importing.edit);
    if (code != CLI_OK) {
        return code;
    }
    return read_import(&importing, cli->argv[0]) ? import(&importing) : CLI_FAILED;
}

static const struct cli_option options_table[] = {
    {"append", 0, CLI_FLAG, offsetof(struct import_options, append), NULL,
     "put them behind the rules that are there, but for those that mean the same as one"},
    {"force", 0, CLI_FLAG, offsetof(struct import_options, force), NULL,
     "replace the rules even if those there have a mistake"},
    CONFIRM_OPTION(import_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct import_options, json), NULL,
     "one JSON object: what was kept, added, removed"},
};

const struct cli_command cli_rules_import = {
    .name = "import",
    .summary = "Replace all rules by those of FILE, or add those.",
    .arguments = "FILE|-",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "FILE is a whole document, checked before anything is changed and written byte for byte. What changes is "
        "shown first, and you confirm it. If somebody changes the rules after they were shown, nothing is written.",
    .run = run,
};
