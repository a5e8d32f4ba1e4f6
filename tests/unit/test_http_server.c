/* What goes over the wire: keep-alive, what is refused and how, who sees what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/log.h"
#include "http_scene.h"
#include "scratch.h"

#define POST "POST /webhooks/livekit HTTP/1.1\r\nHost: a\r\n"

static struct http_scene *scene;

static int setup(void **state) {
    struct http_limits limits = http_scene_limits();
    (void)state;
    limits.max_body = 1000;
    scene = http_scene_new(&limits);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_scene_free(scene);
    return 0;
}

static bool has(const struct buf *text, const char *part) {
    return text->len > 0 && strcasestr(text->p, part) != NULL;
}

/* A Go or Node client keeps its connection only if the empty answer says that it is empty. */
static void test_twenty_posts_over_one_connection(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        assert_true(http_scene_send(scene, fd, SLICE(POST "Content-Length: 5\r\n\r\nhello")));
        size_t length = http_scene_await(scene, fd, &text);
        assert_int_equal(http_scene_status(&text), 200);
        assert_true(has(&text, "\r\nContent-Length: 0\r\n"));
        assert_false(has(&text, "chunked"));
        assert_true(has(&text, "Connection: keep-alive"));
        assert_false(has(&text, "\r\nServer:")); /* which library, and of which version */
        assert_int_equal(length, text.len);      /* not a byte after the head */
        buf_clear(&text);
        assert_int_equal(scene->calls, i);
        assert_string_equal(scene->last.p, "POST /webhooks/livekit? host=a auth=0: peer=127.0.0.1 body=hello");
    }
    assert_true(http_scene_is_open(fd));
    assert_int_equal(http_server_counters(scene->server)->connections, 1);
    assert_int_equal(http_server_counters(scene->server)->requests, 20);
    close(fd);
}

#define LINE100 \
    "X: 1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\r\n"

