/* Reading and watching a document's file. */
#include "source/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { RECHECK_MS = 30000, RECHECK_UNWATCHED_MS = 2000 };

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
bool watched_file_load_fd(int fd, const char *path, size_t limit, struct buf *ret_text, struct diag *diag) {
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return diag_fail(diag, path, "%s", strerror(errno));
    }
    size_t before = ret_text->len;
    bool good = check_kind(&status, path, diag) && file_read_fd(fd, path, limit, ret_text, diag);
    if (!good) {
        ret_text->len = before;
    }
    return good;
}

/* Looked at before it is opened: opening a device or a FIFO can do things by itself. */
bool watched_file_load(const char *path, size_t limit, struct buf *ret_text, struct diag *diag) {
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
    return watched_file_load_fd(fd, path, limit, ret_text, diag);
}

static struct file_stamp stamp_of(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) {
        return (struct file_stamp){0};
    }
    return (struct file_stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

static bool is_same(const struct file_stamp *a, const struct file_stamp *b) {
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec;
}

void watched_file_read(struct watched_file *self) {
    struct diag diag = {0};
    cleanup_buf struct buf text = {0};
    self->stamp = stamp_of(self->path);
    if (watched_file_load(self->path, self->max_bytes, &text, &diag)) {
        self->on_text(self, buf_slice(&text));
    } else {
        self->on_error(self, &diag);
    }
}

static void on_change(struct file_watch *watch) {
    watched_file_read(container_of(watch, struct watched_file, watch));
}

static void watch_again(struct watched_file *self) {
    if (!self->watching) {
        self->watch.on_change = on_change;
        self->watching = file_watch_start(&self->watch, self->loop, self->path);
    }
    timer_start(&self->recheck, self->loop, self->watching ? RECHECK_MS : RECHECK_UNWATCHED_MS);
}

static void on_recheck(struct timer *timer) {
    struct watched_file *self = container_of(timer, struct watched_file, recheck);
    watch_again(self);
    struct file_stamp now = stamp_of(self->path);
    if (!is_same(&now, &self->stamp)) {
        watched_file_read(self);
    }
}

void watched_file_start(struct watched_file *self) {
    self->recheck.on_due = on_recheck;
    watch_again(self);
}

void watched_file_stop(struct watched_file *self) {
    timer_cancel(&self->recheck);
    if (self->watching) {
        file_watch_stop(&self->watch);
        self->watching = false;
    }
}
