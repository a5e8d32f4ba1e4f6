/* This file and answer.c are all that names h2o (2.2.5). What h2o does not do, or does too generously, is done beside it:
 *
 * - Its one timer covers header, body and idle alike, and runs on wall-clock time. It is set out of reach; who
 *   takes too long is found by crowd.h, together with the limits on number and memory.
 * - Its own loop cannot hold timers, children and Redis connections of ours: the private epoll fd of `loop` is one
 *   read-only socket in it. Listening sockets are watched there too, see acceptor.h.
 * - A header may have 408 KiB, two Content-Lengths are no error: see head.h.
 * - After an error it closes at once, and the peer may see a reset instead of the answer: see linger.h. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <h2o.h>
#include <h2o/http1.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/acceptor.h"
#include "http/answer.h"
#include "http/crowd.h"
#include "http/head.h"
#include "http/linger.h"
#include "loop/signals.h"

#define NEVER_MS (365ULL * 24 * 3600 * 1000) /* h2o's own timers: see above */

struct listener {
    struct acceptor acceptor;
    struct http_server *server;
    http_handler *handle;
    void *context;
};

struct http_server {
    struct loop *loop;
    struct head_limits head_limits;
    struct crowd crowd;
    struct lingers *lingers;
    struct listener *listeners;
    size_t listener_count;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *inner; /* a duplicate of loop's epoll fd */
    bool inner_ready;
    bool wrote; /* outside h2o's turn, whose next one must not wait */
};

/* Ours beside h2o's: hangs on the socket's on_close and dies with it. */
struct connection {
    struct member member;
    struct listener *listener;
    h2o_socket_t *sock;
    struct http_stream *stream; /* the answer without an end that it is for, or NULL */
    size_t written;             /* bytes of answers that were logged */
    bool handled;               /* the request at hand reached its handler */
};

const struct http_limits http_limits_default = {
    .max_header = 16 * 1024,
    .max_headers = 100,
    .max_body = 1024 * 1024,
    .max_bodies = 64 * 1024 * 1024,
    .header_ms = 5000,
    .body_ms = 10000,
    .idle_ms = 120000,
    .write_ms = 10000,
    .max_connections = 1024,
    .max_per_peer = 512,
};

/* h2o never gives back the epoll fd of a loop, so the process makes one loop and keeps it. */
static h2o_evloop_t *outer_loop(void) {
    static h2o_evloop_t *loop;
    if (loop == NULL) {
        loop = h2o_evloop_create();
    }
    return loop;
}

