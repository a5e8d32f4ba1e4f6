/* The width of text on a terminal, and how much of it fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/columns.h"

#define WIDE "\xE5\x8F\x97\xE4\xBB\x98" /* 受付 */
#define COMBINED "e\xCC\x81t\xC3\xA9"   /* été, its first é as two characters */
#define PICTURE "\xF0\x9F\x93\x9E"      /* a telephone receiver */
#define BROKEN "a\xFF\xC3"

static const struct {
    const char *name, *text;
    size_t columns;
    size_t most, bytes, taken; /* into so many columns fit so many bytes, which take so many */
} cases[] = {
    {"nothing", "", 0, 4, 0, 0},
    {"ASCII", "reception", 9, 4, 4, 4},
    {"an accent", "caf\xC3\xA9", 4, 4, 5, 4},
    {"an ellipsis", "\xE2\x80\xA6", 1, 1, 3, 1},
    {"wide characters", WIDE, 4, 4, 6, 4},
    {"no half of a wide one", WIDE, 4, 3, 3, 2},
    {"what combines stays with its character", COMBINED, 3, 1, 3, 1},
    {"a picture", PICTURE "x", 3, 2, 4, 2},
    {"no room", WIDE, 4, 0, 0, 0},
    {"what is no UTF-8", BROKEN, 3, 2, 2, 2},
};

static void test_columns(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_of(cases[i].text);
        size_t taken, bytes = columns_fit(text, cases[i].most, &taken);
        if (columns_of(text) != cases[i].columns || bytes != cases[i].bytes || taken != cases[i].taken) {
            fail_msg("%s: %zu columns, %zu bytes in %zu", cases[i].name, columns_of(text), bytes, taken);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
