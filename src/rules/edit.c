/* Cutting the text of a document into its rules, and putting it together again. That the text is good JSON was seen
 * before, so brackets and strings are all the grammar that is needed. */
#include "rules/edit.h"

#include <assert.h>
#include <jansson.h>

#include "base/mem.h"
#include "rules/document.h"
#include "rules/rule.h"

/* The value TEXT begins with, up to the comma or the end. */
static struct slice first_value(struct slice text) {
    size_t depth = 0, i = 0;
    bool in_string = false;
    for (; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == ',' && depth == 0) {
            break;
        } else {
            in_string = c == '"';
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
        }
    }
    return (struct slice){text.p, i < text.n ? i : text.n};
}

void edit_rules_read(struct slice text, struct edit_rules *ret_rules) {
    *ret_rules = (struct edit_rules){0};
    text = slice_trim(text);
    struct slice rest = text.n > 2 ? slice_trim((struct slice){text.p + 1, text.n - 2}) : (struct slice){0};
    size_t room = 0;
    while (rest.n > 0) {
        struct slice value = first_value(rest);
        if (ret_rules->count == room) {
            room = room > 0 ? room * 2 : 64;
            ret_rules->at = xrealloc(ret_rules->at, room * sizeof *ret_rules->at);
        }
        ret_rules->at[ret_rules->count++] = slice_trim(value);
        size_t used = value.n < rest.n ? value.n + 1 : value.n;
        rest = slice_after(rest, used);
    }
}

void edit_rules_release(struct edit_rules *rules) {
    free(rules->at);
    *rules = (struct edit_rules){0};
}

static void write_rules(const struct edit_rules *rules, struct buf *out) {
    buf_adds(out, "[");
    for (size_t i = 0; i < rules->count; i++) {
        buf_adds(out, i > 0 ? ",\n  " : "\n  ");
        buf_add_slice(out, rules->at[i]);
    }
    buf_adds(out, rules->count > 0 ? "\n]\n" : "]\n");
}

