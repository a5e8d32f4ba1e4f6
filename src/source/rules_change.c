/* The document before and after an edit, both judged by the parser of the daemon. */
#include "source/rules_change.h"

#include "rules/ruleset.h"

static bool is_good(struct slice text, struct diag *diag) {
    struct ruleset *rules = ruleset_parse(text, diag);
    ruleset_release(rules);
    return rules != NULL;
}

static bool is_usable(struct slice text, struct diag *diag) {
    struct diag why;
    if (text.n == 0 || is_good(text, &why)) {
        return true;
    }
    char sentence[sizeof diag->what];
    diag_text(&why, sentence, sizeof sentence - 64);
    return diag_fail(diag, "", "the rules there have a mistake and are left as they are: %s", sentence);
}

enum edit_result rules_change_make(const struct rules_change *change, struct slice text, struct buf *ret_text,
                                   struct diag *diag) {
    if (!change->takes_bad && !is_usable(text, diag)) {
        return EDIT_FAILED;
    }
    buf_clear(ret_text);
    enum edit_result result = change->edit(change->context, text, ret_text, diag);
    if (result == EDIT_CHANGED && !is_good(buf_slice(ret_text), diag)) {
        diag_within(diag, "the rules would have a mistake and stay as they are");
        return EDIT_FAILED;
    }
    return result;
}

enum edit_result rules_change_give_up(struct diag *diag, const char *where) {
    (void)diag_fail(diag, where, "somebody else changed the rules again and again (%d times): nothing was written",
                    RULES_CHANGE_TRIES);
    return EDIT_FAILED;
}
