/* The rules document: what is taken, in what order it is tried, and every mistake with the place it names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture_file.h"
#include "rules/pattern.h"
#include "rules/ruleset.h"

static struct ruleset *parse(const char *json) {
    struct diag diag = {0};
    struct ruleset *rules = ruleset_parse(slice_of(json), &diag);
    if (rules == NULL) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    return rules;
}

static struct ruleset *parse_fixture(const char *name) {
    cleanup_buf struct buf text = fixture_file(name);
    return parse(text.p);
}

static const struct rule *rule_of(const struct ruleset *rules, unsigned index) {
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        if (ruleset_at(rules, i)->index == index) {
            return ruleset_at(rules, i);
        }
    }
    fail_msg("no rule [%u]", index);
    return NULL;
}

static void test_good_document(void **state) {
    (void)state;
    struct ruleset *rules = parse_fixture("rules/good.json");
    assert_int_equal(ruleset_count(rules), 5);
    assert_int_equal(ruleset_tries(rules), 5);
    assert_int_equal(ruleset_warnings(rules), 0);
    const struct rule *rule = rule_of(rules, 0);
    assert_string_equal(rule->called[0], "+33*");
    assert_null(rule->called[1]);
    assert_null(rule->caller);
    assert_string_equal(rule->trunk, "ST_vXR8KmGbUgQ8");
    assert_int_equal(rule->priority, 10);
    assert_string_equal(rule->agent_name, "support");
    assert_string_equal(rule->metadata, "{\"language\":\"fr\",\"queue\":[1,2]}");
    rule = rule_of(rules, 1);
    assert_string_equal(rule->called[0], "+15105550100");
    assert_string_equal(rule->called[1], "+15105550199");
    assert_int_equal(rule->priority, RULE_DEFAULT_PRIORITY);
    rule = rule_of(rules, 2);
    assert_true(rule->reject);
    assert_null(rule->agent_name);
    assert_string_equal(rule->caller, "+1900*");
    rule = rule_of(rules, 3);
    assert_string_equal(rule->agent_name, "reception");
    assert_int_equal(rule->priority, 5);
    rule = rule_of(rules, 4);
    assert_null(rule->trunk);
    assert_null(rule->metadata);
    assert_false(rule->reject);
    ruleset_release(rules);
}

static void test_stimms_document(void **state) {
    (void)state;
    struct ruleset *rules = parse_fixture("rules/stimm.json");
    assert_int_equal(ruleset_count(rules), 2);
    assert_string_equal(rule_of(rules, 0)->agent_name, "sip-inbound");
    assert_true(rule_of(rules, 1)->skipped);
    assert_int_equal(ruleset_warnings(rules), 1);
    assert_non_null(strstr(ruleset_warning(rules, 0), "[1]: is skipped"));
    assert_null(ruleset_warning(rules, 1));
    ruleset_release(rules);
}

static void test_empty_document(void **state) {
    (void)state;
    struct ruleset *rules = parse_fixture("rules/empty.json");
    assert_int_equal(ruleset_count(rules), 0);
    struct ruleset_cursor cursor = {0};
    assert_null(ruleset_next(rules, SLICE("+33"), &cursor));
    assert_ptr_equal(ruleset_hold(rules), rules);
    ruleset_release(rules);
    assert_int_equal(ruleset_tries(rules), 0);
    ruleset_release(rules);
    ruleset_release(NULL);
}

static void test_unknown_keys(void **state) {
    (void)state;
    struct ruleset *rules = parse_fixture("rules/unknown-keys.json");
    assert_int_equal(ruleset_warnings(rules), 2);
    assert_string_equal(ruleset_warning(rules, 0),
                        "[0]: the key \"prioriy\" is not known and has no effect: did you mean \"priority\"?");
    assert_string_equal(ruleset_warning(rules, 1), "[1]: the key \"comment\" is not known and has no effect");
    ruleset_release(rules);
}

static void test_warnings_are_bounded(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    buf_adds(&json, "[{\"pattern\":\"*\",\"agent_name\":\"a\"");
    for (unsigned i = 0; i < 50; i++) {
        buf_addf(&json, ",\"\\u001b%u\":1", i);
    }
    buf_adds(&json, "}]");
    struct ruleset *rules = parse(json.p);
    assert_int_equal(ruleset_warnings(rules), 20);
    assert_non_null(strstr(ruleset_warning(rules, 18), "\\x1b18"));
    assert_string_equal(ruleset_warning(rules, 19), "and 31 more");
    ruleset_release(rules);
}

static void test_order(void **state) {
    (void)state;
    struct ruleset *rules = parse("[{\"pattern\":\"*\",\"agent_name\":\"last\"},"
                                  "{\"pattern\":\"+33*\",\"agent_name\":\"third\"},"
                                  "{\"pattern\":\"+331*\",\"agent_name\":\"second\"},"
                                  "{\"pattern\":\"+3312345\",\"agent_name\":\"exact\"},"
                                  "{\"pattern\":\"+44*\",\"agent_name\":\"third, written later\"},"
                                  "{\"pattern\":\"*\",\"agent_name\":\"first\",\"priority\":1},"
                                  "{\"pattern\":\"+3312345\",\"agent_name\":\"very last\",\"priority\":101}]");
    static const unsigned order[] = {5, 3, 2, 1, 4, 0, 6};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_int_equal(ruleset_at(rules, i)->index, order[i]);
    }
    ruleset_release(rules);
}

/* A list is tried as its patterns are specific: exact first, the catch-all last, around another rule. */
static void test_list_is_tried_by_its_patterns(void **state) {
    (void)state;
    struct ruleset *rules =
        parse("[{\"pattern\":[\"*\",\"+33123\",\"+33\",\"+33123\"],\"agent_name\":\"list\",\"metadata\":{\"a\":1}},"
              "{\"pattern\":\"+331*\",\"agent_name\":\"other\"}]");
    assert_int_equal(ruleset_count(rules), 2);
    assert_int_equal(ruleset_tries(rules), 3);
    assert_int_equal(ruleset_at(rules, 0)->index, 0);
    assert_true(rule_takes_called(ruleset_at(rules, 0), SLICE("+33123")));
    assert_true(rule_takes_called(ruleset_at(rules, 0), SLICE("+33")));
    assert_false(rule_takes_called(ruleset_at(rules, 0), SLICE("+331")));
    assert_int_equal(ruleset_at(rules, 1)->index, 1);
    assert_int_equal(ruleset_at(rules, 2)->index, 0);
    assert_true(rule_takes_all(ruleset_at(rules, 2)));
    assert_false(rule_takes_all(ruleset_at(rules, 0)));
    assert_string_equal(ruleset_at(rules, 2)->metadata, "{\"a\":1}");
    ruleset_release(rules);
}

