/* The blocking client against our own server in a child process, and against things that are no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "http/client.h"
#include "http/listen.h"
#include "http/server.h"
#include "scratch.h"

static pid_t child;
static int port;
static char *directory, *socket_path, *base_url;
static struct http_client *client;
static const struct listen_access access_own = {.mode = 0600, .group = NULL};

static struct http_server *server;

/* "METHOD path authorization connections body", or what the path asks for. */
static void handle(void *context, const struct http_request *request, struct http_answer *answer) {
    (void)context;
    answer->content_type = "text/plain";
    if (slice_is(request->path, "/500")) {
        answer->status = 500;
    }
    buf_addf(&answer->body, "%.*s %.*s %.*s %u ", SLICE_ARG(request->method), SLICE_ARG(request->path),
             SLICE_ARG(request->authorization), (unsigned)http_server_counters(server)->connections);
    buf_add_slice(&answer->body, request->body);
}

static void serve(const struct listen_socket *tcp, const struct listen_socket *local) {
    cleanup_free char *first = xasprintf("fd:%d", tcp->fd), *second = xasprintf("fd:%d", local->fd);
    const struct http_listen listens[] = {{.address = first, .handle = handle}, {.address = second, .handle = handle}};
    server = http_server_new(loop_new(), &http_limits_default, listens, 2, NULL);
    while (server != NULL) {
        http_server_turn(server, 60000);
    }
    _exit(1);
}

static int setup(void **state) {
    struct listen_socket tcp, local;
    (void)state;
    directory = scratch_new();
    socket_path = xasprintf("%s/s", directory);
    cleanup_free char *address = xasprintf("unix:%s", socket_path);
    assert_true(listen_open("127.0.0.1:0", &access_own, &tcp, NULL));
    assert_true(listen_open(address, &access_own, &local, NULL));
    port = tcp.port;
    base_url = xasprintf("http://127.0.0.1:%d", port);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(&tcp, &local);
    }
    listen_close(&tcp);
    close(local.fd);
    free(local.path);
    client = http_client_new();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_client_free(client);
    http_client_free(NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    scratch_free(directory);
    free(socket_path);
    free(base_url);
    return 0;
}

static int ask(struct http_call call, struct buf *ret_body) {
    struct diag diag = {0};
    int status = 0;
    call.timeout_ms = call.timeout_ms > 0 ? call.timeout_ms : 20000;
    call.max_answer = call.max_answer > 0 ? call.max_answer : 100000;
    if (!http_client_call(client, &call, &status, ret_body, &diag)) {
        buf_clear(ret_body);
        buf_addf(ret_body, "%s: %s", diag.where, diag.what);
        return -1;
    }
    return status;
}

static void test_methods(void **state) {
    static const struct {
        const char *method, *body, *says;
    } cases[] = {
        {"GET", "", "GET /a  1 "},
        {"POST", "hello", "POST /a  1 hello"},
        {"POST", "", "POST /a  1 "},
        {"DELETE", "", "DELETE /a  1 "},
        {"HEAD", "", ""},
        {"PUT", "x", "PUT /a  1 x"},
        {"GET", "", "GET /a  1 "},
    };
    cleanup_free char *url = xasprintf("%s/a", base_url);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) { /* all over one connection: the "1" */
        cleanup_buf struct buf body = {0};
        int status =
            ask((struct http_call){.method = cases[i].method, .url = url, .body = slice_of(cases[i].body)}, &body);
        assert_int_equal(status, 200);
        assert_string_equal(body.p, cases[i].says);
    }
}

static void test_headers(void **state) {
    cleanup_free char *url = xasprintf("%s/h", base_url);
    cleanup_buf struct buf body = {0};
    (void)state;
    struct http_call call = {.method = "POST",
                             .url = url,
                             .authorization = "abc.def",
                             .content_type = "application/webhook+json",
                             .body = SLICE("{}")};
    assert_int_equal(ask(call, &body), 200);
    assert_string_equal(body.p, "POST /h abc.def 1 {}");
}

static void test_large_body_needs_no_continue(void **state) {
    cleanup_free char *url = xasprintf("%s/l", base_url);
    cleanup_buf struct buf body = {0}, sent = {0};
    (void)state;
    memset(buf_reserve(&sent, 1000000), 'x', 1000000);
    sent.len = 1000000;
    struct http_call call = {.method = "POST", .url = url, .body = buf_slice(&sent), .max_answer = 2000000};
    assert_int_equal(ask(call, &body), 200);
    assert_int_equal(body.len, 1000000 + strlen("POST /l  1 "));
}

