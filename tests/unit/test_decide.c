/* The decision: a table of cases with and without the leg, and every word of an explanation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "decide_scene.h"
#include "rules/number.h"

/* "agent support, rule 1", "reject, rule 0", "nobody", "uncertain", "agent first, first". */
static void say(const struct choice *choice, char ret_text[128]) {
    static const char *const reasons[] = {"room", "rule", "default", "first", "command"};
    static const char *const kinds[] = {"uncertain", "agent", "reject", "nobody"};
    struct buf text = {0};
    buf_adds(&text, kinds[choice->kind]);
    if (choice->kind == CHOICE_AGENT) {
        buf_addf(&text, " %.*s, %s", SLICE_ARG(choice->name), reasons[choice->reason]);
        assert_non_null(choice->agent);
    }
    buf_adds(&text, choice->kind == CHOICE_REJECT ? ", rule" : "");
    if (choice->rule != NULL) {
        buf_addf(&text, " %u", choice->rule->index);
    }
    snprintf(ret_text, 128, "%s", text.p);
    buf_release(&text);
}

static void check(const char *name, const struct setting *setting, const char *wanted) {
    struct scene scene = scene_of(setting);
    struct choice choice = decide(&scene.input);
    unsigned steps = 0;
    struct choice explained = decide_explain(&scene.input, ignore_step, &steps);
    assert_true(steps > 0);
    assert_true(same_choice(&choice, &explained));
    char text[128];
    say(&choice, text);
    if (strcmp(text, wanted) != 0) {
        fail_msg("%s: %s, not %s", name, text, wanted);
    }
    scene_release(&scene);
}

#define RULE(pattern, rest) "{\"pattern\":\"" pattern "\"," rest "}"
#define TO(agent) "\"agent_name\":\"" agent "\""
#define REJECT "\"reject\":true"

struct named_case {
    const char *name;
    struct setting setting;
    const char *wanted;
};

static void check_cases(const struct named_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        check(cases[i].name, &cases[i].setting, cases[i].wanted);
    }
}

