/* A real redis-server for a test, on a unix socket and an ephemeral TCP port, and a plain way to talk to it. Its
 * absence is a failure, not a reason to skip. Include after cmocka.h. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scratch.h"

struct redis_server {
    char *dir, *socket, *url;
    int port;
    pid_t pid;
    char said[4096]; /* the last answer, its first 4 KiB as sent */
};

static inline int redis_server_connect(const struct redis_server *server) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", server->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A port that was free a moment ago. */
static inline int free_port(void) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    close(fd);
    return ntohs(name.sin_port);
}

static inline void redis_server_start(struct redis_server *server) {
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    char *argv[] = {"redis-server",
                    "--port",
                    port,
                    "--bind",
                    "127.0.0.1",
                    "--unixsocket",
                    server->socket,
                    "--dir",
                    server->dir,
                    "--save",
                    "",
                    "--logfile",
                    "/dev/null",
                    "--appendonly",
                    "no",
                    "--daemonize",
                    "no",
                    "--enable-debug-command",
                    "yes",
                    NULL};
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        execvp(argv[0], argv);
        _exit(127);
    }
    mono_ms end = clock_mono_ms() + 60000;
    int fd;
    while ((fd = redis_server_connect(server)) < 0) {
        if (clock_mono_ms() > end || waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            fail_msg("redis-server did not come up on %s: is the package redis-server there?", server->socket);
        }
        poll(NULL, 0, 2);
    }
    close(fd);
}

static inline struct redis_server *redis_server_new(void) {
    struct redis_server *server = xcalloc(1, sizeof *server);
    server->dir = scratch_new();
    server->socket = xasprintf("%s/redis.sock", server->dir);
    server->url = xasprintf("unix://%s", server->socket);
    server->port = free_port();
    redis_server_start(server);
    return server;
}

static inline void redis_server_kill(struct redis_server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
    unlink(server->socket);
}

static inline void redis_server_free(struct redis_server *server) {
    redis_server_kill(server);
    scratch_free(server->dir);
    free(server->socket);
    free(server->url);
    free(server);
}

/* Sends one command (words until NULL) and returns what came back within 5 s, as sent. */
static inline const char *redis_say(struct redis_server *server, ...) {
    struct buf command = {0}, words = {0};
    size_t count = 0;
    va_list list;
    va_start(list, server);
    for (const char *word; (word = va_arg(list, const char *)) != NULL; count++) {
        buf_addf(&words, "$%zu\r\n%s\r\n", strlen(word), word);
    }
    va_end(list);
    buf_addf(&command, "*%zu\r\n%s", count, words.p);
    int fd = redis_server_connect(server);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, command.p, command.len, MSG_NOSIGNAL), (ssize_t)command.len);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 5000), 1);
    ssize_t size = recv(fd, server->said, sizeof server->said - 1, 0);
    assert_true(size > 0);
    server->said[size] = '\0';
    close(fd);
    buf_release(&command);
    buf_release(&words);
    return server->said;
}

#endif
