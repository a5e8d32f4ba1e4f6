/* Reading and watching a document's file. */
#include "source/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { RECHECK_MS = 30000, RECHECK_UNWATCHED_MS = 2000 };

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
    if (file_read_regular(self->path, self->max_bytes, &text, &diag)) {
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
