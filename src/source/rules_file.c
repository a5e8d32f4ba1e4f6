/* Lock the directory, read, edit, write beside, look whether the file still says what was edited, rename. */
#include "source/rules_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "rules/ruleset.h"

enum { LOCK_TURN_MS = 10, NEW_MODE = 0666 };

struct target {
    const char *shown;   /* as the settings name it: for messages */
    char *directory;     /* where the file really is */
    char *path, *beside; /* the file itself, and what is written before it takes its place */
    bool exists;
    struct stat status; /* while it exists */
    int lock;           /* the open directory */
};

static void target_release(struct target *target) {
    free(target->directory);
    free(target->path);
    free(target->beside);
    if (target->lock >= 0) {
        close(target->lock);
    }
}

static void split(struct target *target, const char *real) {
    const char *slash = strrchr(real, '/');
    target->path = xstrdup(real);
    if (slash == NULL) {
        target->directory = xstrdup(".");
    } else {
        target->directory = slash == real ? xstrdup("/") : xmemdup(real, (size_t)(slash - real));
    }
    const char *name = slash != NULL ? slash + 1 : real;
    target->beside = xasprintf("%s/.%s.new", target->directory, name);
}

/* Where the file really is: links are followed. */
static bool find(struct target *target, struct diag *diag) {
    struct stat link;
    cleanup_free char *real = realpath(target->shown, NULL);
    if (real == NULL && errno != ENOENT) {
        return diag_fail(diag, target->shown, "%s", strerror(errno));
    }
    if (real == NULL && lstat(target->shown, &link) == 0) {
        return diag_fail(diag, target->shown, "is a symbolic link that leads nowhere");
    }
    split(target, real != NULL ? real : target->shown);
    return true;
}

/* Other editors hold it for as long as an edit takes. */
static bool lock(struct target *target, const struct rules_place *place, struct diag *diag) {
    target->lock = open(target->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->lock < 0) {
        return diag_fail(diag, target->directory, "%s", strerror(errno));
    }
    mono_ms end = loop_now(place->loop) + place->timeout_ms;
    while (flock(target->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return diag_fail(diag, target->directory, "cannot be locked: %s", strerror(errno));
        }
        if (loop_now(place->loop) >= end) {
            return diag_fail(diag, target->directory, "somebody else keeps it locked");
        }
        loop_turn(place->loop, LOCK_TURN_MS);
    }
    return true;
}

static bool read_document(struct target *target, struct buf *ret_text, struct diag *diag) {
    target->exists = stat(target->path, &target->status) == 0;
    if (!target->exists && errno != ENOENT) {
        return diag_fail(diag, target->shown, "%s", strerror(errno));
    }
    if (!target->exists) {
        return true;
    }
    return file_read_regular(target->path, RULESET_MAX_BYTES, ret_text, diag);
}

static bool say_unwritable(const struct target *target, struct diag *diag) {
    switch (errno) {
    case EROFS: return diag_fail(diag, target->shown, "is on a read-only file system: change it where it comes from");
    case EBUSY:
        return diag_fail(diag, target->shown,
                         "is a mount of its own and cannot be replaced: mount its directory instead");
    default:
        return diag_fail(diag, target->shown, "cannot be replaced (in %s): %s", target->directory, strerror(errno));
    }
}

static bool keep_owner_and_mode(const struct target *target, int fd, struct diag *diag) {
    const struct stat *old = &target->status;
    struct stat made;
    if (!target->exists) {
        return true;
    }
    bool differs = fstat(fd, &made) < 0 || made.st_uid != old->st_uid || made.st_gid != old->st_gid;
    if (differs && fchown(fd, old->st_uid, old->st_gid) < 0) {
        return diag_fail(diag, target->shown,
                         "its owner (%ld:%ld) cannot be kept: %s: run this as its owner or as root", (long)old->st_uid,
                         (long)old->st_gid, strerror(errno));
    }
    return fchmod(fd, old->st_mode & 07777) == 0 || say_unwritable(target, diag);
}

/* What must not be written, though its directory may allow a rename. Kubernetes projects a volume as FILE ->
 * ..data/FILE, ..data -> ..2024_01_01…: the kubelet would put its own back. */
static bool check_writable(const struct target *target, struct diag *diag) {
    if (strstr(target->path, "/..") != NULL) {
        return diag_fail(diag, target->shown,
                         "is part of a Kubernetes volume (a ConfigMap or a Secret): change it there");
    }
    if (target->exists && faccessat(AT_FDCWD, target->path, W_OK, AT_EACCESS) < 0) {
        return errno == EROFS ? say_unwritable(target, diag)
                              : diag_fail(diag, target->shown, "is read-only: %s", strerror(errno));
    }
    return true;
}

static bool write_beside(const struct target *target, struct slice text, struct diag *diag) {
    if (!check_writable(target, diag)) {
        return false;
    }
    unlink(target->beside); /* of an editor that was killed: the lock is ours */
    cleanup_fd int fd = open(target->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, NEW_MODE);
    if (fd < 0) {
        return say_unwritable(target, diag);
    }
    if (!keep_owner_and_mode(target, fd, diag)) {
        return false;
    }
    return (file_write_fd(fd, text) && fsync(fd) == 0) || say_unwritable(target, diag);
}

enum attempt { WRITTEN, OVERTAKEN, FAILED };

/* The last look and the rename are two steps: between them only a program that does not lock can slip in. */
static enum attempt replace(struct target *target, struct slice old, struct slice new, struct diag *diag) {
    cleanup_buf struct buf now = {0};
    bool existed = target->exists;
    if (!write_beside(target, new, diag) || !read_document(target, &now, diag)) {
        return FAILED;
    }
    if (existed != target->exists || !slice_eq(old, buf_slice(&now))) {
        return OVERTAKEN;
    }
    if (rename(target->beside, target->path) < 0) {
        (void)say_unwritable(target, diag);
        return FAILED;
    }
    fsync(target->lock);
    return WRITTEN;
}

static enum edit_result write_until_done(struct target *target, const struct rules_change *change, struct buf *text,
                                         struct diag *diag) {
    for (int i = 0; i < RULES_CHANGE_TRIES; i++) {
        cleanup_buf struct buf old = {0};
        if (!read_document(target, &old, diag)) {
            return EDIT_FAILED;
        }
        enum edit_result result = rules_change_make(change, buf_slice(&old), text, diag);
        if (result == EDIT_FAILED) {
            diag_within(diag, target->shown);
        }
        if (result != EDIT_CHANGED) {
            return result;
        }
        enum attempt attempt = replace(target, buf_slice(&old), buf_slice(text), diag);
        if (attempt != WRITTEN) {
            unlink(target->beside);
        }
        if (attempt != OVERTAKEN) {
            return attempt == WRITTEN ? EDIT_CHANGED : EDIT_FAILED;
        }
    }
    return rules_change_give_up(diag, target->shown);
}

enum edit_result rules_file_write(const struct rules_place *place, const struct rules_change *change, struct buf *text,
                                  struct diag *diag) {
    struct target target = {.shown = place->file, .lock = -1};
    enum edit_result result = EDIT_FAILED;
    if (find(&target, diag) && lock(&target, place, diag)) {
        result = write_until_done(&target, change, text, diag);
    }
    target_release(&target);
    return result;
}
