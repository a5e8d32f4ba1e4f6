/* Any bytes as a rules document, a rule and another document, each ended by a NUL: whatever is added, removed or
 * appended, the document stays one, and what was not meant stays byte for byte as it was written. The first byte says
 * where the rule goes. */
#include "fuzz.h"
#include "rules/edit.h"
#include "rules/ruleset.h"

/* Meaning is compared rule by rule, with every one parsed anew. */
enum { MANY = 200 };

/* Rules of a document; -1: it is none. An empty text is one that is not there yet. */
static long count_rules(struct slice text) {
    if (text.n == 0) {
        return 0;
    }
    struct diag diag = {0};
    struct ruleset *rules = ruleset_parse(text, &diag);
    long count = rules != NULL ? (long)ruleset_count(rules) : -1;
    ruleset_release(rules);
    return count;
}

/* AFTER is BEFORE with COUNT rules put in at AT. */
static void check_others(struct slice before, struct slice after, size_t at, size_t count) {
    cleanup_edit_rules struct edit_rules old, new;
    edit_rules_read(before, &old);
    edit_rules_read(after, &new);
    demand(new.count == old.count + count &&at <= old.count);
    for (size_t i = 0; i < old.count; i++) {
        demand(slice_eq(old.at[i], new.at[i < at ? i : i + count]));
    }
    demand(count_rules(after) == (long)new.count);
}

static void check_add(struct slice text, const struct edit_place *rule) {
    cleanup_buf struct buf more = {0};
    cleanup_buf struct buf less = {0};
    struct diag diag = {0};
    long count = count_rules(text);
    enum edit_result result = edit_add(text, rule, &more, &diag);
    demand((result == EDIT_FAILED) == (diag.what[0] != '\0') && (result == EDIT_CHANGED) == (more.len > 0));
    demand_printable(slice_of(diag.what));
    demand_printable(slice_of(diag.where));
    if (result == EDIT_SAME) {
        demand(edit_find(text, rule->json) >= 0 && edit_find(text, rule->json) < count);
    }
    if (result != EDIT_CHANGED) {
        return;
    }
    long at = rule->at < 0 ? count : rule->at;
    check_others(text, buf_slice(&more), (size_t)at, 1);
    demand(edit_find(buf_slice(&more), rule->json) == at);
    cleanup_edit_rules struct edit_rules written;
    edit_rules_read(buf_slice(&more), &written);
    struct edit_place again = {written.at[at], at};
    demand(edit_remove(buf_slice(&more), &again, &less, &diag) == EDIT_CHANGED);
    check_others(buf_slice(&less), buf_slice(&more), (size_t)at, 1);
}

static void check_ascending(const size_t *places, size_t count, size_t limit) {
    for (size_t i = 0; i < count; i++) {
        demand(places[i] < limit && (i == 0 || places[i - 1] < places[i]));
    }
}

static void check_append(struct slice text, struct slice more) {
    cleanup_edit_rules struct edit_rules old, new;
    cleanup_edit_diff struct edit_diff diff;
    cleanup_buf struct buf both = {0};
    edit_rules_read(text, &old);
    edit_rules_read(more, &new);
    edit_compare(&old, &new, &diff);
    demand(diff.kept + diff.removed_count == old.count && diff.kept + diff.added_count == new.count);
    check_ascending(diff.added, diff.added_count, new.count);
    check_ascending(diff.removed, diff.removed_count, old.count);
    enum edit_result result = edit_append(text, more, &both);
    demand(result == (diff.added_count > 0 ? EDIT_CHANGED : EDIT_SAME));
    if (result == EDIT_CHANGED) {
        check_others(text, buf_slice(&both), old.count, diff.added_count);
        cleanup_buf struct buf unchanged = {0};
        demand(edit_append(buf_slice(&both), more, &unchanged) == EDIT_SAME);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = {(const char *)data, size};
    struct edit_place rule = {.at = (long)take_byte(&rest) % 8 - 1};
    struct slice text = take_until(&rest, '\0');
    rule.json = take_until(&rest, '\0');
    struct slice more = take_until(&rest, '\0');
    long count = count_rules(text), more_count = count_rules(more);
    if (count < 0 || count > MANY) {
        return 0;
    }
    check_add(text, &rule);
    if (more_count >= 0 && more_count <= MANY) {
        check_append(text, more);
    }
    return 0;
}