static void test_what_a_rule_takes(void **state) {
    (void)state;
    struct ruleset *rules = parse("[{\"pattern\":\"*\",\"agent_name\":\"a\",\"caller\":\"+33*\"},"
                                  "{\"pattern\":\"*\",\"agent_name\":\"a\",\"trunk\":\"ST_1\"},"
                                  "{\"pattern\":\"**\",\"agent_name\":\"a\",\"caller\":\"**\",\"trunk\":\"*\"},"
                                  "{\"pattern\":\"*\",\"target_type\":\"room\",\"target\":\"x\"}]");
    const struct rule *by_caller = rule_of(rules, 0), *by_trunk = rule_of(rules, 1), *all = rule_of(rules, 2);
    assert_true(rule_takes_caller(by_caller, SLICE("+331")));
    assert_false(rule_takes_caller(by_caller, SLICE("+441")));
    assert_false(rule_takes_caller(by_caller, SLICE("")));
    assert_false(rule_takes_all(by_caller));
    assert_true(rule_takes_trunk(by_trunk, SLICE("ST_1")));
    assert_false(rule_takes_trunk(by_trunk, SLICE("ST_12")));
    assert_false(rule_takes_trunk(by_trunk, SLICE("")));
    assert_false(rule_takes_all(by_trunk));
    assert_true(rule_takes_called(all, SLICE("")) && rule_takes_caller(all, SLICE("")));
    assert_true(rule_takes_trunk(all, SLICE("")) && rule_takes_all(all));
    assert_false(rule_takes_all(rule_of(rules, 3)));
    ruleset_release(rules);
}

#define GOOD "\"pattern\":\"*\",\"agent_name\":\"a\""