static void test_requests(void **state) {
    static const struct {
        const char *name, *request;
        int status;
        bool closed;
        const char *seen; /* by the handler; NULL: it was not called */
    } cases[] = {
        {"query", "GET /a?b=c?d HTTP/1.1\r\nHost: x:1\r\n\r\n", 200, false,
         "GET /a?b=c?d host=x:1 auth=0: peer=127.0.0.1 body="},
        {"path as sent", "GET /a/../b%20c HTTP/1.1\r\nHost: x\r\n\r\n", 200, false,
         "GET /a/../b%20c? host=x auth=0: peer=127.0.0.1 body="},
        {"no slash", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200, false,
         "OPTIONS *? host=x auth=0: peer=127.0.0.1 body="},
        {"HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", 200, true, "GET /? host= auth=0: peer=127.0.0.1 body="},
        {"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, false,
         "GET /? host= auth=0: peer=127.0.0.1 body="},
        {"asked to close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, true,
         "GET /? host=x auth=0: peer=127.0.0.1 body="},
        {"bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 200, false, "GET /? host=x auth=0: peer=127.0.0.1 body="},
        {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, false,
         "GET /? host=x auth=0: peer=127.0.0.1 body="},
        {"authorization", POST "Authorization: abc\r\nContent-Length: 2\r\n\r\n{}", 200, false,
         "POST /webhooks/livekit? host=a auth=1:abc peer=127.0.0.1 body={}"},
        {"two authorizations", POST "authorization: a\r\nAUTHORIZATION: b\r\nContent-Length: 0\r\n\r\n", 200, false,
         "POST /webhooks/livekit? host=a auth=2:b peer=127.0.0.1 body="},
        {"forwarded headers", "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n\r\n",
         200, false, "GET /? host=x auth=0: peer=127.0.0.1 body="},
        {"chunked", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, false,
         "POST /webhooks/livekit? host=a auth=0: peer=127.0.0.1 body=abcde"},
        {"upgrade to h2c",
         "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
         200, true, "GET /? host=x auth=0: peer=127.0.0.1 body="},
        {"405", "GET /405 HTTP/1.1\r\nHost: x\r\n\r\n", 405, false, "GET /405? host=x auth=0: peer=127.0.0.1 body="},
        {"two lengths alike", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, true, NULL},
        {"two lengths", POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, true, NULL},
        {"length and chunks", POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true, NULL},
        {"chunks and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400, true, NULL},
        {"chunks twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true,
         NULL},
        {"other encoding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, true, NULL},
        {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, true, NULL},
        {"folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, true, NULL},
        {"space before the colon", POST "Content-Length : 2\r\n\r\n{}", 400, true, NULL},
        {"length with a sign", POST "Content-Length: +2\r\n\r\n{}", 400, true, NULL},
        {"length list", POST "Content-Length: 2, 2\r\n\r\n{}", 400, true, NULL},
        {"length negative", POST "Content-Length: -1\r\n\r\n", 400, true, NULL},
        {"length too long for a number", POST "Content-Length: 99999999999999999999999\r\n\r\n", 400, true, NULL},
        {"broken chunk", POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true, NULL},
        {"not HTTP", "\x16\x03\x01\x02\x01 hello\r\n\r\n", 400, true, NULL},
        {"PROXY line", "PROXY TCP4 9.9.9.9 8.8.8.8 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, true, NULL},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, true, NULL},
        {"body over the limit", POST "Content-Length: 1001\r\n\r\n", 413, true, NULL},
        {"expects something else", POST "Content-Length: 2\r\nExpect: tea\r\n\r\n{}", 417, true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf text = {0};
        int fd = http_scene_connect(scene);
        unsigned calls = scene->calls;
        (void)http_scene_send(scene, fd, slice_of(cases[i].request));
        (void)http_scene_await(scene, fd, &text);
        bool called = scene->calls != calls;
        if (http_scene_status(&text) != cases[i].status || called != (cases[i].seen != NULL) ||
            has(&text, "Connection: close") != cases[i].closed ||
            (called && strcmp(scene->last.p, cases[i].seen) != 0)) {
            fail_msg("%s: %s, handler saw: %s", cases[i].name, text.p, called ? scene->last.p : "nothing");
        }
        if (cases[i].closed && !http_scene_await_end(scene, fd, &text)) {
            fail_msg("%s: reset", cases[i].name);
        }
        assert_int_equal(http_scene_is_open(fd), !cases[i].closed);
        close(fd);
    }
    assert_int_equal(http_server_counters(scene->server)->bad, 18);
    assert_int_equal(http_server_counters(scene->server)->too_large, 1);
}

static void test_405_says_what_is_allowed(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    (void)http_scene_send(scene, fd, SLICE("GET /405 HTTP/1.1\r\nHost: x\r\n\r\n"));
    (void)http_scene_await(scene, fd, &text);
    assert_true(has(&text, "\r\nAllow: POST\r\n"));
    close(fd);
}

static void test_head_is_get_without_a_body(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    buf_adds(&scene->answer, "twelve bytes");
    (void)http_scene_send(scene, fd, SLICE("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (!has(&text, "twelve bytes") && clock_mono_ms() < deadline) {
        http_scene_turn(scene);
        (void)http_scene_read(fd, &text);
    }
    size_t head = http_scene_answer_length(&text, true);
    assert_true(head > 0);
    assert_memory_equal(text.p + head, "HTTP/1.1 200 OK", 15); /* nothing between the two heads */
    assert_true(has(&text, "content-length: 12\r\n"));
    assert_true(has(&text, "content-type: text/plain\r\n"));
    assert_int_equal(scene->calls, 2);
    close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    (void)http_scene_send(scene, fd,
                          SLICE(POST "Content-Length: 1\r\n\r\na" POST "Content-Length: 1\r\n\r\nb"
                                     "GET /405 HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (int i = 0; i < 3; i++) {
        size_t length = http_scene_await(scene, fd, &text);
        assert_int_equal(http_scene_status(&text), i < 2 ? 200 : 405);
        buf_consume(&text, length);
    }
    assert_int_equal(scene->calls, 3);
    close(fd);
}

static void test_byte_by_byte(void **state) {
    cleanup_buf struct buf text = {0};
    static const char request[] = POST "Authorization: t\r\nContent-Length: 3\r\n\r\nabc";
    int fd = http_scene_connect(scene);
    (void)state;
    for (size_t i = 0; i < sizeof request - 1; i++) {
        assert_int_equal(scene->calls, 0);
        assert_true(http_scene_send(scene, fd, (struct slice){request + i, 1}));
        http_server_turn(scene->server, 0);
    }
    (void)http_scene_await(scene, fd, &text);
    assert_string_equal(scene->last.p, "POST /webhooks/livekit? host=a auth=1:t peer=127.0.0.1 body=abc");
    close(fd);
}

static void test_continue_is_given(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    (void)http_scene_send(scene, fd, SLICE(POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    size_t length = http_scene_await(scene, fd, &text);
    assert_int_equal(http_scene_status(&text), 100);
    buf_consume(&text, length);
    (void)http_scene_send(scene, fd, SLICE("abc"));
    (void)http_scene_await(scene, fd, &text);
    assert_int_equal(http_scene_status(&text), 200);
    close(fd);
}

static void test_large_answer_arrives_whole(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        buf_addf(&scene->answer, "%06u,", i);
    }
    (void)http_scene_send(scene, fd, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    size_t length = http_scene_await(scene, fd, &text);
    assert_true(length > scene->answer.len);
    assert_memory_equal(text.p + length - scene->answer.len, scene->answer.p, scene->answer.len);
    close(fd);
}

/* The peer has sent much more than was read when the answer goes out: it must get the answer, not a reset. */
static void test_413_is_read_by_a_client_that_sends_it_all(void **state) {
    static const char *const heads[] = {POST "Content-Length: 4194304\r\n\r\n",
                                        POST "Transfer-Encoding: chunked\r\n\r\n400000\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        cleanup_buf struct buf text = {0};
        cleanup_buf struct buf body = {0};
        int fd = http_scene_connect(scene);
        memset(buf_reserve(&body, 4194304), 'x', 4194304);
        body.len = 4194304;
        assert_true(http_scene_send(scene, fd, slice_of(heads[i])));
        assert_true(http_scene_send(scene, fd, buf_slice(&body)));
        assert_true(http_scene_await_end(scene, fd, &text));
        assert_int_equal(http_scene_status(&text), 413);
        close(fd);
    }
    assert_int_equal(http_server_counters(scene->server)->too_large, 2);
    assert_int_equal(scene->calls, 0);
}

/* Nor may it send for ever, fast or slowly, what nobody wants: it had its answer. */
static void test_413_is_no_leave_to_send_for_ever(void **state) {
    static const size_t most = 64U << 20; /* 16 MiB are read, and the kernel holds some on either side */
    char bytes[65536];
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    int fast = http_scene_connect(scene), slow = http_scene_connect(scene);
    assert_true(http_scene_send(scene, fast, SLICE(POST "Content-Length: 1000000000\r\n\r\n")));
    size_t sent = 0;
    while (sent <= most && http_scene_send(scene, fast, (struct slice){bytes, sizeof bytes})) {
        sent += sizeof bytes;
        http_scene_turn(scene);
    }
    assert_true(sent <= most);
    assert_true(http_scene_send(scene, slow, SLICE(POST "Content-Length: 1000000000\r\n\r\n")));
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (http_scene_send(scene, slow, SLICE("x"))) {
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
    }
    close(fast);
    close(slow);
}

/* The handler's `now` is that of its request, not of the turn before a long wait. */
static void test_now_is_fresh_in_the_handler(void **state) {
    int fd = http_scene_connect(scene);
    (void)state;
    http_scene_turn(scene);
    mono_ms start = clock_mono_ms();
    while (clock_mono_ms() < start + 30) {
    }
    (void)http_scene_send(scene, fd, SLICE(POST "Content-Length: 0\r\n\r\n"));
    http_scene_turn_until(scene, &scene->calls, 1);
    assert_true(scene->called_at >= start + 30);
    close(fd);
}

struct ticking {
    struct timer timer;
    unsigned calls;
};

static void on_due(struct timer *timer) {
    container_of(timer, struct ticking, timer)->calls++;
}

static void test_timers_run_inside_the_server(void **state) {
    struct ticking it = {.timer.on_due = on_due};
    (void)state;
    mono_ms start = clock_mono_ms();
    timer_start(&it.timer, scene->loop, 30);
    while (it.calls == 0 && clock_mono_ms() < start + PATIENCE_MS) {
        http_server_turn(scene->server, 3600000); /* who slept that long would not be waited for */
    }
    assert_int_equal(it.calls, 1);
}

/* A child stops this process and lets it go on. */
static void stop_and_continue(pid_t target) {
    char path[64], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)target);
    kill(target, SIGSTOP);
    for (mono_ms deadline = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < deadline;) {
        FILE *file = fopen(path, "r");
        bool stopped = file != NULL && fgets(stat, sizeof stat, file) != NULL && strstr(stat, ") T ") != NULL;
        if (file != NULL) {
            fclose(file);
        }
        if (stopped) {
            break;
        }
    }
    kill(target, SIGCONT);
    kill(getpid(), SIGKILL); /* not _exit: valgrind would look for leaks in this copy */
}

static void count_record(void *context, const struct log_heard *record) {
    (void)record;
    ++*(unsigned *)context;
}

static void test_stopped_and_continued(void **state) {
    unsigned records = 0;
    (void)state;
    log_listen(count_record, &records);
    pid_t self = getpid();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        stop_and_continue(self);
    }
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (waitpid(child, NULL, WNOHANG) == 0) {
        assert_true(clock_mono_ms() < deadline);
        http_server_turn(scene->server, 200);
    }
    log_listen(NULL, NULL);
    assert_int_equal(records, 0); /* not a trouble */
    assert_int_equal(http_scene_ask(scene, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
}

static void test_stop_listening_serves_on(void **state) {
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    int port = http_server_port(scene->server, 0);
    (void)state;
    http_scene_turn_until(scene, &http_server_counters(scene->server)->open, 1);
    http_server_stop_listening(scene->server);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((in_port_t)port)};
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(other, (struct sockaddr *)&to, sizeof to), -1);
    close(other);
    (void)http_scene_send(scene, fd, SLICE(POST "Content-Length: 0\r\n\r\n"));
    (void)http_scene_await(scene, fd, &text);
    assert_int_equal(http_scene_status(&text), 200);
    close(fd);
    http_scene_turn_until(scene, &http_server_counters(scene->server)->open, 0);
}

static void test_two_listeners_and_a_unix_socket(void **state) {
    cleanup_buf struct buf text = {0};
    char *directory = scratch_new();
    cleanup_free char *address = xasprintf("unix:%s/http.sock", directory);
    struct http_scene *other = xcalloc(1, sizeof *other), *here = xcalloc(1, sizeof *here);
    const struct http_listen listens[] = {
        {.address = "127.0.0.1:0", .handle = http_scene_handle, .context = here},
        {.address = address, .socket_mode = 0600, .handle = http_scene_handle, .context = other},
    };
    struct diag diag;
    (void)state;
    here->loop = other->loop = loop_new();
    here->server = http_server_new(here->loop, &http_limits_default, listens, 2, &diag);
    assert_non_null(here->server);
    assert_true(http_server_port(here->server, 0) > 0);
    assert_int_equal(http_server_port(here->server, 1), 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", address + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    (void)http_scene_send(here, fd, SLICE("GET /u HTTP/1.1\r\nHost: x\r\n\r\n"));
    (void)http_scene_await(here, fd, &text);
    assert_int_equal(here->calls, 0);
    assert_string_equal(other->last.p, "GET /u? host=x auth=0: peer=unix body=");
    assert_int_equal(http_scene_ask(here, SLICE("GET /t HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
    assert_string_equal(here->last.p, "GET /t? host=x auth=0: peer=127.0.0.1 body=");
    close(fd);
    buf_release(&other->last);
    free(other);
    http_scene_free(here);
    assert_int_equal(access(address + 5, F_OK), -1);
    scratch_free(directory);
}

static void test_no_second_server_on_the_port(void **state) {
    struct diag diag = {0};
    cleanup_free char *address = xasprintf("127.0.0.1:%d", http_server_port(scene->server, 0));
    const struct http_listen listen = {.address = address, .handle = http_scene_handle};
    (void)state;
    struct loop *loop = loop_new();
    assert_null(http_server_new(loop, &http_limits_default, &listen, 1, &diag));
    assert_string_equal(diag.where, address);
    assert_non_null(strstr(diag.what, "in use by pid"));
    loop_free(loop);
}

static unsigned count_fds(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* With connections in every state; ASan counts the memory. */
static void test_free_leaves_no_fd(void **state) {
    unsigned before = 0;
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct http_scene *other = http_scene_new(NULL);
        int idle = http_scene_connect(other), header = http_scene_connect(other), body = http_scene_connect(other),
            stalled = http_scene_connect(other);
        memset(buf_reserve(&other->answer, 8000000), 'x', 8000000);
        other->answer.len = 8000000;
        (void)http_scene_send(other, header, SLICE("GET / HT"));
        (void)http_scene_send(other, body, SLICE(POST "Content-Length: 10\r\n\r\nabc"));
        (void)http_scene_send(other, stalled, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        http_scene_turn_until(other, &other->calls, 1);
        http_scene_turn_until(other, &http_server_counters(other->server)->open, 4);
        http_scene_free(other);
        close(idle);
        close(header);
        close(body);
        close(stalled);
        before = round == 0 ? count_fds() : before;
    }
    assert_int_equal(count_fds(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_twenty_posts_over_one_connection),
        TEST(test_requests),
        TEST(test_405_says_what_is_allowed),
        TEST(test_head_is_get_without_a_body),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_byte_by_byte),
        TEST(test_continue_is_given),
        TEST(test_large_answer_arrives_whole),
        TEST(test_413_is_read_by_a_client_that_sends_it_all),
        TEST(test_413_is_no_leave_to_send_for_ever),
        TEST(test_now_is_fresh_in_the_handler),
        TEST(test_timers_run_inside_the_server),
        TEST(test_stopped_and_continued),
        TEST(test_stop_listening_serves_on),
        cmocka_unit_test(test_two_listeners_and_a_unix_socket),
        TEST(test_no_second_server_on_the_port),
        cmocka_unit_test(test_free_leaves_no_fd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
