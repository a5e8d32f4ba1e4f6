/* An HTTP server that answers one request with what the test says and keeps the request. Include after cmocka.h. */
#ifndef TESTS_ANSWER_SERVER_H
#define TESTS_ANSWER_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

struct server {
    int listener, port, status;
    const char *body;
    struct buf request;
    pthread_t thread;
};

static inline void *server_run(void *context) {
    struct server *server = context;
    int fd = accept(server->listener, NULL, NULL);
    while (server->request.len == 0 || strstr(server->request.p, "\r\n\r\n") == NULL) {
        ssize_t got = read(fd, buf_reserve(&server->request, 4096), 4096);
        if (got <= 0) {
            break;
        }
        server->request.len += (size_t)got;
        buf_adds(&server->request, "");
    }
    cleanup_buf struct buf answer = {0};
    buf_addf(&answer, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", server->status,
             strlen(server->body), server->body);
    (void)!write(fd, answer.p, answer.len);
    close(fd);
    return NULL;
}

static inline void server_start(struct server *server, int status, const char *body) {
    *server = (struct server){.status = status, .body = body};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static inline void server_stop(struct server *server) {
    pthread_join(server->thread, NULL);
    close(server->listener);
    buf_release(&server->request);
}

#endif
