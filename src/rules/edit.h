/* Changes to the text of the rules document, as an editor makes them: a rule that is not meant stays byte for byte as
 * it was written, with its order and with members nobody here knows; only what stands between the rules is written
 * anew (one after another, two blanks in). Pure.
 *
 * Every function takes the text of a document that ruleset_parse takes, or an empty one for a document that is not
 * there yet, and appends the new text to RET_TEXT when it gives EDIT_CHANGED. */
#ifndef RULES_EDIT_H
#define RULES_EDIT_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/slice.h"

enum edit_result {
    EDIT_CHANGED,
    EDIT_SAME,   /* there is nothing to change */
    EDIT_FAILED, /* with a diag */
};

/* The rules of a document as they are written, borrowed from its text. */
struct edit_rules {
    struct slice *at;
    size_t count;
};
/* TEXT must be a document that ruleset_parse takes, or empty. */
void edit_rules_read(struct slice text, struct edit_rules *ret_rules);
void edit_rules_release(struct edit_rules *rules);
#define cleanup_edit_rules __attribute__((cleanup(edit_rules_release)))

/* Appends to RET_KEY a text that is the same for all rules that mean the same, whoever wrote them and in whatever form
 * (numbers with blanks, "target" or "agent_name", the order of members). False with DIAG (where: "pattern") when RULE
 * is none. */
bool edit_key(struct slice rule, struct buf *ret_key, struct diag *diag) __attribute__((warn_unused_result));
/* The place of the first rule of TEXT that means the same as RULE, or -1. */
long edit_find(struct slice text, struct slice rule);

/* What becomes of the rules OLD when NEW take their place, by their meaning; each list ascending. */
struct edit_diff {
    size_t kept;
    size_t *added; /* places in NEW */
    size_t added_count;
    size_t *removed; /* places in OLD */
    size_t removed_count;
};
void edit_compare(const struct edit_rules *old, const struct edit_rules *new, struct edit_diff *ret_diff);
void edit_diff_release(struct edit_diff *diff);
#define cleanup_edit_diff __attribute__((cleanup(edit_diff_release)))

/* A rule as JSON, and its place: 0 is the first, EDIT_AT_END the last. */
enum { EDIT_AT_END = -1 };
struct edit_place {
    struct slice json;
    long at;
};
/* Puts the rule there. EDIT_SAME when a rule that means the same is anywhere; EDIT_FAILED when the rule is none or
 * there is no such place. */
enum edit_result edit_add(struct slice text, const struct edit_place *rule, struct buf *ret_text, struct diag *diag)
    __attribute__((warn_unused_result));
/* Takes out the rule there if it is written just so; where it has moved, the one that is. EDIT_FAILED when there is
 * none any more. */
enum edit_result edit_remove(struct slice text, const struct edit_place *rule, struct buf *ret_text, struct diag *diag)
    __attribute__((warn_unused_result));
/* Puts the rules of MORE (a document) behind those of TEXT, but for those that are there. */
enum edit_result edit_append(struct slice text, struct slice more, struct buf *ret_text);

#endif
