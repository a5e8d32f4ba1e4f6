/* The agents document, entry by entry, and command lines without a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/argv.h"
#include "base/mem.h"
#include "fixture_file.h"
#include "rules/directory.h"

static char *template_command[] = {"run", "--agent", "{agent}", NULL};
static const struct directory_defaults no_command = {.stop_timeout_ms = 10000};
static const struct directory_defaults with_command = {.command = template_command,
                                                       .api_credentials = true,
                                                       .stop_timeout_ms = 10000,
                                                       .after_call_ms = 250};

static struct directory *parse(const char *json) {
    struct diag diag = {0};
    struct directory *directory = directory_parse(slice_of(json), &no_command, &diag);
    if (directory == NULL) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    return directory;
}

static const struct agent *find(const struct directory *directory, const char *name) {
    const struct agent *agent = directory_find(directory, slice_of(name));
    if (agent == NULL) {
        fail_msg("no agent \"%s\"", name);
    }
    return agent;
}

static void check_list(char *const *list, const char *const *wanted) {
    size_t i = 0;
    for (; wanted[i] != NULL; i++) {
        assert_non_null(list[i]);
        assert_string_equal(list[i], wanted[i]);
    }
    assert_null(list[i]);
}

static void test_good_document(void **state) {
    (void)state;
    cleanup_buf struct buf text = fixture_file("agents/good.json");
    struct diag diag = {0};
    struct directory *directory = directory_parse(buf_slice(&text), &with_command, &diag);
    assert_non_null(directory);
    assert_int_equal(directory_count(directory), 3);
    assert_int_equal(directory_warnings(directory), 0);
    const struct agent *agent = find(directory, "support");
    check_list(agent->command, (const char *[]){"python", "-m", "bot", "--room", "{room}", NULL});
    check_list(agent->env, (const char *[]){"LANG=fr_FR.UTF-8", "MODEL=a=b", NULL});
    assert_string_equal(agent->cwd, "/opt/bot");
    assert_string_equal(agent->id, "7f3a");
    assert_int_equal(agent->max, 20);
    assert_int_equal(agent->stop_timeout_ms, 30000);
    assert_int_equal(agent->after_call_ms, 500);
    assert_true(agent->api_credentials);
    agent = find(directory, "sales");
    check_list(agent->command, (const char *[]){"python", "-m", "sales bot", "--to", "{called}", NULL});
    assert_true(agent->api_credentials);
    assert_int_equal(agent->stop_timeout_ms, 10000);
    assert_int_equal(agent->after_call_ms, 250);
    assert_int_equal(agent->order, AGENT_DEFAULT_ORDER);
    assert_null(agent->env[0]);
    assert_null(agent->cwd);
    assert_string_equal(agent->id, "");
    agent = find(directory, "night");
    check_list(agent->command, (const char *[]){"run", "--agent", "{agent}", NULL});
    assert_int_equal(agent->stop_timeout_ms, 0);
    assert_false(agent->api_credentials);
    assert_string_equal(directory_at(directory, 0)->name, "support");
    assert_string_equal(directory_at(directory, 1)->name, "night");
    assert_string_equal(directory_at(directory, 2)->name, "sales");
    directory_release(directory);
}

static void test_mistakes_break_one_agent(void **state) {
    (void)state;
    cleanup_buf struct buf text = fixture_file("agents/broken-entries.json");
    struct directory *directory = parse(text.p);
    assert_int_equal(directory_count(directory), 6);
    for (size_t i = 0; i < 6; i++) {
        const struct agent *agent = directory_at(directory, i);
        bool fine = strcmp(agent->name, "fine") == 0;
        assert_int_equal(agent->broken == NULL, fine);
        assert_int_equal(agent->command != NULL, fine);
    }
    assert_string_equal(directory_first(directory)->name, "fine");
    directory_release(directory);
}

#define COMMAND "\"command\":[\"true\"]"

static void test_entry_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *name, *entry, *broken; /* broken: how it begins */
    } cases[] = {
        {"null", "null", "must be an object like"},
        {"no command", "{}", "command: is missing"},
        {"command a number", "{\"command\":1}", "command: must be a list of strings"},
        {"no arguments", "{\"command\":[]}", "command: has 1 to 256"},
        {"argument a number", "{\"command\":[\"a\",1]}", "command[1]: must be a string, not a number"},
        {"empty program", "{\"command\":[\"\"]}", "command[0]: is empty"},
        {"empty text", "{\"command\":\" \"}", "command: names no program"},
        {"open quote", "{\"command\":\"a 'b\"}", "command: the quote ' is not closed"},
        {"unknown name", "{\"command\":[\"a\",\"{number}\"]}", "command: {number} is not known"},
        {"name in the program", "{\"command\":[\"/opt/{agent}\"]}", "command: the program itself"},
        {"cwd a list", "{" COMMAND ",\"cwd\":[]}", "cwd: must be a string, not a list"},
        {"cwd relative", "{" COMMAND ",\"cwd\":\"bot\"}", "cwd: must be a whole path"},
        {"cwd empty", "{" COMMAND ",\"cwd\":\"\"}", "cwd: must be a whole path"},
        {"env a list", "{" COMMAND ",\"env\":[]}", "env: must be an object"},
        {"env value a number", "{" COMMAND ",\"env\":{\"A\":1}}", "env.A: must be a string, not a number"},
        {"env name", "{" COMMAND ",\"env\":{\"A-B\":\"\"}}", "env.A-B: is not a variable's name"},
        {"env name a digit", "{" COMMAND ",\"env\":{\"1A\":\"\"}}", "env.1A: is not a variable's name"},
        {"env name empty", "{" COMMAND ",\"env\":{\"\":\"\"}}", "env.: is not a variable's name"},
        {"env name with =", "{" COMMAND ",\"env\":{\"A=B\":\"\"}}", "env.A=B: is not a variable's name"},
        {"env ours", "{" COMMAND ",\"env\":{\"SIP_X\":\"\"}}", "env.SIP_X: is set by the bridge"},
        {"env token", "{" COMMAND ",\"env\":{\"LIVEKIT_TOKEN\":\"\"}}", "env.LIVEKIT_TOKEN: is set by"},
        {"env notify", "{" COMMAND ",\"env\":{\"NOTIFY_SOCKET\":\"\"}}", "env.NOTIFY_SOCKET: is set by"},
        {"max negative", "{" COMMAND ",\"max\":-1}", "max: must be from 0 to 1000000, not -1"},
        {"max a text", "{" COMMAND ",\"max\":\"2\"}", "max: must be a whole number, not a string"},
        {"order a fraction", "{" COMMAND ",\"order\":1.5}", "order: must be a whole number, not a fraction"},
        {"stop_timeout no unit", "{" COMMAND ",\"stop_timeout\":10}", "stop_timeout: must be a time with its unit"},
        {"stop_timeout odd", "{" COMMAND ",\"stop_timeout\":\"soon\"}", "stop_timeout: must be a time"},
        {"after_call long", "{" COMMAND ",\"after_call\":\"2d\"}", "after_call: must be at most 1d"},
        {"stop_timeout long", "{" COMMAND ",\"stop_timeout\":\"11m\"}", "stop_timeout: must be at most 10m"},
        {"after_call true", "{" COMMAND ",\"after_call\":true}", "after_call: must be a time"},
        {"credentials odd", "{" COMMAND ",\"credentials\":\"all\"}", "credentials: must be \"token\""},
        {"credentials a number", "{" COMMAND ",\"credentials\":1}", "credentials: must be \"token\""},
        {"id a number", "{" COMMAND ",\"id\":1}", "id: must be a string"},
        {"standby a text", "{" COMMAND ",\"standby\":\"1\"}", "standby: must be a whole number"},
        {"standby too many", "{" COMMAND ",\"standby\":1001}", "standby: must be from 0 to 1000"},
        {"standby_max below", "{" COMMAND ",\"standby\":2,\"standby_max\":1}", "standby_max: must be at least"},
        {"standby_max_age", "{" COMMAND ",\"standby_max_age\":\"8d\"}", "standby_max_age: must be at most 7d"},
        {"standby_max_rss", "{" COMMAND ",\"standby_max_rss\":\"2 pounds\"}", "standby_max_rss: must be a size"},
        {"standby of a room", "{\"command\":[\"run\",\"--room={room}\"],\"standby\":1}",
         "command: {room} is known only when"},
        {"standby of a caller", "{\"command\":\"run {caller}\",\"standby\":1}", "command: {caller} is known only when"},
        {"another engine", "{" COMMAND ",\"job\":{}}", "only agents with a \"command\" can be run"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        cleanup_buf struct buf json = {0};
        buf_addf(&json, "{\"good\":{" COMMAND "},\"a\":%s}", cases[i].entry);
        struct directory *directory = parse(json.p);
        assert_null(find(directory, "good")->broken);
        const struct agent *agent = find(directory, "a");
        assert_non_null(agent->broken);
        if (strncmp(agent->broken, cases[i].broken, strlen(cases[i].broken)) != 0) {
            fail_msg("\"%s\" does not begin \"%s\"", agent->broken, cases[i].broken);
        }
        assert_null(agent->command);
        directory_release(directory);
    }
}

