/* The writer of the rules document: in a file and in Redis, with somebody else writing between reading and writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/file.h>

#include "base/file.h"
#include "fake_redis.h"
#include "file_steps.h"
#include "redis_server.h"
#include "rules/ruleset.h"
#include "source/rules_writer.h"

#define RULE(agent) "{\"pattern\":\"*\",\"agent_name\":\"" agent "\"}"
#define MINE "[\n  " RULE("mine") "\n]\n"
#define KEY "sip_dispatch_rules"

/* Where the document is, and an editor that adds RULE("mine") to it. */
struct scene {
    struct redis_server *server; /* NULL: it is a file */
    char *directory, *file;
    int others;       /* before so many edits are written, somebody else's text gets there */
    int runs;         /* of the edit */
    bool gives_up;    /* the edit fails */
    const char *puts; /* the edit's result, instead of the rule added */
    struct diag diag;
};

static void scene_write(const struct scene *scene, const char *text) {
    if (scene->server != NULL) {
        redis_say(scene->server, "SET", KEY, text, NULL);
    } else {
        free(scratch_file(scene->directory, "rules.json", text, 0640));
    }
}

static void scene_expect(const struct scene *scene, const char *wanted) {
    cleanup_buf struct buf text = {0};
    if (scene->server != NULL) {
        buf_addf(&text, "$%zu\r\n%s\r\n", strlen(wanted), wanted);
        assert_string_equal(redis_say(scene->server, "GET", KEY, NULL), text.p);
    } else {
        assert_true(file_read(scene->file, 1 << 20, &text, NULL));
        assert_string_equal(text.p, wanted);
    }
}

static enum edit_result on_edit(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    struct scene *scene = context;
    if (scene->runs++ < scene->others) {
        cleanup_free char *other = xasprintf("[{\"pattern\":\"+%d\",\"agent_name\":\"other\"}]", scene->runs);
        scene_write(scene, other);
    }
    if (scene->gives_up) {
        (void)diag_fail(diag, "", "the edit gave up");
        return EDIT_FAILED;
    }
    if (scene->puts != NULL) {
        buf_adds(ret_text, scene->puts);
        return EDIT_CHANGED;
    }
    return edit_add(text, &(struct edit_place){SLICE(RULE("mine")), EDIT_AT_END}, ret_text, diag);
}

static enum edit_result scene_edit(struct scene *scene, struct buf *ret_text) {
    struct rules_place place = {.file = scene->server == NULL ? scene->file : NULL,
                                .redis_url = scene->server != NULL ? scene->server->url : NULL,
                                .timeout_ms = 60000};
    scene->runs = 0;
    scene->diag = (struct diag){0};
    return rules_write(&place, &(struct rules_change){.edit = on_edit, .context = scene}, ret_text, &scene->diag);
}

static void scene_start(struct scene *scene, bool redis) {
    *scene = (struct scene){.server = redis ? redis_server_new() : NULL, .directory = scratch_new()};
    scene->file = xasprintf("%s/rules.json", scene->directory);
}

static size_t names_in(const char *directory) {
    size_t count = 0;
    DIR *open = opendir(directory);
    assert_non_null(open);
    while (readdir(open) != NULL) {
        count++;
    }
    closedir(open);
    return count - 2;
}

static void scene_end(struct scene *scene) {
    if (scene->server != NULL) {
        redis_server_free(scene->server);
    }
    scratch_free(scene->directory);
    free(scene->file);
}

static void assert_says(const struct scene *scene, const char *what) {
    char text[sizeof scene->diag];
    diag_text(&scene->diag, text, sizeof text);
    if (strstr(text, what) == NULL) {
        fail_msg("\"%s\" is not in: %s", what, text);
    }
}

/* Both kinds of place, each of these. */

static void makes_what_is_not_there(struct scene *scene) {
    cleanup_buf struct buf text = {0};
    assert_int_equal(scene_edit(scene, &text), EDIT_CHANGED);
    assert_string_equal(text.p, MINE);
    scene_expect(scene, MINE);
    assert_int_equal(scene_edit(scene, NULL), EDIT_SAME);
    scene_expect(scene, MINE);
}

