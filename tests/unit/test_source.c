/* Where rules and agents come from: files and Redis, live; what stays in use when the newest is bad or away; the
 * last good copies; reading once for commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "redis_server.h"
#include "source/fetch.h"
#include "source_bench.h"
#include "turn_until.h"

#define RULES_2 "[{\"pattern\":\"+33*\",\"agent_name\":\"a\"},{\"pattern\":\"*\",\"agent_name\":\"b\"}]"
#define RULES_1 "[{\"pattern\":\"*\",\"agent_name\":\"a\"}]"
#define AGENT "{\"command\":[\"/bin/true\"]}"
#define AGENTS "{\"a\":" AGENT ",\"b\":" AGENT "}"

static size_t rules_in_use(const struct bench *bench) {
    struct ruleset *rules = source_rules(bench->source);
    return rules != NULL ? ruleset_count(rules) : SIZE_MAX;
}

static const struct source_state *rules_state(const struct bench *bench) {
    return source_rules_state(bench->source);
}

/* ---- files ---- */

static void bench_init_files(struct bench *bench) {
    bench_init(bench);
    bench->options.rules_file = bench->rules_path;
    bench->options.agents_file = bench->agents_path;
    put(bench->rules_path, RULES_2);
    put(bench->agents_path, AGENTS);
}

static void test_files(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench_start(&bench);
    assert_true(source_ready(bench.source));
    assert_int_equal(rules_in_use(&bench), 2);
    assert_int_equal(directory_count(source_directory(bench.source)), 2);
    assert_string_equal(rules_state(&bench)->kind, "file");
    assert_int_equal(rules_state(&bench)->count, 2);
    assert_true(rules_state(&bench)->loaded_wall_ms > 0);
    assert_false(source_redis(bench.source)->configured);
    TURN_UNTIL(bench.loop, bench.changes > 0);
    struct ruleset *held = ruleset_hold(source_rules(bench.source));
    put_by_rename(bench.rules_path, RULES_1);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
    assert_int_equal(ruleset_count(held), 2); /* a call keeps what it was decided with */
    ruleset_release(held);
    put(bench.rules_path, "[]");
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 0);
    put_by_rename(bench.agents_path, "{\"x\":" AGENT "}");
    TURN_UNTIL(bench.loop, directory_count(source_directory(bench.source)) == 1);
    assert_string_equal(bench.warnings.p != NULL ? bench.warnings.p : "", "");
    bench_release(&bench);
}

/* Whatever happens to the file, the good rules stay and the reason is told; then a good one is taken at once. */
static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text; /* NULL: made by mode */
        mode_t mode;
        const char *says;
    } rows[] = {
        {"not JSON", "[{", 0, ""},
        {"not a list", "{}", 0, ""},
        {"empty", "", 0, ""},
        {"a mistake", "[{\"pattern\":\"*\",\"agent_name\":7}]", 0, "[0].agent_name"},
        {"gone", NULL, 0, "No such file"},
        {"a FIFO", NULL, S_IFIFO, "is a FIFO"},
        {"a directory", NULL, S_IFDIR, "is a directory"},
        {"too large", NULL, S_IFREG, "larger than"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench bench;
        bench_init_files(&bench);
        bench_start(&bench);
        loop_turn(bench.loop, 0);
        unsigned changes = bench.changes;
        if (rows[i].text != NULL) {
            put_by_rename(bench.rules_path, rows[i].text);
        } else {
            assert_int_equal(unlink(bench.rules_path), 0);
            if (rows[i].mode == S_IFDIR) {
                assert_int_equal(mkdir(bench.rules_path, 0700), 0);
            } else if (rows[i].mode != 0) {
                assert_int_equal(mknod(bench.rules_path, rows[i].mode | 0600, 0), 0);
            }
            if (rows[i].mode == S_IFREG) {
                assert_int_equal(truncate(bench.rules_path, (off_t)RULESET_MAX_BYTES + 1), 0);
            }
        }
        TURN_UNTIL(bench.loop,
                   rules_state(&bench)->error[0] != '\0' && strstr(rules_state(&bench)->error, rows[i].says) != NULL);
        assert_int_equal(rules_in_use(&bench), 2);
        assert_int_equal(rules_state(&bench)->count, 2);
        assert_int_equal(bench.changes, changes);
        if (!warned(&bench, "keeping the 2 rules in use") || !warned(&bench, bench.rules_path)) {
            fail_msg("%s: %s", rows[i].name, bench.warnings.p);
        }
        if (rows[i].mode == S_IFDIR) {
            assert_int_equal(rmdir(bench.rules_path), 0);
        }
        put_by_rename(bench.rules_path, RULES_1);
        TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
        assert_string_equal(rules_state(&bench)->error, "");
        bench_release(&bench);
    }
}