static void test_whole_documents(void **state) {
    (void)state;
    static const struct {
        const char *name, *what;
    } cases[] = {
        {"agents/hostile-deep.json", "nested deeper"},
        {"agents/hostile-duplicate-name.json", "duplicate object key"},
        {"agents/hostile-bom.json", "byte order mark"},
        {"agents/hostile-utf8.json", "unable to decode byte"},
        {"agents/hostile-nul.json", "u0000"},
        {"agents/hostile-order.json", "real number overflow"},
        {"rules/empty.json", "the agents are an object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        cleanup_buf struct buf text = fixture_file(cases[i].name);
        struct diag diag = {0};
        assert_null(directory_parse(buf_slice(&text), &no_command, &diag));
        if (strstr(diag.what, cases[i].what) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", diag.what, cases[i].what);
        }
    }
}

static void test_hostile_names(void **state) {
    (void)state;
    cleanup_buf struct buf text = fixture_file("agents/hostile-names.json");
    struct directory *directory = parse(text.p);
    assert_int_equal(directory_count(directory), 2);
    find(directory, "../x");
    find(directory, "$(x)");
    assert_int_equal(directory_warnings(directory), 4);
    assert_non_null(strstr(directory_warning(directory, 2), "the agent \"a\\x0ab\" is left out"));
    assert_null(directory_warning(directory, 4));
    directory_release(directory);
}

static void test_hostile_arguments(void **state) {
    (void)state;
    cleanup_buf struct buf text = fixture_file("agents/hostile-many-arguments.json");
    struct directory *directory = parse(text.p);
    assert_non_null(strstr(find(directory, "a")->broken, "1 to 256 arguments, not 257"));
    assert_non_null(strstr(find(directory, "b")->broken, "more than 256 arguments"));
    assert_non_null(strstr(find(directory, "c")->broken, "40000 bytes"));
    assert_null(directory_first(directory));
    directory_release(directory);
}

static void test_warnings(void **state) {
    (void)state;
    struct directory *directory =
        parse("{\"a\":{" COMMAND ",\"cmd\":1,\"stop_timout\":\"1s\",\"standby\":2},\"b\":{" COMMAND
              ",\"standby\":0,\"standby_maxrss\":0}}");
    assert_null(find(directory, "a")->broken);
    assert_int_equal(directory_warnings(directory), 3);
    assert_string_equal(directory_warning(directory, 1), "a: the key \"stop_timout\" is not known and has no effect: "
                                                         "did you mean \"stop_timeout\"?");
    assert_non_null(strstr(directory_warning(directory, 2), "did you mean \"standby_max_rss\"?"));
    directory_release(directory);
}

static void test_words_for_a_shell_are_warned_of(void **state) {
    (void)state;
    static const char *const warned[] = {"&&", "|", ">", "2>&1", "$HOME", "${HOME}", "~/bot.py"};
    static const char *const fine[] = {"a && b", "$", "$5", "~", "a|b", "{room}", "-"};
    for (size_t i = 0; i < ARRAY_LEN(warned); i++) {
        cleanup_free char *text = xasprintf("{\"a\":{\"command\":[\"sh\",\"%s\"]}}", warned[i]);
        struct directory *directory = parse(text);
        assert_int_equal(directory_warnings(directory), 1);
        assert_non_null(strstr(directory_warning(directory, 0), "no shell reads it"));
        directory_release(directory);
    }
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        cleanup_free char *text = xasprintf("{\"a\":{\"command\":[\"sh\",\"%s\"]}}", fine[i]);
        struct directory *directory = parse(text);
        assert_int_equal(directory_warnings(directory), 0);
        directory_release(directory);
    }
}

