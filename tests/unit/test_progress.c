/* What fits into the line of progress on a terminal of any width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/progress.h"

static void test_lines(void **state) {
    (void)state;
    static const struct {
        size_t width;
        unsigned percent;
        const char *line;
    } cases[] = {
        {80, 0, "1 of 4 calls [----------------------------------------]   0 %"},
        {80, 100, "1 of 4 calls [########################################] 100 %"},
        {500, 50, "1 of 4 calls [####################--------------------]  50 %"},
        {32, 50, "1 of 4 calls [#####-----]  50 %"},
        {31, 50, "1 of 4 calls"}, /* too narrow for a bar */
        {13, 50, "1 of 4 calls"},
        {7, 50, "1 of 4"},
        {1, 50, ""},
        {0, 50, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[256];
        progress_line(line, sizeof line, cases[i].width, "1 of 4 calls", cases[i].percent);
        assert_string_equal(line, cases[i].line);
    }
}

/* Never as wide as the terminal, where it would wrap, nor longer than there is room. */
static void test_never_too_long(void **state) {
    (void)state;
    char text[200], line[128];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t width = 2; width < 300; width++) {
        progress_line(line, sizeof line, width, text, 50);
        assert_true(strlen(line) < width && strlen(line) < sizeof line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_never_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
