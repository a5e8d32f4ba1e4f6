/* The call log's file: appended to, moved away, full, torn, of the wrong kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "calllog/calllog.h"
#include "scratch.h"

static struct call_log call_log;
static struct loop *loop;
static char *dir, *path, *moved;

static int set_up(void **state) {
    (void)state;
    log_init(&(struct log_options){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG});
    dir = scratch_new();
    path = xasprintf("%s/calls.jsonl", dir);
    moved = xasprintf("%s/calls.jsonl.1", dir);
    loop = loop_new();
    call_log_init(&call_log, loop, path, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    call_log_release(&call_log);
    loop_free(loop);
    scratch_free(dir);
    free(path);
    free(moved);
    return 0;
}

static void add(const char *sid) {
    const struct call_record record = {.sid = slice_of(sid),
                                       .end = SLICE("CALLER_LEFT"),
                                       .first_seen = 1764095400211,
                                       .ended = 1764095472480};
    call_log_add(&call_log, &record);
}

static void write_one(const char *sid) {
    add(sid);
    call_log_flush(&call_log);
}

/* The sids of the lines in FILE, "a b c"; a line that is none is "?". */
static char *lines_of(const char *file) {
    cleanup_buf struct buf text = {0};
    struct buf sids = {0};
    struct diag diag;
    assert_true(file_read(file, 16 << 20, &text, &diag));
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.p + at, '\n', text.len - at);
        size_t size = end != NULL ? (size_t)(end - text.p) - at : text.len - at;
        struct call_record record;
        bool good = call_record_read((struct slice){text.p + at, size}, &record, &diag);
        buf_addf(&sids, "%s%.*s", at > 0 ? " " : "", SLICE_ARG(good ? record.sid : SLICE("?")));
        if (good) {
            call_record_release(&record);
        }
        at += size + 1;
    }
    return buf_take(&sids);
}

static void assert_lines(const char *file, const char *wanted) {
    cleanup_free char *lines = lines_of(file);
    assert_string_equal(lines, wanted);
}

static void test_appends(void **state) {
    (void)state;
    struct stat st;
    write_one("RM_1");
    write_one("RM_2");
    assert_lines(path, "RM_1 RM_2");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(call_log.state.written, 2);
}

static void test_waits_for_the_flush(void **state) {
    (void)state;
    add("RM_1");
    add("RM_2");
    assert_lines(path, "");
    assert_int_equal(call_log.state.waiting, 2);
    call_log_flush(&call_log);
    assert_lines(path, "RM_1 RM_2");
    assert_int_equal(call_log.state.waiting, 0);
}

static void test_file_is_moved(void **state) {
    (void)state;
    write_one("RM_1");
    assert_int_equal(rename(path, moved), 0);
    write_one("RM_2");
    assert_lines(moved, "RM_1");
    assert_lines(path, "RM_2");
    assert_int_equal(unlink(path), 0);
    write_one("RM_3");
    assert_lines(path, "RM_3");
}

static void test_file_is_emptied(void **state) {
    (void)state;
    write_one("RM_1");
    assert_int_equal(truncate(path, 0), 0);
    write_one("RM_2");
    assert_lines(path, "RM_2");
}

/* The file system that is full, in small: no file of this process may grow beyond LIMIT. */
static void set_room(rlim_t limit) {
    struct rlimit was;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    was.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
}

static void test_disk_full_and_well_again(void **state) {
    (void)state;
    struct stat st;
    write_one("RM_1");
    assert_int_equal(stat(path, &st), 0);
    set_room((rlim_t)st.st_size + 100); /* less than a line */
    write_one("RM_2");
    write_one("RM_3");
    assert_true(call_log.state.failing);
    assert_true(call_log.state.error[0] != '\0');
    assert_int_equal(call_log.state.waiting, 2);
    assert_int_equal(call_log.state.failures, 2);
    assert_lines(path, "RM_1"); /* nothing is left of what did not fit */
    set_room(RLIM_INFINITY);
    write_one("RM_4");
    assert_false(call_log.state.failing);
    assert_lines(path, "RM_1 RM_2 RM_3 RM_4");
    assert_int_equal(call_log.state.lost, 0);
}

