/* A document in a file: read whole, watched, read again when it may have changed. Only regular files of a limited
 * size are read (a FIFO would hold the loop until somebody writes to it). */
#ifndef SOURCE_WATCHED_FILE_H
#define SOURCE_WATCHED_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/diag.h"
#include "loop/file_watch.h"
#include "loop/loop.h"

/* What a file was when it was last read: while it is the same, so is the text. */
struct file_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified;
};

struct watched_file {
    struct loop *loop;
    const char *path; /* borrowed */
    size_t max_bytes;
    void *context; /* the owner's */
    /* From watched_file_read and from the loop; both borrow for the call. */
    void (*on_text)(struct watched_file *self, struct slice text);
    void (*on_error)(struct watched_file *self, const struct diag *diag);
    struct file_watch watch;
    bool watching;
    struct timer recheck; /* where inotify says nothing: network file systems, a directory that came later */
    struct file_stamp stamp;
};

/* Watches PATH. The first reading is the caller's, afterwards, so that no change falls between the two. */
void watched_file_start(struct watched_file *self);
void watched_file_stop(struct watched_file *self);
/* Reads it now and calls one of the two. */
void watched_file_read(struct watched_file *self);

#endif
