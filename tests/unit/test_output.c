/* Output files: safe to open, trimmed without losing a new line, read without tokens and terminal escapes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "scratch.h"
#include "spawner/local/output.h"
#include "spawner/local/reader.h"
#include "spawner/local/upkeep.h"
#include "turn_until.h"

static void collect(void *context, const char *line) {
    buf_addf(context, "%s\n", line);
}

static void put(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_open(void **state) {
    struct diag diag;
    struct stat st;
    char *root = scratch_new();
    (void)state;
    int fd = output_open(root, "RM_a", &diag);
    assert_true(fd > 2);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK)) == O_APPEND);
    put(fd, "one\n");
    close(fd);
    fd = output_open(root, "RM_a", &diag);
    put(fd, "two\n");
    close(fd);
    cleanup_free char *path = xasprintf("%s/RM_a.log", root);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8);
    scratch_free(root);
}

static void check_text(int fd, const char *wanted) {
    char text[64] = "";
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, text, sizeof text - 1, 0), (ssize_t)strlen(wanted));
    assert_string_equal(text, wanted);
    close(fd);
}

static void wait_as(const char *root, const char *label, const char *text) {
    struct diag diag;
    int fd = output_open(root, label, &diag);
    put(fd, text);
    close(fd);
}

/* What a standby wrote becomes the call's; what its predecessors wrote is set aside, the oldest first, four at most. */
static void test_take(void **state) {
    struct diag diag;
    char *root = scratch_new();
    (void)state;
    for (int i = 1; i <= 7; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d\n", i);
        wait_as(root, "standby_a", text);
        assert_true(output_take(root, "standby_a", "RM_a", &diag));
    }
    check_text(output_open_read(root, "RM_a", &diag), "7\n");
    for (unsigned part = 1; part <= OUTPUT_PARTS; part++) {
        char wanted[8];
        snprintf(wanted, sizeof wanted, "%u\n", part + 2);
        check_text(output_open_part(root, "RM_a", part, &diag), wanted);
    }
    assert_int_equal(output_open_part(root, "RM_b", 1, &diag), -1);
    assert_int_equal(output_open_part(root, "../x", 1, &diag), -1);
    assert_false(output_take(root, "standby_a", "../x", &diag));
    assert_true(output_take(root, "standby_none", "RM_c", &diag)); /* it had none */
    scratch_free(root);
}

static void test_newest(void **state) {
    struct diag diag;
    char *root = scratch_new();
    (void)state;
    wait_as(root, "RM_a", "1\n");
    int fd = output_open_read(root, "RM_a", &diag);
    assert_true(output_is_newest(root, "RM_a", fd));
    wait_as(root, "standby_a", "2\n");
    assert_true(output_take(root, "standby_a", "RM_a", &diag));
    assert_false(output_is_newest(root, "RM_a", fd));
    close(fd);
    scratch_free(root);
}

static void test_parts_expire(void **state) {
    struct diag diag;
    char *root = scratch_new();
    (void)state;
    wait_as(root, "RM_a", "1\n");
    wait_as(root, "standby_a", "2\n");
    assert_true(output_take(root, "standby_a", "RM_a", &diag));
    wait_as(root, "standby_b", "");
    wait_as(root, "standby_c", "failed\n");
    free(scratch_file(root, "RM_a.log.5", "not ours", 0600));
    free(scratch_file(root, "RM_a.log.x", "not ours", 0600));
    assert_int_equal(output_expire(root, 60000, clock_wall_ms()), 1); /* the one that never wrote */
    assert_int_equal(output_expire(root, 60000, clock_wall_ms() + 120000), 3);
    scratch_free(root);
}

static void test_refused(void **state) {
    static const char *const labels[] = {"", "../x", "a/b", "a.b", "a b", "\xc3\xa9"};
    struct diag diag;
    char *root = scratch_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        assert_int_equal(output_open(root, labels[i], &diag), -1);
        assert_int_equal(output_open_read(root, labels[i], &diag), -1);
    }
    cleanup_free char *link = xasprintf("%s/link.log", root);
    cleanup_free char *fifo = xasprintf("%s/fifo.log", root);
    cleanup_free char *directory = xasprintf("%s/directory.log", root);
    free(scratch_file(root, "target", "", 0600));
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(output_open(root, "link", &diag), -1);
    assert_non_null(strstr(diag.what, "symbolic link"));
    assert_int_equal(output_open(root, "fifo", &diag), -1);
    assert_int_equal(output_open_read(root, "fifo", &diag), -1);
    assert_non_null(strstr(diag.what, "not a file"));
    assert_int_equal(output_open(root, "directory", &diag), -1);
    assert_int_equal(output_open("/nonexistent", "x", &diag), -1);
    assert_non_null(strstr(diag.where, "/nonexistent/x.log"));
    scratch_free(root);
}

