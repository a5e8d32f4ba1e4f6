/* Numbers in the form LiveKit compares, against its rule written a second time with the expression LiveKit uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <stdio.h>

#include "base/mem.h"
#include "rules/number.h"

static void check(const char *number, const char *wanted) {
    cleanup_buf struct buf out = {0};
    number_normalise(&out, slice_of(number));
    assert_string_equal(out.p != NULL ? out.p : "", wanted);
}

static void test_cases(void **state) {
    (void)state;
    static const struct {
        const char *name, *number, *wanted;
    } cases[] = {
        {"already normal", "+15105550100", "+15105550100"},
        {"plus is added", "15105550100", "+15105550100"},
        {"fillers go", "+1 (510) 555-0100", "+15105550100"},
        {"fillers go and plus is added", "(510) 555-0100", "+5105550100"},
        {"a name stays", "sip-inbound", "sip-inbound"},
        {"letters keep their fillers", "1-800-FLOWERS", "1-800-FLOWERS"},
        {"a dot is no filler", "1.510.555", "1.510.555"},
        {"a second plus is none", "++33", "++33"},
        {"a late plus is none", "33+1", "33+1"},
        {"hidden stays hidden", "", ""},
        {"plus alone stays", "+", "+"},
        {"fillers alone become plus", "- ()", "+"},
        {"a tab is no filler", "33\t1", "33\t1"},
        {"a newline at the end", "331\n", "331\n"},
        {"star and hash", "*67#", "*67#"},
        {"digits of another script", "\xD9\xA1\xD9\xA2", "\xD9\xA1\xD9\xA2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        check(cases[i].number, cases[i].wanted);
    }
}

static void test_appends_and_keeps_nul(void **state) {
    (void)state;
    cleanup_buf struct buf out = {0};
    buf_adds(&out, "x");
    number_normalise(&out, SLICE("33"));
    number_normalise(&out, SLICE("3\0003"));
    assert_memory_equal(out.p, "x+333\0003", 7);
    assert_int_equal(out.len, 7);
}

/* livekit/sip: what matches the expression loses the fillers and gets a plus. */
static void naive(const regex_t *expression, const char *number, char *ret_text) {
    char *at = ret_text;
    bool is_number = regexec(expression, number, 0, NULL, 0) == 0;
    if (is_number) {
        *at++ = '+';
    }
    for (; *number != '\0'; number++) {
        if (!is_number || strchr(" -()+", *number) == NULL) {
            *at++ = *number;
        }
    }
    *at = '\0';
}

static void test_every_short_text(void **state) {
    (void)state;
    static const char alphabet[] = "+0 9-(x";
    enum { LETTERS = sizeof alphabet - 1, LONGEST = 6 };
    regex_t expression;
    assert_int_equal(regcomp(&expression, "^\\+?[0-9() -]+$", REG_EXTENDED | REG_NOSUB), 0);
    for (size_t length = 0, count = 1; length <= LONGEST; length++, count *= LETTERS) {
        for (size_t n = 0; n < count; n++) {
            char text[LONGEST + 1] = "", wanted[LONGEST + 2];
            for (size_t i = 0, rest = n; i < length; i++, rest /= LETTERS) {
                text[i] = alphabet[rest % LETTERS];
            }
            naive(&expression, text, wanted);
            check(text, wanted);
        }
    }
    regfree(&expression);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_appends_and_keeps_nul),
        cmocka_unit_test(test_every_short_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
