/* The last good copy of one document, kept in the state directory while its snapshot changes: at most one write a
 * second, none when the file says the same already, and one warning while it cannot be written. */
#ifndef SOURCE_KEPT_COPY_H
#define SOURCE_KEPT_COPY_H

#include "loop/loop.h"
#include "source/snapshot.h"

struct kept_copy {
    struct loop *loop;
    struct snapshot *snapshot; /* whose text is kept */
    const char *directory;     /* NULL: nothing is kept */
    const char *name;          /* "rules.json" */
    size_t max_bytes;
    struct timer save; /* started while what is in use is not on disk yet */
    mono_ms saved_at;
    char error[256];
};

/* Offers the copy to the snapshot, which has nothing yet; a copy that cannot be used is logged and forgotten. True when
 * it is in use now. */
bool kept_copy_use(struct kept_copy *self) __attribute__((warn_unused_result));
/* The snapshot has a new text. */
void kept_copy_save_soon(struct kept_copy *self);
/* Writes what still waits to be written, and stops. */
void kept_copy_release(struct kept_copy *self);

#endif