/* Lines that name themselves, so that any loss shows. */
static void put_numbered(int fd, int from, int to) {
    cleanup_buf struct buf text = {0};
    for (int i = from; i < to; i++) {
        buf_addf(&text, "line %07d %s\n", i, "..................................................");
    }
    put(fd, text.p);
}

struct check {
    int first, last, notes;
};

static void check_sequence(void *context, const char *line) {
    struct check *check = context;
    if (line[0] == '[') {
        check->notes++;
        return;
    }
    assert_int_equal(strncmp(line, "line ", 5), 0);
    int number = (int)strtol(line + 5, NULL, 10);
    assert_true(check->last < 0 || number == check->last + 1);
    check->first = check->first < 0 ? number : check->first;
    check->last = number;
}

static void test_trim(void **state) {
    enum { MAX = 256 * 1024 };
    char *root = scratch_new();
    struct stat st;
    (void)state;
    int fd = output_open(root, "RM_a", NULL);
    put_numbered(fd, 0, 1000);
    assert_int_equal(output_trim(root, "RM_a", MAX), OUTPUT_FITS);
    fstat(fd, &st);
    assert_true(st.st_blocks * 512 >= 60000);
    struct reader reader;
    struct check all = {-1, -1, 0}, rest = {-1, -1, 0};
    assert_true(reader_open(&reader, root, "RM_a", NULL));
    reader_new_lines(&reader, check_sequence, &all);
    assert_true(all.first == 0 && all.last == 999 && all.notes == 0);
    put_numbered(fd, 1000, 20000);
    assert_int_equal(output_trim(root, "RM_a", MAX), OUTPUT_TRIMMED);
    put_numbered(fd, 20000, 20010);
    fstat(fd, &st);
    assert_true(st.st_blocks * 512 <= MAX);
    assert_int_equal(st.st_size, 20010L * 64);
    rest.last = -1;
    reader_new_lines(&reader, check_sequence, &rest);
    assert_true(rest.first > 1000 && rest.last == 20009);
    assert_int_equal(rest.notes, 1);
    assert_true((20009 - rest.first) * 64 > MAX / 2);
    reader_close(&reader);
    close(fd);
    assert_int_equal(output_trim(root, "missing", MAX), OUTPUT_FITS);
    scratch_free(root);
}

/* When the files are looked at again, after UPKEEP has looked at one of LINES. */
static mono_ms looks_again_at(struct upkeep *upkeep, int fd, int lines) {
    assert_int_equal(ftruncate(fd, 0), 0);
    put_numbered(fd, 0, lines);
    timer_start(&upkeep->trim_timer, upkeep->loop, 0);
    loop_refresh(upkeep->loop);
    TURN_UNTIL(upkeep->loop, upkeep->trim_timer.item.due > loop_now(upkeep->loop));
    return upkeep->trim_timer.item.due;
}

static void test_flood_is_looked_at_again_soon(void **state) {
    enum { SOON_MS = 100 };
    (void)state;
    char *root = scratch_new();
    struct jobs jobs;
    struct job job = {.label = "RM_a", .pid = 1};
    struct upkeep upkeep = {.loop = loop_new(), .jobs = &jobs, .output_dir = root, .max_output = 64 * 1024};
    int fd = output_open(root, job.label, NULL);
    jobs_init(&jobs);
    jobs_add(&jobs, &job);
    jobs_add_pid(&jobs, &job);
    upkeep_start(&upkeep);
    assert_true(looks_again_at(&upkeep, fd, 10) > loop_now(upkeep.loop) + SOON_MS);
    assert_true(looks_again_at(&upkeep, fd, 4000) <= clock_mono_ms() + SOON_MS);
    upkeep_release(&upkeep);
    jobs_remove(&jobs, &job);
    close(fd);
    loop_free(upkeep.loop);
    scratch_free(root);
}

static void test_final(void **state) {
    char *root = scratch_new();
    (void)state;
    int fd = output_open(root, "RM_a", NULL);
    int other = output_open(root, "RM_a", NULL);
    int copy = dup(fd);
    int seen = output_open_read(root, "RM_a", NULL);
    assert_false(output_is_final(seen));
    close(fd);
    close(other);
    assert_false(output_is_final(seen));
    close(copy);
    assert_true(output_is_final(seen));
    close(seen);
    scratch_free(root);
}

