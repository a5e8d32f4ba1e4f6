/* Notes what is done to files that must survive a loss of power. Include once in a test: these functions stand in libc's
 * place. */
#ifndef TESTS_FILE_STEPS_H
#define TESTS_FILE_STEPS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEPS_OF_A_SAFE_WRITE "file synced, renamed, directory synced, "

static char file_steps[64]; /* in order; a test empties it */
static bool disk_is_full;   /* which some file systems say only when the file is synced */

static void note_step(const char *step) {
    strncat(file_steps, step, sizeof file_steps - strlen(file_steps) - 1);
}

int fsync(int fd) {
    struct stat found;
    note_step(fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) ? "directory synced, " : "file synced, ");
    errno = ENOSPC;
    return disk_is_full ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_parent, const char *from, int to_parent, const char *to) {
    note_step("renamed, ");
    return (int)syscall(SYS_renameat2, from_parent, from, to_parent, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

#endif
