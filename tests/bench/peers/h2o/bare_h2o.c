/* The yardstick of run.py: h2o as bare as it gets. It reads a request with its body and answers 200 with nothing;
 * what sipbridge needs beyond that is the price of verifying and acting. Prints its port on 127.0.0.1. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <h2o.h>
#include <h2o/http1.h>

enum { ACCEPTS_A_TURN = 16, BACKLOG = 512 };

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_context;

static int on_request(h2o_handler_t *self, h2o_req_t *req) {
    static h2o_generator_t generator;
    (void)self;
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = 0;
    h2o_start_response(req, &generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
    for (int i = 0; error == NULL && i < ACCEPTS_A_TURN; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL) {
            return;
        }
        h2o_accept(&accept_context, sock);
    }
}

static int listen_anywhere(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("bare_h2o: listening on 127.0.0.1");
        exit(1);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int main(void) {
    int port;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    h2o_socket_t *listener = h2o_evloop_socket_create(context.loop, listen_anywhere(&port), H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    printf("%d\n", port);
    fflush(stdout);
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0) {
    }
    return 1;
}