static void test_heals_by_itself(void **state) {
    (void)state;
    set_room(0);
    write_one("RM_1");
    assert_true(call_log.retry.loop != NULL);
    set_room(RLIM_INFINITY);
    call_log.retry.on_due(&call_log.retry);
    assert_lines(path, "RM_1");
    assert_false(call_log.state.failing);
}

static void test_what_waits_is_bounded(void **state) {
    (void)state;
    set_room(0);
    for (unsigned i = 0; i < 10000; i++) {
        add("RM_many");
    }
    call_log_flush(&call_log);
    assert_in_range(call_log.waiting.len, 1, CALL_LOG_MOST_WAITING);
    assert_int_equal(call_log.state.waiting + call_log.state.lost, 10000);
    assert_true(call_log.state.lost > 0);
    set_room(RLIM_INFINITY);
    size_t waited = call_log.state.waiting;
    call_log_flush(&call_log);
    assert_int_equal(call_log.state.written, waited);
}

static void test_torn_line_of_a_former_start(void **state) {
    (void)state;
    call_log_release(&call_log);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, "{\"v\":1,\"sid\":\"RM_0", 18), 18);
    close(fd);
    call_log_init(&call_log, loop, path, false);
    write_one("RM_1");
    assert_lines(path, "? RM_1");
}

static void test_no_regular_file(void **state) {
    (void)state;
    cleanup_free char *pipe_path = xasprintf("%s/pipe", dir);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    call_log_change(&call_log, pipe_path, false);
    assert_true(call_log.state.failing);
    call_log_change(&call_log, dir, false);
    assert_true(call_log.state.failing);
    call_log_change(&call_log, path, false);
    assert_false(call_log.state.failing);
    write_one("RM_1");
    assert_lines(path, "RM_1");
}

static void test_directory_comes_later(void **state) {
    (void)state;
    cleanup_free char *below = xasprintf("%s/below", dir), *file = xasprintf("%s/below/calls", dir);
    call_log_change(&call_log, file, false);
    write_one("RM_1");
    assert_true(call_log.state.failing);
    assert_int_equal(mkdir(below, 0700), 0);
    write_one("RM_2");
    assert_lines(file, "RM_1 RM_2");
    assert_false(call_log.state.failing);
}

static void test_another_file(void **state) {
    (void)state;
    write_one("RM_1");
    call_log_change(&call_log, moved, false);
    write_one("RM_2");
    call_log_change(&call_log, NULL, false);
    write_one("RM_3");
    assert_lines(path, "RM_1");
    assert_lines(moved, "RM_2");
    assert_false(call_log.state.wanted);
}

/* What could not be written for the old file is given up, and so is the next try of it. */
static void test_another_file_while_full(void **state) {
    (void)state;
    set_room(0);
    write_one("RM_1");
    call_log_change(&call_log, NULL, false);
    set_room(RLIM_INFINITY);
    assert_null(call_log.retry.loop);
    assert_false(call_log.state.failing);
    assert_string_equal(call_log.state.error, "");
    assert_int_equal(call_log.state.lost, 1);
}

static void test_same_file_while_full(void **state) {
    (void)state;
    set_room(0);
    write_one("RM_1");
    call_log_change(&call_log, path, false);
    assert_true(call_log.state.failing);
    assert_non_null(call_log.retry.loop);
    set_room(RLIM_INFINITY);
    call_log_change(&call_log, path, false);
    assert_false(call_log.state.failing);
    assert_lines(path, "RM_1");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_appends),
        CASE(test_waits_for_the_flush),
        CASE(test_file_is_moved),
        CASE(test_file_is_emptied),
        CASE(test_disk_full_and_well_again),
        CASE(test_heals_by_itself),
        CASE(test_what_waits_is_bounded),
        CASE(test_torn_line_of_a_former_start),
        CASE(test_no_regular_file),
        CASE(test_directory_comes_later),
        CASE(test_another_file),
        CASE(test_another_file_while_full),
        CASE(test_same_file_while_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
