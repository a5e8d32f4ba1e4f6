/* Changes of the rules document as text: what is not meant stays as it was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rules/edit.h"
#include "rules/ruleset.h"

#define A "{\"pattern\":\"+331\",\"agent_name\":\"a\"}"
#define B "{ \"agent_name\" : \"b\" , \"x-note\": [1.10, \"],}\\\"\"],\n\t\"pattern\": [\"+332\", \"+333\"] }"
#define C "{\"pattern\":\"*\",\"reject\":true}"
#define BOTH "[\n  " A ",\n  " B "\n]\n"

static struct slice text_of(const char *text) {
    return slice_of(text);
}

/* What comes of it, judged by the daemon's parser; NULL: it failed or there was nothing to change. */
static void expect(enum edit_result result, const struct buf *text, const char *wanted) {
    assert_int_equal(result, EDIT_CHANGED);
    assert_string_equal(text->p, wanted);
    struct diag diag;
    struct ruleset *rules = ruleset_parse(buf_slice(text), &diag);
    assert_non_null(rules);
    ruleset_release(rules);
}

static void test_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *last;
    } rows[] = {
        {"", 0, NULL},
        {"[]", 0, NULL},
        {" [ \n ] ", 0, NULL},
        {"[" A "]", 1, A},
        {"\r\n[\t" A " ,\n" B "\n]\n", 2, B},
        {"[" B "," A "," C "]", 3, C},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_edit_rules struct edit_rules rules;
        edit_rules_read(text_of(rows[i].text), &rules);
        assert_int_equal(rules.count, rows[i].count);
        if (rows[i].last != NULL) {
            assert_true(slice_is(rules.at[rules.count - 1], rows[i].last));
        }
    }
}