static void test_with_the_leg(void **state) {
    (void)state;
    static const struct named_case cases[] = {
        {"no rules, no default", {.agents = AGENTS}, "agent first, first"},
        {"default", {.agents = AGENTS, .fallback = "support"}, "agent support, default"},
        {"default unknown: the first", {.agents = AGENTS, .fallback = "who"}, "agent first, first"},
        {"default broken: the first", {.agents = AGENTS, .fallback = "bad"}, "agent first, first"},
        {"room", {.agents = AGENTS, .room = "sales", .fallback = "support"}, "agent sales, room"},
        {"room before rules",
         {.rules = "[" RULE("*", TO("first")) "]", .agents = AGENTS, .room = "sales"},
         "agent sales, room"},
        {"room before reject",
         {.rules = "[" RULE("*", REJECT) "]", .agents = AGENTS, .room = "sales"},
         "agent sales, room"},
        {"room unknown: rules",
         {.rules = "[" RULE("*", TO("sales")) "]", .agents = AGENTS, .room = "who"},
         "agent sales, rule 0"},
        {"room unknown, no rules: default",
         {.agents = AGENTS, .room = "who", .fallback = "sales"},
         "agent sales, default"},
        {"room unknown, nothing else: not the first", {.agents = AGENTS, .room = "who"}, "nobody"},
        {"first match",
         {.rules = "[" RULE("*", TO("first")) "," RULE("+33*", TO("sales")) "]", .agents = AGENTS, .called = "33 1"},
         "agent sales, rule 1"},
        {"priority before weight",
         {.rules = "[" RULE("*", TO("first") ",\"priority\":1") "," RULE("+33*", TO("sales")) "]",
          .agents = AGENTS,
          .called = "+331"},
         "agent first, rule 0"},
        {"hidden number: only any",
         {.rules = "[" RULE("+*", TO("sales")) "," RULE("?*", TO("sales")) "," RULE("*", TO("support")) "]",
          .agents = AGENTS},
         "agent support, rule 2"},
        {"hidden number, no any: the first",
         {.rules = "[" RULE("+*", TO("sales")) "]", .agents = AGENTS},
         "agent first, first"},
        {"caller",
         {.rules = "[" RULE("*", TO("sales") ",\"caller\":\"+44*\"") "]", .agents = AGENTS, .caller = "44-1"},
         "agent sales, rule 0"},
        {"hidden caller",
         {.rules = "[" RULE("*", TO("sales") ",\"caller\":\"+44*\"") "]", .agents = AGENTS},
         "agent first, first"},
        {"trunk",
         {.rules = "[" RULE("*", TO("sales") ",\"trunk\":\"ST_1\"") "]", .agents = AGENTS, .trunk = "ST_1"},
         "agent sales, rule 0"},
        {"another trunk",
         {.rules = "[" RULE("*", TO("sales") ",\"trunk\":\"ST_1\"") "]", .agents = AGENTS, .trunk = "ST_2"},
         "agent first, first"},
        {"reject",
         {.rules = "[" RULE("*", TO("sales")) "," RULE("*", REJECT ",\"caller\":\"+1900*\",\"priority\":0") "]",
          .agents = AGENTS,
          .caller = "+19001"},
         "reject, rule 1"},
        {"reject is not for others",
         {.rules = "[" RULE("*", TO("sales")) "," RULE("*", REJECT ",\"caller\":\"+1900*\",\"priority\":0") "]",
          .agents = AGENTS,
          .caller = "+19011"},
         "agent sales, rule 0"},
        {"a rule before reject",
         {.rules = "[" RULE("*", REJECT) "," RULE("+33*", TO("sales")) "]", .agents = AGENTS, .called = "+331"},
         "agent sales, rule 1"},
        {"broken gives way to reject",
         {.rules = "[" RULE("*", REJECT) "," RULE("+33*", TO("bad")) "]", .agents = AGENTS, .called = "+331"},
         "reject, rule 0"},
        {"unknown gives way",
         {.rules = "[" RULE("+33*", TO("who")) "," RULE("*", TO("sales")) "]", .agents = AGENTS, .called = "+331"},
         "agent sales, rule 1"},
        {"broken gives way",
         {.rules = "[" RULE("+33*", TO("bad")) "," RULE("*", TO("sales")) "]", .agents = AGENTS, .called = "+331"},
         "agent sales, rule 1"},
        {"full gives way",
         {.rules = "[" RULE("+33*", TO("sales")) "," RULE("*", TO("support")) "]",
          .agents = AGENTS,
          .called = "+331",
          .sales_full = true},
         "agent support, rule 1"},
        {"resting gives way to the next",
         {.rules = "[" RULE("+33*", TO("sales")) "," RULE("*", TO("support")) "]",
          .agents = AGENTS,
          .called = "+331",
          .sales_resting = true},
         "agent support, rule 1"},
        {"… to the default",
         {.rules = "[" RULE("*", TO("sales")) "]", .agents = AGENTS, .fallback = "support", .sales_resting = true},
         "agent support, default"},
        {"… and to nobody where the default rests",
         {.agents = AGENTS, .room = "sales", .fallback = "sales", .sales_resting = true},
         "nobody"},
        {"unlimited is never full",
         {.rules = "[" RULE("*", TO("support")) "]", .agents = AGENTS, .sales_full = true},
         "agent support, rule 0"},
        {"gives way to the default",
         {.rules = "[" RULE("*", TO("who")) "]", .agents = AGENTS, .fallback = "sales"},
         "agent sales, default"},
        {"never gives way to the first", {.rules = "[" RULE("*", TO("who")) "]", .agents = AGENTS}, "nobody"},
        {"nor behind a default that is full",
         {.rules = "[" RULE("*", TO("who")) "]", .agents = AGENTS, .fallback = "sales", .sales_full = true},
         "nobody"},
        {"skipped matches nothing",
         {.rules = "[" RULE("*", "\"target_type\":\"room\",\"target\":\"x\"") "]", .agents = AGENTS},
         "agent first, first"},
        {"no directory", {.rules = "[" RULE("*", TO("sales")) "]", .fallback = "sales"}, "nobody"},
        {"empty directory", {.agents = "{}"}, "nobody"},
        {"one command", {.agents = ""}, "agent default, command"},
        {"one command, no rule matched",
         {.rules = "[" RULE("+33", TO("x")) "]", .agents = ""},
         "agent default, command"},
        {"one command, a rule", {.rules = "[" RULE("*", TO("x")) "]", .agents = ""}, "agent x, rule 0"},
        {"one command, default", {.agents = "", .fallback = "y"}, "agent y, default"},
        {"one command, room", {.agents = "", .room = "z"}, "agent z, room"},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void test_before_the_leg(void **state) {
    (void)state;
#define EARLY .agents = AGENTS, .leg_unknown = true
    static const struct named_case cases[] = {
        {"no rules", {EARLY}, "agent first, first"},
        {"no rules, default", {EARLY, .fallback = "sales"}, "agent sales, default"},
        {"room", {EARLY, .room = "sales", .rules = "[" RULE("1", TO("first")) "]"}, "agent sales, room"},
        {"one rule for all", {EARLY, .rules = "[" RULE("*", TO("sales")) "]"}, "agent sales, rule 0"},
        {"what follows such a rule does not count",
         {EARLY, .rules = "[" RULE("*", TO("sales") ",\"priority\":1") "," RULE("1", TO("first")) "]"},
         "agent sales, rule 0"},
        {"by caller it is not for all",
         {EARLY, .rules = "[" RULE("*", TO("sales") ",\"caller\":\"1\"") "]"},
         "uncertain"},
        {"by trunk it is not for all",
         {EARLY, .rules = "[" RULE("*", TO("sales") ",\"trunk\":\"ST_1\"") "]"},
         "uncertain"},
        {"one number and the fallback differ", {EARLY, .rules = "[" RULE("1", TO("sales")) "]"}, "uncertain"},
        {"one number and the fallback agree", {EARLY, .rules = "[" RULE("1", TO("first")) "]"}, "agent first, rule 0"},
        {"two numbers and the default agree",
         {EARLY, .fallback = "sales", .rules = "[" RULE("1", TO("sales")) "," RULE("2", TO("sales")) "]"},
         "agent sales, rule 0"},
        {"other metadata",
         {EARLY, .rules = "[" RULE("1", TO("sales") ",\"metadata\":{\"a\":1}") "," RULE("*", TO("sales")) "]"},
         "uncertain"},
        {"same metadata",
         {EARLY, .rules = "[" RULE("1", TO("sales") ",\"metadata\":{\"a\":1}") "," RULE(
                     "*", TO("sales") ",\"metadata\":{ \"a\": 1 }") "]"},
         "agent sales, rule 0"},
        {"metadata and the bare default",
         {EARLY, .fallback = "sales", .rules = "[" RULE("1", TO("sales") ",\"metadata\":{\"a\":1}") "]"},
         "uncertain"},
        {"reject does not count",
         {EARLY, .rules = "[" RULE("1", REJECT) "," RULE("*", TO("sales")) "]"},
         "agent sales, rule 1"},
        {"reject for all the rest does",
         {EARLY, .fallback = "sales", .rules = "[" RULE("1", TO("sales")) "," RULE("*", REJECT) "]"},
         "uncertain"},
        {"behind a rule for all it does not",
         {EARLY, .rules = "[" RULE("*", TO("sales")) "," RULE("*", REJECT) "]"},
         "agent sales, rule 0"},
        {"skipped does not count",
         {EARLY, .rules = "[" RULE("*", "\"target_type\":\"room\"") "]"},
         "agent first, first"},
        {"broken for all: the default",
         {EARLY, .fallback = "sales", .rules = "[" RULE("*", TO("bad")) "]"},
         "agent sales, default"},
        {"broken for all: never the first", {EARLY, .rules = "[" RULE("*", TO("bad")) "]"}, "uncertain"},
        {"broken for some: default in both cases",
         {EARLY, .fallback = "sales", .rules = "[" RULE("1", TO("bad")) "]"},
         "agent sales, default"},
        {"broken for some: first or nobody", {EARLY, .rules = "[" RULE("1", TO("bad")) "]"}, "uncertain"},
        {"room unknown: first or nobody", {EARLY, .room = "who"}, "uncertain"},
        {"room unknown: default", {EARLY, .room = "who", .fallback = "sales"}, "agent sales, default"},
        {"full is as good as broken",
         {EARLY, .sales_full = true, .rules = "[" RULE("1", TO("sales")) "," RULE("*", TO("support")) "]"},
         "agent support, rule 1"},
        {"resting is as good as broken",
         {EARLY, .sales_resting = true, .rules = "[" RULE("1", TO("sales")) "," RULE("*", TO("support")) "]"},
         "agent support, rule 1"},
        {"nobody at all is left to the leg", {.leg_unknown = true}, "uncertain"},
        {"one command", {.agents = "", .leg_unknown = true}, "agent default, command"},
        {"one command, two names",
         {.agents = "", .leg_unknown = true, .rules = "[" RULE("1", TO("a")) "," RULE("*", TO("b")) "]"},
         "uncertain"},
        {"one command, one name",
         {.agents = "", .leg_unknown = true, .rules = "[" RULE("1", TO("a")) "," RULE("*", TO("a")) "]"},
         "agent a, rule 0"},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void collect_step(void *context, const struct rule *rule, const char *what) {
    buf_addf(context, "%s%s\n", rule != NULL ? "" : "- ", what);
}

static void check_explained(const struct setting *setting, const char *wanted) {
    struct scene scene = scene_of(setting);
    cleanup_buf struct buf text = {0};
    decide_explain(&scene.input, collect_step, &text);
    assert_string_equal(text.p, wanted);
    scene_release(&scene);
}

static void test_explanation(void **state) {
    (void)state;
    /* clang-format off */
    static const char rules[] = "["
        RULE("+33*", TO("bad") ",\"priority\":1") ","
        RULE("+44*", TO("support") ",\"priority\":2") ","
        "{\"pattern\":[\"+331\",\"+332\",\"+333\",\"+334\"]," TO("sales") ",\"priority\":3},"
        RULE("*", REJECT ",\"caller\":\"+1*\",\"priority\":4") ","
        RULE("*", TO("support") ",\"trunk\":\"ST_1\",\"priority\":5") ","
        RULE("*", TO("w\\u202eo") ",\"priority\":6") ","
        RULE("*", TO("support") ",\"priority\":7") ","
        RULE("*", TO("first") ",\"priority\":8") ","
        RULE("*", "\"target_type\":\"room\",\"priority\":9") "]";
    /* clang-format on */
    struct setting setting = {.agents = AGENTS, .sales_full = true, .called = "33 1", .trunk = "ST_2", .rules = rules};
    check_explained(
        &setting,
        "rule [0] (+33*, priority 1): matches, but the agent bad is broken: max: must be from 0 to 1000000, not -1\n"
        "rule [1] (+44*, priority 2): the called number does not match\n"
        "rule [2] (+331, +332, +333, …, priority 3): matches, but the agent sales has all its 2 calls (max)\n"
        "rule [3] (*, caller +1*, priority 4): the caller's number is hidden: only * matches it\n"
        "rule [4] (*, trunk ST_1, priority 5): the call came over another trunk\n"
        "rule [5] (*, priority 6): matches, but the agent w\\u{202e}o is not in the directory\n"
        "rule [6] (*, priority 7): matches\n"
        "rule [7] (*, priority 8): matches too, but comes later\n"
        "rule [8] (*, priority 9): skipped: \"target_type\": \"room\" cannot be honoured\n"
        "- the agent support: a rule matched, rule [6] (*, priority 7)\n");
}

static void test_explanation_of_the_rest(void **state) {
    (void)state;
    struct setting setting = {.agents = AGENTS, .room = "who", .fallback = "bad", .rules = "[" RULE("+1", REJECT) "]"};
    check_explained(&setting, "- the room's metadata name an agent, but the agent who is not in the directory\n"
                              "rule [0] (+1, priority 100): the called number is hidden: only * matches it\n"
                              "- no rule gives an agent, DEFAULT_SIP_AGENT would answer, but the agent bad is broken: "
                              "max: must be from 0 to 1000000, not -1\n"
                              "- an agent was named, so the first agent of the directory does not stand in for it\n"
                              "- nobody: no agent can be had\n");
    setting.called = "1";
    setting.room = NULL;
    check_explained(&setting, "rule [0] (+1, priority 100): matches and rejects the call\n- the call is rejected\n");
    setting.leg_unknown = true;
    setting.rules = "[" RULE("1", TO("sales")) "]";
    check_explained(&setting, "rule [0] (+1, priority 100): could match\n"
                              "- no rule gives an agent, DEFAULT_SIP_AGENT would answer, but the agent bad is broken: "
                              "max: must be from 0 to 1000000, not -1\n"
                              "- nothing named an agent: the first answers\n"
                              "- not certain before the number is known\n"
                              "- undecided: LiveKit is asked for the number\n");
}

static void test_a_number_too_long_is_hidden(void **state) {
    (void)state;
    char number[NUMBER_MAX + 2];
    memset(number, '1', sizeof number);
    number[NUMBER_MAX + 1] = '\0';
    struct setting setting = {.agents = AGENTS, .called = number, .rules = "[" RULE("+1*", TO("sales")) "]"};
    check("one too many", &setting, "agent first, first");
    number[NUMBER_MAX] = '\0';
    check("just right", &setting, "agent sales, rule 0");
}

static void test_a_hundred_thousand_rules(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    for (unsigned i = 0; i < RULESET_MAX_RULES; i++) {
        buf_addf(&json, "%c{\"pattern\":\"+33%06u\",\"agent_name\":\"%s\"}", i > 0 ? ',' : '[', i,
                 i % 2 == 0 ? "sales" : "support");
    }
    buf_adds(&json, "]");
    struct setting setting = {.rules = json.p, .agents = AGENTS};
    struct scene scene = scene_of(&setting);
    for (unsigned i = 0; i < RULESET_MAX_RULES; i++) {
        char called[16];
        snprintf(called, sizeof called, "33%06u", i);
        scene.input.called = slice_of(called);
        struct choice choice = decide(&scene.input);
        assert_int_equal(choice.rule->index, i);
        assert_string_equal(choice.agent->name, i % 2 == 0 ? "sales" : "support");
    }
    scene_release(&scene);
}

static char missing_text[512];

static void note_missing(void *context, const char *what) {
    (void)context;
    size_t used = strlen(missing_text);
    snprintf(missing_text + used, sizeof missing_text - used, "%s\n", what);
}

/* Every agent that was named and cannot be had is told of, also without an explanation. */
static void test_steps_down_are_told(void **state) {
    (void)state;
    struct setting setting = {.agents = AGENTS, .called = "+331", .sales_full = true};
    setting.rules = "[{\"pattern\":\"+33*\",\"agent_name\":\"sales\"},{\"pattern\":\"*\",\"agent_name\":\"bad\"},"
                    "{\"pattern\":\"*\",\"agent_name\":\"support\",\"priority\":200}]";
    struct scene scene = scene_of(&setting);
    struct choice choice = decide(&scene.input);
    assert_true(choice.stepped_down);
    assert_true(slice_is(choice.name, "support"));
    missing_text[0] = '\0';
    scene.input.on_missing = note_missing;
    decide(&scene.input);
    assert_string_equal(missing_text,
                        "rule [0] (+33*, priority 100): matches, but the agent sales has all its 2 calls (max)\n"
                        "rule [1] (*, priority 100): matches, but the agent bad is broken: max: must be "
                        "from 0 to 1000000, not -1\n");
    scene.input.called = SLICE("+441");
    missing_text[0] = '\0';
    assert_true(decide(&scene.input).stepped_down);
    scene_release(&scene);
    setting.sales_full = false;
    setting.sales_resting = true;
    scene = scene_of(&setting);
    scene.input.on_missing = note_missing;
    missing_text[0] = '\0';
    assert_false(decide(&scene.input).unknown);
    assert_non_null(strstr(missing_text, "but the agent sales failed again and again and is left alone for a while\n"));
    scene_release(&scene);
    setting.sales_resting = false;
    setting.rules = "[{\"pattern\":\"*\",\"agent_name\":\"support\"}]";
    scene = scene_of(&setting);
    assert_false(decide(&scene.input).stepped_down);
    scene_release(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_the_leg),
        cmocka_unit_test(test_before_the_leg),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_explanation_of_the_rest),
        cmocka_unit_test(test_a_number_too_long_is_hidden),
        cmocka_unit_test(test_steps_down_are_told),
        cmocka_unit_test(test_a_hundred_thousand_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
