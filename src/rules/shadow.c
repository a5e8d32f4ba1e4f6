/* One pattern within another, and one rule within another. */
#include "rules/shadow.h"

#include "base/buf.h"
#include "rules/pattern.h"

/* In no pattern: numbers and names have no control characters that a person would write. */
enum { STRANGER = 0x01 };

/* A number that INNER matches, with COUNT strangers for every star. */
static void make_example(struct slice inner, size_t count, struct buf *out) {
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.p[i] == '?') {
            buf_addc(out, STRANGER);
        } else if (inner.p[i] != '*') {
            buf_addc(out, inner.p[i]);
        }
        for (size_t j = 0; inner.p[i] == '*' && j < count; j++) {
            buf_addc(out, STRANGER);
        }
    }
}

/* A stranger is matched by a wildcard only, so OUTER matches every number like an example that it matches; the shortest
 * run that a star stands for, the next, and one longer than OUTER stand for all runs. "" is a hidden number. */
bool shadow_covers(struct slice outer, struct slice inner) {
    const size_t counts[] = {0, 1, PATTERN_MAX + 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        cleanup_buf struct buf example = {0};
        make_example(inner, counts[i], &example);
        if (!pattern_match(outer, buf_slice(&example))) {
            return false;
        }
    }
    return true;
}

/* NULL stands for any. */
static bool covers_caller(const char *outer, const char *inner) {
    return outer == NULL || (inner != NULL && shadow_covers(slice_of(outer), slice_of(inner)));
}

static bool covers_trunk(const char *outer, const char *inner) {
    return outer == NULL || (inner != NULL && slice_is(slice_of(outer), inner));
}

static bool covers_called(const struct rule *outer, struct slice inner) {
    for (char **at = outer->called; *at != NULL; at++) {
        if (shadow_covers(slice_of(*at), inner)) {
            return true;
        }
    }
    return false;
}

static bool takes_its_calls(const struct rule *rule, const struct directory *directory) {
    if (rule->skipped || rule->agent_name == NULL || directory == NULL) {
        return !rule->skipped;
    }
    const struct agent *agent = directory_find(directory, slice_of(rule->agent_name));
    return agent != NULL && agent->broken == NULL;
}

static bool covers(const struct rule *outer, const struct rule *inner) {
    if (!covers_caller(outer->caller, inner->caller) || !covers_trunk(outer->trunk, inner->trunk)) {
        return false;
    }
    for (char **at = inner->called; *at != NULL; at++) {
        if (!covers_called(outer, slice_of(*at))) {
            return false;
        }
    }
    return true;
}

/* The rule that covers the entry at ORDER. */
static const struct rule *entry_shadow(const struct ruleset *rules, size_t order, const struct directory *directory) {
    const struct rule *inner = ruleset_at(rules, order);
    for (size_t i = 0; i < order; i++) {
        const struct rule *outer = ruleset_at(rules, i);
        if (outer->index != inner->index && takes_its_calls(outer, directory) && covers(outer, inner)) {
            return outer;
        }
    }
    return NULL;
}

const struct rule *shadow_of(const struct ruleset *rules, unsigned index, const struct directory *directory) {
    const struct rule *shadow = NULL;
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        if (ruleset_at(rules, i)->index != index) {
            continue;
        }
        shadow = entry_shadow(rules, i, directory);
        if (shadow == NULL) {
            return NULL; /* one of its patterns gets calls */
        }
    }
    return shadow;
}
