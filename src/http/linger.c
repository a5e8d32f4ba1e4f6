/* A fixed number of places, each a watcher and a timer. */
#include "http/linger.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define PLACES 32
#define LIMIT_MS 2000
#define MAX_BYTES (16U * 1024 * 1024)

struct lingering {
    int fd; /* -1: free */
    size_t bytes;
    struct watcher watcher;
    struct timer timer;
};

struct lingers {
    struct loop *loop;
    struct lingering places[PLACES];
};

static void finish(struct lingering *linger) {
    timer_cancel(&linger->timer);
    watcher_stop(&linger->watcher);
    close(linger->fd);
    linger->fd = -1;
}

static void on_due(struct timer *timer) {
    finish(container_of(timer, struct lingering, timer));
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct lingering *linger = container_of(watcher, struct lingering, watcher);
    char bytes[16384];
    (void)events;
    ssize_t size = recv(linger->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    linger->bytes += size > 0 ? (size_t)size : 0;
    if (size <= 0 || linger->bytes > MAX_BYTES) {
        finish(linger);
    }
}

struct lingers *lingers_new(struct loop *loop) {
    struct lingers *lingers = xcalloc(1, sizeof *lingers);
    lingers->loop = loop;
    for (size_t i = 0; i < PLACES; i++) {
        lingers->places[i].fd = -1;
        lingers->places[i].watcher.on_ready = on_ready;
        lingers->places[i].timer.on_due = on_due;
    }
    return lingers;
}

void lingers_free(struct lingers *lingers) {
    for (size_t i = 0; lingers != NULL && i < PLACES; i++) {
        if (lingers->places[i].fd >= 0) {
            finish(&lingers->places[i]);
        }
    }
    free(lingers);
}

static struct lingering *find_place(struct lingers *lingers) {
    for (size_t i = 0; i < PLACES; i++) {
        if (lingers->places[i].fd < 0) {
            return &lingers->places[i];
        }
    }
    return NULL;
}

void lingers_add(struct lingers *lingers, int fd, const char *answer) {
    if (answer != NULL) {
        (void)send(fd, answer, strlen(answer),
                   MSG_DONTWAIT | MSG_NOSIGNAL); /* a courtesy: the peer is cut off anyway */
    }
    struct lingering *place = find_place(lingers);
    int copy = place != NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (copy < 0) {
        return;
    }
    shutdown(copy, SHUT_WR);
    place->fd = copy;
    place->bytes = 0;
    watcher_start(&place->watcher, lingers->loop, copy, EPOLLIN);
    timer_start(&place->timer, lingers->loop, LIMIT_MS);
}