/* Kubernetes: rules.json -> ..data/rules.json, ..data -> a directory; the inner link is what is swapped. */
static void test_config_map(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench);
    char *volume = xasprintf("%s/volume", bench.dir), *one = xasprintf("%s/one", volume),
         *two = xasprintf("%s/two", volume);
    char *data = xasprintf("%s/..data", volume), *fresh = xasprintf("%s/..data_tmp", volume);
    char *path = xasprintf("%s/rules.json", volume);
    assert_true(mkdir(volume, 0700) == 0 && mkdir(one, 0700) == 0 && mkdir(two, 0700) == 0);
    free(scratch_file(one, "rules.json", RULES_2, 0600));
    free(scratch_file(two, "rules.json", RULES_1, 0600));
    assert_true(symlink("one", data) == 0 && symlink("..data/rules.json", path) == 0);
    bench.options.rules_file = path;
    bench_start(&bench);
    assert_int_equal(rules_in_use(&bench), 2);
    assert_true(symlink("two", fresh) == 0 && rename(fresh, data) == 0);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
    bench_release(&bench);
    free(volume), free(one), free(two), free(data), free(fresh), free(path);
}

/* Nothing configured is something to decide with: DEFAULT_SIP_AGENT, or the one command. */
static void test_nothing_configured(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    assert_true(source_ready(bench.source));
    assert_null(source_rules(bench.source));
    assert_null(source_directory(bench.source));
    assert_string_equal(source_directory_state(bench.source)->kind, "none");
    bench_stop(&bench);
    char *command[] = {(char[]){"/bin/true"}, NULL};
    bench.options.defaults.command = command;
    bench_start(&bench);
    assert_true(source_ready(bench.source));
    assert_string_equal(source_directory_state(bench.source)->kind, "command");
    assert_non_null(directory_find(source_directory(bench.source), SLICE("whoever")));
    bench_release(&bench);
}

static bool executables_there;

static bool check_executable(const struct agent *agent, struct diag *diag) {
    (void)agent;
    return executables_there || diag_fail(diag, "command", "there is no such program");
}

/* A reload judges the same text again: the missing program may be there now. */
static void test_reload(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench.options.check = check_executable;
    executables_there = false;
    bench_start(&bench);
    assert_null(directory_first(source_directory(bench.source)));
    assert_true(warned(&bench, "agents from ") && warned(&bench, "there is no such program"));
    executables_there = true;
    source_reload(bench.source);
    assert_non_null(directory_first(source_directory(bench.source)));
    bench_release(&bench);
}

/* ---- the last good copy ---- */

static void test_bad_file_at_start(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    put(bench.rules_path, "[{]");
    bench_start(&bench);
    assert_false(source_ready(bench.source)); /* not loaded is not empty */
    assert_null(source_rules(bench.source));
    assert_true(warned(&bench, "calls wait"));
    put_by_rename(bench.rules_path, RULES_2);
    TURN_UNTIL(bench.loop, source_ready(bench.source) && copy_is(&bench, "rules.json", RULES_2));
    bench_stop(&bench);
    put(bench.rules_path, "[{]");
    bench_start(&bench);
    assert_true(source_ready(bench.source));
    assert_int_equal(rules_in_use(&bench), 2);
    assert_string_equal(rules_state(&bench)->kind, "last good copy");
    assert_true(rules_state(&bench)->error[0] != '\0');
    bench_stop(&bench);
    char *copy = xasprintf("%s/rules.json", bench.state_dir);
    put(copy, "[{\"pattern\":");
    bench_start(&bench);
    assert_false(source_ready(bench.source));
    assert_true(warned(&bench, "the last good copy of the rules") && warned(&bench, "cannot be used"));
    bench_stop(&bench);
    put(copy, "[{\"pattern\":"); /* and it is no mistake of the newest rules, which are still to come */
    bench.options.rules_file = NULL;
    bench.options.redis_url = "redis://127.0.0.1:1";
    bench_start(&bench);
    assert_true(warned(&bench, "the last good copy of the rules") && warned(&bench, "cannot be used"));
    assert_string_equal(rules_state(&bench)->error, "");
    free(copy);
    bench_release(&bench);
}

