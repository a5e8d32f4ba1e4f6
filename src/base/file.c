/* Reading a file to its end, with a limit; writing all of a text; replacing a file. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 16 * 1024 };

bool file_read_fd(int fd, const char *name, size_t limit, struct buf *ret_bytes, struct diag *diag) {
    size_t start = ret_bytes->len;
    for (;;) {
        ssize_t got = read(fd, buf_reserve(ret_bytes, CHUNK), CHUNK);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return diag_fail(diag, name, "cannot be read: %m");
        }
        if (got == 0) {
            buf_add(ret_bytes, "", 0);
            return true;
        }
        ret_bytes->len += (size_t)got;
        if (ret_bytes->len - start > limit) {
            errno = EFBIG;
            return diag_fail(diag, name, "is larger than %zu bytes", limit);
        }
    }
}

bool file_read(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return diag_fail(diag, path, "cannot be read: %m");
    }
    return file_read_fd(fd, path, limit, ret_bytes, diag);
}

bool file_write_fd(int fd, struct slice bytes) {
    while (bytes.n > 0) {
        ssize_t written = write(fd, bytes.p, bytes.n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        bytes.p += written;
        bytes.n -= (size_t)written;
    }
    return true;
}

bool file_replace(int parent, const char *name, struct slice text) {
    char beside[128];
    snprintf(beside, sizeof beside, "%s.tmp", name);
    cleanup_fd int fd =
        openat(parent, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || !file_write_fd(fd, text) || fsync(fd) < 0 || renameat(parent, beside, parent, name) < 0) {
        int error = errno;
        unlinkat(parent, beside, 0);
        errno = error;
        return false;
    }
    fsync(parent);
    return true;
}
