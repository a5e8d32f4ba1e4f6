/* Reading a file to its end, with a limit; writing all of a text; replacing a file. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

static const char *kind_of(mode_t mode) {
    static const struct {
        mode_t format;
        const char *name;
    } kinds[] = {{S_IFDIR, "a directory"},
                 {S_IFIFO, "a FIFO"},
                 {S_IFSOCK, "a socket"},
                 {S_IFCHR, "a character device"},
                 {S_IFBLK, "a block device"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if ((mode & S_IFMT) == kinds[i].format) {
            return kinds[i].name;
        }
    }
    return "no file";
}

static bool check_kind(const struct stat *status, const char *path, struct diag *diag) {
    if (!S_ISREG(status->st_mode)) {
        return diag_fail(diag, path, "is %s; it must be a regular file", kind_of(status->st_mode));
    }
    return true;
}

/* Read where it is wanted: it may be a secret, of which there must be no second copy. */
bool file_read_regular_fd(int fd, const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag) {
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return diag_fail(diag, path, "%s", strerror(errno));
    }
    size_t before = ret_bytes->len;
    bool good = check_kind(&status, path, diag) && file_read_fd(fd, path, limit, ret_bytes, diag);
    if (!good) {
        ret_bytes->len = before;
    }
    return good;
}

/* Looked at before it is opened: opening a device or a FIFO can do things by itself. */
bool file_read_regular(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag) {
    struct stat status;
    if (stat(path, &status) < 0) {
        return diag_fail(diag, path, "%s", strerror(errno));
    }
    if (!check_kind(&status, path, diag)) {
        return false;
    }
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return diag_fail(diag, path, "%s", strerror(errno));
    }
    return file_read_regular_fd(fd, path, limit, ret_bytes, diag);
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