/* What is in use when the daemon ends is what the next one begins with. */
static void test_copy_of_the_last_moment(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, copy_is(&bench, "rules.json", RULES_2));
    put_by_rename(bench.rules_path, RULES_1);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
    bench_stop(&bench); /* before the next one may be written */
    assert_true(copy_is(&bench, "rules.json", RULES_1));
    bench_release(&bench);
}

/* Written only when it changed. */
static void test_copy_not_rewritten(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, copy_is(&bench, "rules.json", RULES_2) && copy_is(&bench, "agents.json", AGENTS));
    char *copy = xasprintf("%s/rules.json", bench.state_dir);
    struct stat before, after;
    assert_int_equal(stat(copy, &before), 0);
    bench_stop(&bench);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, bench.changes > 0);
    bench_stop(&bench); /* writes what is still to be written */
    assert_int_equal(stat(copy, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    free(copy);
    bench_release(&bench);
}

static void test_state_dir_unusable(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench.options.state_dir = bench.rules_path;
    bench_start(&bench);
    TURN_UNTIL(bench.loop, warned(&bench, "the last good copy cannot be kept"));
    assert_int_equal(rules_in_use(&bench), 2);
    bench_release(&bench);
}

/* ---- Redis ---- */

static void test_redis_live(void **state) {
    (void)state;
    struct redis_server *server = redis_server_new();
    struct bench bench;
    bench_init(&bench);
    bench.options.redis_url = server->url;
    redis_say(server, "SET", "sip_dispatch_rules", RULES_2, NULL);
    redis_say(server, "HSET", "sip_agents", "b", AGENT, "a", AGENT, NULL);
    bench_start(&bench);
    assert_false(source_ready(bench.source));
    assert_true(source_redis(bench.source)->configured && !source_redis(bench.source)->connected);
    TURN_UNTIL(bench.loop, source_ready(bench.source) && bench.changes > 0);
    assert_int_equal(rules_in_use(&bench), 2);
    assert_int_equal(directory_count(source_directory(bench.source)), 2);
    assert_string_equal(rules_state(&bench)->kind, "redis");
    assert_true(source_redis(bench.source)->connected && source_redis(bench.source)->tracking);
    TURN_UNTIL(bench.loop, copy_is(&bench, "rules.json", RULES_2) &&
                               copy_is(&bench, "agents.json", "{\n\"a\":" AGENT ",\n\"b\":" AGENT "\n}\n"));
    /* one bad entry is one broken agent, and stays one in the copy */
    redis_say(server, "HSET", "sip_agents", "c", "{\"command\":", NULL);
    TURN_UNTIL(bench.loop, directory_count(source_directory(bench.source)) == 3);
    assert_non_null(directory_find(source_directory(bench.source), SLICE("c"))->broken);
    assert_null(directory_find(source_directory(bench.source), SLICE("a"))->broken);
    assert_true(warned(&bench, "c cannot be used"));
    TURN_UNTIL(bench.loop, copy_is(&bench, "agents.json",
                                   "{\n\"a\":" AGENT ",\n\"b\":" AGENT ",\n\"c\":\"{\\\"command\\\":\"\n}\n"));
    bench_stop(&bench);
    redis_server_kill(server);
    bench_start(&bench);
    assert_true(source_ready(bench.source));
    assert_string_equal(rules_state(&bench)->kind, "last good copy");
    assert_int_equal(rules_in_use(&bench), 2);
    assert_int_equal(directory_count(source_directory(bench.source)), 3);
    assert_non_null(directory_find(source_directory(bench.source), SLICE("c"))->broken);
    TURN_UNTIL(bench.loop, warned(&bench, "what is in use stays, again in 250ms"));
    assert_string_equal(source_redis(bench.source)->error, "No such file or directory");
    redis_server_start(server);
    redis_say(server, "SET", "sip_dispatch_rules", RULES_1, NULL);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
    assert_string_equal(rules_state(&bench)->kind, "redis");
    assert_string_equal(source_redis(bench.source)->error, "");
    bench_release(&bench);
    redis_server_free(server);
}

/* The first start, and Redis away: calls wait until it is there. */
static void test_redis_first_start(void **state) {
    (void)state;
    struct redis_server *server = redis_server_new();
    struct bench bench;
    bench_init(&bench);
    bench.options.redis_url = server->url;
    redis_server_kill(server);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, warned(&bench, "calls wait for the first load, again in 250ms"));
    assert_false(source_ready(bench.source));
    redis_server_start(server);
    TURN_UNTIL(bench.loop, source_ready(bench.source));
    assert_null(source_rules(bench.source)); /* no keys: there are none, and that is an answer */
    assert_null(source_directory(bench.source));
    assert_int_equal(rules_state(&bench)->count, 0);
    redis_say(server, "SET", "sip_dispatch_rules", RULES_1, NULL);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 1);
    bench_release(&bench);
    redis_server_free(server);
}