static void test_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *name, *json, *where, *what; /* what: a part of it */
    } cases[] = {
        {"not a list", "{}", "", "the rules are a list"},
        {"nothing", "", "line 1, column 0", "not valid JSON"},
        {"a text", "\"+33*\"", "", "not a string"},
        {"rule is a text", "[\"+33*\"]", "[0]", "must be an object"},
        {"no pattern", "[{" GOOD "},{\"agent_name\":\"a\"}]", "[1]", "has no \"pattern\""},
        {"pattern under another name", "[{\"number\":\"+1\",\"agent_name\":\"a\"}]", "[0]",
         "has no \"pattern\": the called number, \"*\" for every one; the key \"number\" is none of a rule's"},
        {"agent under another name", "[{\"pattern\":\"*\",\"agent\":\"a\"}]", "[0]", "the key \"agent\" is none"},
        {"comma before the list's end", "[{" GOOD "}, \n]", "line 2, column 1", "']': take out the comma before it"},
        {"comma before the rule's end", "[{" GOOD ",}]", "line 1, column 34", "'}': take out the comma before it"},
        {"a comment", "[ // rules\n]", "line 1, column 3", "JSON has no comments"},
        {"single quotes", "[{'pattern': '*'}]", "line 1, column 3", "double quotes"},
        {"a comma alone", ",", "line 1, column 1", "not valid JSON"},
        {"pattern null", "[{\"pattern\":null,\"agent_name\":\"a\"}]", "[0]", "has no \"pattern\""},
        {"pattern a number", "[{\"pattern\":33,\"agent_name\":\"a\"}]", "[0].pattern", "not a number"},
        {"pattern empty", "[{\"pattern\":\"\",\"agent_name\":\"a\"}]", "[0].pattern", "is empty"},
        {"list empty", "[{\"pattern\":[],\"agent_name\":\"a\"}]", "[0].pattern", "1 to 1000, not 0"},
        {"in the list", "[{\"pattern\":[\"*\",1],\"agent_name\":\"a\"}]", "[0].pattern[1]", "not a number"},
        {"empty in the list", "[{\"pattern\":[\"*\",\"\"],\"agent_name\":\"a\"}]", "[0].pattern[1]", "is empty"},
        {"list in the list", "[{\"pattern\":[[\"*\"]],\"agent_name\":\"a\"}]", "[0].pattern[0]", "not a list"},
        {"caller a list", "[{" GOOD ",\"caller\":[\"*\"]}]", "[0].caller", "not a list"},
        {"caller empty", "[{" GOOD ",\"caller\":\"\"}]", "[0].caller", "is empty"},
        {"trunk a number", "[{" GOOD ",\"trunk\":1}]", "[0].trunk", "not a number"},
        {"trunk empty", "[{" GOOD ",\"trunk\":\"\"}]", "[0].trunk", "not 0"},
        {"trunk a pattern", "[{" GOOD ",\"trunk\":\"ST_*\"}]", "[0].trunk", "whole id"},
        {"priority a fraction", "[{" GOOD ",\"priority\":1.5}]", "[0].priority", "not a fraction"},
        {"priority a text", "[{" GOOD ",\"priority\":\"high\"}]", "[0].priority", "whole number from"},
        {"priority true", "[{" GOOD ",\"priority\":true}]", "[0].priority", "not true"},
        {"priority too large", "[{" GOOD ",\"priority\":1000000001}]", "[0].priority", "not 1000000001"},
        {"priority text too large", "[{" GOOD ",\"priority\":\"-1000000001\"}]", "[0].priority", "from -1000000000"},
        {"priority beyond 64 bits", "[{" GOOD ",\"priority\":99999999999999999999}]", "line 1, column 64", "not valid"},
        {"agent a number", "[{\"pattern\":\"*\",\"agent_name\":1}]", "[0].agent_name", "not a number"},
        {"agent empty", "[{\"pattern\":\"*\",\"agent_name\":\"\"}]", "[0].agent_name", "1 to 128 bytes, not 0"},
        {"agent with a newline", "[{\"pattern\":\"*\",\"agent_name\":\"a\\nb\"}]", "[0].agent_name", "control"},
        {"agent with C1", "[{\"pattern\":\"*\",\"agent_name\":\"a\\u0085\"}]", "[0].agent_name", "control"},
        {"no end", "[{\"pattern\":\"*\"}]", "[0]", "leads nowhere"},
        {"reject false only", "[{\"pattern\":\"*\",\"reject\":false}]", "[0]", "leads nowhere"},
        {"reject a text", "[{\"pattern\":\"*\",\"reject\":\"yes\"}]", "[0].reject", "not a string"},
        {"agent and reject", "[{" GOOD ",\"reject\":true}]", "[0]", "more than one end"},
        {"agent and target", "[{" GOOD ",\"target\":\"b\",\"target_type\":\"agent\"}]", "[0]", "more than one end"},
        {"target alone", "[{\"pattern\":\"*\",\"target\":\"b\"}]", "[0]", "needs \"target_type\""},
        {"target_type alone", "[{\"pattern\":\"*\",\"target_type\":\"agent\"}]", "[0]", "name as \"target\""},
        {"target_type odd", "[{\"pattern\":\"*\",\"target_type\":\"x\"}]", "[0].target_type", "must be \"agent\""},
        {"target a list", "[{\"pattern\":\"*\",\"target\":[]}]", "[0].target", "not a list"},
        {"target empty", "[{\"pattern\":\"*\",\"target\":\"\",\"target_type\":\"agent\"}]", "[0].target", "not 0"},
        {"metadata a text", "[{" GOOD ",\"metadata\":\"{}\"}]", "[0].metadata", "must be an object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        struct diag diag = {0};
        assert_null(ruleset_parse(slice_of(cases[i].json), &diag));
        assert_string_equal(diag.where, cases[i].where);
        if (strstr(diag.what, cases[i].what) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", diag.what, cases[i].what);
        }
    }
    assert_null(ruleset_parse(SLICE("nonsense"), NULL));
}

