/* Real files, changed in every way that people and Kubernetes change them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "loop/file_watch.h"
#include "scratch.h"

struct scene {
    char *directory;
    struct loop *loop;
    struct file_watch watch;
    unsigned changes;
    bool stop;
};

static void on_change(struct file_watch *watch) {
    struct scene *scene = container_of(watch, struct scene, watch);
    scene->changes++;
    if (scene->stop) {
        file_watch_stop(watch);
    }
}

static int setup(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->directory = scratch_new();
    scene->loop = loop_new();
    scene->watch.on_change = on_change;
    *state = scene;
    return 0;
}

static int teardown(void **state) {
    struct scene *scene = *state;
    file_watch_stop(&scene->watch);
    file_watch_stop(&scene->watch);
    loop_free(scene->loop);
    scratch_free(scene->directory);
    free(scene);
    return 0;
}

static void start(struct scene *scene, const char *name) {
    cleanup_free char *path = xasprintf("%s/%s", scene->directory, name);
    assert_true(file_watch_start(&scene->watch, scene->loop, path));
}

static void in_directory(struct scene *scene, char **ret_before) {
    *ret_before = getcwd(NULL, 0);
    assert_int_equal(chdir(scene->directory), 0);
}

static void back(char *before) {
    assert_int_equal(chdir(before), 0);
    free(before);
}

static void put(struct scene *scene, const char *name, const char *text) {
    free(scratch_file(scene->directory, name, text, 0600));
}

static void link_to(struct scene *scene, const char *target, const char *name) {
    cleanup_free char *path = xasprintf("%s/%s", scene->directory, name);
    assert_int_equal(symlink(target, path), 0);
}

static void move(struct scene *scene, const char *from, const char *to) {
    cleanup_free char *a = xasprintf("%s/%s", scene->directory, from);
    cleanup_free char *b = xasprintf("%s/%s", scene->directory, to);
    assert_int_equal(rename(a, b), 0);
}

static void make_directory(struct scene *scene, const char *name) {
    cleanup_free char *path = xasprintf("%s/%s", scene->directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* A change must have been seen; what belongs to it is waited for too. */
static void expect_change(struct scene *scene) {
    mono_ms deadline = clock_mono_ms() + 60000;
    while (scene->changes == 0 && clock_mono_ms() < deadline) {
        loop_turn(scene->loop, 100);
    }
    assert_true(scene->changes > 0);
    while (loop_wait_ms(scene->loop, 1000) < 1000) { /* the settle timer may run again */
        loop_turn(scene->loop, 1000);
    }
    loop_turn(scene->loop, 0);
    scene->changes = 0;
}

static void expect_silence(struct scene *scene) {
    loop_turn(scene->loop, 0);
    loop_turn(scene->loop, 0);
    assert_int_equal(loop_wait_ms(scene->loop, 1000), 1000); /* no settle timer runs */
    assert_int_equal(scene->changes, 0);
}

static void test_written_in_place(void **state) {
    struct scene *scene = *state;
    put(scene, "rules.json", "[]");
    start(scene, "rules.json");
    expect_silence(scene);
    put(scene, "rules.json", "[1]");
    expect_change(scene);
    put(scene, "rules.json", "[2]");
    expect_change(scene);
}

static void test_moved_over(void **state) {
    struct scene *scene = *state;
    put(scene, "rules.json", "[]");
    start(scene, "rules.json");
    for (int i = 0; i < 3; i++) {
        put(scene, "new", "[1]");
        move(scene, "new", "rules.json");
        expect_change(scene);
        put(scene, "rules.json", "[2]"); /* the new file is watched now */
        expect_change(scene);
    }
}

static void test_many_writes_are_one_change(void **state) {
    struct scene *scene = *state;
    put(scene, "rules.json", "[]");
    start(scene, "rules.json");
    for (int i = 0; i < 50; i++) {
        put(scene, "rules.json", "[1]");
    }
    mono_ms deadline = clock_mono_ms() + 60000;
    while (scene->changes == 0 && clock_mono_ms() < deadline) {
        loop_turn(scene->loop, 100);
    }
    assert_int_equal(scene->changes, 1);
    scene->changes = 0;
    expect_silence(scene);
}

static void test_other_files_do_not_matter(void **state) {
    struct scene *scene = *state;
    put(scene, "rules.json", "[]");
    start(scene, "rules.json");
    put(scene, "rules.json.bak", "[]");
    put(scene, "other", "x");
    move(scene, "other", "another");
    expect_silence(scene);
}

