/* A directory of its own for a test, removed with all that is in it. Include after cmocka.h. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static inline char *scratch_new(void) {
    const char *parent = getenv("TMPDIR");
    char *path = xasprintf("%s/sipbridge-test-XXXXXX", parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void scratch_free(char *path) {
    nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* Writes TEXT to DIRECTORY/NAME with MODE and gives the path. */
static inline char *scratch_file(const char *directory, const char *name, const char *text, mode_t mode) {
    char *path = xasprintf("%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

#endif
