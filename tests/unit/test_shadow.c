/* Patterns within patterns, against every short text; rules that no call can reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rules/pattern.h"
#include "rules/shadow.h"

enum { PATTERN_LENGTH = 4, TEXT_LENGTH = 6 };

/* The NUMBER-th text over LETTERS, shortest first; its length. */
static size_t spell(size_t number, const char *letters, char *ret_text) {
    size_t base = strlen(letters), length = 0;
    for (; number > 0; number = (number - 1) / base) {
        ret_text[length++] = letters[(number - 1) % base];
    }
    ret_text[length] = '\0';
    return length;
}

/* Whether every text is matched by OUTER that INNER matches. */
static bool oracle(struct slice outer, struct slice inner) {
    char text[16];
    for (size_t i = 0; spell(i, "ab", text) <= TEXT_LENGTH; i++) {
        if (pattern_match(inner, slice_of(text)) && !pattern_match(outer, slice_of(text))) {
            return false;
        }
    }
    return true;
}

static void test_every_short_pair(void **state) {
    (void)state;
    char outer[16], inner[16];
    for (size_t i = 1; spell(i, "a?*", outer) <= PATTERN_LENGTH; i++) {
        for (size_t j = 1; spell(j, "a?*", inner) <= PATTERN_LENGTH; j++) {
            if (shadow_covers(slice_of(outer), slice_of(inner)) != oracle(slice_of(outer), slice_of(inner))) {
                fail_msg("%s within %s", inner, outer);
            }
        }
    }
}

#define RULE(pattern, more) "{\"pattern\":" pattern ",\"agent_name\":\"a\"" more "}"

static void test_rules(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned index;
        int shadow; /* -1: none */
    } rows[] = {
        {"[" RULE("\"+33*\"", "") "," RULE("\"+331\"", ",\"priority\":200") "]", 1, 0},
        {"[" RULE("\"+33*\"", "") "," RULE("\"+331\"", "") "]", 1, -1}, /* the more specific comes first */
        {"[" RULE("\"+331\"", "") "," RULE("\"33 1\"", ",\"metadata\":{}") "]", 1, 0},
        {"[" RULE("\"*\"", ",\"caller\":\"+1*\",\"priority\":1") "," RULE("\"+331\"", "") "]", 1, -1},
        {"[" RULE("\"*\"", ",\"caller\":\"+1*\",\"priority\":1") "," RULE("\"+331\"", ",\"caller\":\"+19\"") "]", 1, 0},
        {"[" RULE("\"*\"", ",\"trunk\":\"ST_a\",\"priority\":1") "," RULE("\"+331\"", ",\"trunk\":\"ST_b\"") "]", 1,
         -1},
        {"[" RULE("\"*\"", ",\"trunk\":\"ST_a\",\"priority\":1") "," RULE("\"+331\"", ",\"trunk\":\"ST_a\"") "]", 1, 0},
        {"[" RULE("[\"+331\",\"+332\"]", ",\"priority\":1") "," RULE("[\"+331\",\"+333\"]", "") "]", 1, -1},
        {"[" RULE("[\"+331\",\"+33*\"]", ",\"priority\":1") "," RULE("[\"+331\",\"+33?\"]", "") "]", 1, 0},
        {"[{\"pattern\":\"*\",\"reject\":true,\"priority\":1}," RULE("\"+331\"", "") "]", 1, 0},
        {"[{\"pattern\":\"*\",\"target_type\":\"room\",\"priority\":1}," RULE("\"+331\"", "") "]", 1, -1},
        {"[{\"pattern\":\"*\",\"agent_name\":\"gone\",\"priority\":1}," RULE("\"+331\"", "") "]", 1, -1},
        {"[{\"pattern\":\"*\",\"agent_name\":\"broken\",\"priority\":1}," RULE("\"+331\"", "") "]", 1, -1},
        {"[" RULE("\"?*\"", ",\"priority\":1") "," RULE("\"*\"", "") "]", 1, -1}, /* hidden numbers are left */
        {"[" RULE("\"*\"", "") "]", 0, -1},
    };
    struct directory_defaults defaults = {0};
    struct directory *agents =
        directory_parse(SLICE("{\"a\":{\"command\":[\"sleep\"]},\"broken\":{\"command\":3}}"), &defaults, NULL);
    assert_non_null(agents);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct diag diag = {0};
        struct ruleset *rules = ruleset_parse(slice_of(rows[i].text), &diag);
        if (rules == NULL) {
            fail_msg("row %zu: %s %s", i, diag.where, diag.what);
        }
        const struct rule *shadow = shadow_of(rules, rows[i].index, agents);
        if ((shadow == NULL ? -1 : (int)shadow->index) != rows[i].shadow) {
            fail_msg("row %zu: %d", i, shadow == NULL ? -1 : (int)shadow->index);
        }
        ruleset_release(rules);
    }
    directory_release(agents);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_short_pair), cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
