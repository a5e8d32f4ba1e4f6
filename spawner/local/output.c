/* Output files. The lock is an open-file-description lock (fcntl(2), F_OFD_SETLK): the agent's stdout shares our
 * description, so the lock ends with the last process that holds it, not with us. */
#include "spawner/local/output.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "spawner/engine.h"
#include "spawner/local/entries.h"

enum { DISK_BLOCK = 4096, STAT_BLOCK = 512 };
static const char suffix[] = ".log";

static char *path_of(const char *directory, const char *label) {
    return xasprintf("%s/%s%s", directory, label, suffix);
}

static char *part_path(const char *directory, const char *label, unsigned part) {
    return xasprintf("%s/%s%s.%u", directory, label, suffix, part);
}

static bool check_label(const char *label, struct diag *diag) {
    return text_is_sid(slice_of(label)) ||
           diag_fail(diag, "label", "is no call sid: letters, digits and _ only, at most 64");
}

/* Opens PATH without following a link or waiting for the other end of a fifo. */
static int open_path(const char *path, int flags, struct diag *diag) {
    cleanup_fd int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0) {
        diag_fail(diag, path, errno == ELOOP ? "is a symbolic link: remove it" : "cannot be opened: %m");
        return -1;
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_uid != geteuid() && geteuid() != 0)) {
        diag_fail(diag, path, "is not a file of ours: remove it");
        return -1;
    }
    fcntl(fd, F_SETFL, flags & O_APPEND);
    return take_fd(fd);
}

static int open_file(const char *directory, const char *label, int flags, struct diag *diag) {
    if (!check_label(label, diag)) {
        return -1;
    }
    cleanup_free char *path = path_of(directory, label);
    return open_path(path, flags, diag);
}

