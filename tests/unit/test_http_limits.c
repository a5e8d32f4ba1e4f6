/* Each limit of the server, over real sockets: time, size, number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/resource.h>

#include "base/file.h"
#include "http_scene.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static const struct http_counters *counters(const struct http_scene *scene) {
    return http_server_counters(scene->server);
}

static void test_slow_ones_are_closed(void **state) {
    static const struct {
        const char *name, *sent;
        struct http_limits limits;
        unsigned too_slow;
    } cases[] = {
        {"header", "GET / HTTP/1.1\r\nHost", {.header_ms = 60}, 1},
        {"first byte of a header", "G", {.header_ms = 60}, 1},
        {"body", POST "Content-Length: 10\r\n\r\nabc", {.body_ms = 60}, 1},
        {"chunked body", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nab", {.body_ms = 60}, 1},
        {"second header", GET "GET / HT", {.header_ms = 60}, 1},
        {"idle from the start", "", {.idle_ms = 60}, 0},
        {"idle after a request", GET, {.idle_ms = 60}, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_limits limits = http_scene_limits();
        cleanup_buf struct buf text = {0};
        limits.header_ms = cases[i].limits.header_ms > 0 ? cases[i].limits.header_ms : limits.header_ms;
        limits.body_ms = cases[i].limits.body_ms > 0 ? cases[i].limits.body_ms : limits.body_ms;
        limits.idle_ms = cases[i].limits.idle_ms > 0 ? cases[i].limits.idle_ms : limits.idle_ms;
        struct http_scene *scene = http_scene_new(&limits);
        int fd = http_scene_connect(scene);
        mono_ms start = clock_mono_ms();
        (void)http_scene_send(scene, fd, slice_of(cases[i].sent));
        (void)http_scene_await_end(scene, fd, &text);
        if (clock_mono_ms() - start < 60 || counters(scene)->too_slow != cases[i].too_slow) {
            fail_msg("%s: after %d ms, %u too slow", cases[i].name, (int)(clock_mono_ms() - start),
                     (unsigned)counters(scene)->too_slow);
        }
        assert_int_equal(counters(scene)->open, 0);
        close(fd);
        http_scene_free(scene);
    }
}

/* A byte now and then does not buy time: the limit is on the whole header. */
static void test_trickled_header_is_closed(void **state) {
    struct http_limits limits = http_scene_limits();
    (void)state;
    limits.header_ms = 100;
    struct http_scene *scene = http_scene_new(&limits);
    int fd = http_scene_connect(scene);
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    (void)http_scene_send(scene, fd, SLICE("GET / HTTP/1.1\r\nX: "));
    while (counters(scene)->too_slow == 0) {
        assert_true(clock_mono_ms() < deadline);
        (void)http_scene_send(scene, fd, SLICE("a"));
        http_scene_turn(scene);
    }
    assert_int_equal(scene->calls, 0);
    close(fd);
    http_scene_free(scene);
}

/* Always has the next request half sent, for twice HEADER_MS. False when this machine was too slow to send the other half
 * in time. */
static bool sends_halves(int header_ms) {
    struct http_limits limits = http_scene_limits();
    cleanup_buf struct buf text = {0};
    limits.header_ms = header_ms;
    struct http_scene *scene = http_scene_new(&limits);
    int fd = http_scene_connect(scene);
    mono_ms start = clock_mono_ms(), half_sent = start;
    bool is_open = http_scene_send(scene, fd, SLICE("GET / HTTP/1.1\r\n")), was_slow = false;
    while (is_open && !was_slow && clock_mono_ms() < start + 2 * header_ms) {
        mono_ms next_half = clock_mono_ms();
        is_open = http_scene_send(scene, fd, SLICE("Host: a\r\n\r\nGET / HTTP/1.1\r\n"));
        size_t length = is_open ? http_scene_await(scene, fd, &text) : 0;
        is_open = length > 0;
        buf_consume(&text, length);
        was_slow = clock_mono_ms() >= half_sent + header_ms;
        half_sent = next_half;
    }
    assert_true(was_slow || (is_open && counters(scene)->too_slow == 0));
    close(fd);
    http_scene_free(scene);
    return !was_slow;
}

/* A client that always has the next request half sent is not slow. */
static void test_half_sent_next_request_has_its_own_time(void **state) {
    int header_ms = 400;
    (void)state;
    while (!sends_halves(header_ms)) {
        header_ms *= 2;
        assert_true(header_ms < PATIENCE_MS);
    }
}

