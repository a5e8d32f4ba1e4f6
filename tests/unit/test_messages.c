/* The table of log messages, and finding a line in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "messages/messages.h"
#include "ops/ops.h"
#include "run_cli.h"

static void each_finds_itself(void **state) {
    (void)state;
    for (size_t i = 0; i < messages_area_count(); i++) {
        const struct message_area *area = messages_area_at(i);
        for (size_t k = 0; k < area->count; k++) {
            const struct message *message = &area->messages[k];
            cleanup_buf struct buf record = {0};
            buf_addf(&record, "2026-01-02T03:04:05.678Z SIP %-5s ", log_level_name(message->level));
            messages_show(&record, message->text);
            buf_adds(&record, " call=RM_1 room=\"sip x\" agent=a pid=7 why=\"none\"");
            cleanup_message_line struct message_line line;
            messages_read_line(buf_slice(&record), &line);
            assert_int_equal(line.level, message->level);
            const struct message *found = messages_find(&line);
            if (found != message) {
                fail_msg("\"%s\" is taken for \"%s\"", message->text, found != NULL ? found->text : "none");
            }
        }
    }
}

static void matching(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        size_t common;
    } cases[] = {
        {"stopped", "stopped", 7},
        {"stopped", "stopped now", 0},
        {"stopped", "not stopped", 0},
        {"stopped", "", 0},
        {"{A} left", "agent left", 5},
        {"{A} left", " left", 5}, /* a hidden number is empty */
        {"{A} left", "agent left it", 0},
        {"{A} left", "left", 0},
        {"a {A} b {B}", "a x b y", 5},
        {"a {A} b {B}", "a x b ", 5},
        {"a {A} b {B}", "a x c y", 0},
        {"a {A} b", "a b b b", 4}, /* the last piece is the last one */
        {"{A}{B}!", "xy!", 1},
        {"{lower} {A_B C}", "{lower} x", 8},
        {"{A} {", "x {", 2},
        {"x{}", "x{}", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t common = messages_match(cases[i].text, slice_of(cases[i].message));
        if (common != cases[i].common) {
            fail_msg("\"%s\" and \"%s\": %zu", cases[i].text, cases[i].message, common);
        }
    }
}

static void lines(void **state) {
    (void)state;
    static const struct {
        const char *line, *text;
        int level;
    } cases[] = {
        {"2026-01-02T03:04:05.678Z SIP info  stopped", "stopped", LOG_INFO},
        {"Jan 02 host sipbridge[9]: 2026-01-02T03:04:05.678Z SIP warning it is call=RM_1 pid=3\n", "it is",
         LOG_WARNING},
        {"2026-01-02T03:04:05.678Z SIP info    agent says: no", "agent says: no", LOG_INFO},
        {"{\"time\":\"x\",\"level\":\"error\",\"tag\":\"SIP\",\"message\":\"a \\\"b\\\"\",\"call\":\"RM\"}", "a \"b\"",
         LOG_ERROR},
        {"host: {\"time\":\"x\",\"message\":\"  c\"}", "c", -1},
        {"{\"time\": broken", "{\"time\": broken", -1},
        {"{\"time\":\"x\",\"level\":\"error\"}", "{\"time\":\"x\",\"level\":\"error\"}", -1},
        {"  the message alone call=x ", "the message alone call=x", -1},
        {"a SIP trunk is no tag", "a SIP trunk is no tag", -1},
        {"", "", -1},
        {" SIP ", "SIP", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_message_line struct message_line line;
        messages_read_line(slice_of(cases[i].line), &line);
        assert_string_equal(line.text.p, cases[i].text);
        assert_int_equal(line.level, cases[i].level);
    }
}

static void the_closest_of_several(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"agents from /a.json: bot cannot be used: no such file; calls go to what the rules name next",
         "agents from {SOURCE}: {AGENT} cannot be used: {PROBLEM}; calls go to what the rules name next"},
        {"agents from /a.json: odd", "agents from {SOURCE}: {PROBLEM}"},
        {"caller +1 rejected: a reject rule matches", "caller {CALLER} rejected: a reject rule matches"},
        {"caller +1 rejected: it came through no trunk (SIP_REQUIRE_TRUNK)", "caller {CALLER} rejected: {REASON}"},
        {"a standby is ready, 5 ms after its start", "a standby is ready, {MILLISECONDS} ms after its start"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_message_line struct message_line line;
        messages_read_line(slice_of(cases[i][0]), &line);
        assert_string_equal(messages_find(&line)->text, cases[i][1]);
    }
}