static void test_standby(void **state) {
    (void)state;
    static const struct directory_defaults defaults = {
        .command = template_command, .standby = {.least = 2, .most = 0, .max_age_ms = 60000, .max_rss = 1 << 20}};
    struct diag diag = {0};
    struct directory *directory =
        directory_parse(SLICE(
                            "{\"a\":{},\"b\":{\"standby\":0},\"c\":{" COMMAND ",\"standby\":3,\"standby_max\":5,"
                            "\"standby_max_age\":\"10m\",\"standby_max_rss\":\"300MiB\"},\"d\":{\"standby_max_age\":0,"
                            "\"standby_max_rss\":0}}"),
                        &defaults, &diag);
    assert_non_null(directory);
    const struct agent *a = find(directory, "a"), *c = find(directory, "c"), *d = find(directory, "d");
    assert_true(a->standby.least == 2 && a->standby.most == 2 && a->standby.max_age_ms == 60000);
    assert_int_equal(find(directory, "b")->standby.least, 0);
    assert_true(c->standby.least == 3 && c->standby.most == 5 && c->standby.max_age_ms == 600000);
    assert_int_equal(c->standby.max_rss, 300 << 20);
    assert_true(d->standby.max_age_ms == 0 && d->standby.max_rss == 0);
    directory_release(directory);
    /* One command for every name cannot stand by under one of them; an agent of a name can. */
    directory = directory_of_command(&defaults);
    assert_non_null(strstr(directory_template(directory)->broken, "{agent} is known only when a call comes"));
    directory_release(directory);
}