static void overtaken_three_times_loses_nothing(struct scene *scene) {
    scene_write(scene, "[]");
    scene->others = 3;
    assert_int_equal(scene_edit(scene, NULL), EDIT_CHANGED);
    assert_int_equal(scene->runs, 4);
    scene_expect(scene, "[\n  {\"pattern\":\"+3\",\"agent_name\":\"other\"},\n  " RULE("mine") "\n]\n");
}

/* also where there was no document when it was read */
static void overtaken_by_the_first_document(struct scene *scene) {
    scene->others = 1;
    assert_int_equal(scene_edit(scene, NULL), EDIT_CHANGED);
    scene_expect(scene, "[\n  {\"pattern\":\"+1\",\"agent_name\":\"other\"},\n  " RULE("mine") "\n]\n");
}

static void overtaken_for_ever_gives_up(struct scene *scene) {
    scene->others = 1000;
    assert_int_equal(scene_edit(scene, NULL), EDIT_FAILED);
    assert_int_equal(scene->runs, RULES_CHANGE_TRIES);
    assert_says(scene, "somebody else changed the rules again and again (64 times): nothing was written");
    scene_expect(scene, "[{\"pattern\":\"+64\",\"agent_name\":\"other\"}]");
}

static void bad_document_is_left_as_it_is(struct scene *scene) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[", "not valid JSON"},
        {" ", "not valid JSON"},
        {"{\"rules\":[]}", "the rules are a list"},
        {"[" RULE("a") ",{\"pattern\":3,\"agent_name\":\"a\"}]", "left as they are: [1].pattern: must be a string"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene_write(scene, rows[i].text);
        assert_int_equal(scene_edit(scene, NULL), EDIT_FAILED);
        assert_int_equal(scene->runs, 0);
        assert_says(scene, rows[i].says);
        scene_expect(scene, rows[i].text);
    }
}

static void bad_result_is_not_written(struct scene *scene) {
    scene_write(scene, "[]");
    scene->puts = "[{\"pattern\":\"\",\"agent_name\":\"a\"}]";
    assert_int_equal(scene_edit(scene, NULL), EDIT_FAILED);
    assert_says(scene, "would have a mistake and stay as they are: [0].pattern: is empty");
    scene->puts = NULL;
    scene->gives_up = true;
    assert_int_equal(scene_edit(scene, NULL), EDIT_FAILED);
    assert_says(scene, "the edit gave up");
    scene_expect(scene, "[]");
}

/* 1 MiB: more than one turn of the loop, more than one read. */
static void large_document(struct scene *scene) {
    cleanup_buf struct buf text = {0};
    cleanup_buf struct buf now = {0};
    buf_adds(&text, "[");
    for (int i = 0; i < 20000; i++) {
        buf_addf(&text, "%s{\"pattern\":\"+%d\",\"agent_name\":\"somebody with a name\"}", i > 0 ? ",\n  " : "\n  ", i);
    }
    buf_adds(&text, "\n]\n");
    scene->puts = text.p;
    assert_int_equal(scene_edit(scene, NULL), EDIT_CHANGED);
    scene->puts = NULL;
    assert_int_equal(scene_edit(scene, &now), EDIT_CHANGED);
    assert_true(now.len > text.len);
    assert_memory_equal(now.p, text.p, text.len - 3);
}

static void test_both(void **state) {
    (void)state;
    static void (*const stories[])(struct scene *) = {
        makes_what_is_not_there,
        overtaken_three_times_loses_nothing,
        overtaken_by_the_first_document,
        overtaken_for_ever_gives_up,
        bad_document_is_left_as_it_is,
        bad_result_is_not_written,
        large_document,
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(stories); i++) {
        struct scene scene;
        scene_start(&scene, i % 2 == 1);
        stories[i / 2](&scene);
        assert_true(names_in(scene.directory) <= 1);
        scene_end(&scene);
    }
}

static void test_nowhere(void **state) {
    (void)state;
    struct diag diag = {0};
    struct rules_place place = {.file = "", .redis_url = ""};
    assert_int_equal(rules_write(&place, &(struct rules_change){.edit = on_edit}, NULL, &diag), EDIT_FAILED);
    assert_non_null(strstr(diag.what, "set SIP_RULES_FILE or REDIS_URL"));
    struct scene scene;
    scene_start(&scene, false);
    place = (struct rules_place){.file = scene.file, .redis_url = "redis://nobody.invalid", .timeout_ms = 60000};
    assert_int_equal(rules_write(&place, &(struct rules_change){.edit = on_edit, .context = &scene}, NULL, &diag),
                     EDIT_CHANGED); /* the file wins */
    scene_end(&scene);
}