static void test_removed_and_made_again(void **state) {
    struct scene *scene = *state;
    start(scene, "rules.json"); /* need not be there yet */
    expect_silence(scene);
    put(scene, "rules.json", "[]");
    expect_change(scene);
    move(scene, "rules.json", "gone");
    expect_change(scene);
    put(scene, "gone", "[1]");
    expect_silence(scene); /* it is not ours any more */
    put(scene, "rules.json", "[1]");
    expect_change(scene);
}

/* /etc/rules/rules.json -> ..data/rules.json, ..data -> ..2026_1; a new version swaps ..data by rename. */
static void test_config_map(void **state) {
    struct scene *scene = *state;
    make_directory(scene, "..2026_1");
    put(scene, "..2026_1/rules.json", "[1]");
    link_to(scene, "..2026_1", "..data");
    link_to(scene, "..data/rules.json", "rules.json");
    start(scene, "rules.json");
    expect_silence(scene);
    for (int i = 2; i < 5; i++) {
        cleanup_free char *version = xasprintf("..2026_%d", i);
        cleanup_free char *file = xasprintf("%s/rules.json", version);
        make_directory(scene, version);
        put(scene, file, "[2]");
        link_to(scene, version, "..data_tmp");
        move(scene, "..data_tmp", "..data");
        expect_change(scene);
        put(scene, file, "[3]");
        expect_change(scene);
    }
    put(scene, "..2026_1/rules.json", "[9]"); /* an old version is not watched any more */
    expect_silence(scene);
}

/* A link in the middle of the path, absolute, through another link. */
static void test_links_on_the_way(void **state) {
    struct scene *scene = *state;
    make_directory(scene, "v1");
    make_directory(scene, "v2");
    make_directory(scene, "links");
    put(scene, "v1/rules.json", "[1]");
    put(scene, "v2/rules.json", "[2]");
    cleanup_free char *target = xasprintf("%s/v1", scene->directory);
    link_to(scene, target, "links/current");
    link_to(scene, "links/current/", "config");
    start(scene, "config/./rules.json");
    put(scene, "v2/rules.json", "[3]");
    expect_silence(scene);
    link_to(scene, "../v2", "links/new");
    move(scene, "links/new", "links/current");
    expect_change(scene);
    put(scene, "v2/rules.json", "[4]");
    expect_change(scene);
}

static void test_directory_replaced(void **state) {
    struct scene *scene = *state;
    make_directory(scene, "conf");
    put(scene, "conf/rules.json", "[1]");
    start(scene, "conf/rules.json");
    move(scene, "conf", "conf.old");
    expect_change(scene);
    make_directory(scene, "conf");
    put(scene, "conf/rules.json", "[2]");
    expect_change(scene);
    put(scene, "conf/rules.json", "[3]");
    expect_change(scene);
}

static void test_relative_path(void **state) {
    struct scene *scene = *state;
    char *before;
    put(scene, "rules.json", "[]");
    in_directory(scene, &before);
    bool started = file_watch_start(&scene->watch, scene->loop, "rules.json");
    back(before);
    assert_true(started);
    put(scene, "rules.json", "[1]");
    mono_ms deadline = clock_mono_ms() + 60000;
    while (scene->changes == 0 && clock_mono_ms() < deadline) {
        loop_turn(scene->loop, 100);
    }
    assert_int_equal(scene->changes, 1);
}

static void test_stopped_in_its_callback(void **state) {
    struct scene *scene = *state;
    scene->stop = true;
    put(scene, "rules.json", "[]");
    start(scene, "rules.json");
    put(scene, "rules.json", "[1]");
    expect_change(scene);
    put(scene, "rules.json", "[2]");
    expect_silence(scene);
}

static void test_what_cannot_be_watched(void **state) {
    struct scene *scene = *state;
    static const struct {
        const char *name;
        int error;
    } cases[] = {{"missing/rules.json", ENOENT}, {"loop", ELOOP}, {"file/rules.json", ENOTDIR}};
    put(scene, "file", "");
    link_to(scene, "loop", "loop");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *path = xasprintf("%s/%s", scene->directory, cases[i].name);
        assert_false(file_watch_start(&scene->watch, scene->loop, path));
        assert_int_equal(errno, cases[i].error);
        assert_null(scene->watch.path);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_written_in_place),
        TEST(test_moved_over),
        TEST(test_many_writes_are_one_change),
        TEST(test_other_files_do_not_matter),
        TEST(test_removed_and_made_again),
        TEST(test_config_map),
        TEST(test_links_on_the_way),
        TEST(test_directory_replaced),
        TEST(test_relative_path),
        TEST(test_stopped_in_its_callback),
        TEST(test_what_cannot_be_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
