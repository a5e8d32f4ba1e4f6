/* Whatever comes over one connection: the real server, a real socket. Nothing may crash or leak, the handler may
 * only see whole requests within the limits, and the connection must be gone when its peer is. */
#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
    .max_header = 512,
    .max_headers = 8,
    .max_body = 256,
    .max_bodies = 1 << 20,
    .header_ms = 5000,
    .body_ms = 5000,
    .idle_ms = 5000,
    .write_ms = 5000,
    .max_connections = 8,
    .max_per_peer = 8,
};

static void handle(void *context, const struct http_request *request, struct http_answer *answer) {
    (void)context;
    assert(request->body.n <= limits.max_body);
    assert(request->method.n + request->path.n + request->query.n + request->host.n + request->authorization.n <=
           limits.max_header);
    assert(memchr(request->path.p, '?', request->path.n) == NULL);
    answer->content_type = "text/plain";
    buf_add_slice(&answer->body, request->path);
}

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void remove_socket(void) {
    unlink(address.sun_path);
}

static struct http_server *start(void) {
    struct diag diag = {0};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/sipbridge-fuzz-%d.sock", (int)getpid());
    cleanup_free char *listen_at = xasprintf("unix:%s", address.sun_path);
    const struct http_listen listen = {.address = listen_at, .socket_mode = 0600, .handle = handle};
    struct http_server *server = http_server_new(loop_new(), &limits, &listen, 1, &diag);
    if (server == NULL) {
        fprintf(stderr, "%s: %s\n", diag.where, diag.what);
    }
    assert(server != NULL);
    atexit(remove_socket);
    return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_server *server;
    if (server == NULL) {
        server = start();
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    assert(result == 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    for (size_t at = 0; at < size;) { /* in two pieces, cut where the input says */
        size_t piece = at == 0 && size > 1 ? 1 + data[0] % (size - 1) : size - at;
        if (send(fd, data + at, piece, MSG_NOSIGNAL) != (ssize_t)piece) {
            break;
        }
        at += piece;
        http_server_turn(server, 0);
    }
    close(fd);
    mono_ms deadline = clock_mono_ms() + 10000;
    http_server_turn(server, 0);
    while (http_server_counters(server)->open > 0) {
        http_server_turn(server, 10);
        assert(clock_mono_ms() < deadline);
    }
    return 0;
}
