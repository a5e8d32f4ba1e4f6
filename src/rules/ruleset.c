/* The rules in the order they are tried, with an index from an exact number to the entries that name it, so that a
 * hundred thousand rules for one number each cost one look-up and not a scan. */
#include "rules/ruleset.h"

#include <assert.h>
#include <jansson.h>

#include "base/mem.h"
#include "rules/document.h"
#include "rules/pattern.h"
#include "rules/rule.h"

/* `weight` and `part` only serve to order: part is the entry's place among those of its rule. */
struct entry {
    struct rule rule;
    unsigned weight, part;
};

/* An exact called number (its hash; the entry itself is the proof) and an entry that names it. */
struct exact {
    uint64_t hash;
    size_t order;
};

struct ruleset {
    unsigned references;
    size_t count;
    struct entry *entries; /* in the order they are tried */
    size_t tries, room;
    struct exact *exact; /* by hash, then order */
    size_t exact_count;
    size_t *wild; /* orders of the entries with a wildcard, ascending */
    size_t wild_count;
    void **owned; /* every text and list the entries point to; several may share one */
    size_t owned_count, owned_room;
    struct notes notes;
};

static void own(struct ruleset *rules, void *memory) {
    if (rules->owned_count == rules->owned_room) {
        rules->owned_room = rules->owned_room > 0 ? rules->owned_room * 2 : 64;
        rules->owned = xrealloc(rules->owned, rules->owned_room * sizeof *rules->owned);
    }
    rules->owned[rules->owned_count++] = memory;
}

static struct entry *add_entry(struct ruleset *rules) {
    if (rules->tries == rules->room) {
        rules->room = rules->room > 0 ? rules->room * 2 : 64;
        rules->entries = xrealloc(rules->entries, rules->room * sizeof *rules->entries);
    }
    return &rules->entries[rules->tries++];
}

static int by_weight(const void *a, const void *b) {
    unsigned left = pattern_weight(slice_of(*(char *const *)a)), right = pattern_weight(slice_of(*(char *const *)b));
    return (left < right) - (left > right);
}

/* One entry for each run of equally specific patterns; each has its own list, the texts are shared. */
static void add_rule(struct ruleset *rules, struct rule_draft *draft) {
    size_t count = 0;
    while (draft->patterns[count] != NULL) {
        own(rules, draft->patterns[count++]);
    }
    own(rules, draft->rule.caller);
    own(rules, draft->rule.trunk);
    own(rules, draft->rule.agent_name);
    own(rules, draft->rule.metadata);
    qsort(draft->patterns, count, sizeof *draft->patterns, by_weight);
    unsigned part = 0;
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from + 1; end < count && by_weight(&draft->patterns[from], &draft->patterns[end]) == 0;) {
            end++;
        }
        char **called = xcalloc(end - from + 1, sizeof *called);
        memcpy(called, &draft->patterns[from], (end - from) * sizeof *called);
        own(rules, called);
        struct entry *entry = add_entry(rules);
        *entry = (struct entry){draft->rule, pattern_weight(slice_of(called[0])), part++};
        entry->rule.called = called;
    }
    free(draft->patterns);
    rules->count++;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int by_trial(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    int order = COMPARE(left->rule.priority, right->rule.priority);
    order = order != 0 ? order : COMPARE(right->weight, left->weight);
    order = order != 0 ? order : COMPARE(left->rule.index, right->rule.index);
    return order != 0 ? order : COMPARE(left->part, right->part);
}

static int by_hash(const void *a, const void *b) {
    const struct exact *left = a, *right = b;
    int order = COMPARE(left->hash, right->hash);
    return order != 0 ? order : COMPARE(left->order, right->order);
}

/* Patterns of one entry weigh the same: all exact or none. */
static bool is_exact(const struct entry *entry) {
    return pattern_is_exact(slice_of(entry->rule.called[0]));
}

static size_t count_exact(const struct ruleset *rules) {
    size_t count = 0;
    for (size_t i = 0; i < rules->tries; i++) {
        for (char **at = rules->entries[i].rule.called; is_exact(&rules->entries[i]) && *at != NULL; at++) {
            count++;
        }
    }
    return count;
}

