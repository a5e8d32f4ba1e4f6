/* Whole files. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/diag.h"

/* Appends what is in PATH to RET_BYTES; at most LIMIT bytes may be there. False with DIAG (where = PATH) when it
 * cannot be read or is larger, and errno: EFBIG when it is larger. */
bool file_read(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag)
    __attribute__((warn_unused_result));
/* The same of an open FD, to its end; NAME is what DIAG calls it. */
bool file_read_fd(int fd, const char *name, size_t limit, struct buf *ret_bytes, struct diag *diag)
    __attribute__((warn_unused_result));

/* The same of regular files only, for whoever cannot wait: a FIFO would take until somebody writes to it. Also false with DIAG
 * for whatever else it is; then nothing was appended. */
bool file_read_regular(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag)
    __attribute__((warn_unused_result));
bool file_read_regular_fd(int fd, const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag)
    __attribute__((warn_unused_result));

/* Writes all of BYTES to FD; false with errno. */
bool file_write_fd(int fd, struct slice bytes) __attribute__((warn_unused_result));

/* Puts TEXT in the place of NAME in the directory open as PARENT, whole or not at all, a crash of the machine included:
 * written beside (NAME.tmp), synced and renamed, mode 0600; no link is followed. False with errno, and what was there
 * stays. */
bool file_replace(int parent, const char *name, struct slice text) __attribute__((warn_unused_result));

#endif
