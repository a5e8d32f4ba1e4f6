/* Last good copies, in a directory that is opened once per operation. */
#include "source/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

static bool fail(struct diag *diag, const char *directory, const char *name) {
    char where[160];
    snprintf(where, sizeof where, "%s/%s", directory, name);
    return diag_fail(diag, where, "%s", strerror(errno));
}

static int open_directory(const char *directory) {
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool store_load(const char *directory, const char *name, size_t limit, struct buf *ret_text, struct diag *diag) {
    cleanup_fd int parent = open_directory(directory);
    cleanup_fd int fd = parent >= 0 ? openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd < 0 && errno == ENOENT) {
        *diag = (struct diag){0};
        return false;
    }
    if (fd < 0) {
        return fail(diag, directory, name);
    }
    char path[160];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return file_read_regular_fd(fd, path, limit, ret_text, diag);
}

bool store_save(const char *directory, const char *name, struct slice text, struct diag *diag) {
    cleanup_fd int parent = open_directory(directory);
    return (parent >= 0 && file_replace(parent, name, text)) || fail(diag, directory, name);
}
