/* Last good copies: tmp + fsync + rename in a directory that is opened once per operation, so that no link in the
 * place of a file is followed. */
#include "source/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "source/watched_file.h"

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
    return watched_file_load_fd(fd, path, limit, ret_text, diag);
}

bool store_save(const char *directory, const char *name, struct slice text, struct diag *diag) {
    char beside[64];
    snprintf(beside, sizeof beside, "%s.tmp", name);
    cleanup_fd int parent = open_directory(directory);
    if (parent < 0) {
        return fail(diag, directory, name);
    }
    cleanup_fd int fd =
        openat(parent, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || !file_write_fd(fd, text) || fsync(fd) < 0 || renameat(parent, beside, parent, name) < 0) {
        fail(diag, directory, name);
        unlinkat(parent, beside, 0);
        return false;
    }
    fsync(parent);
    return true;
}
