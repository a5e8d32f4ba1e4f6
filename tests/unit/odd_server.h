/* An HTTP server on the test's own loop that does with each request what the test says: answer, keep silent, cut,
 * reset. It counts connections and requests. Include after cmocka.h. */
#ifndef TESTS_ODD_SERVER_H
#define TESTS_ODD_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "turn_until.h"

struct odd_conn {
    struct watcher watcher;
    struct odd_server *server;
    struct odd_conn *next;
    struct buf in, out;
    int requests;
};

struct odd_server {
    struct watcher watcher;
    struct loop *loop;
    int port, connections, open, requests;
    struct odd_conn *first;
    /* REQUEST: head and body, NUL-terminated. */
    void (*on_request)(struct odd_server *server, struct odd_conn *conn, const char *request);
    struct buf last;            /* the last request */
    struct odd_conn *last_conn; /* where it came from */
};

static inline void odd_close(struct odd_conn *conn) {
    for (struct odd_conn **at = &conn->server->first; *at != NULL; at = &(*at)->next) {
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    }
    conn->server->open--;
    if (conn->server->last_conn == conn) {
        conn->server->last_conn = NULL;
    }
    watcher_stop(&conn->watcher);
    close(conn->watcher.fd);
    buf_release(&conn->in);
    buf_release(&conn->out);
    free(conn);
}

static inline void odd_reset(struct odd_conn *conn) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->watcher.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    odd_close(conn);
}

/* False when the connection is gone. */
static inline bool odd_flush(struct odd_conn *conn) {
    while (conn->out.len > 0) {
        ssize_t sent = send(conn->watcher.fd, conn->out.p, conn->out.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watcher_change(&conn->watcher, EPOLLIN | EPOLLOUT);
            return true;
        }
        if (sent < 0) {
            odd_close(conn);
            return false;
        }
        buf_consume(&conn->out, (size_t)sent);
    }
    watcher_change(&conn->watcher, EPOLLIN);
    return true;
}

static inline void odd_say(struct odd_conn *conn, const char *text) {
    buf_adds(&conn->out, text);
    (void)odd_flush(conn);
}

/* HEADERS: whole lines with CRLF, or "". */
static inline void odd_answer(struct odd_conn *conn, int status, const char *headers, const char *body) {
    cleanup_buf struct buf text = {0};
    buf_addf(&text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);
    odd_say(conn, text.p);
}

/* The size of the first whole request in IN, 0 when there is none. */
static inline size_t odd_request_size(const struct buf *in) {
    const char *end = in->len > 0 ? strstr(in->p, "\r\n\r\n") : NULL;
    if (end == NULL) {
        return 0;
    }
    const char *length = strcasestr(in->p, "\r\nContent-Length: ");
    size_t size = (size_t)(end + 4 - in->p) + (length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0);
    return in->len >= size ? size : 0;
}

static inline void odd_on_data(struct watcher *watcher, uint32_t events) {
    struct odd_conn *conn = container_of(watcher, struct odd_conn, watcher);
    struct odd_server *server = conn->server;
    size_t size;
    if ((events & EPOLLOUT) != 0 && !odd_flush(conn)) {
        return;
    }
    if ((events & ~(uint32_t)EPOLLOUT) == 0) {
        return;
    }
    ssize_t got = recv(watcher->fd, buf_reserve(&conn->in, 65536), 65536, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            odd_close(conn);
        }
        return;
    }
    conn->in.len += (size_t)got;
    conn->in.p[conn->in.len] = '\0';
    if ((size = odd_request_size(&conn->in)) > 0) { /* one at a time: nobody pipelines */
        buf_clear(&server->last);
        buf_add(&server->last, conn->in.p, size);
        buf_consume(&conn->in, size);
        server->requests++;
        conn->requests++;
        server->last_conn = conn;
        server->on_request(server, conn, server->last.p);
    }
}

static inline void odd_on_connection(struct watcher *watcher, uint32_t events) {
    struct odd_server *server = container_of(watcher, struct odd_server, watcher);
    (void)events;
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct odd_conn *conn = xcalloc(1, sizeof *conn);
    *conn = (struct odd_conn){.watcher.on_ready = odd_on_data, .server = server, .next = server->first};
    server->first = conn;
    server->connections++;
    server->open++;
    watcher_start(&conn->watcher, server->loop, fd, EPOLLIN);
}

static inline void odd_start(struct odd_server *server, struct loop *loop,
                             void (*on_request)(struct odd_server *, struct odd_conn *, const char *)) {
    *server = (struct odd_server){.loop = loop, .on_request = on_request, .watcher.on_ready = odd_on_connection};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    watcher_start(&server->watcher, loop, fd, EPOLLIN);
}

/* Nobody can connect any more; what is connected stays. */
static inline void odd_stop_listening(struct odd_server *server) {
    if (server->watcher.loop != NULL) {
        watcher_stop(&server->watcher);
        close(server->watcher.fd);
    }
}

static inline void odd_stop(struct odd_server *server) {
    odd_stop_listening(server);
    while (server->first != NULL) {
        odd_close(server->first);
    }
    buf_release(&server->last);
}

#endif
