/* Answers without an end: parts come as they are sent, a client that does not read is cut off, nothing waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "http/stream.h"
#include "http_scene.h"

#define ASK "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"

static struct http_scene *scene;
static struct http_stream *stream; /* the last that was opened, NULL when it is gone */
static unsigned opened, closed;

static void on_open(void *context, struct http_stream *new_stream) {
    (void)context;
    stream = new_stream;
    opened++;
    http_stream_send(stream, SLICE("first;"));
}

static void on_closed(void *context, struct http_stream *gone) {
    (void)context;
    stream = gone == stream ? NULL : stream;
    closed++;
}

static const struct http_stream_owner owner = {.on_open = on_open, .on_closed = on_closed};

static void open_scene(int write_ms) {
    struct http_limits limits = http_scene_limits();
    limits.write_ms = write_ms;
    opened = closed = 0;
    scene = http_scene_new(&limits);
    scene->stream = &owner;
}

/* For those who read, however slow this machine is. */
static int setup(void **state) {
    (void)state;
    open_scene(PATIENCE_MS);
    return 0;
}

/* For those who do not. */
static int setup_impatient(void **state) {
    (void)state;
    open_scene(100);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_scene_free(scene);
    assert_int_equal(opened, closed);
    return 0;
}

static void await(int fd, struct buf *text, const char *part) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (text->len == 0 || strstr(text->p, part) == NULL) {
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
        assert_int_not_equal(http_scene_read(fd, text), 0);
    }
}

static int open_stream(struct buf *text) {
    int fd = http_scene_connect(scene);
    assert_true(http_scene_send(scene, fd, SLICE(ASK)));
    await(fd, text, "first;");
    return fd;
}

static void test_parts_come_as_they_are_sent(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    int fd = open_stream(&text);
    assert_int_equal(http_scene_status(&text), 200);
    assert_non_null(strstr(text.p, "content-type: text/event-stream\r\n"));
    assert_null(strcasestr(text.p, "content-length"));
    for (unsigned i = 0; i < 20; i++) {
        char part[16];
        snprintf(part, sizeof part, "part %u;", i);
        http_stream_send(stream, slice_of(part));
        http_stream_send(stream, SLICE("more;")); /* while that is on its way */
        await(fd, &text, part);
    }
    close(fd);
}

/* Reads for three times WRITE_MS; false when this machine was too slow to read a part within WRITE_MS. */
static bool reads_on(int write_ms) {
    cleanup_buf struct buf text = {0};
    mono_ms start = clock_mono_ms(), last = start;
    int fd = open_stream(&text);
    bool was_slow = false;
    for (unsigned i = 0; clock_mono_ms() < start + 3 * write_ms && !was_slow && stream != NULL; i++) {
        char part[16];
        snprintf(part, sizeof part, "beat %u;", i);
        http_stream_send(stream, slice_of(part));
        while (stream != NULL && strstr(text.p, part) == NULL) {
            http_scene_turn(scene);
            (void)http_scene_read(fd, &text);
        }
        was_slow = clock_mono_ms() >= last + write_ms;
        last = clock_mono_ms();
    }
    assert_true(was_slow || closed == 0);
    close(fd);
    return !was_slow;
}

/* One that reads lives on, however long the answer takes. */
static void test_no_time_limit_for_who_reads(void **state) {
    int write_ms = 100;
    while (!reads_on(write_ms)) {
        write_ms *= 2;
        assert_true(write_ms < PATIENCE_MS);
        teardown(state);
        open_scene(write_ms);
    }
}

static void test_the_client_goes(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    close(open_stream(&text));
    while (closed == 0) { /* it is only found out by writing */
        if (stream != NULL) {
            http_stream_send(stream, SLICE("is anybody there?"));
        }
        http_scene_turn(scene);
    }
    assert_int_equal(http_server_counters(scene->server)->open, 0);
}

static void test_who_does_not_read_is_cut_off(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    cleanup_buf struct buf bulk = {0};
    memset(buf_reserve(&bulk, 100000), 'x', 100000);
    bulk.len = 100000;
    int fd = open_stream(&text);
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    while (closed == 0) {
        if (stream != NULL) {
            http_stream_send(stream, buf_slice(&bulk));
        }
        http_scene_turn(scene);
        assert_true(clock_mono_ms() < deadline);
    }
    close(fd);
}

static void test_who_reads_too_little_in_too_long_is_cut_off(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    cleanup_buf struct buf bulk = {0};
    memset(buf_reserve(&bulk, 200000), 'x', 200000);
    bulk.len = 200000;
    int fd = open_stream(&text);
    for (unsigned i = 0; i < 40 && stream != NULL; i++) { /* more than the sockets hold, less than may wait */
        http_stream_send(stream, buf_slice(&bulk));
        http_server_turn(scene->server, 0);
    }
    http_scene_turn_until(scene, &closed, 1);
    close(fd);
}

static void test_others_are_served_meanwhile(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    int fd = open_stream(&text);
    for (unsigned i = 0; i < 20; i++) {
        http_stream_send(stream, SLICE("part;"));
        assert_int_equal(http_scene_ask(scene, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
    }
    close(fd);
}

/* An HTTP/1.0 client knows no chunks; HEAD wants no stream. */
static void test_old_clients_and_head(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    int fd = http_scene_connect(scene);
    assert_true(http_scene_send(scene, fd, SLICE("GET /stream HTTP/1.0\r\n\r\n")));
    await(fd, &text, "\r\n\r\nfirst;");
    assert_int_equal(http_scene_ask(scene, SLICE("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
    assert_int_equal(opened, 1);
    close(fd);
}

/* The teardown ends one that is idle, and one that is being written to. */
static void test_the_server_ends(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    cleanup_buf struct buf bulk = {0};
    memset(buf_reserve(&bulk, 400000), 'x', 400000);
    bulk.len = 400000;
    (void)open_stream(&text);
    buf_clear(&text);
    (void)open_stream(&text);
    for (unsigned i = 0; i < 20 && stream != NULL; i++) {
        http_stream_send(stream, buf_slice(&bulk));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parts_come_as_they_are_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_time_limit_for_who_reads, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_the_client_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_does_not_read_is_cut_off, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_who_reads_too_little_in_too_long_is_cut_off, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_others_are_served_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_clients_and_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_server_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
