/* What is kept of standbys for the next start, and what of it is believed there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "app/standby_dir.h"
#include "base/buf.h"
#include "scratch.h"

#define INSTANCE "0123456789abcdef0123456789abcdef"

static void open_dir(struct standby_dir *dir, const char *path, const char *boot) {
    *dir = (struct standby_dir){.fd = -1};
    assert_true(standby_dir_open(dir, path, boot, NULL));
}

/* "LABEL PID BIRTH;" of each. */
static void note(void *context, const struct standby_left *left) {
    assert_string_equal(left->instance, INSTANCE);
    buf_addf(context, "%s %d %d;", left->label, (int)left->pid, (int)left->birth);
}

static void tells(const struct standby_dir *dir, const char *wanted) {
    cleanup_buf struct buf told = {0};
    standby_dir_each(dir, note, &told);
    assert_string_equal(told.len > 0 ? told.p : "", wanted);
}

static void test_kept_until_dropped(void **state) {
    (void)state;
    char *root = scratch_new();
    struct standby_dir dir;
    open_dir(&dir, root, "boot");
    const struct standby_left left = {.label = "standby_1", .instance = INSTANCE, .pid = 4711, .birth = 12};
    standby_dir_keep(&dir, &left);
    tells(&dir, "standby_1 4711 12;");
    tells(&dir, "standby_1 4711 12;");
    struct stat st;
    assert_int_equal(fstatat(dir.fd, "standby_1", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    standby_dir_drop(&dir, "../standby_1");
    standby_dir_drop(&dir, "standby_1");
    standby_dir_drop(&dir, "standby_1");
    tells(&dir, "");
    standby_dir_close(&dir);
    standby_dir_close(&dir);
    scratch_free(root);
}

/* After a start of the machine its number is anybody's: nobody is told to stop for what was written before it. */
static void test_of_another_boot(void **state) {
    (void)state;
    char *root = scratch_new();
    struct standby_dir before, after;
    open_dir(&before, root, "one");
    const struct standby_left left = {.label = "standby_1", .instance = INSTANCE, .pid = 4711, .birth = 12};
    standby_dir_keep(&before, &left);
    standby_dir_close(&before);
    open_dir(&after, root, "two");
    tells(&after, "");
    assert_int_equal(faccessat(after.fd, "standby_1", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    standby_dir_close(&after);
    scratch_free(root);
}

static void test_what_is_none_is_removed(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } bad[] = {
        {"standby_empty", ""},
        {"standby_cut", INSTANCE " 4711 12"},
        {"standby_short", "0123 4711 12 boot\n"},
        {"standby_init", INSTANCE " 1 12 boot\n"},
        {"standby_group", INSTANCE " 0 12 boot\n"},
        {"standby_all", INSTANCE " -1 12 boot\n"},
        {"standby_words", "of no use\n"},
        {"standby-x", INSTANCE " 4711 12 boot\n"},
        {"RM_1", INSTANCE " 4711 12 boot\n"},
    };
    char *root = scratch_new();
    struct standby_dir dir;
    open_dir(&dir, root, "boot");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        free(scratch_file(root, bad[i].name, bad[i].text, 0600));
    }
    char *other = scratch_new();
    cleanup_free char *good = scratch_file(other, "good", INSTANCE " 4711 12 boot\n", 0600);
    assert_int_equal(symlinkat(good, dir.fd, "standby_link"), 0);
    assert_int_equal(mkfifoat(dir.fd, "standby_fifo", 0600), 0);
    tells(&dir, "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(faccessat(dir.fd, bad[i].name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
    }
    assert_int_equal(faccessat(dir.fd, "standby_link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(access(good, F_OK), 0);
    standby_dir_close(&dir);
    scratch_free(other);
    scratch_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_until_dropped),
        cmocka_unit_test(test_of_another_boot),
        cmocka_unit_test(test_what_is_none_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