static void test_too_many_agents(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    for (unsigned i = 0; i <= DIRECTORY_MAX_AGENTS; i++) {
        buf_addf(&json, "%c\"a%u\":{}", i > 0 ? ',' : '{', i);
    }
    buf_adds(&json, "}");
    struct diag diag = {0};
    assert_null(directory_parse(buf_slice(&json), &no_command, &diag));
    assert_non_null(strstr(diag.what, "10001 agents, at most 10000"));
}

static void test_one_at_a_time(void **state) {
    (void)state;
    struct directory *directory = directory_start(&no_command);
    directory_add(directory, SLICE("b"), SLICE("{" COMMAND "}"));
    directory_add(directory, SLICE("a"), SLICE("{\"command\":"));
    directory_add(directory, SLICE("c"), SLICE("{" COMMAND ",\"order\":-5}"));
    directory_add(directory, SLICE("b"), SLICE("{\"command\":[\"false\"]}"));
    directory_add(directory, SLICE("n\0l"), SLICE("{" COMMAND "}"));
    directory_add(directory, SLICE("\xff"), SLICE("{" COMMAND "}"));
    directory_finish(directory);
    assert_int_equal(directory_count(directory), 3);
    assert_string_equal(directory_first(directory)->name, "c");
    assert_string_equal(directory_at(directory, 1)->name, "a");
    assert_non_null(strstr(directory_at(directory, 1)->broken, "not valid JSON"));
    assert_string_equal(find(directory, "b")->command[0], "false");
    assert_null(directory_find(directory, SLICE("n")));
    assert_null(directory_find(directory, SLICE("")));
    assert_null(directory_find(directory, SLICE("bb")));
    assert_int_equal(directory_warnings(directory), 2);
    directory_release(directory);
}

static void test_too_many_one_at_a_time(void **state) {
    (void)state;
    struct directory *directory = directory_start(&with_command);
    char name[16];
    for (unsigned i = 0; i < DIRECTORY_MAX_AGENTS + 3; i++) {
        snprintf(name, sizeof name, "a%05u", i);
        directory_add(directory, slice_of(name), SLICE("{}"));
    }
    directory_finish(directory);
    assert_int_equal(directory_count(directory), DIRECTORY_MAX_AGENTS);
    assert_int_equal(directory_warnings(directory), 1);
    for (unsigned i = 0; i < DIRECTORY_MAX_AGENTS; i++) {
        snprintf(name, sizeof name, "a%05u", i);
        assert_string_equal(find(directory, name)->name, name);
        assert_string_equal(directory_at(directory, i)->name, name);
    }
    assert_null(directory_find(directory, SLICE("a10000")));
    directory_release(directory);
}

static void test_of_command(void **state) {
    (void)state;
    struct directory *directory = directory_of_command(&with_command);
    assert_int_equal(directory_count(directory), 0);
    const struct agent *agent = find(directory, "whatever");
    assert_string_equal(agent->name, "");
    assert_null(agent->broken);
    assert_ptr_equal(directory_first(directory), agent);
    assert_ptr_equal(directory_hold(directory), directory);
    directory_release(directory);
    check_list(agent->command, (const char *[]){"run", "--agent", "{agent}", NULL});
    directory_release(directory);
    directory_release(NULL);
    directory = directory_of_command(&no_command);
    assert_non_null(find(directory, "x")->broken);
    assert_null(directory_first(directory));
    directory_release(directory);
}

