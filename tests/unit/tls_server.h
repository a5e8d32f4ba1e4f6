/* A TLS server (openssl s_server) with a throw-away certificate for one name, that answers one request with what
 * the test says. Include after cmocka.h. */
#ifndef TESTS_TLS_SERVER_H
#define TESTS_TLS_SERVER_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scratch.h"

struct tls_server {
    char *directory, *certificate;
    int port, to, from;
    pid_t pid;
    struct buf said;
};

static inline pid_t tls_run(char *const argv[], int in, int out) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
            _exit(126);
        }
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static inline void tls_certificate(struct tls_server *server, const char *name) {
    cleanup_free char *key = xasprintf("%s/key.pem", server->directory);
    cleanup_free char *san = xasprintf("subjectAltName=%s", name);
    char *argv[] = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=test",
                    "-addext",
                    san,
                    "-keyout",
                    key,
                    "-out",
                    server->certificate,
                    NULL};
    cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int status = 0;
    pid_t pid = tls_run(argv, null, null);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        fail_msg("openssl req ended with %d: is the package openssl there?", status);
    }
}

static inline void tls_read_more(struct tls_server *server) {
    ssize_t got = read(server->from, buf_reserve(&server->said, 4096), 4096);
    if (got == 0) {
        fail_msg("openssl s_server ended: %s", server->said.len > 0 ? server->said.p : "");
    }
    server->said.len += got > 0 ? (size_t)got : 0;
    server->said.p[server->said.len] = '\0';
}

/* Where TEXT begins in what the server printed. */
static inline const char *tls_read_until(struct tls_server *server, const char *text) {
    mono_ms end = clock_mono_ms() + 60000;
    while (server->said.len == 0 || strstr(server->said.p, text) == NULL) {
        assert_true(clock_mono_ms() < end);
        tls_read_more(server);
    }
    return strstr(server->said.p, text);
}

/* NAME: "IP:127.0.0.1", "DNS:localhost" …; listens on 127.0.0.1. */
static inline void tls_start(struct tls_server *server, const char *name) {
    int to[2], from[2];
    *server = (struct tls_server){.directory = scratch_new()};
    server->certificate = xasprintf("%s/certificate.pem", server->directory);
    tls_certificate(server, name);
    cleanup_free char *key = xasprintf("%s/key.pem", server->directory);
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    char *argv[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", server->certificate, "-key", key, NULL};
    server->pid = tls_run(argv, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    server->to = to[1];
    server->from = from[0];
    const char *port = tls_read_until(server, "ACCEPT 127.0.0.1:") + strlen("ACCEPT 127.0.0.1:");
    size_t at = (size_t)(port - server->said.p);
    while (strchr(server->said.p + at, '\n') == NULL) { /* the rest of the line */
        tls_read_more(server);
    }
    port = server->said.p + at;
    server->port = (int)strtol(port, NULL, 10);
    fcntl(server->from, F_SETFL, O_NONBLOCK);
}

/* Whether TEXT was printed by now (the request, as it came). */
static inline bool tls_heard(struct tls_server *server, const char *text) {
    tls_read_more(server);
    return strstr(server->said.p, text) != NULL;
}

static inline void tls_say(struct tls_server *server, const char *answer) {
    assert_int_equal(write(server->to, answer, strlen(answer)), (ssize_t)strlen(answer));
}

static inline void tls_stop(struct tls_server *server) {
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->to);
    close(server->from);
    buf_release(&server->said);
    free(server->certificate);
    scratch_free(server->directory);
}

#endif