static struct connection *connection_of(h2o_req_t *req) {
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static struct slice slice_from(h2o_iovec_t bytes) {
    return (struct slice){bytes.base, bytes.len};
}

/* ---- connections ---- */

static struct crowd_view view_connection(struct member *member) {
    const h2o_socket_t *sock = container_of(member, struct connection, member)->sock;
    return (struct crowd_view){
        .reading = sock->_cb.read != NULL,
        .input = {sock->input->bytes, sock->input->size},
    };
}

/* Only from outside h2o's own turn. A connection that h2o reads from is told that its peer is gone, which frees it
 * now; one that h2o writes to finds out in its next turn. */
static void close_connection(struct member *member, const char *answer) {
    struct connection *connection = container_of(member, struct connection, member);
    h2o_socket_t *sock = connection->sock;
    if (answer != NULL) {
        lingers_add(connection->listener->server->lingers, h2o_socket_get_fd(sock), answer);
    }
    if (connection->stream != NULL) {
        answer_end(connection->stream);
    } else if (h2o_socket_is_reading(sock)) {
        sock->_cb.read(sock, h2o_socket_error_closed);
    } else {
        shutdown(h2o_socket_get_fd(sock), SHUT_RDWR);
    }
}

static void on_closed(void *data) {
    struct connection *connection = data;
    struct http_server *server = connection->listener->server;
    server->crowd.counters.bad += connection->sock->bytes_written > connection->written; /* it was not HTTP */
    crowd_leave(&connection->member);
    for (size_t i = 0; i < server->listener_count; i++) {
        acceptor_resume(&server->listeners[i].acceptor);
    }
    free(connection);
}

static bool has_room(struct acceptor *acceptor) {
    struct http_server *server = container_of(acceptor, struct listener, acceptor)->server;
    return crowd_has_room(&server->crowd, loop_now(server->loop));
}

static bool is_full(struct acceptor *acceptor) {
    return crowd_is_full(&container_of(acceptor, struct listener, acceptor)->server->crowd);
}

static void on_connection(struct acceptor *acceptor, int fd, const struct sockaddr *peer) {
    struct listener *listener = container_of(acceptor, struct listener, acceptor);
    struct http_server *server = listener->server;
    struct connection *connection = xcalloc(1, sizeof *connection);
    if (!crowd_join(&server->crowd, &connection->member, peer, loop_now(server->loop))) {
        close(fd);
        free(connection);
        return;
    }
    connection->listener = listener;
    connection->sock = h2o_evloop_socket_create(outer_loop(), fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    connection->sock->on_close.cb = on_closed;
    connection->sock->on_close.data = connection;
    h2o_accept(&server->accept, connection->sock);
}

/* ---- requests ---- */

struct handler {
    h2o_handler_t super;
    struct http_server *server;
};

static void find_authorization(const h2o_req_t *req, struct http_request *request) {
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (header->name == &H2O_TOKEN_AUTHORIZATION->buf) {
            request->authorization = slice_from(header->value);
            request->authorization_count++;
        }
    }
}

static void handle(struct connection *connection, h2o_req_t *req, struct http_answer *answer) {
    struct http_request request = {
        .method = slice_from(req->method),
        .path = slice_from(req->path),
        .body = slice_from(req->entity),
        .peer = slice_of(connection->member.peer_text),
    };
    if (slice_is(request.method, "HEAD")) {
        request.method = SLICE("GET");
    }
    const char *mark = memchr(req->path.base, '?', req->path.len);
    if (mark != NULL) {
        request.path.n = (size_t)(mark - req->path.base);
        request.query = (struct slice){mark + 1, req->path.len - request.path.n - 1};
    }
    if (req->authority.base != req->hostconf->authority.hostport.base) { /* what h2o fills in when there is none */
        request.host = slice_from(req->authority);
    }
    find_authorization(req, &request);
    connection->handled = true;
    connection->listener->handle(connection->listener->context, &request, answer);
}

/* The head is still in the input buffer, in front of the body. */
static struct slice raw_head(const h2o_req_t *req, const h2o_socket_t *sock) {
    const char *start = sock->input->bytes;
    return (struct slice){start, req->entity.base != NULL ? (size_t)(req->entity.base - start) : sock->input->size};
}

static int on_request(h2o_handler_t *self, h2o_req_t *req) {
    struct http_server *server = ((struct handler *)self)->server;
    struct connection *connection = connection_of(req);
    struct http_answer answer = {.status = 200};
    loop_refresh(server->loop);
    connection->member.requests++;
    server->crowd.counters.requests++;
    int refused = connection->member.doomed ? 503 : head_check(raw_head(req, connection->sock), &server->head_limits);
    if (refused != 0) {
        answer.status = refused;
        req->http1_is_persistent = 0;
    } else {
        handle(connection, req, &answer);
    }
    answer_send(req, &answer,
                &(struct stream_place){.stream = &connection->stream,
                                       .progress = &connection->member.requests,
                                       .wrote = &server->wrote});
    buf_release(&answer.body);
    return 0;
}

/* h2o calls this when it is done with a request, just before it closes a connection it will not keep. */
static void on_logged(h2o_logger_t *self, h2o_req_t *req) {
    struct connection *connection = connection_of(req);
    struct http_server *server = connection->listener->server;
    (void)self;
    connection->written = connection->sock->bytes_written;
    if (connection->handled) {
        connection->handled = false;
        return;
    }
    server->crowd.counters.too_large += req->res.status == 413 || req->res.status == 431;
    server->crowd.counters.bad += req->res.status == 400 || req->res.status == 417;
    if (!req->http1_is_persistent && !connection->member.doomed) {
        lingers_add(server->lingers, h2o_socket_get_fd(connection->sock), NULL);
    }
}

/* ---- life ---- */

static void init_h2o(struct http_server *server) {
    h2o_config_init(&server->config);
    server->config.server_name = (h2o_iovec_t){NULL, 0};
    server->config.max_request_entity_size = server->crowd.limits.max_body;
    server->config.handshake_timeout = NEVER_MS;
    server->config.http1.req_timeout = NEVER_MS;
    server->config.http1.upgrade_to_http2 = 0;
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX; /* else a large body would be kept in a file in /tmp */
    h2o_hostconf_t *host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)(void *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->server = server;
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = on_logged;
    h2o_create_logger(&host->fallback_path, sizeof(h2o_logger_t))->log_access = on_logged; /* its own errors */
    h2o_context_init(&server->context, outer_loop(), &server->config);
    server->accept = (h2o_accept_ctx_t){.ctx = &server->context, .hosts = server->config.hosts};
}

static void on_inner_ready(h2o_socket_t *sock, const char *error) {
    struct http_server *server = sock->data;
    (void)error;
    server->inner_ready = true;
}

static bool open_listeners(struct http_server *server, const struct http_listen *listens, size_t count,
                           struct diag *diag) {
    server->listeners = xcalloc(count, sizeof server->listeners[0]);
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = &server->listeners[i];
        struct listen_access access = {listens[i].socket_mode, listens[i].socket_group};
        struct listen_socket socket;
        if (!listen_open(listens[i].address, &access, &socket, diag)) {
            return false;
        }
        listener->server = server;
        listener->handle = listens[i].handle;
        listener->context = listens[i].context;
        listener->acceptor.has_room = has_room;
        listener->acceptor.is_full = is_full;
        listener->acceptor.on_connection = on_connection;
        acceptor_start(&listener->acceptor, server->loop, socket);
        server->listener_count++;
    }
    return true;
}

struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits,
                                    const struct http_listen *listens, size_t count, struct diag *diag) {
    struct http_server *server = xcalloc(1, sizeof *server);
    server->loop = loop;
    server->head_limits = (struct head_limits){limits->max_header, limits->max_headers};
    cleanup_fd int inner = fcntl(loop_fd(loop), F_DUPFD_CLOEXEC, 3);
    if (inner < 0) {
        diag_fail(diag, "", "no descriptor for the loop: %s", strerror(errno));
    }
    if (inner < 0 || !open_listeners(server, listens, count, diag)) {
        http_server_stop_listening(server);
        free(server->listeners);
        free(server);
        return NULL;
    }
    signals_let_writes_fail();
    server->crowd.view = view_connection;
    server->crowd.close = close_connection;
    crowd_init(&server->crowd, loop, limits);
    server->lingers = lingers_new(loop);
    init_h2o(server);
    server->inner = h2o_evloop_socket_create(outer_loop(), take_fd(inner), H2O_SOCKET_FLAG_DONT_READ);
    server->inner->data = server;
    h2o_socket_read_start(server->inner, on_inner_ready);
    return server;
}

static void on_outer_failed(struct http_server *server, int error) {
    static struct log_limit limit;
    uint64_t skipped;
    if (error == EINTR) { /* stopped and continued: nothing happened */
        return;
    }
    if (error == ENOSPC ||
        error == ENOMEM) { /* of epoll_ctl: h2o has forgotten that socket, which may be a listening one */
        fprintf(stderr, "sipbridge: SIP epoll_ctl of a socket failed: %s; it would never be served\n", strerror(error));
        abort();
    }
    if (log_limit_pass(&limit, clock_mono_ms(), &skipped)) {
        log_error(NULL, "waiting for HTTP requests failed: %s; they wait, again in 10 ms", strerror(error));
    }
    loop_turn(server->loop, 10);
}

void http_server_turn(struct http_server *server, int max_wait_ms) {
    int wait_ms = server->wrote ? 0 : max_wait_ms;
    server->inner_ready = false;
    server->wrote = false;
    if (h2o_evloop_run(outer_loop(), loop_wait_ms(server->loop, wait_ms)) != 0) {
        on_outer_failed(server, errno);
    }
    if (server->inner_ready) {
        loop_turn(server->loop, 0);
    } else {
        loop_run_due(server->loop);
    }
    crowd_tend(&server->crowd, loop_now(server->loop));
}

void http_server_stop_listening(struct http_server *server) {
    for (size_t i = 0; i < server->listener_count; i++) {
        acceptor_stop(&server->listeners[i].acceptor);
    }
}

const struct http_counters *http_server_counters(const struct http_server *server) {
    return &server->crowd.counters;
}

int http_server_port(const struct http_server *server, size_t index) {
    return server->listeners[index].acceptor.socket.port;
}

void http_server_free(struct http_server *server) {
    if (server == NULL) {
        return;
    }
    http_server_stop_listening(server);
    while (server->crowd.first != NULL) { /* one that is being written to takes a few turns of h2o's loop to go */
        crowd_close_all(&server->crowd);
        (void)h2o_evloop_run(outer_loop(), 0);
    }
    h2o_socket_close(server->inner);
    h2o_multithread_queue_t *queue = server->context.queue;
    h2o_context_dispose(&server->context);
    free(queue); /* 2.2.5 empties it, and forgets it */
    h2o_config_dispose(&server->config);
    (void)h2o_evloop_run(outer_loop(), 0); /* frees the closed sockets */
    lingers_free(server->lingers);
    crowd_release(&server->crowd);
    free(server->listeners);
    free(server);
}
