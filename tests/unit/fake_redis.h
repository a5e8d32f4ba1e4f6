/* A server on the test's own loop that answers what a script says: for what no real redis-server does on demand
 * (old versions, silence, nonsense, endless strings). Include after cmocka.h. */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "scratch.h"

/* The first row whose START begins the command ("GET rules") answers it; NULL: no answer, ever. */
struct fake_line {
    const char *start, *answer;
};

enum { FAKE_CONNECTIONS = 16 };

struct fake_connection {
    struct fake_redis *fake;
    struct watcher watcher;
    int fd;
    struct buf in;
};

struct fake_redis {
    struct loop *loop;
    const struct fake_line *lines; /* ends with start NULL, whose answer is for the rest */
    const char *greeting;          /* sent to whoever connects; or NULL */
    char *dir, *path, *url;
    int fd;
    struct watcher watcher;
    struct fake_connection connections[FAKE_CONNECTIONS];
    size_t accepted;
    struct buf heard; /* "CLIENT ID\nGET key\n" */
};

static inline void fake_send(struct fake_redis *fake, size_t place, const char *bytes, size_t size) {
    /* a peer that hung up is part of some tests */
    (void)!send(fake->connections[place].fd, bytes, size, MSG_NOSIGNAL);
}

static inline void fake_hang_up(struct fake_redis *fake, size_t place) {
    struct fake_connection *connection = &fake->connections[place];
    if (connection->fd >= 0) {
        watcher_stop(&connection->watcher);
        close(connection->fd);
        connection->fd = -1;
    }
}

/* One whole command off the front of IN, as words with spaces between; false when it is not all there. */
static inline bool fake_take(struct buf *in, struct buf *words) {
    char *at = in->p, *next;
    if (in->len == 0) {
        return false;
    }
    long count = strtol(at + 1, &next, 10);
    at = next + 2;
    for (long i = 0; i < count; i++) {
        if (at >= in->p + in->len) {
            return false;
        }
        long size = strtol(at + 1, &next, 10);
        buf_addf(words, "%s%.*s", i > 0 ? " " : "", (int)size, next + 2);
        at = next + 2 + size + 2;
    }
    if (at > in->p + in->len) {
        return false;
    }
    buf_consume(in, (size_t)(at - in->p));
    return true;
}

static inline void fake_answer(struct fake_connection *connection, const char *command) {
    const struct fake_line *line = connection->fake->lines;
    while (line->start != NULL && strncmp(command, line->start, strlen(line->start)) != 0) {
        line++;
    }
    buf_addf(&connection->fake->heard, "%s\n", command);
    if (line->answer != NULL) {
        (void)!send(connection->fd, line->answer, strlen(line->answer), MSG_NOSIGNAL);
    }
}

static inline void fake_on_data(struct watcher *watcher, uint32_t events) {
    (void)events;
    struct fake_connection *connection = container_of(watcher, struct fake_connection, watcher);
    ssize_t size = recv(connection->fd, buf_reserve(&connection->in, 4096), 4096, MSG_DONTWAIT);
    if (size <= 0) {
        fake_hang_up(connection->fake, (size_t)(connection - connection->fake->connections));
        return;
    }
    connection->in.len += (size_t)size;
    connection->in.p[connection->in.len] = '\0';
    for (;;) {
        cleanup_buf struct buf words = {0};
        if (!fake_take(&connection->in, &words)) {
            return;
        }
        fake_answer(connection, words.p);
    }
}

static inline void fake_on_client(struct watcher *watcher, uint32_t events) {
    (void)events;
    struct fake_redis *fake = container_of(watcher, struct fake_redis, watcher);
    assert_true(fake->accepted < FAKE_CONNECTIONS);
    size_t place = fake->accepted++;
    struct fake_connection *connection = &fake->connections[place];
    connection->fd = accept4(fake->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(connection->fd >= 0);
    connection->fake = fake;
    connection->watcher.on_ready = fake_on_data;
    watcher_start(&connection->watcher, fake->loop, connection->fd, EPOLLIN);
    if (fake->greeting != NULL) {
        fake_send(fake, place, fake->greeting, strlen(fake->greeting));
    }
}

static inline struct fake_redis *fake_new(struct loop *loop, const struct fake_line *lines) {
    struct fake_redis *fake = xcalloc(1, sizeof *fake);
    fake->loop = loop;
    fake->lines = lines;
    fake->dir = scratch_new();
    fake->path = xasprintf("%s/fake.sock", fake->dir);
    fake->url = xasprintf("unix://%s", fake->path);
    for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
        fake->connections[i].fd = -1;
    }
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", fake->path);
    fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fake->fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fake->fd, 16), 0);
    fake->watcher.on_ready = fake_on_client;
    watcher_start(&fake->watcher, loop, fake->fd, EPOLLIN);
    return fake;
}

static inline void fake_free(struct fake_redis *fake) {
    watcher_stop(&fake->watcher);
    close(fake->fd);
    for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
        fake_hang_up(fake, i);
        buf_release(&fake->connections[i].in);
    }
    scratch_free(fake->dir);
    free(fake->path);
    free(fake->url);
    buf_release(&fake->heard);
    free(fake);
}

#endif