/* What may stand in Redis without costing the rules in use, then what clears them. */
static void test_redis_mistakes(void **state) {
    (void)state;
    struct redis_server *server = redis_server_new();
    struct bench bench;
    bench_init(&bench);
    bench.options.redis_url = server->url;
    static const struct {
        const char *command[4], *says;
    } rows[] = {
        {{"SET", "sip_dispatch_rules", "[{]", NULL}, "keeping the 2 rules in use"},
        {{"DEL", "sip_dispatch_rules", NULL, NULL},
         "the key sip_dispatch_rules is gone (the value [] would mean no rules)"},
        {{"LPUSH", "sip_dispatch_rules", "x", NULL}, "the key sip_dispatch_rules is not a STRING"},
        {{"FLUSHALL", NULL, NULL, NULL}, "sip_dispatch_rules is gone"},
        {{"SETRANGE", "sip_dispatch_rules", "33554433", "x"}, "at most 33554432 are read"},
    };
    redis_say(server, "SET", "sip_dispatch_rules", RULES_2, NULL);
    redis_say(server, "HSET", "sip_agents", "a", AGENT, NULL);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, source_ready(bench.source));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const *command = rows[i].command;
        buf_clear(&bench.warnings);
        redis_say(server, command[0], command[1], command[2], command[3], NULL);
        TURN_UNTIL(bench.loop, warned(&bench, rows[i].says));
        assert_true(rules_state(&bench)->error[0] != '\0');
        assert_int_equal(rules_in_use(&bench), 2);
        assert_int_equal(directory_count(source_directory(bench.source)), 1);
    }
    assert_true(copy_is(&bench, "rules.json", RULES_2));
    redis_say(server, "SET", "sip_dispatch_rules", RULES_2, NULL);
    TURN_UNTIL(bench.loop, rules_state(&bench)->error[0] == '\0'); /* the same text: good again */
    redis_say(server, "SET", "sip_dispatch_rules", "[]", NULL);
    TURN_UNTIL(bench.loop, rules_in_use(&bench) == 0);
    redis_say(server, "EVAL", "for i = 0, 10000 do redis.call('HSET', KEYS[1], i, '{}') end", "1", "sip_agents", NULL);
    TURN_UNTIL(bench.loop, warned(&bench, "the key sip_agents has 10001 entries; at most 10000 are read"));
    assert_int_equal(directory_count(source_directory(bench.source)), 1);
    bench_release(&bench);
    redis_server_free(server);
}

/* A file wins for its document, Redis has the other; names the HASH lacks come from the template. */
static void test_file_and_redis(void **state) {
    (void)state;
    struct redis_server *server = redis_server_new();
    struct bench bench;
    char *command[] = {(char[]){"/bin/true"}, NULL};
    bench_init(&bench);
    put(bench.rules_path, RULES_2);
    bench.options.rules_file = bench.rules_path;
    bench.options.redis_url = server->url;
    bench.options.defaults.command = command;
    redis_say(server, "SET", "sip_dispatch_rules", RULES_1, NULL);
    bench_start(&bench);
    TURN_UNTIL(bench.loop, source_ready(bench.source));
    assert_int_equal(rules_in_use(&bench), 2);
    assert_string_equal(source_directory_state(bench.source)->kind, "command");
    redis_say(server, "HSET", "sip_agents", "a", "{}", NULL);
    TURN_UNTIL(bench.loop, directory_count(source_directory(bench.source)) == 1);
    assert_string_equal(source_directory_state(bench.source)->kind, "redis");
    bench_release(&bench);
    redis_server_free(server);
}