/* ---- files ---- */

static void test_file_keeps_mode_and_link(void **state) {
    (void)state;
    struct scene scene;
    struct stat status;
    scene_start(&scene, false);
    cleanup_free char *real = scratch_file(scene.directory, "real.json", "[]", 0604);
    assert_int_equal(symlink("real.json", scene.file), 0);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_CHANGED);
    scene_expect(&scene, MINE);
    assert_int_equal(lstat(scene.file, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(real, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0604);
    assert_int_equal(names_in(scene.directory), 2);
    scene_end(&scene);
}

/* An editor that was killed between writing beside and renaming. */
/* Whenever the power goes, one of the two is there, whole. */
static void test_file_synced_before_it_has_the_name(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, false);
    file_steps[0] = '\0';
    assert_int_equal(scene_edit(&scene, NULL), EDIT_CHANGED);
    assert_string_equal(file_steps, STEPS_OF_A_SAFE_WRITE);
    scene_write(&scene, "[]");
    disk_is_full = true;
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    disk_is_full = false;
    assert_non_null(strstr(scene.diag.what, "No space left on device"));
    scene_expect(&scene, "[]");
    scene_end(&scene);
}

static void test_file_leftover(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, false);
    free(scratch_file(scene.directory, ".rules.json.new", "half a doc", 0400));
    assert_int_equal(scene_edit(&scene, NULL), EDIT_CHANGED);
    assert_int_equal(names_in(scene.directory), 1);
    scene_end(&scene);
}

static void test_file_places(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, false);
    free(take_ptr(scene.file));
    cleanup_free char *dangling = xasprintf("%s/dangling", scene.directory);
    cleanup_free char *projected = xasprintf("%s/..2024_01_01/rules.json", scene.directory);
    cleanup_free char *link = xasprintf("%s/link", scene.directory);
    cleanup_free char *inner = xasprintf("%s/..2024_01_01", scene.directory);
    cleanup_free char *nowhere = xasprintf("%s/none/rules.json", scene.directory);
    assert_int_equal(symlink("gone", dangling), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    free(scratch_file(inner, "rules.json", "[]", 0600));
    assert_int_equal(symlink(projected, link), 0);
    const struct {
        char *file;
        const char *says;
    } rows[] = {
        {dangling, "is a symbolic link that leads nowhere"},
        {link, "is part of a Kubernetes volume"},
        {nowhere, "No such file or directory"},
        {scene.directory, "is a directory; it must be a regular file"},
        {(char *)"/dev/null", "is a character device"},
        {(char *)"/dev/null/x", "Not a directory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene.file = rows[i].file;
        assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
        assert_says(&scene, rows[i].says);
    }
    scene.file = NULL;
    assert_int_equal(names_in(inner), 1);
    scene_end(&scene);
}

static void test_file_locked(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, false);
    int lock = open(scene.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    struct rules_place place = {.file = scene.file, .timeout_ms = 50};
    struct rules_change change = {.edit = on_edit, .context = &scene};
    assert_int_equal(rules_write(&place, &change, NULL, &scene.diag), EDIT_FAILED);
    assert_says(&scene, "somebody else keeps it locked");
    assert_int_equal(scene.runs, 0);
    close(lock);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_CHANGED);
    scene_end(&scene);
}

/* ---- Redis ---- */

static void test_redis_refusals(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, true);
    redis_say(scene.server, "HSET", KEY, "a", "b", NULL);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "the key sip_dispatch_rules is not a STRING; it is left as it is");
    redis_say(scene.server, "DEL", KEY, NULL);
    redis_say(scene.server, "REPLICAOF", "127.0.0.1", "1", NULL);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "read-only replica");
    redis_say(scene.server, "REPLICAOF", "NO", "ONE", NULL);
    redis_say(scene.server, "CONFIG", "SET", "maxmemory", "1", NULL);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "it refuses SET: OOM");
    redis_say(scene.server, "CONFIG", "SET", "maxmemory", "0", NULL);
    redis_say(scene.server, "CONFIG", "SET", "requirepass", "right", NULL);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "does REDIS_URL need a password?): NOAUTH");
    redis_server_kill(scene.server);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "No such file or directory");
    scene_end(&scene);
}

