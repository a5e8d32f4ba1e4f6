/* Last good copies: whole or not there, private, never through a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file_steps.h"
#include "scratch.h"
#include "source/store.h"

enum { LIMIT = 1000 };

static void expect_copy(const char *dir, const char *text) {
    struct buf copy = {0};
    struct diag diag;
    assert_true(store_load(dir, "rules.json", LIMIT, &copy, &diag));
    assert_true(slice_is(buf_slice(&copy), text));
    buf_release(&copy);
}

static void expect_no_copy(const char *dir, const char *says) {
    struct buf copy = {0};
    struct diag diag;
    assert_false(store_load(dir, "rules.json", LIMIT, &copy, &diag));
    assert_int_equal(copy.len, 0);
    if ((says[0] == '\0') != (diag.what[0] == '\0') || strstr(diag.what, says) == NULL) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    buf_release(&copy);
}

static void test_round_trip(void **state) {
    (void)state;
    char *dir = scratch_new();
    char *path = xasprintf("%s/rules.json", dir), *beside = xasprintf("%s/rules.json.tmp", dir);
    struct diag diag;
    struct stat status;
    expect_no_copy(dir, "");
    assert_true(store_save(dir, "rules.json", SLICE("[1]"), &diag));
    expect_copy(dir, "[1]");
    char former[8] = "";
    int reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(store_save(dir, "rules.json", SLICE("[]"), &diag));
    expect_copy(dir, "[]");
    assert_int_equal(read(reader, former, sizeof former - 1), 3); /* another file took its place: never half of one */
    assert_string_equal(former, "[1]");
    close(reader);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(access(beside, F_OK), -1);
    scratch_free(dir);
    free(path);
    free(beside);
}

/* A crash while writing leaves half a temporary file: the copy is the old one, and the next save works. */
static void test_half_written(void **state) {
    (void)state;
    char *dir = scratch_new();
    struct diag diag;
    assert_true(store_save(dir, "rules.json", SLICE("[1]"), &diag));
    free(scratch_file(dir, "rules.json.tmp", "[2, and then the power went", 0600));
    expect_copy(dir, "[1]");
    assert_true(store_save(dir, "rules.json", SLICE("[3]"), &diag));
    expect_copy(dir, "[3]");
    scratch_free(dir);
}

/* Whenever the power goes, one of the two is there, whole. */
static void test_synced_before_it_has_the_name(void **state) {
    (void)state;
    char *dir = scratch_new();
    struct diag diag;
    file_steps[0] = '\0';
    assert_true(store_save(dir, "rules.json", SLICE("[1]"), &diag));
    assert_string_equal(file_steps, STEPS_OF_A_SAFE_WRITE);
    disk_is_full = true;
    assert_false(store_save(dir, "rules.json", SLICE("[2]"), &diag));
    disk_is_full = false;
    assert_string_equal(diag.what, "No space left on device");
    expect_copy(dir, "[1]");
    scratch_free(dir);
}

static void test_cannot_load(void **state) {
    (void)state;
    char *dir = scratch_new(), *other = scratch_new();
    char *path = xasprintf("%s/rules.json", dir);
    char *victim = scratch_file(other, "secret", "[]", 0600);
    assert_int_equal(symlink(victim, path), 0);
    expect_no_copy(dir, "symbolic links");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_no_copy(dir, "is a FIFO");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_no_copy(dir, "is a directory");
    rmdir(path);
    free(scratch_file(dir, "rules.json", "", 0600));
    assert_int_equal(truncate(path, LIMIT + 1), 0);
    expect_no_copy(dir, "larger than 1000 bytes");
    scratch_free(dir);
    scratch_free(other);
    free(path);
    free(victim);
}

static void test_cannot_save(void **state) {
    (void)state;
    char *dir = scratch_new();
    char *gone = xasprintf("%s/gone", dir), *blocked = xasprintf("%s/rules.json", dir);
    struct diag diag;
    assert_false(store_save(gone, "rules.json", SLICE("[]"), &diag));
    assert_non_null(strstr(diag.where, "gone/rules.json"));
    assert_string_equal(diag.what, "No such file or directory");
    assert_int_equal(mkdir(blocked, 0700), 0);
    assert_false(store_save(dir, "rules.json", SLICE("[]"), &diag));
    assert_string_equal(diag.what, "Is a directory");
    char *beside = xasprintf("%s/rules.json.tmp", dir);
    assert_int_equal(access(beside, F_OK), -1);
    scratch_free(dir);
    free(gone);
    free(blocked);
    free(beside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_half_written),
        cmocka_unit_test(test_synced_before_it_has_the_name),
        cmocka_unit_test(test_cannot_load),
        cmocka_unit_test(test_cannot_save),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