static void test_answer_that_nobody_reads(void **state) {
    struct http_limits limits = http_scene_limits();
    (void)state;
    limits.write_ms = 60;
    struct http_scene *scene = http_scene_new(&limits);
    int fd = http_scene_connect(scene);
    memset(buf_reserve(&scene->answer, 16000000), 'x', 16000000);
    scene->answer.len = 16000000;
    (void)http_scene_send(scene, fd, SLICE(GET));
    http_scene_turn_until(scene, &counters(scene)->open, 1);
    http_scene_turn_until(scene, &counters(scene)->open, 0);
    assert_int_equal(counters(scene)->too_slow, 1);
    assert_int_equal(scene->calls, 1);
    close(fd);
    http_scene_free(scene);
}

/* The request behind the stalled answer must not be handled when the connection goes. */
static void test_request_behind_a_stalled_answer_is_not_handled(void **state) {
    struct http_limits limits = http_scene_limits();
    (void)state;
    limits.write_ms = 60;
    struct http_scene *scene = http_scene_new(&limits);
    int fd = http_scene_connect(scene);
    memset(buf_reserve(&scene->answer, 16000000), 'x', 16000000);
    scene->answer.len = 16000000;
    (void)http_scene_send(scene, fd, SLICE(GET GET));
    http_scene_turn_until(scene, &counters(scene)->open, 1);
    http_scene_turn_until(scene, &counters(scene)->open, 0);
    assert_int_equal(scene->calls, 1);
    close(fd);
    http_scene_free(scene);
}

static void add_header_of(struct buf *request, size_t size) {
    buf_adds(request, "X: ");
    memset(buf_reserve(request, size), 'x', size);
    request->len += size;
    buf_adds(request, "\r\n");
}

static void test_header_size(void **state) {
    static const struct {
        size_t padding;
        bool whole;
        int status;
    } cases[] = {{1000, true, 200}, {16200, true, 200}, {16384, true, 431}, {300000, true, 431}, {17000, false, 431}};
    struct http_scene *scene = http_scene_new(NULL);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf request = {0};
        buf_adds(&request, "GET / HTTP/1.1\r\nHost: a\r\n");
        add_header_of(&request, cases[i].padding);
        buf_adds(&request, cases[i].whole ? "\r\n" : "");
        assert_int_equal(http_scene_ask(scene, buf_slice(&request)), cases[i].status);
    }
    assert_int_equal(counters(scene)->too_large, 3);
    assert_int_equal(scene->calls, 2);
    http_scene_free(scene);
}

static void test_header_count(void **state) {
    static const struct {
        int count, status;
    } cases[] = {{20, 200}, {21, 431}, {100, 431}, {101, 400}}; /* more than 100 is not HTTP to h2o */
    struct http_limits limits = http_scene_limits();
    (void)state;
    limits.max_headers = 20;
    struct http_scene *scene = http_scene_new(&limits);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf request = {0};
        buf_adds(&request, "GET / HTTP/1.1\r\n");
        for (int j = 0; j < cases[i].count; j++) {
            buf_addf(&request, "X-%d: y\r\n", j);
        }
        buf_adds(&request, "\r\n");
        assert_int_equal(http_scene_ask(scene, buf_slice(&request)), cases[i].status);
    }
    http_scene_free(scene);
}

static void test_body_size(void **state) {
    static const struct {
        size_t size;
        int status;
    } cases[] = {{1024 * 1024, 200}, {1024 * 1024 + 1, 413}};
    struct http_scene *scene = http_scene_new(NULL);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf request = {0};
        buf_addf(&request, POST "Content-Length: %zu\r\n\r\n", cases[i].size);
        memset(buf_reserve(&request, cases[i].size), 'x', cases[i].size);
        request.len += cases[i].size;
        assert_int_equal(http_scene_ask(scene, buf_slice(&request)), cases[i].status);
    }
    assert_int_equal(scene->calls, 1);
    http_scene_free(scene);
}

/* What callers send, numbers among it, is kept in memory: h2o would put a body of more than 32 MiB into a file in /tmp. */
static void test_large_body_is_in_no_file(void **state) {
    (void)state;
    enum { MIB = 1024 * 1024, SIZE = 40 * MIB };
    struct http_limits limits = http_scene_limits();
    limits.max_body = limits.max_bodies = 64 * MIB;
    struct http_scene *large = http_scene_new(&limits);
    cleanup_buf struct buf body = {0}, text = {0}, maps = {0};
    memset(buf_reserve(&body, SIZE), 'x', SIZE);
    body.len = SIZE;
    int fd = http_scene_connect(large);
    assert_true(http_scene_send(large, fd, SLICE("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 41943041\r\n\r\n")));
    assert_true(http_scene_send(large, fd, buf_slice(&body)));
    for (int i = 0; i < 20; i++) { /* what the kernel still holds is read too */
        http_scene_turn(large);
    }
    assert_true(file_read("/proc/self/maps", 16 * MIB, &maps, NULL));
    assert_null(strstr(maps.p, "/tmp/h2o"));
    assert_true(http_scene_send(large, fd, SLICE("x")));
    assert_true(http_scene_await(large, fd, &text) > 0);
    assert_int_equal(http_scene_status(&text), 200);
    close(fd);
    http_scene_free(large);
}