static void test_redis_user_and_database(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene, true);
    redis_say(scene.server, "ACL", "SETUSER", "editor", "on", ">s3cret", "~" KEY, "+get", "+set", "+watch", "+multi",
              "+exec", "+select", NULL);
    char *plain = scene.server->url;
    static const struct {
        const char *credentials, *query, *says; /* says NULL: it is written */
    } rows[] = {
        {"editor:s3cret@", "", NULL},
        {"editor:s3cret@", "?db=5", NULL},
        {"editor:wr0ng@", "", "it refuses the user or the password of REDIS_URL: WRONGPASS"},
        {"", "?db=99", "it refuses the database of REDIS_URL"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene.server->url = xasprintf("unix://%s%s%s", rows[i].credentials, scene.server->socket, rows[i].query);
        enum edit_result result = scene_edit(&scene, NULL);
        assert_int_equal(result, rows[i].says == NULL ? EDIT_CHANGED : EDIT_FAILED);
        assert_says(&scene, rows[i].says != NULL ? rows[i].says : "");
        assert_null(strstr(scene.diag.what, "wr0ng"));
        free(scene.server->url);
    }
    scene.server->url = plain;
    redis_say(scene.server, "ACL", "SETUSER", "editor", "-set", NULL);
    scene.server->url = xasprintf("unix://editor:s3cret@%s?db=6", scene.server->socket);
    assert_int_equal(scene_edit(&scene, NULL), EDIT_FAILED);
    assert_says(&scene, "it refuses SET: NOPERM");
    free(scene.server->url);
    scene.server->url = plain;
    scene_end(&scene);
}

/* What no real server does on demand. */
static void test_redis_odd_answers(void **state) {
    (void)state;
    static const struct {
        struct fake_line lines[8];
        const char *greeting, *says;
    } rows[] = {
        {{{"GET", "$-1\r\n"}, {"MULTI", "+OK\r\n"}, {"EXEC", NULL}, {NULL, "+OK\r\n"}},
         NULL,
         "whether the rules are written is not known (no answer for 1000 ms): see `sipbridge rules list`"},
        {{{"GET", "$-1\r\n"}, {"EXEC", "*1\r\n-OOM no room\r\n"}, {NULL, "+OK\r\n"}},
         NULL,
         "it refuses SET: OOM no room"},
        {{{"STRLEN", ":99999999\r\n"}, {NULL, "+OK\r\n"}}, NULL, "are larger than"},
        {{{"GET", NULL}, {NULL, "+OK\r\n"}}, NULL, "no answer for 1000 ms"},
        {{{"MULTI", "-ERR nested\r\n"}, {"GET", "$2\r\n[]\r\n"}, {NULL, "+OK\r\n"}},
         NULL,
         "it refuses MULTI: ERR nested"},
        {{{"WATCH", "-MOVED 1 127.0.0.1:1\r\n"}, {NULL, "+OK\r\n"}}, NULL, "it refuses WATCH: MOVED"},
        {{{NULL, "HTTP/1.1 400\r\n"}}, NULL, "not Redis' protocol"},
        {{{NULL, NULL}}, "-ERR max number of clients reached\r\n", "max number of clients"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop *loop = loop_new();
        struct fake_redis *fake = fake_new(loop, rows[i].lines);
        fake->greeting = rows[i].greeting;
        struct scene scene = {0};
        bool is_mute = strstr(rows[i].says, "no answer") != NULL;
        struct rules_place place = {.redis_url = fake->url, .loop = loop, .timeout_ms = is_mute ? 1000 : 60000};
        struct rules_change change = {.edit = on_edit, .context = &scene};
        assert_int_equal(rules_write(&place, &change, NULL, &scene.diag), EDIT_FAILED);
        assert_says(&scene, rows[i].says);
        fake_free(fake);
        loop_free(loop);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_file_places),
        cmocka_unit_test(test_file_keeps_mode_and_link),
        cmocka_unit_test(test_file_synced_before_it_has_the_name),
        cmocka_unit_test(test_file_leftover),
        cmocka_unit_test(test_file_locked),
        cmocka_unit_test(test_redis_refusals),
        cmocka_unit_test(test_redis_user_and_database),
        cmocka_unit_test(test_redis_odd_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