static void test_hostile_documents(void **state) {
    (void)state;
    static const struct {
        const char *name, *what;
    } cases[] = {
        {"rules/hostile-deep.json", "nested deeper than 32 levels"},
        {"rules/hostile-deep-metadata.json", "nested deeper than 32 levels"},
        {"rules/hostile-priority.json", "real number overflow"},
        {"rules/hostile-nul.json", "not valid JSON"},
        {"rules/hostile-escaped-nul.json", "\\\\u0000"},
        {"rules/hostile-duplicate-key.json", "duplicate object key"},
        {"rules/hostile-bom.json", "byte order mark"},
        {"rules/hostile-utf8.json", "unable to decode byte"},
        {"rules/hostile-surrogate.json", "not valid JSON"},
        {"rules/hostile-cut-short.json", "not valid JSON"},
        {"rules/hostile-trailing.json", "end of file expected"},
        {"rules/hostile-open-string.json", "not valid JSON"},
        {"rules/hostile-many-patterns.json", "not 1001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        cleanup_buf struct buf text = fixture_file(cases[i].name);
        struct diag diag = {0};
        assert_null(ruleset_parse(buf_slice(&text), &diag));
        if (strstr(diag.what, cases[i].what) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", diag.what, cases[i].what);
        }
    }
}

static void add_many(struct buf *json, const char *item, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_adds(json, i > 0 ? "," : "");
        buf_adds(json, item);
    }
}

static void check_refused(struct buf *json, const char *what) {
    struct diag diag = {0};
    assert_null(ruleset_parse(buf_slice(json), &diag));
    assert_non_null(strstr(diag.what, what));
    buf_clear(json);
}

static void test_limits(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    buf_adds(&json, "[");
    add_many(&json, "[]", 1600000);
    buf_adds(&json, "]");
    check_refused(&json, "more than 3000000 values");

    buf_adds(&json, "[");
    add_many(&json, "0", RULESET_MAX_RULES + 1);
    buf_adds(&json, "]");
    check_refused(&json, "100001 rules, at most 100000");

    memset(buf_reserve(&json, RULESET_MAX_BYTES + 1), ' ', RULESET_MAX_BYTES + 1);
    json.len = RULESET_MAX_BYTES + 1;
    check_refused(&json, "bytes, at most");

    buf_adds(&json, "[{\"agent_name\":\"a\",\"pattern\":\"");
    add_many(&json, "x", PATTERN_MAX);
    buf_adds(&json, "\"}]");
    check_refused(&json, "has 255 bytes, at most 128");

    buf_adds(&json, "[{" GOOD ",\"trunk\":\"");
    add_many(&json, "x", 65);
    buf_adds(&json, "\"}]");
    check_refused(&json, "1 to 128 bytes, not 129");
}