static void test_add(void **state) {
    (void)state;
    static const struct {
        const char *text;
        long at;
        const char *wanted;
    } rows[] = {
        {"", EDIT_AT_END, "[\n  " C "\n]\n"},
        {"[]", EDIT_AT_END, "[\n  " C "\n]\n"},
        {"[]", 0, "[\n  " C "\n]\n"},
        {"[" A ",\n\n  " B "]", EDIT_AT_END, "[\n  " A ",\n  " B ",\n  " C "\n]\n"},
        {BOTH, 0, "[\n  " C ",\n  " A ",\n  " B "\n]\n"},
        {BOTH, 1, "[\n  " A ",\n  " C ",\n  " B "\n]\n"},
        {BOTH, 2, "[\n  " A ",\n  " B ",\n  " C "\n]\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_buf struct buf text = {0};
        struct edit_place rule = {SLICE(C), rows[i].at};
        expect(edit_add(text_of(rows[i].text), &rule, &text, NULL), &text, rows[i].wanted);
    }
}

static void test_add_fails(void **state) {
    (void)state;
    static const struct {
        const char *rule;
        long at;
        const char *where, *says;
    } rows[] = {
        {C, 3, "", "there is no place 3: there are 2 rules"},
        {"{\"pattern\":\"\",\"agent_name\":\"a\"}", 0, "pattern", "is empty"},
        {"{\"pattern\":\"+1\"}", 0, "", "leads nowhere"},
        {"{\"pattern\":[\"+1\",3],\"agent_name\":\"a\"}", 0, "pattern[1]", "must be a string"},
        {"[]", 0, "", "must be an object"},
        {"{", 0, "line 1, column 1", "not valid JSON"},
        {"{\"pattern\":\"+1\",\"agent_name\":\"a\\u0007\"}", 0, "agent_name", "control characters"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_buf struct buf text = {0};
        struct diag diag = {0};
        struct edit_place rule = {text_of(rows[i].rule), rows[i].at};
        assert_int_equal(edit_add(SLICE(BOTH), &rule, &text, &diag), EDIT_FAILED);
        assert_string_equal(diag.where, rows[i].where);
        assert_non_null(strstr(diag.what, rows[i].says));
        assert_int_equal(text.len, 0);
    }
}

static void test_same(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {A, "{\"agent_name\":\"a\",\"pattern\":\"331\"}", true},
        {A, "{\"pattern\":[\"+33 1\"],\"target_type\":\"agent\",\"target\":\"a\",\"caller\":\"*\",\"priority\":100}",
         true},
        {A, "{\"pattern\":\"+331\",\"agent_name\":\"a\",\"trunk\":null,\"reject\":false,\"note\":\"mine\"}", true},
        {A, "{\"pattern\":\"+331\",\"agent_name\":\"A\"}", false},
        {A, "{\"pattern\":\"+331\",\"agent_name\":\"a\",\"priority\":99}", false},
        {A, "{\"pattern\":\"+331\",\"agent_name\":\"a\",\"caller\":\"+1*\"}", false},
        {A, "{\"pattern\":\"+331\",\"agent_name\":\"a\",\"metadata\":{}}", false},
        {A, "{\"pattern\":[\"+331\",\"+332\"],\"agent_name\":\"a\"}", false},
        {"{\"pattern\":[\"+1\",\"+2\"],\"agent_name\":\"a\",\"metadata\":{\"x\":1,\"y\":2}}",
         "{\"pattern\":[\"+2\",\"+1\"],\"agent_name\":\"a\",\"metadata\":{\"y\":2,\"x\":1}}", true},
        {C, "{\"pattern\":\"*\",\"target_type\":\"room\"}", false},
        /* the lengths keep texts apart that would run together */
        {"{\"pattern\":\"+1\",\"caller\":\"+2,1:x\",\"agent_name\":\"a\"}",
         "{\"pattern\":\"+1\",\"caller\":\"+2\",\"trunk\":\"x\",\"agent_name\":\"a\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_buf struct buf a = {0};
        cleanup_buf struct buf b = {0};
        assert_true(edit_key(text_of(rows[i].a), &a, NULL));
        assert_true(edit_key(text_of(rows[i].b), &b, NULL));
        if (slice_eq(buf_slice(&a), buf_slice(&b)) != rows[i].same) {
            fail_msg("row %zu: %s and %s", i, a.p, b.p);
        }
    }
    cleanup_buf struct buf text = {0};
    struct edit_place again = {SLICE("{\"agent_name\":\"b\",\"pattern\":[\"+333\",\"33 2\"]}"), 0};
    assert_int_equal(edit_find(SLICE(BOTH), again.json), 1);
    assert_int_equal(edit_find(SLICE(BOTH), SLICE(C)), -1);
    assert_int_equal(edit_add(SLICE(BOTH), &again, &text, NULL), EDIT_SAME);
    assert_int_equal(text.len, 0);
}

static void test_remove(void **state) {
    (void)state;
    static const struct {
        const char *text, *rule;
        long at;
        const char *wanted; /* NULL: it fails */
    } rows[] = {
        {BOTH, A, 0, "[\n  " B "\n]\n"},
        {BOTH, B, 1, "[\n  " A "\n]\n"},
        {"[" A "]", A, 0, "[]\n"},
        {"[" C "," A "]", A, 0, "[\n  " C "\n]\n"},                 /* it has moved */
        {"[" A "," C "," A "]", A, 2, "[\n  " A ",\n  " C "\n]\n"}, /* of two the one that was shown */
        {"[" A "]", A, 7, "[]\n"},
        {"[" A "]", C, 0, NULL}, /* somebody else took it out */
        {"", A, 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_buf struct buf text = {0};
        struct diag diag = {0};
        struct edit_place rule = {text_of(rows[i].rule), rows[i].at};
        enum edit_result result = edit_remove(text_of(rows[i].text), &rule, &text, &diag);
        if (rows[i].wanted != NULL) {
            expect(result, &text, rows[i].wanted);
        } else {
            assert_int_equal(result, EDIT_FAILED);
            assert_non_null(strstr(diag.what, "not there any more"));
        }
    }
}

static void test_append(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0}, again = {0};
    const char *more = "[" C ",{\"agent_name\":\"a\",\"pattern\":\"33 1\"}," C "]";
    expect(edit_append(SLICE(BOTH), text_of(more), &text), &text, "[\n  " A ",\n  " B ",\n  " C ",\n  " C "\n]\n");
    assert_int_equal(edit_append(buf_slice(&text), text_of(more), &again), EDIT_SAME);
    expect(edit_append(SLICE(""), SLICE(BOTH), &again), &again, BOTH);
}

static void test_compare(void **state) {
    (void)state;
    cleanup_edit_rules struct edit_rules old, new;
    cleanup_edit_diff struct edit_diff diff;
    edit_rules_read(SLICE("[" A "," B "," A "," A "]"), &old);
    edit_rules_read(SLICE("[" C "," A "," C "," B "]"), &new);
    edit_compare(&old, &new, &diff);
    assert_int_equal(diff.kept, 2);
    assert_int_equal(diff.added_count, 2);
    assert_int_equal(diff.added[0], 0);
    assert_int_equal(diff.added[1], 2);
    assert_int_equal(diff.removed_count, 2);
    assert_int_equal(diff.removed[0], 2);
    assert_int_equal(diff.removed[1], 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_add),    cmocka_unit_test(test_add_fails),
        cmocka_unit_test(test_same),    cmocka_unit_test(test_remove), cmocka_unit_test(test_append),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