static void test_error_status_is_an_answer(void **state) {
    cleanup_free char *url = xasprintf("%s/500", base_url);
    cleanup_buf struct buf body = {0};
    (void)state;
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url}, &body), 500);
    assert_string_equal(body.p, "GET /500  1 ");
}

static void test_unix_socket(void **state) {
    cleanup_buf struct buf body = {0};
    (void)state;
    struct http_call call = {.method = "GET", .url = "http://sipbridge/u", .unix_socket = socket_path};
    assert_int_equal(ask(call, &body), 200);
    assert_string_equal(body.p, "GET /u  1 ");
}

static void test_proxy_of_the_environment_is_ignored(void **state) {
    cleanup_free char *url = xasprintf("%s/p", base_url);
    cleanup_buf struct buf body = {0};
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url}, &body), 200);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void test_too_long_an_answer(void **state) {
    cleanup_free char *url = xasprintf("%s/x", base_url);
    cleanup_buf struct buf body = {0};
    (void)state;
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url, .max_answer = 10}, &body), 200);
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url, .max_answer = 9}, &body), -1);
    assert_non_null(strstr(body.p, "longer than 9 bytes"));
}

static void expect_failure(const char *url, const char *unix_socket, const char *says) {
    cleanup_buf struct buf body = {0};
    struct http_call call = {.method = "GET", .url = url, .unix_socket = unix_socket, .timeout_ms = 300};
    int status = ask(call, &body);
    if (status != -1 || strstr(body.p, says) == NULL) {
        fail_msg("%s: %d %s", url, status, body.p);
    }
}

static void test_no_answer(void **state) {
    struct listen_socket mute, gone;
    cleanup_free char *missing = xasprintf("%s/missing", directory);
    (void)state;
    assert_true(listen_open("127.0.0.1:0", &access_own, &mute, NULL));
    assert_true(listen_open("127.0.0.1:0", &access_own, &gone, NULL));
    cleanup_free char *mute_url = xasprintf("http://127.0.0.1:%d/", mute.port);
    cleanup_free char *gone_url = xasprintf("http://127.0.0.1:%d/", gone.port);
    listen_close(&gone);
    expect_failure(mute_url, NULL, "no answer within 300 ms");
    expect_failure(gone_url, NULL, "nobody answers there");
    expect_failure("http://sipbridge/", missing, "nobody answers there");
    expect_failure("file:///etc/passwd", NULL, "not an http:// or https:// URL");
    expect_failure("http://", NULL, "not an http:// or https:// URL");
    listen_close(&mute);
}

/* One answer, written by hand: what follows from it must not be another request. */
static pid_t answer_once(struct listen_socket *listening, const char *answer) {
    pid_t pid = fork();
    if (pid == 0) {
        char bytes[4096];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(listening->fd, F_SETFL, 0);
        int fd = accept(listening->fd, NULL, NULL);
        (void)!read(fd, bytes, sizeof bytes);
        (void)!write(fd, answer, strlen(answer));
        close(fd);
        _exit(0);
    }
    return pid;
}

static void test_redirects_are_not_followed(void **state) {
    struct listen_socket listening;
    cleanup_buf struct buf body = {0};
    (void)state;
    assert_true(listen_open("127.0.0.1:0", &access_own, &listening, NULL));
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d/", listening.port);
    cleanup_free char *answer =
        xasprintf("HTTP/1.1 302 Found\r\nLocation: %s/secret\r\nContent-Length: 0\r\n\r\n", base_url);
    pid_t pid = answer_once(&listening, answer);
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url}, &body), 302);
    waitpid(pid, NULL, 0);
    pid = answer_once(&listening, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut");
    assert_int_equal(ask((struct http_call){.method = "GET", .url = url}, &body), -1);
    waitpid(pid, NULL, 0);
    listen_close(&listening);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_methods),
        TEST(test_headers),
        TEST(test_large_body_needs_no_continue),
        TEST(test_error_status_is_an_answer),
        TEST(test_unix_socket),
        TEST(test_proxy_of_the_environment_is_ignored),
        TEST(test_too_long_an_answer),
        TEST(test_no_answer),
        TEST(test_redirects_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