static bool only_true(const struct agent *agent, struct diag *diag) {
    return strcmp(agent->command[0], "true") == 0 ||
           diag_fail(diag, "command[0]", "%s is not there", agent->command[0]);
}

static void test_check(void **state) {
    (void)state;
    struct directory *directory = parse("{\"a\":{\"command\":[\"false\"]},\"b\":{" COMMAND "},\"c\":{}}");
    directory_check(directory, only_true);
    assert_string_equal(find(directory, "a")->broken, "command[0]: false is not there");
    assert_null(find(directory, "a")->command);
    assert_null(find(directory, "b")->broken);
    assert_string_equal(directory_first(directory)->name, "b");
    directory_release(directory);
    directory = directory_of_command(&with_command);
    directory_check(directory, only_true);
    assert_null(directory_first(directory));
    directory_release(directory);
}

static void test_split(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        const char *wanted[6];
    } cases[] = {
        {"blanks", " a\tb \n c ", {"a", "b", "c"}},
        {"single quotes", "a 'b c' 'd\\e' '\"'", {"a", "b c", "d\\e", "\""}},
        {"double quotes", "a \"b 'c'\" \"d\\\"e\" \"\\\\\"", {"a", "b 'c'", "d\"e", "\\"}},
        {"backslash", "a\\ b \\'c \\\\", {"a b", "'c", "\\"}},
        {"empty words", "a '' \"\" b", {"a", "", "", "b"}},
        {"quotes inside a word", "a'b c'd\"e f\"", {"ab cde f"}},
        {"no shell", "a $HOME `x` $(y) ; | > *", {"a", "$HOME", "`x`", "$(y)", ";", "|"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        struct diag diag = {0};
        char **argv = argv_split(slice_of(cases[i].text), &diag);
        assert_non_null(argv);
        size_t n = 0;
        for (; n < 6 && cases[i].wanted[n] != NULL; n++) {
            assert_string_equal(argv[n], cases[i].wanted[n]);
        }
        assert_true(n == 6 || argv[n] == NULL);
        argv_free(argv);
    }
}

static void test_split_mistakes(void **state) {
    (void)state;
    static const struct {
        struct slice text;
        const char *what;
    } cases[] = {
        {{"", 0}, "names no program"},
        {{NULL, 0}, "names no program"},
        {{" \n", 2}, "names no program"},
        {{"'' a", 4}, "names no program"},
        {{"a 'b", 4}, "the quote ' is not closed"},
        {{"a \"b'", 5}, "the quote \" is not closed"},
        {{"a \\", 3}, "a backslash at the end"},
        {{"a\0b", 3}, "no NUL byte"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diag diag = {0};
        assert_null(argv_split(cases[i].text, &diag));
        assert_non_null(strstr(diag.what, cases[i].what));
    }
    argv_free(NULL);
    assert_null(argv_copy(NULL));
}

static bool check_one(const char *argument, struct diag *diag) {
    char *argv[] = {"a", (char *)(uintptr_t)argument, NULL};
    return argv_check(argv, diag);
}

static void test_argv_check(void **state) {
    (void)state;
    struct diag diag = {0};
    assert_true(check_one("{room}{agent}{agent_id}{called}{caller}{livekit_url}", &diag));
    static const char *const text[] = {"{}",    "{\"a\":{}}", "${HOME}",  "{ room }",
                                       "{room", "room}",      "{{room}}", "{Room}"};
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        assert_true(check_one(text[i], &diag));
    }
    assert_false(check_one("{room}{rom}", &diag));
    assert_non_null(strstr(diag.what, "{rom} is not known"));
    assert_false(check_one("{{rom}}", &diag));
    assert_false(check_one("{livekit_token}", &diag));
    char *argv[] = {"/opt/{called}/run", NULL};
    assert_false(argv_check(argv, &diag));
    assert_non_null(strstr(diag.what, "cannot contain {called}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_document),
        cmocka_unit_test(test_mistakes_break_one_agent),
        cmocka_unit_test(test_entry_mistakes),
        cmocka_unit_test(test_whole_documents),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_hostile_arguments),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_words_for_a_shell_are_warned_of),
        cmocka_unit_test(test_too_many_agents),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_too_many_one_at_a_time),
        cmocka_unit_test(test_of_command),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_mistakes),
        cmocka_unit_test(test_argv_check),
        cmocka_unit_test(test_standby),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