/* Whole file, owner unknown: what OFD locks want. */
static struct flock whole_file(short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* As long as FD, or what an agent inherits of it, is open more may come. Above 2: the agent's own are put there. */
static int hold(int opened) {
    cleanup_fd int fd = opened;
    struct flock lock = whole_file(F_RDLCK);
    fcntl(fd, F_OFD_SETLK, &lock);
    return fd > STDERR_FILENO ? take_fd(fd) : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

int output_open(const char *directory, const char *label, struct diag *diag) {
    int opened = open_file(directory, label, O_RDWR | O_APPEND | O_CREAT, diag);
    int fd = opened >= 0 ? hold(opened) : -1;
    if (opened >= 0 && fd < 0) {
        diag_fail(diag, label, "cannot be opened: %m");
    }
    return fd;
}

int output_prepare(const char *directory) {
    int opened = open(directory, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    return opened >= 0 ? hold(opened) : -1;
}

bool output_name(const char *directory, const char *label, int fd) {
    char open_file_path[32];
    if (!check_label(label, NULL)) {
        return false;
    }
    cleanup_free char *path = path_of(directory, label);
    snprintf(open_file_path, sizeof open_file_path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, open_file_path, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

int output_open_read(const char *directory, const char *label, struct diag *diag) {
    return open_file(directory, label, O_RDONLY, diag);
}

int output_open_part(const char *directory, const char *label, unsigned part, struct diag *diag) {
    if (!check_label(label, diag)) {
        return -1;
    }
    cleanup_free char *path = part_path(directory, label, part);
    return open_path(path, O_RDONLY, diag);
}

/* Where the next part goes: the first free place, or the last one after all moved up and the oldest was lost. */
static char *free_part(const char *directory, const char *label) {
    for (unsigned part = 1; part <= OUTPUT_PARTS; part++) {
        cleanup_free char *path = part_path(directory, label, part);
        if (access(path, F_OK) != 0) {
            return take_ptr(path);
        }
    }
    for (unsigned part = 2; part <= OUTPUT_PARTS; part++) {
        cleanup_free char *from = part_path(directory, label, part);
        cleanup_free char *to = part_path(directory, label, part - 1);
        rename(from, to);
    }
    return part_path(directory, label, OUTPUT_PARTS);
}

bool output_take(const char *directory, const char *from, const char *to, struct diag *diag) {
    if (!check_label(from, diag) || !check_label(to, diag)) {
        return false;
    }
    cleanup_free char *from_path = path_of(directory, from);
    cleanup_free char *to_path = path_of(directory, to);
    if (access(to_path, F_OK) == 0) {
        cleanup_free char *part = free_part(directory, to);
        rename(to_path, part);
    }
    return rename(from_path, to_path) == 0 || errno == ENOENT || diag_fail(diag, to_path, "cannot be made: %m");
}

void output_remove(const char *directory, const char *label) {
    cleanup_free char *path = path_of(directory, label);
    unlink(path);
}

enum output_trim output_trim(const char *directory, const char *label, size_t max) {
    struct stat st;
    cleanup_free char *path = path_of(directory, label);
    if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || (uint64_t)st.st_blocks * STAT_BLOCK <= max) {
        return OUTPUT_FITS;
    }
    off_t end = (st.st_size - (off_t)(max - max / 4)) / DISK_BLOCK * DISK_BLOCK;
    cleanup_fd int fd = open_file(directory, label, O_RDWR, NULL);
    if (fd < 0 || end <= 0) {
        return OUTPUT_FITS;
    }
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end) == 0 ? OUTPUT_TRIMMED : OUTPUT_STAYS;
}

bool output_is_final(int fd) {
    struct flock lock = whole_file(F_WRLCK);
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK;
}

bool output_is_newest(const char *directory, const char *label, int fd) {
    struct stat ours, named;
    cleanup_free char *path = path_of(directory, label);
    return fstat(fd, &ours) != 0 || stat(path, &named) != 0 ||
           (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino);
}

char *output_label(const char *name) {
    size_t length = strlen(name);
    if (length < sizeof suffix || strcmp(name + length - (sizeof suffix - 1), suffix) != 0) {
        return NULL;
    }
    cleanup_free char *label = xmemdup(name, length - (sizeof suffix - 1));
    return text_is_sid(slice_of(label)) ? take_ptr(label) : NULL;
}

/* NAME is that of a part: "LABEL.log.3". */
static bool is_part(const char *name) {
    size_t length = strlen(name);
    if (length < 2 || name[length - 2] != '.' || name[length - 1] < '1' || name[length - 1] > '0' + OUTPUT_PARTS) {
        return false;
    }
    cleanup_free char *whole = xmemdup(name, length - 2);
    cleanup_free char *label = output_label(whole);
    return label != NULL;
}

static bool is_old(const char *name, const struct stat *st, int64_t before_ms) {
    bool never_used = st->st_size == 0 && slice_starts(slice_of(name), SLICE(ENGINE_WAITER_PREFIX));
    return never_used || (int64_t)st->st_mtime * 1000 < before_ms;
}

static bool is_expired(const char *directory, const char *name, int64_t before_ms) {
    struct stat st;
    cleanup_free char *path = xasprintf("%s/%s", directory, name);
    cleanup_fd int fd = open_path(path, O_RDONLY, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && is_old(name, &st, before_ms) && output_is_final(fd);
}

struct expiry {
    const char *directory;
    int64_t before_ms;
    unsigned removed;
};

static void expire_one(void *context, int directory, const char *name) {
    struct expiry *expiry = context;
    cleanup_free char *label = output_label(name);
    if ((label != NULL || is_part(name)) && is_expired(expiry->directory, name, expiry->before_ms)) {
        expiry->removed += unlinkat(directory, name, 0) == 0 ? 1 : 0;
    }
}

unsigned output_expire(const char *directory, int64_t keep_ms, int64_t wall_ms) {
    struct expiry expiry = {.directory = directory, .before_ms = wall_ms - keep_ms};
    entries_each(directory, expire_one, &expiry);
    return expiry.removed;
}