static void index_entries(struct ruleset *rules) {
    if (rules->tries == 0) {
        return;
    }
    qsort(rules->entries, rules->tries, sizeof *rules->entries, by_trial);
    rules->wild = xcalloc(rules->tries, sizeof *rules->wild);
    rules->exact = xcalloc(count_exact(rules) + 1, sizeof *rules->exact);
    for (size_t i = 0; i < rules->tries; i++) {
        if (!is_exact(&rules->entries[i])) {
            rules->wild[rules->wild_count++] = i;
            continue;
        }
        for (char **at = rules->entries[i].rule.called; *at != NULL; at++) {
            rules->exact[rules->exact_count++] = (struct exact){slice_hash(slice_of(*at), 0), i};
        }
    }
    qsort(rules->exact, rules->exact_count, sizeof *rules->exact, by_hash);
}

static bool read_rules(struct ruleset *rules, json_t *document, struct diag *diag) {
    if (!json_is_array(document)) {
        return diag_fail(diag, "",
                         "the rules are a list like [{\"pattern\":\"+33*\",\"agent_name\":\"support\"}], not %s",
                         document_kind(document));
    }
    if (json_array_size(document) > RULESET_MAX_RULES) {
        return diag_fail(diag, "", "%zu rules, at most %d are taken", json_array_size(document), RULESET_MAX_RULES);
    }
    size_t index;
    json_t *value;
    json_array_foreach(document, index, value) {
        struct rule_draft draft;
        if (!rule_parse(value, (unsigned)index, &rules->notes, diag, &draft)) {
            return false;
        }
        add_rule(rules, &draft);
    }
    return true;
}

struct ruleset *ruleset_parse(struct slice json, struct diag *diag) {
    json_auto_t *document = document_parse(json, RULESET_MAX_BYTES, diag);
    if (document == NULL) {
        return NULL;
    }
    struct ruleset *rules = xcalloc(1, sizeof *rules);
    rules->references = 1;
    if (!read_rules(rules, document, diag)) {
        ruleset_release(rules);
        return NULL;
    }
    index_entries(rules);
    return rules;
}

struct ruleset *ruleset_hold(struct ruleset *rules) {
    rules->references++;
    return rules;
}

void ruleset_release(struct ruleset *rules) {
    if (rules == NULL || --rules->references > 0) {
        return;
    }
    for (size_t i = 0; i < rules->owned_count; i++) {
        free(rules->owned[i]);
    }
    free(rules->owned);
    free(rules->entries);
    free(rules->exact);
    free(rules->wild);
    notes_release(&rules->notes);
    free(rules);
}

size_t ruleset_count(const struct ruleset *rules) {
    return rules->count;
}

size_t ruleset_tries(const struct ruleset *rules) {
    return rules->tries;
}

const struct rule *ruleset_at(const struct ruleset *rules, size_t order) {
    assert(order < rules->tries);
    return &rules->entries[order].rule;
}

/* The first place in the index whose hash is not below HASH. */
static size_t find_exact(const struct ruleset *rules, uint64_t hash) {
    size_t low = 0, high = rules->exact_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rules->exact[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The next entry of the index for this number, or NULL. A number given twice by one rule stands there twice. */
static const struct exact *peek_exact(const struct ruleset *rules, struct ruleset_cursor *cursor) {
    for (; cursor->exact < rules->exact_count; cursor->exact++) {
        const struct exact *exact = &rules->exact[cursor->exact];
        if (exact->hash != cursor->hash) {
            return NULL;
        }
        if (exact->order >= cursor->next) {
            return exact;
        }
    }
    return NULL;
}

const struct rule *ruleset_next(const struct ruleset *rules, struct slice called, struct ruleset_cursor *cursor) {
    if (!cursor->started) {
        uint64_t hash = slice_hash(called, 0);
        *cursor = (struct ruleset_cursor){.started = true, .hash = hash, .exact = find_exact(rules, hash)};
    }
    const struct exact *exact = peek_exact(rules, cursor);
    size_t wild = cursor->wild < rules->wild_count ? rules->wild[cursor->wild] : rules->tries;
    size_t order = exact != NULL && exact->order < wild ? exact->order : wild;
    if (order == rules->tries) {
        return NULL;
    }
    if (order == wild) {
        cursor->wild++;
    } else {
        cursor->exact++;
    }
    cursor->next = order + 1;
    return &rules->entries[order].rule;
}

size_t ruleset_warnings(const struct ruleset *rules) {
    return rules->notes.count;
}

const char *ruleset_warning(const struct ruleset *rules, size_t place) {
    return place < rules->notes.count ? rules->notes.text[place] : NULL;
}
