/* settings/envfile: every form a line may have, every mistake with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "settings/envfile.h"

/* What was read, as text: "1:NAME=value;" and "2!what;". */
static void on_pair(void *context, unsigned line, struct slice name, struct slice value) {
    buf_addf(context, "%u:%.*s=", line, SLICE_ARG(name));
    text_escape(context, value, 200);
    buf_addc(context, ';');
}

static void on_error(void *context, unsigned line, const char *what) {
    buf_addf(context, "%u!%s;", line, what);
}

static void reads_lines(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *wanted;
    } cases[] = {
        {"nothing", "", ""},
        {"blank and comment", "\n  \n# A=1\n   # B\n", ""},
        {"bare", "A=1\nB = two words \n", "1:A=1;2:B=two words;"},
        {"no newline at the end", "A=1", "1:A=1;"},
        {"windows", "A=1\r\nB=\"2\"\r\n", "1:A=1;2:B=2;"},
        {"byte order mark",
         "\xEF\xBB\xBF"
         "A=1",
         "1:A=1;"},
        {"export", "export A=1\nexport\tB=2\nexporting=3", "1:A=1;2:B=2;3:exporting=3;"},
        {"empty", "A=\nB=\"\"\nC=''\nD= # comment", "1:A=;2:B=;3:C=;4:D=;"},
        {"comment after", "A=1 # one\nB=a#b\nC='x' # y\nD=\"x\"#y\nE=#x", "1:A=1;2:B=a#b;3:C=x;4:D=x;5:E=#x;"},
        {"single quotes", "A='$x \\n \"#'", "1:A=$x \\\\n \"#;"},
        {"double quotes", "A=\"a\\nb\\t\\\"\\\\\\$x\\q '#\"", "1:A=a\\x0ab\\x09\"\\\\$x\\\\q '#;"},
        {"no expansion", "A=$HOME\nB=\"${HOME}\"", "1:A=$HOME;2:B=${HOME};"},
        {"equals in the value", "A=b=c==", "1:A=b=c==;"},
        {"quote inside", "A=it's", "1:A=it's;"},
        {"open single quote", "A='x\nB=1", "1!the quote ' is not closed on this line;2:B=1;"},
        {"open double quote", "A=\"x\\\"\nB=1", "1!the quote \" is not closed on this line;2:B=1;"},
        {"text after a quote", "A='x'y", "1!there is text after the closing quote;"},
        {"no equals", "A\nB=1", "1!is not NAME=VALUE;2:B=1;"},
        {"no name", "=1", "1!is not NAME=VALUE;"},
        {"name with a digit first", "1A=1", "1!is not NAME=VALUE;"},
        {"name with a dash", "A-B=1", "1!is not NAME=VALUE;"},
        {"export alone", "export", "1!is not NAME=VALUE;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf seen = {0};
        buf_adds(&seen, "");
        print_message("%s\n", cases[i].name);
        envfile_parse(slice_of(cases[i].text), &(struct envfile_reader){on_pair, on_error, &seen});
        assert_string_equal(seen.p, cases[i].wanted);
    }
}

static void refuses_nul(void **state) {
    (void)state;
    cleanup_buf struct buf seen = {0};
    envfile_parse((struct slice){"A=1\0\nB=2", 8}, &(struct envfile_reader){on_pair, on_error, &seen});
    assert_string_equal(seen.p, "1!contains a NUL byte;2:B=2;");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(refuses_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
