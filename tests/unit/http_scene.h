/* A server in this process, turned by hand, and raw client sockets that speak to it. Include after cmocka.h. */
#ifndef TESTS_HTTP_SCENE_H
#define TESTS_HTTP_SCENE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"

#define PATIENCE_MS 60000

struct http_scene {
    struct loop *loop;
    struct http_server *server;
    unsigned calls;    /* of the handler */
    struct buf last;   /* what the handler saw: "METHOD path?query host=… auth=N peer=… body=…" */
    struct buf answer; /* what it answers, when not empty */
    const struct http_stream_owner *stream; /* of what is asked of /stream */
    const char *tag;
    mono_ms called_at; /* loop_now in the handler */
};

static inline void http_scene_handle(void *context, const struct http_request *request, struct http_answer *answer) {
    struct http_scene *scene = context;
    scene->calls++;
    scene->called_at = loop_now(scene->loop);
    buf_clear(&scene->last);
    buf_addf(&scene->last, "%.*s %.*s?%.*s host=%.*s auth=%u:%.*s peer=%.*s body=", SLICE_ARG(request->method),
             SLICE_ARG(request->path), SLICE_ARG(request->query), SLICE_ARG(request->host),
             request->authorization_count, SLICE_ARG(request->authorization), SLICE_ARG(request->peer));
    buf_add_slice(&scene->last, request->body);
    if (slice_is(request->path, "/405")) {
        answer->status = 405;
        answer->allow = "POST";
    }
    if (slice_is(request->path, "/stream")) {
        answer->stream = scene->stream;
        answer->content_type = "text/event-stream";
    } else if (scene->answer.len > 0) {
        answer->content_type = "text/plain";
        buf_add_slice(&answer->body, buf_slice(&scene->answer));
    }
}

/* Those of the daemon, but for the times, for which a busy machine may be too slow: a test sets those that it is about. */
static inline struct http_limits http_scene_limits(void) {
    struct http_limits limits = http_limits_default;
    limits.header_ms = limits.body_ms = limits.idle_ms = limits.write_ms = 10 * PATIENCE_MS;
    return limits;
}

/* LIMITS: NULL for http_scene_limits(). */
static inline struct http_scene *http_scene_new_at(const char *address, const struct http_limits *limits) {
    const struct http_limits patient = http_scene_limits();
    struct http_scene *scene = xcalloc(1, sizeof *scene);
    struct diag diag = {0};
    struct http_listen listen = {.address = address,
                                 .socket_mode = 0600,
                                 .handle = http_scene_handle,
                                 .context = scene};
    scene->loop = loop_new();
    scene->server = http_server_new(scene->loop, limits != NULL ? limits : &patient, &listen, 1, &diag);
    if (scene->server == NULL) {
        print_error("%s: %s\n", diag.where, diag.what);
    }
    assert_non_null(scene->server);
    return scene;
}

static inline struct http_scene *http_scene_new(const struct http_limits *limits) {
    return http_scene_new_at("127.0.0.1:0", limits);
}

static inline void http_scene_free(struct http_scene *scene) {
    http_server_free(scene->server);
    loop_free(scene->loop);
    buf_release(&scene->last);
    buf_release(&scene->answer);
    free(scene);
}

/* A client socket, not yet connected, bound to 127.0.0.LAST. */
static inline int http_scene_connect_from(struct http_scene *scene, int last) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000U + (unsigned)last)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((in_port_t)http_server_port(scene->server, 0))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline int http_scene_connect(struct http_scene *scene) {
    return http_scene_connect_from(scene, 1);
}

static inline void http_scene_turn(struct http_scene *scene) {
    http_server_turn(scene->server, 20);
}

/* Writes all of it, turning the server when it does not fit. False when the server hung up. */
static inline bool http_scene_send(struct http_scene *scene, int fd, struct slice bytes) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (bytes.n > 0) {
        ssize_t size = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (size < 0 && errno != EAGAIN) {
            return false;
        }
        if (size < 0) {
            http_scene_turn(scene);
        } else {
            bytes = (struct slice){bytes.p + size, bytes.n - (size_t)size};
        }
        assert_true(clock_mono_ms() < deadline);
    }
    return true;
}

/* Reads what is there. 1: something, 0: the end, -1: nothing now, -2: reset. */
static inline int http_scene_read(int fd, struct buf *into) {
    char bytes[65536];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size > 0) {
        buf_add(into, bytes, (size_t)size);
        return 1;
    }
    return size == 0 ? 0 : errno == EAGAIN ? -1 : -2;
}

/* Length of the first whole answer in TEXT (to a HEAD request when IS_HEAD); 0 when it is not whole. */
static inline size_t http_scene_answer_length(const struct buf *text, bool is_head) {
    const char *end = text->len > 0 ? strstr(text->p, "\r\n\r\n") : NULL;
    if (end == NULL) {
        return 0;
    }
    size_t head = (size_t)(end - text->p) + 4;
    const char *length = strcasestr(text->p, "\r\ncontent-length: ");
    size_t body = length != NULL && length < end && !is_head ? strtoul(length + 18, NULL, 10) : 0;
    return text->len >= head + body ? head + body : 0;
}

/* Turns the server until a whole answer has come; the caller removes it from TEXT. */
static inline size_t http_scene_await(struct http_scene *scene, int fd, struct buf *text) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    size_t length;
    while ((length = http_scene_answer_length(text, false)) == 0) {
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
        int result = http_scene_read(fd, text);
        if (result == 0 || result == -2) {
            return http_scene_answer_length(text, false);
        }
    }
    return length;
}

/* Turns the server until it hangs up; what came before is in TEXT. False: by a reset. */
static inline bool http_scene_await_end(struct http_scene *scene, int fd, struct buf *text) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        int result = http_scene_read(fd, text);
        if (result == 0 || result == -2) {
            return result == 0;
        }
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
    }
}

/* Is the connection still open, as far as this side knows? */
static inline bool http_scene_is_open(int fd) {
    char byte;
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK);
    return size > 0 || (size < 0 && errno == EAGAIN);
}

static inline int http_scene_status(const struct buf *text) {
    return text->len > 12 && strncmp(text->p, "HTTP/1.", 7) == 0 ? (int)strtol(text->p + 9, NULL, 10) : 0;
}

/* One request on a fresh connection; the status, 0 when there was no answer. */
static inline int http_scene_ask(struct http_scene *scene, struct slice request) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)http_scene_send(scene, fd, request);
    (void)http_scene_await(scene, fd, &text);
    close(fd);
    return http_scene_status(&text);
}

static inline void http_scene_turn_until(struct http_scene *scene, const unsigned *value, unsigned wanted) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (*value != wanted) {
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
    }
}

#endif