static void test_expire(void **state) {
    char *root = scratch_new();
    int64_t now = clock_wall_ms();
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"old.log", "new.log", "held.log", "other.txt"};
        cleanup_free char *path = scratch_file(root, names[i], "x", 0600);
        struct timespec times[2] = {{now / 1000 - 100, 0}, {now / 1000 - (i == 1 ? 5 : 100), 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    int held = output_open(root, "held", NULL);
    assert_int_equal(output_expire(root, 50000, now), 1);
    close(held);
    assert_int_equal(output_expire(root, 50000, now), 1);
    assert_int_equal(output_expire(root, 50000, now), 0);
    assert_int_equal(output_expire("/nonexistent", 50000, now), 0);
    cleanup_free char *kept = xasprintf("%s/new.log", root);
    assert_int_equal(access(kept, F_OK), 0);
    scratch_free(root);
}

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-_A"

static void tail_of(const char *text, unsigned count, const char *secret, struct buf *out) {
    char *root = scratch_new();
    free(scratch_file(root, "RM_a.log", text, 0600));
    int fd = output_open_read(root, "RM_a", NULL);
    reader_tail(fd, count, slice_of(secret), collect, out);
    buf_adds(out, "");
    close(fd);
    scratch_free(root);
}

static void test_tail(void **state) {
    static const struct {
        const char *name, *text;
        unsigned count;
        const char *secret, *shown;
    } cases[] = {
        {"nothing", "", 5, NULL, ""},
        {"all", "a\nb\n", 5, NULL, "a\nb\n"},
        {"the last two", "a\nb\nc\n", 2, NULL, "b\nc\n"},
        {"the last one", "a\nb\nc\n", 1, NULL, "c\n"},
        {"none wanted", "a\n", 0, NULL, ""},
        {"without a newline at the end", "a\nb", 1, NULL, "b\n"},
        {"empty lines count", "a\n\n\n", 2, NULL, "\n\n"},
        {"only newlines", "\n\n", 9, NULL, "\n\n"},
        {"carriage returns go", "a\r\nb\r\n", 2, NULL, "a\nb\n"},
        {"terminal escapes", "\033[31mred\n", 1, NULL, "\\x1b[31mred\n"},
        {"the secret", "x tok-12345 tok-12345y\n", 1, "tok-12345", "x [secret] [secret]y\n"},
        {"any token", "a " JWT " b " JWT, 1, NULL, "a [token] b [token]\n"},
        {"no token", "eyJ eyJ.a eyJ.a.\n", 1, NULL, "eyJ eyJ.a eyJ.a.\n"},
        {"a short secret would hide words", "a b c\n", 1, "b", "a b c\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf shown = {0};
        tail_of(cases[i].text, cases[i].count, cases[i].secret, &shown);
        if (strcmp(shown.p, cases[i].shown) != 0) {
            fail_msg("%s: got %s", cases[i].name, shown.p);
        }
    }
}

static void test_tail_of_much(void **state) {
    cleanup_buf struct buf text = {0}, shown = {0}, one_line = {0};
    (void)state;
    for (int i = 0; i < 40000; i++) {
        buf_addf(&text, "n%d %s\n", i, i == 39999 ? "" : "xxxxxxxxxx");
    }
    buf_adds(&text, "end ");
    for (int i = 0; i < 1000; i++) {
        buf_addc(&text, 'y');
    }
    tail_of(text.p, 2, NULL, &shown);
    assert_int_equal(strncmp(shown.p, "n39999 \nend yyy", 15), 0);
    assert_true(shown.len <= 8 + READER_TAIL_SHOWN + 1);
    buf_clear(&text);
    for (int i = 0; i < 100000; i++) {
        buf_addc(&text, 'z');
    }
    tail_of(text.p, 20, NULL, &one_line);
    assert_string_equal(one_line.p, "[a line too long to show]\n");
}

static void test_follow(void **state) {
    char *root = scratch_new();
    struct reader reader;
    struct diag diag;
    cleanup_buf struct buf shown = {0}, big = {0};
    (void)state;
    assert_false(reader_open(&reader, root, "RM_a", &diag));
    int fd = output_open(root, "RM_a", NULL);
    assert_true(reader_open(&reader, root, "RM_a", &diag));
    put(fd, "a\nhalf");
    reader_new_lines(&reader, collect, &shown);
    assert_string_equal(shown.p, "a\n");
    put(fd, " " JWT "\nrest");
    reader_new_lines(&reader, collect, &shown);
    assert_string_equal(shown.p, "a\nhalf [token]\n");
    reader_rest(&reader, collect, &shown);
    assert_string_equal(shown.p, "a\nhalf [token]\nrest\n");
    buf_clear(&shown);
    for (int i = 0; i < 200000; i++) {
        buf_addc(&big, 'q');
    }
    buf_adds(&big, "\nnext\n");
    put(fd, big.p);
    reader_new_lines(&reader, collect, &shown);
    assert_true(shown.len < 3 * READER_LINE_SHOWN);
    assert_string_equal(shown.p + shown.len - 5, "next\n");
    reader_close(&reader);
    close(fd);
    scratch_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_parts_expire),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_flood_is_looked_at_again_soon),
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_tail_of_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
