/* Walks the path as the kernel would, one component at a time, and watches every directory in which a change could
 * lead the path elsewhere: those that hold a symbolic link on the way, and the one that holds the file. The file
 * itself is watched too: where it alone is mounted into a container, its directory tells nothing.
 *
 * After a change the walk is done again *before* the owner is called: what changes later is seen by the new
 * watches, what changed earlier is read by the owner. */
#include "loop/file_watch.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define SETTLE_MS 20
#define MAX_HOPS 40 /* symbolic links in one path: Linux's own limit */
#define MAX_SPOTS 64
#define EVENTS                                                                                                       \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | \
     IN_MOVE_SELF)

struct file_spot {
    int wd;
    char *name; /* NULL: whatever happens to it */
};

struct spots {
    int fd;
    struct file_spot list[MAX_SPOTS];
    size_t count;
};

/* The walk: BASE is a directory without a link in it, REST what is still to be walked from there. */
struct walk {
    struct buf base, rest;
    int hops;
};

static void walk_release(struct walk *walk) {
    buf_release(&walk->base);
    buf_release(&walk->rest);
}

static void spots_free(struct file_spot *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(list[i].name);
    }
}

static bool spots_have(const struct file_spot *list, size_t count, int wd) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].wd == wd) {
            return true;
        }
    }
    return false;
}

static bool spots_add(struct spots *spots, const char *path, const char *name) {
    if (spots->count == MAX_SPOTS) {
        errno = ELOOP;
        return false;
    }
    int wd = inotify_add_watch(spots->fd, path, EVENTS);
    if (wd < 0) {
        return false;
    }
    spots->list[spots->count++] = (struct file_spot){wd, name != NULL ? xstrdup(name) : NULL};
    return true;
}

/* Takes the first component of REST; empty when there is none. */
static void walk_next(struct walk *walk, struct buf *ret_name) {
    size_t start = strspn(walk->rest.p, "/");
    size_t length = strcspn(walk->rest.p + start, "/");
    buf_clear(ret_name);
    buf_add(ret_name, walk->rest.p + start, length);
    buf_consume(&walk->rest, start + length);
    buf_consume(&walk->rest, strspn(walk->rest.p, "/"));
}

/* Puts what the link says in front of REST. */
static bool walk_link(struct walk *walk, const char *link) {
    char target[PATH_MAX];
    ssize_t length = ++walk->hops <= MAX_HOPS ? readlink(link, target, sizeof target) : -1;
    if (length < 0) {
        errno = walk->hops > MAX_HOPS ? ELOOP : errno;
        return false;
    }
    struct buf rest = {0};
    buf_add(&rest, target, (size_t)length);
    buf_addc(&rest, '/');
    buf_add_slice(&rest, buf_slice(&walk->rest));
    buf_release(&walk->rest);
    walk->rest = rest;
    if (target[0] == '/') {
        buf_clear(&walk->base);
        buf_adds(&walk->base, "/");
    }
    return true;
}

/* One component. False when the walk cannot go on: its errno, or 0 at the end of the path. */
static bool walk_step(struct walk *walk, struct spots *spots, struct buf *name, struct buf *full) {
    struct stat found;
    walk_next(walk, name);
    bool last = walk->rest.len == 0;
    buf_clear(full);
    buf_addf(full, "%s/%s", walk->base.p, name->p);
    if (lstat(full->p, &found) != 0) {
        int error = errno;
        bool watched = spots_add(spots, walk->base.p, name->p);
        errno = watched && last && error == ENOENT ? 0 : error;
        return false;
    }
    if (S_ISLNK(found.st_mode)) {
        return spots_add(spots, walk->base.p, name->p) && walk_link(walk, full->p);
    }
    if (last) {
        bool watched = spots_add(spots, walk->base.p, name->p);
        if (watched) {
            (void)spots_add(spots, full->p, NULL); /* may vanish meanwhile, or be unreadable: the directory tells */
            errno = 0;
        }
        return false;
    }
    buf_clear(&walk->base);
    buf_add_slice(&walk->base, buf_slice(full));
    return true;
}

/* Finds and watches the spots of PATH. False with errno when the way to its directory is broken; the spots up to
 * there are watched all the same. */
static bool spots_find(struct spots *spots, const char *path) {
    __attribute__((cleanup(walk_release))) struct walk walk = {.hops = 0};
    cleanup_buf struct buf name = {0};
    cleanup_buf struct buf full = {0};
    buf_adds(&walk.base, path[0] == '/' ? "/" : ".");
    buf_adds(&walk.rest, path);
    errno = 0;
    while (walk_step(&walk, spots, &name, &full)) {
    }
    return errno == 0;
}

/* Watches anew what the path leads through now, and no longer what it led through before. */
static bool renew(struct file_watch *watch, int fd) {
    struct spots spots = {.fd = fd, .count = 0};
    bool whole = spots_find(&spots, watch->path);
    int error = errno;
    for (size_t i = 0; i < watch->spot_count; i++) {
        if (!spots_have(spots.list, spots.count, watch->spots[i].wd)) {
            (void)inotify_rm_watch(fd, watch->spots[i].wd); /* already gone with its directory: nothing to do */
        }
    }
    spots_free(watch->spots, watch->spot_count);
    watch->spots = xrealloc(watch->spots, spots.count * sizeof spots.list[0]);
    memcpy(watch->spots, spots.list, spots.count * sizeof spots.list[0]);
    watch->spot_count = spots.count;
    errno = error;
    return whole;
}

static void on_settled(struct timer *timer) {
    struct file_watch *watch = container_of(timer, struct file_watch, settle);
    (void)renew(watch, watch->watcher.fd); /* a broken way is watched as far as it goes */
    watch->on_change(watch);
}

static bool concerns(const struct file_watch *watch, const struct inotify_event *event) {
    if (event->mask & IN_Q_OVERFLOW) {
        return true;
    }
    for (size_t i = 0; i < watch->spot_count; i++) {
        const struct file_spot *spot = &watch->spots[i];
        if (spot->wd == event->wd && (spot->name == NULL || event->len == 0 || strcmp(spot->name, event->name) == 0)) {
            return (event->mask & IN_IGNORED) == 0;
        }
    }
    return false;
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct file_watch *watch = container_of(watcher, struct file_watch, watcher);
    _Alignas(struct inotify_event) char bytes[4096];
    bool changed = false;
    (void)events;
    ssize_t size = read(watcher->fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < size;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        changed |= concerns(watch, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
    if (changed && watch->settle.loop == NULL) {
        timer_start(&watch->settle, watch->loop, SETTLE_MS);
    }
}

bool file_watch_start(struct file_watch *watch, struct loop *loop, const char *path) {
    assert(watch->on_change != NULL && watch->path == NULL);
    cleanup_fd int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    watch->path = xstrdup(path);
    watch->loop = loop;
    if (!renew(watch, fd)) {
        int error = errno;
        file_watch_stop(watch);
        errno = error;
        return false;
    }
    watch->settle.on_due = on_settled;
    watch->watcher.on_ready = on_ready;
    watcher_start(&watch->watcher, loop, take_fd(fd), EPOLLIN);
    return true;
}

void file_watch_stop(struct file_watch *watch) {
    timer_cancel(&watch->settle);
    if (watch->watcher.loop != NULL) {
        int fd = watch->watcher.fd;
        watcher_stop(&watch->watcher);
        close(fd);
    }
    spots_free(watch->spots, watch->spot_count);
    free(watch->spots);
    free(watch->path);
    watch->spots = NULL;
    watch->spot_count = 0;
    watch->path = NULL;
}