static const struct cli_command *const commands[] = {&cli_explain, &cli_docs, NULL};
static char *const no_environment[] = {NULL};

static void explain(void **state) {
    (void)state;
    cleanup_ran struct ran ran =
        run_cli(commands, no_environment,
                (char *[]){(char *)"explain",
                           (char *)"2026-01-02T03:04:05Z SIP error  settings: SIP_X: must be a number", NULL});
    assert_int_equal(ran.code, CLI_OK);
    assert_string_equal(ran.out.p, "error: settings: SIP_X: must be a number\n"
                                   "  when      At a reload: this setting is wrong, so none is taken over.\n"
                                   "  remedy    Mend the setting that it names, then `sipbridge reload`.\n");
}

static void explain_words_and_health(void **state) {
    (void)state;
    cleanup_ran struct ran ran =
        run_cli(commands, no_environment,
                (char *[]){(char *)"explain", (char *)"LiveKit's", (char *)"API", (char *)"refuses our key", NULL});
    assert_int_equal(ran.code, CLI_OK);
    assert_non_null(strstr(ran.out.p, "health, degraded: LiveKit's API refuses our key\n  remedy    "));
}

static void what_is_shown_is_printable(void **state) {
    (void)state;
    cleanup_ran struct ran ran =
        run_cli(commands, no_environment, (char *[]){(char *)"explain", (char *)"changed: \x1b[31m", NULL});
    assert_int_equal(ran.code, CLI_OK);
    assert_non_null(strstr(ran.out.p, "info: changed: \\x1b[31m\n"));
}

static void what_is_not_ours_is_not_explained(void **state) {
    (void)state;
    cleanup_ran struct ran ran =
        run_cli(commands, no_environment, (char *[]){(char *)"explain", (char *)"kernel panic", NULL});
    assert_int_equal(ran.code, CLI_FAILED);
    assert_int_equal(ran.out.len, 0);
    assert_non_null(strstr(ran.err.p, "this is no message of sipbridge"));
}

static void json_document(void **state) {
    (void)state;
    cleanup_ran struct ran ran =
        run_cli(commands, no_environment, (char *[]){(char *)"docs", (char *)"messages-json", NULL});
    json_t *rows = json_loadb(ran.out.p, ran.out.len, 0, NULL);
    size_t count = 0;
    for (size_t i = 0; i < messages_area_count(); i++) {
        count += messages_area_at(i)->count;
    }
    assert_int_equal(json_array_size(rows), count);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "area")),
                        messages_area_at(0)->title);
    json_decref(rows);
}

static void every_state_of_health_but_the_good_one_has_a_remedy(void **state) {
    (void)state;
    for (size_t i = 0; i < ops_state_count(); i++) {
        const struct ops_state *one = ops_state_at(i);
        assert_true((one->remedy[0] == '\0') == (one->health == HEALTH_HEALTHY));
    }
    for (size_t i = 0; i < ops_unready_count(); i++) {
        assert_true(ops_unready_at(i)->remedy[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finds_itself),
        cmocka_unit_test(matching),
        cmocka_unit_test(lines),
        cmocka_unit_test(the_closest_of_several),
        cmocka_unit_test(explain),
        cmocka_unit_test(explain_words_and_health),
        cmocka_unit_test(what_is_shown_is_printable),
        cmocka_unit_test(what_is_not_ours_is_not_explained),
        cmocka_unit_test(json_document),
        cmocka_unit_test(every_state_of_health_but_the_good_one_has_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