static void test_edges_of_the_limits(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    buf_adds(&json, "[{\"agent_name\":\"a\",\"pattern\":\"(33) ");
    for (size_t i = 0; i < PATTERN_MAX - 3; i++) {
        buf_adds(&json, "1");
    }
    buf_adds(&json, "\"}]");
    struct ruleset *rules = parse(json.p);
    assert_int_equal(strlen(ruleset_at(rules, 0)->called[0]), PATTERN_MAX);
    ruleset_release(rules);
    /* Metadata: {"a":"…"} of exactly 16 KiB, then one byte more. */
    for (size_t extra = 0; extra < 2; extra++) {
        buf_clear(&json);
        buf_adds(&json, "[{" GOOD ",\"metadata\": { \"a\" : \"");
        for (size_t i = 0; i < (16 << 10) - 8 + extra; i++) {
            buf_addc(&json, 'x');
        }
        buf_adds(&json, "\" } }]");
        struct diag diag = {0};
        rules = ruleset_parse(buf_slice(&json), &diag);
        assert_int_equal(rules != NULL, extra == 0);
        if (rules != NULL) {
            assert_int_equal(strlen(ruleset_at(rules, 0)->metadata), 16 << 10);
        } else {
            assert_non_null(strstr(diag.what, "16385 bytes"));
        }
        ruleset_release(rules);
    }
}

/* ruleset_next leaves out only what cannot match, and keeps the order. */
static void check_next(const struct ruleset *rules, const char *called) {
    struct ruleset_cursor cursor = {0};
    const struct rule *given = ruleset_next(rules, slice_of(called), &cursor);
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        if (rule == given) {
            given = ruleset_next(rules, slice_of(called), &cursor);
        } else {
            assert_false(rule_takes_called(rule, slice_of(called)));
        }
    }
    assert_null(given);
}

static void test_next(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    uint64_t seed = 7;
    for (unsigned round = 0; round < 200; round++) {
        buf_clear(&json);
        buf_adds(&json, "[");
        for (unsigned i = 0; i < 12; i++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            static const char *const patterns[] = {"\"1\"",        "\"2\"", "\"1*\"", "\"*\"", "[\"1\",\"1\",\"2\"]",
                                                   "[\"3\",\"*\"]"};
            buf_addf(&json, "%s{\"pattern\":%s,\"agent_name\":\"a\",\"priority\":%u}", i > 0 ? "," : "",
                     patterns[(seed >> 33) % ARRAY_LEN(patterns)], (unsigned)(seed >> 60) % 3);
        }
        buf_adds(&json, "]");
        struct ruleset *rules = parse(json.p);
        static const char *const called[] = {"+1", "+2", "+3", "+12", "", "x"};
        for (size_t i = 0; i < ARRAY_LEN(called); i++) {
            check_next(rules, called[i]);
        }
        ruleset_release(rules);
    }
}

static void test_a_hundred_thousand(void **state) {
    (void)state;
    cleanup_buf struct buf json = {0};
    for (unsigned i = 0; i < RULESET_MAX_RULES; i++) {
        buf_addf(&json, "%c{\"pattern\":\"+33%06u\",\"agent_name\":\"a%u\"}", i > 0 ? ',' : '[', i, i);
    }
    buf_adds(&json, "]");
    struct ruleset *rules = parse(json.p);
    /* A scan for each would be 10^10 comparisons. */
    for (unsigned i = 0; i < RULESET_MAX_RULES; i++) {
        char called[16];
        snprintf(called, sizeof called, "+33%06u", i);
        struct ruleset_cursor cursor = {0};
        const struct rule *rule = ruleset_next(rules, slice_of(called), &cursor);
        assert_int_equal(rule->index, i);
        assert_null(ruleset_next(rules, slice_of(called), &cursor));
    }
    ruleset_release(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_document),
        cmocka_unit_test(test_stimms_document),
        cmocka_unit_test(test_empty_document),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_warnings_are_bounded),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_list_is_tried_by_its_patterns),
        cmocka_unit_test(test_what_a_rule_takes),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_hostile_documents),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_edges_of_the_limits),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_a_hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