static void test_bad_url(void **state) {
    (void)state;
    struct bench bench;
    bench_init_files(&bench);
    bench.options.redis_url = "rediss://:secret@h";
    struct diag diag = {0};
    assert_null(source_start(&bench.options, &diag)); /* a mistake even where files provide everything */
    assert_string_equal(diag.where, "REDIS_URL");
    assert_non_null(strstr(diag.what, "stunnel"));
    bench_release(&bench);
}

/* ---- once, for commands ---- */

static void test_fetch_files(void **state) {
    (void)state;
    struct bench bench;
    struct fetch fetch;
    bench_init_files(&bench);
    put(bench.agents_path, "[");
    fetch_run(&bench.options, 60000, &fetch);
    assert_string_equal(fetch.rules.kind, "file");
    assert_string_equal(fetch.rules.text, RULES_2);
    assert_int_equal(fetch.rules.size, strlen(RULES_2));
    assert_int_equal(ruleset_count(fetch.rules.rules), 2);
    assert_string_equal(fetch.rules.diag.what, "");
    assert_string_equal(fetch.agents.text, "[");
    assert_null(fetch.agents.directory);
    assert_string_equal(fetch.agents.diag.where, bench.agents_path);
    fetch_release(&fetch);
    unlink(bench.rules_path);
    fetch_run(&bench.options, 60000, &fetch);
    assert_null(fetch.rules.text);
    assert_non_null(strstr(fetch.rules.diag.what, "No such file"));
    fetch_release(&fetch);
    bench_release(&bench);
}

static void test_fetch_redis(void **state) {
    (void)state;
    struct redis_server *server = redis_server_new();
    struct bench bench;
    struct fetch fetch;
    bench_init(&bench);
    bench.options.redis_url = server->url;
    redis_say(server, "SET", "sip_dispatch_rules", "[7]", NULL);
    redis_say(server, "HSET", "sip_agents", "a", AGENT, NULL);
    fetch_run(&bench.options, 60000, &fetch);
    assert_string_equal(fetch.rules.text, "[7]");
    assert_null(fetch.rules.rules);
    assert_true(fetch.rules.diag.what[0] != '\0');
    assert_string_equal(fetch.agents.text, "{\n\"a\":" AGENT "\n}\n");
    assert_int_equal(directory_count(fetch.agents.directory), 1);
    fetch_release(&fetch);
    redis_say(server, "FLUSHALL", NULL);
    fetch_run(&bench.options, 60000, &fetch);
    assert_null(fetch.rules.text);
    assert_string_equal(fetch.rules.diag.what, "");
    assert_string_equal(fetch.agents.diag.what, "");
    fetch_release(&fetch);
    redis_server_kill(server);
    fetch_run(&bench.options, 3600000, &fetch); /* refused is not waited for: an hour this test does not have */
    assert_string_equal(fetch.rules.diag.what, "No such file or directory");
    assert_non_null(strstr(fetch.agents.diag.where, "unix:"));
    fetch_release(&fetch);
    bench.options.redis_url = "rediss://h";
    fetch_run(&bench.options, 60000, &fetch);
    assert_string_equal(fetch.rules.diag.where, "REDIS_URL");
    fetch_release(&fetch);
    bench_release(&bench);
    redis_server_free(server);
}

/* A server that takes the connection and says nothing. */
static void test_fetch_timeout(void **state) {
    (void)state;
    struct bench bench;
    struct fetch fetch;
    bench_init(&bench);
    struct fake_redis *fake = fake_new(bench.loop, (const struct fake_line[]){{NULL, NULL}});
    bench.options.redis_url = fake->url;
    fetch_run(&bench.options, 50, &fetch);
    assert_string_equal(fetch.rules.diag.what, "no answer within 50ms");
    fetch_release(&fetch);
    fake_free(fake);
    bench_release(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_config_map),
        cmocka_unit_test(test_nothing_configured),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_bad_file_at_start),
        cmocka_unit_test(test_copy_of_the_last_moment),
        cmocka_unit_test(test_copy_not_rewritten),
        cmocka_unit_test(test_state_dir_unusable),
        cmocka_unit_test(test_redis_live),
        cmocka_unit_test(test_redis_first_start),
        cmocka_unit_test(test_redis_mistakes),
        cmocka_unit_test(test_file_and_redis),
        cmocka_unit_test(test_bad_url),
        cmocka_unit_test(test_fetch_files),
        cmocka_unit_test(test_fetch_redis),
        cmocka_unit_test(test_fetch_timeout),
    };
    log_init(&(struct log_options){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