/* With its length in front: no two lists of texts give the same. */
static void add_part(struct buf *key, const char *text) {
    buf_addf(key, "%zu:%s,", text != NULL ? strlen(text) : 0, text != NULL ? text : "");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_draft(struct buf *key, const struct rule_draft *draft) {
    const struct rule *rule = &draft->rule;
    size_t count = 0;
    while (draft->patterns[count] != NULL) {
        count++;
    }
    qsort(draft->patterns, count, sizeof *draft->patterns, by_text);
    buf_addf(key, "%ld %d %d %zu ", rule->priority, rule->reject, rule->skipped, count);
    for (size_t i = 0; i < count; i++) {
        add_part(key, draft->patterns[i]);
    }
    add_part(key, rule->caller);
    add_part(key, rule->trunk);
    add_part(key, rule->agent_name);
}

/* "[0].pattern" is "pattern" where there is only one rule. */
static void shorten(struct diag *diag) {
    const char *rest = diag->where + (strncmp(diag->where, "[0]", 3) == 0 ? 3 : 0);
    rest += *rest == '.';
    memmove(diag->where, rest, strlen(rest) + 1);
}

bool edit_key(struct slice rule, struct buf *ret_key, struct diag *diag) {
    struct diag own;
    struct diag *why = diag != NULL ? diag : &own;
    struct notes notes = {0};
    struct rule_draft draft;
    json_auto_t *value = document_parse_entry(rule, RULESET_MAX_BYTES, why);
    bool good = value != NULL && rule_parse(value, 0, &notes, why, &draft);
    notes_release(&notes);
    if (!good) {
        shorten(why);
        return false;
    }
    add_draft(ret_key, &draft);
    char *metadata = json_dumps(json_object_get(value, "metadata"), JSON_COMPACT | JSON_SORT_KEYS);
    add_part(ret_key, metadata);
    free(metadata);
    rule_draft_release(&draft);
    return true;
}

static char *key_of(struct slice rule) {
    struct buf key = {0};
    bool good = edit_key(rule, &key, NULL);
    assert(good); /* the whole document was */
    (void)good;
    return buf_take(&key);
}

long edit_find(struct slice text, struct slice rule) {
    cleanup_edit_rules struct edit_rules rules;
    cleanup_free char *sought = key_of(rule);
    edit_rules_read(text, &rules);
    for (size_t i = 0; i < rules.count; i++) {
        cleanup_free char *key = key_of(rules.at[i]);
        if (strcmp(key, sought) == 0) {
            return (long)i;
        }
    }
    return -1;
}

/* A rule by its meaning, and its place. */
struct meant {
    char *key;
    size_t place;
};

static int by_meaning(const void *a, const void *b) {
    const struct meant *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static int by_place(const void *a, const void *b) {
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

static struct meant *sort_by_meaning(const struct edit_rules *rules) {
    struct meant *sorted = xcalloc(rules->count + 1, sizeof *sorted);
    for (size_t i = 0; i < rules->count; i++) {
        sorted[i] = (struct meant){key_of(rules->at[i]), i};
    }
    qsort(sorted, rules->count, sizeof *sorted, by_meaning);
    return sorted;
}

static void free_meant(struct meant *sorted, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(sorted[i].key);
    }
    free(sorted);
}

void edit_compare(const struct edit_rules *old, const struct edit_rules *new, struct edit_diff *ret_diff) {
    struct meant *before = sort_by_meaning(old), *after = sort_by_meaning(new);
    struct edit_diff diff = {.added = xcalloc(new->count + 1, sizeof *diff.added),
                             .removed = xcalloc(old->count + 1, sizeof *diff.removed)};
    for (size_t i = 0, j = 0; i < old->count || j < new->count;) {
        int order = i == old->count ? 1 : j == new->count ? -1 : strcmp(before[i].key, after[j].key);
        if (order == 0) {
            diff.kept++;
            i++;
            j++;
        } else if (order < 0) {
            diff.removed[diff.removed_count++] = before[i++].place;
        } else {
            diff.added[diff.added_count++] = after[j++].place;
        }
    }
    qsort(diff.added, diff.added_count, sizeof *diff.added, by_place);
    qsort(diff.removed, diff.removed_count, sizeof *diff.removed, by_place);
    free_meant(before, old->count);
    free_meant(after, new->count);
    *ret_diff = diff;
}

void edit_diff_release(struct edit_diff *diff) {
    free(diff->added);
    free(diff->removed);
    *diff = (struct edit_diff){0};
}

static void insert(struct edit_rules *rules, struct slice rule, size_t at) {
    rules->at = xrealloc(rules->at, (rules->count + 1) * sizeof *rules->at);
    memmove(&rules->at[at + 1], &rules->at[at], (rules->count - at) * sizeof *rules->at);
    rules->at[at] = rule;
    rules->count++;
}

enum edit_result edit_add(struct slice text, const struct edit_place *rule, struct buf *ret_text, struct diag *diag) {
    cleanup_edit_rules struct edit_rules rules;
    cleanup_buf struct buf key = {0};
    edit_rules_read(text, &rules);
    if (!edit_key(rule->json, &key, diag)) {
        return EDIT_FAILED;
    }
    if (edit_find(text, rule->json) >= 0) {
        return EDIT_SAME;
    }
    if (rule->at > (long)rules.count) {
        (void)diag_fail(diag, "", "there is no place %ld: there are %zu rules, and places count from 0", rule->at,
                        rules.count);
        return EDIT_FAILED;
    }
    insert(&rules, slice_trim(rule->json), rule->at < 0 ? rules.count : (size_t)rule->at);
    write_rules(&rules, ret_text);
    return EDIT_CHANGED;
}

static bool is_written(const struct edit_rules *rules, long at, struct slice json) {
    return at >= 0 && (size_t)at < rules->count && slice_eq(rules->at[at], json);
}

enum edit_result edit_remove(struct slice text, const struct edit_place *rule, struct buf *ret_text,
                             struct diag *diag) {
    cleanup_edit_rules struct edit_rules rules;
    edit_rules_read(text, &rules);
    size_t at = is_written(&rules, rule->at, rule->json) ? (size_t)rule->at : 0;
    while (at < rules.count && !slice_eq(rules.at[at], rule->json)) {
        at++;
    }
    if (at == rules.count) {
        (void)diag_fail(diag, "", "the rule is not there any more, or was changed meanwhile");
        return EDIT_FAILED;
    }
    rules.count--;
    memmove(&rules.at[at], &rules.at[at + 1], (rules.count - at) * sizeof *rules.at);
    write_rules(&rules, ret_text);
    return EDIT_CHANGED;
}

enum edit_result edit_append(struct slice text, struct slice more, struct buf *ret_text) {
    cleanup_edit_rules struct edit_rules rules, others;
    cleanup_edit_diff struct edit_diff diff;
    edit_rules_read(text, &rules);
    edit_rules_read(more, &others);
    edit_compare(&rules, &others, &diff);
    if (diff.added_count == 0 || others.at == NULL) {
        return EDIT_SAME;
    }
    for (size_t i = 0; i < diff.added_count; i++) {
        insert(&rules, others.at[diff.added[i]], rules.count);
    }
    write_rules(&rules, ret_text);
    return EDIT_CHANGED;
}
