/* The last good copy of a document in the state directory: what a start decides with while the live source is
 * away. A copy is whole or not there: written beside, synced, renamed. */
#ifndef SOURCE_STORE_H
#define SOURCE_STORE_H

#include "base/buf.h"
#include "base/diag.h"

/* Appends the copy NAME ("rules.json") of DIRECTORY, at most LIMIT bytes. False with DIAG; where there is none, the
 * diag's what is empty. */
bool store_load(const char *directory, const char *name, size_t limit, struct buf *ret_text, struct diag *diag)
    __attribute__((warn_unused_result));
/* Replaces it. Readable by its owner alone: agents' environments may hold secrets. */
bool store_save(const char *directory, const char *name, struct slice text, struct diag *diag)
    __attribute__((warn_unused_result));

#endif