/* Four bodies of 900 KB where two fit: some get 503 and the rest are handled. */
static void test_bodies_in_flight(void **state) {
    enum { COUNT = 4, SIZE = 900000, SENT = 800000 };
    struct http_limits limits = http_scene_limits();
    cleanup_buf struct buf body = {0};
    int fds[COUNT], refused = 0, handled = 0;
    (void)state;
    limits.max_bodies = 2000000;
    struct http_scene *scene = http_scene_new(&limits);
    memset(buf_reserve(&body, SIZE), 'x', SIZE);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = http_scene_connect(scene);
        assert_true(http_scene_send(scene, fds[i], SLICE(POST "Content-Length: 900000\r\n\r\n")));
        (void)http_scene_send(scene, fds[i], (struct slice){body.p, SENT});
        http_scene_turn(scene);
    }
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (counters(scene)->over_limit < 2 && clock_mono_ms() < deadline) {
        http_scene_turn(scene);
    }
    assert_int_equal(scene->calls, 0);
    for (int i = 0; i < COUNT; i++) {
        cleanup_buf struct buf text = {0};
        (void)http_scene_send(scene, fds[i], (struct slice){body.p, SIZE - SENT});
        (void)http_scene_await(scene, fds[i], &text);
        refused += http_scene_status(&text) == 503;
        handled += http_scene_status(&text) == 200;
        close(fds[i]);
    }
    assert_int_equal(refused, 2);
    assert_int_equal(handled, 2);
    assert_int_equal(counters(scene)->over_limit, 2);
    http_scene_free(scene);
}

static void test_idlest_makes_room(void **state) {
    struct http_limits limits = http_scene_limits();
    cleanup_buf struct buf text = {0};
    (void)state;
    limits.max_connections = 2;
    struct http_scene *scene = http_scene_new(&limits);
    int busy = http_scene_connect(scene);
    (void)http_scene_send(scene, busy, SLICE("GET / HTTP/1.1\r\nHost: a\r\n"));
    http_scene_turn_until(scene, &counters(scene)->open, 1);
    int idle = http_scene_connect(scene);
    http_scene_turn_until(scene, &counters(scene)->open, 2);
    assert_int_equal(http_scene_ask(scene, SLICE(GET)), 200); /* a third one; it waits until the idle one is that */
    assert_false(http_scene_is_open(idle));
    (void)http_scene_send(scene, busy, SLICE("\r\n"));
    (void)http_scene_await(scene, busy, &text);
    assert_int_equal(http_scene_status(&text), 200);
    assert_true(counters(scene)->over_limit >= 1);
    close(busy);
    close(idle);
    http_scene_free(scene);
}

static void test_new_ones_wait_while_all_are_busy(void **state) {
    struct http_limits limits = http_scene_limits();
    cleanup_buf struct buf text = {0};
    (void)state;
    limits.max_connections = 2;
    struct http_scene *scene = http_scene_new(&limits);
    int busy[2];
    for (int i = 0; i < 2; i++) {
        busy[i] = http_scene_connect(scene);
        (void)http_scene_send(scene, busy[i], SLICE("GET / HTTP/1.1\r\nHost: a\r\n"));
    }
    http_scene_turn_until(scene, &counters(scene)->open, 2);
    http_scene_turn(scene);
    int waiting = http_scene_connect(scene);
    (void)http_scene_send(scene, waiting, SLICE(GET));
    mono_ms until = clock_mono_ms() + 250; /* more than two pauses */
    while (clock_mono_ms() < until) {
        http_scene_turn(scene);
    }
    assert_int_equal(counters(scene)->connections, 2);
    assert_int_equal(scene->calls, 0);
    close(busy[0]);
    (void)http_scene_await(scene, waiting, &text);
    assert_int_equal(http_scene_status(&text), 200);
    close(busy[1]);
    close(waiting);
    http_scene_free(scene);
}

/* Many at once: not one more than may be is taken, even if they are accepted in one go. */
static void test_crowd_at_the_door(void **state) {
    enum { COUNT = 8 };
    struct http_limits limits = http_scene_limits();
    int fds[COUNT];
    (void)state;
    limits.max_connections = 3;
    struct http_scene *scene = http_scene_new(&limits);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = http_scene_connect(scene);
        (void)http_scene_send(scene, fds[i], SLICE("GET / HTTP/1.1\r\n"));
    }
    http_server_turn(scene->server, 1000);
    assert_int_equal(counters(scene)->open, 3);
    for (int i = 0; i < COUNT; i++) {
        cleanup_buf struct buf text = {0};
        (void)http_scene_send(scene, fds[i], SLICE("Host: a\r\n\r\n"));
        (void)http_scene_await(scene, fds[i], &text);
        assert_true(counters(scene)->open <= 3);
        close(fds[i]);
    }
    assert_true(scene->calls >= 3);
    http_scene_free(scene);
}

