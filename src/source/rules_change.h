/* One change of the rules document, wherever it lives: what is there must be good, and so must be what takes its
 * place. No input or output. */
#ifndef SOURCE_RULES_CHANGE_H
#define SOURCE_RULES_CHANGE_H

#include "rules/edit.h"

struct rules_change {
    /* Gets the document as it is now (borrowed; empty where there is none) and appends the new one to RET_TEXT.
     * EDIT_FAILED with DIAG gives up. Called again when somebody else wrote meanwhile: it must depend on TEXT. */
    enum edit_result (*edit)(void *context, struct slice text, struct buf *ret_text, struct diag *diag);
    void *context;
    bool takes_bad; /* what is there may have mistakes: edit does not read it */
};

/* Makes the new document from TEXT. EDIT_FAILED with DIAG: TEXT is bad, edit gave up, or its result is bad. */
enum edit_result rules_change_make(const struct rules_change *change, struct slice text, struct buf *ret_text,
                                   struct diag *diag) __attribute__((warn_unused_result));

/* How often a change is made anew because somebody else was faster. Each of these times another editor's change was
 * written, so it is as many editors at the same time as are served. */
enum { RULES_CHANGE_TRIES = 64 };
enum edit_result rules_change_give_up(struct diag *diag, const char *where);

#endif