static void test_connections_of_one_peer(void **state) {
    struct http_limits limits = http_scene_limits();
    cleanup_buf struct buf text = {0};
    (void)state;
    limits.max_per_peer = 2;
    struct http_scene *scene = http_scene_new(&limits);
    int busy[2];
    for (int i = 0; i < 2; i++) {
        busy[i] = http_scene_connect(scene);
        (void)http_scene_send(scene, busy[i], SLICE("GET / HTTP/1.1\r\nHost: a\r\n"));
    }
    http_scene_turn_until(scene, &counters(scene)->open, 2);
    http_scene_turn(scene);
    int refused = http_scene_connect(scene);
    (void)http_scene_await_end(scene, refused, &text);
    assert_int_equal(text.len, 0);
    assert_int_equal(counters(scene)->over_limit, 1);
    int other = http_scene_connect_from(scene, 2);
    (void)http_scene_send(scene, other, SLICE(GET));
    (void)http_scene_await(scene, other, &text);
    assert_int_equal(http_scene_status(&text), 200);
    close(busy[0]);
    http_scene_turn_until(scene, &counters(scene)->open, 2);
    assert_int_equal(http_scene_ask(scene, SLICE(GET)), 200);
    close(busy[1]);
    close(refused);
    close(other);
    http_scene_free(scene);
}

static int64_t cpu_ms(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* It keeps the limit on fds itself, by closing what was accepted: the connection does not wait, it is lost. */
static bool under_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Without an fd for the connection that waits, the server must pause, not spin. */
static void test_no_fd_left(void **state) {
    struct rlimit before, low;
    struct http_scene *scene = http_scene_new(NULL);
    cleanup_buf struct buf text = {0};
    unsigned turns = 0;
    (void)state;
    if (getenv("UNDER_VALGRIND") != NULL) { /* it accepts first, then looks at the limit and closes what it got */
        http_scene_free(scene);
        skip();
    }
    int fd = http_scene_connect(scene);
    (void)http_scene_send(scene, fd, SLICE(GET));
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = (rlim_t)fd + 1; /* all below are taken */
    for (int probe; (probe = dup(0)) >= 0;) {
        if (probe > fd) {
            close(probe);
            break;
        }
    }
    setrlimit(RLIMIT_NOFILE, &low);
    int64_t cpu = cpu_ms();
    mono_ms until = clock_mono_ms() + 500;
    while (clock_mono_ms() < until) {
        http_server_turn(scene->server, 1000);
        turns++;
    }
    cpu = cpu_ms() - cpu;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_in_range(turns, 1, 30);
    assert_in_range(cpu, 0, 150);
    assert_int_equal(scene->calls, 0);
    if (!under_valgrind()) {
        (void)http_scene_await(scene, fd, &text);
        assert_int_equal(http_scene_status(&text), 200);
    }
    assert_int_equal(http_scene_ask(scene, SLICE(GET)), 200);
    close(fd);
    http_scene_free(scene);
}

/* Nothing wakes a server that has no connection. */
static void test_empty_server_sleeps(void **state) {
    struct http_scene *scene = http_scene_new(NULL);
    (void)state;
    assert_int_equal(http_scene_ask(scene, SLICE(GET)), 200);
    http_scene_turn_until(scene, &counters(scene)->open, 0);
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (loop_wait_ms(scene->loop, 60000) < 60000) {
        assert_true(clock_mono_ms() < deadline);
        http_server_turn(scene->server, 1000);
    }
    http_scene_free(scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_ones_are_closed),
        cmocka_unit_test(test_trickled_header_is_closed),
        cmocka_unit_test(test_half_sent_next_request_has_its_own_time),
        cmocka_unit_test(test_crowd_at_the_door),
        cmocka_unit_test(test_answer_that_nobody_reads),
        cmocka_unit_test(test_request_behind_a_stalled_answer_is_not_handled),
        cmocka_unit_test(test_header_size),
        cmocka_unit_test(test_header_count),
        cmocka_unit_test(test_body_size),
        cmocka_unit_test(test_large_body_is_in_no_file),
        cmocka_unit_test(test_bodies_in_flight),
        cmocka_unit_test(test_idlest_makes_room),
        cmocka_unit_test(test_new_ones_wait_while_all_are_busy),
        cmocka_unit_test(test_connections_of_one_peer),
        cmocka_unit_test(test_no_fd_left),
        cmocka_unit_test(test_empty_server_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
