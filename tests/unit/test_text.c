/* base/text: UTF-8 against iconv, escaping, numbers with units, edit distance against a naive oracle, masking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

static uint64_t random_state;

static unsigned random_below(unsigned limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % limit;
}

/* The oracle: does the C library convert it? */
static bool iconv_likes(iconv_t converter, struct slice text) {
    char in[16], out[64];
    char *from = in, *to = out;
    size_t left = text.n, room = sizeof out;
    assert_true(text.n <= sizeof in);
    memcpy(in, text.p, text.n);
    iconv(converter, NULL, NULL, NULL, NULL);
    return iconv(converter, &from, &left, &to, &room) != (size_t)-1 && left == 0;
}

static void utf8_agrees_with_iconv(void **state) {
    (void)state;
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    assert_true(converter != (iconv_t)-1);
    for (unsigned i = 0; i < 65536; i++) { /* every pair of bytes, followed by continuation bytes or not */
        char bytes[4] = {(char)(i >> 8), (char)i, (char)0x80, (char)0x80};
        for (size_t size = 1; size <= sizeof bytes; size++) {
            struct slice text = {bytes, size};
            assert_int_equal(text_is_utf8(text), iconv_likes(converter, text));
        }
    }
    random_state = 1;
    for (unsigned i = 0; i < 200000; i++) {
        char bytes[8];
        for (size_t j = 0; j < sizeof bytes; j++) {
            static const unsigned char likely[] = {0x00, 0x41, 0x7F, 0x80, 0x9F, 0xA0, 0xBF,
                                                   0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4};
            bytes[j] = (char)(random_below(4) == 0 ? random_below(256) : likely[random_below(sizeof likely)]);
        }
        struct slice text = {bytes, 1 + random_below(sizeof bytes)};
        assert_int_equal(text_is_utf8(text), iconv_likes(converter, text));
    }
    iconv_close(converter);
}

static void escapes_what_misleads(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct slice text;
        const char *escaped, *clean;
    } cases[] = {
        {"plain", SLICE("room \"a\" caf\xC3\xA9"), "room \"a\" caf\xC3\xA9", "room \"a\" caf\xC3\xA9"},
        {"newline and escape", SLICE("a\nb\x1b[31m"), "a\\x0ab\\x1b[31m", "a\\x0ab\\x1b[31m"},
        {"NUL", {"a\0b", 3}, "a\\x00b", "a\\x00b"},
        {"DEL", SLICE("\x7f"), "\\x7f", "\\x7f"},
        {"C1 control", SLICE("\xC2\x9B"), "\\u{9b}", "\\u{9b}"},
        {"backslash", SLICE("a\\x0a"), "a\\\\x0a", "a\\x0a"},
        {"right-to-left override", SLICE("\xE2\x80\xAE"), "\\u{202e}", "\\u{202e}"},
        {"zero width space", SLICE("\xE2\x80\x8B"), "\\u{200b}", "\\u{200b}"},
        {"tag character", SLICE("\xF3\xA0\x81\x81"), "\\u{e0041}", "\\u{e0041}"},
        {"stray continuation", SLICE("\x80z"), "\\x80z", "\\x80z"},
        {"overlong slash", SLICE("\xC0\xAF"), "\\xc0\\xaf", "\\xc0\\xaf"},
        {"surrogate", SLICE("\xED\xA0\x80"), "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"},
        {"cut short", SLICE("\xF0\x9F\x98"), "\\xf0\\x9f\\x98", "\\xf0\\x9f\\x98"},
        {"nothing", {NULL, 0}, "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf escaped = {0}, clean = {0};
        text_escape(&escaped, cases[i].text, 1000);
        text_clean(&clean, cases[i].text, 1000);
        print_message("%s\n", cases[i].name);
        assert_string_equal(escaped.p, cases[i].escaped);
        assert_string_equal(clean.p, cases[i].clean);
    }
}

/* Whatever goes in, at every limit: valid UTF-8, printable, not longer than asked, marked when it was cut. */
static void escaped_text_is_short_and_printable(void **state) {
    (void)state;
    random_state = 2;
    for (unsigned round = 0; round < 3000; round++) {
        char bytes[24];
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (char)random_below(256);
        }
        struct slice text = {bytes, random_below(sizeof bytes)};
        cleanup_buf struct buf whole = {0};
        text_escape(&whole, text, 1000);
        for (size_t limit = 0; limit < 40; limit++) {
            cleanup_buf struct buf out = {0};
            text_escape(&out, text, limit);
            assert_true(out.len <= limit);
            assert_true(text_is_utf8(buf_slice(&out)));
            bool cut = out.len < whole.len;
            assert_int_equal(cut, whole.len > limit);
            if (cut && limit >= 3) {
                assert_memory_equal(out.p + out.len - 3, "\xE2\x80\xA6", 3);
            }
            for (size_t j = 0; j < out.len; j++) {
                assert_true((unsigned char)out.p[j] >= ' ' && out.p[j] != 0x7f);
            }
        }
    }
}

static void appends_to_what_is_there(void **state) {
    (void)state;
    cleanup_buf struct buf out = {0};
    buf_adds(&out, "before ");
    text_escape(&out, SLICE("0123456789"), 6);
    assert_string_equal(out.p, "before 012\xE2\x80\xA6");
}

static void reads_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"42", true, 42},
        {"-7", true, -7},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1x", false, 0},
        {"0x10", false, 0},
        {"99999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 77;
        print_message("\"%s\"\n", cases[i].text);
        assert_int_equal(text_int64(slice_of(cases[i].text), &value), cases[i].good);
        assert_true(value == (cases[i].good ? cases[i].value : 77));
    }
}

static void reads_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"500ms", 500},
        {"2s", 2000},
        {"5m", 300000},
        {"4h", 14400000},
        {"7d", 604800000},
        {"3660d", INT64_C(316224000000)},
        {"3661d", -1},
        {"5", -1},
        {"", -1},
        {"s", -1},
        {"-1s", -1},
        {"1.5s", -1},
        {"1 s", -1},
        {"1S", -1},
        {"1s ", -1},
        {"1min", -1},
        {"9223372036854775807d", -1},
        {"99999999999999999999ms", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 77;
        print_message("\"%s\"\n", cases[i].text);
        assert_int_equal(text_duration(slice_of(cases[i].text), &ms), cases[i].ms >= 0);
        assert_true(ms == (cases[i].ms >= 0 ? cases[i].ms : 77));
    }
}

static void formats_durations_so_that_they_read_back(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0"},       {1, "1ms"},      {1500, "1500ms"}, {60000, "1m"},
                 {90000, "90s"}, {3600000, "1h"}, {86400000, "1d"}};
    char text[24];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        text_duration_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
    random_state = 3;
    for (unsigned i = 0; i < 20000; i++) {
        static const int64_t steps[] = {1, 1000, 60000, 3600000, 86400000};
        int64_t ms = (int64_t)random_below(3000) * steps[random_below(ARRAY_LEN(steps))], back;
        text_duration_format(ms, text);
        assert_true(text_duration(slice_of(text), &back) && back == ms);
    }
}

static void reads_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"65536", 65536},
        {"16KiB", 16384},
        {"16K", 16384},
        {"1MiB", 1048576},
        {"2M", 2097152},
        {"2GiB", INT64_C(2147483648)},
        {"1G", 1073741824},
        {"1kb", -1},
        {"1TiB", -1},
        {"", -1},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"9007199254740992K", -1},
        {"1 K", -1},
        {"KiB", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t bytes = 77;
        print_message("\"%s\"\n", cases[i].text);
        assert_int_equal(text_size(slice_of(cases[i].text), &bytes), cases[i].bytes >= 0);
        assert_true(bytes == (cases[i].bytes >= 0 ? cases[i].bytes : 77));
    }
}

/* The definition of the distance, without its memory. */
static unsigned naive_distance(struct slice a, struct slice b) {
    if (a.n == 0 || b.n == 0) {
        return (unsigned)(a.n + b.n);
    }
    struct slice a1 = {a.p + 1, a.n - 1}, b1 = {b.p + 1, b.n - 1};
    unsigned replaced = naive_distance(a1, b1) + (a.p[0] != b.p[0]);
    unsigned removed = naive_distance(a1, b) + 1, added = naive_distance(a, b1) + 1;
    unsigned best = replaced < removed ? replaced : removed;
    return best < added ? best : added;
}

static void distance_agrees_with_its_definition(void **state) {
    (void)state;
    random_state = 4;
    for (unsigned round = 0; round < 2000; round++) {
        char a[5], b[5];
        for (size_t i = 0; i < sizeof a; i++) {
            a[i] = (char)('a' + random_below(3));
            b[i] = (char)('a' + random_below(3));
        }
        struct slice left = {a, random_below(6)}, right = {b, random_below(6)};
        unsigned wanted = naive_distance(left, right), limit = random_below(6);
        assert_int_equal(text_distance(left, right, limit), wanted > limit ? limit + 1 : wanted);
    }
    char much[65];
    memset(much, 'a', sizeof much);
    assert_int_equal(text_distance((struct slice){much, 65}, (struct slice){much, 65}, 3), 4);
    assert_int_equal(text_distance((struct slice){much, 64}, (struct slice){much, 64}, 3), 0);
}

static void masks_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"+15550001111", "+********111"},
        {"sip-inbound_+15550001111_aB3", "sip-inbound_+********111_aB3"},
        {"call 1234 now", "call 1234 now"},
        {"12345", "**345"},
        {"+1 (555) 123-4567", "+* (***) ***-*567"},
        {"0171.234.567 and 0171 234 567", "****.***.567 and **** *** 567"},
        {"1   2   3   4   5", "1   2   3   4   5"},
        {"a1b2c3d4e5", "a1b2c3d4e5"},
        {"12345 ", "**345 "},
        {"", ""},
        {"listening on 127.0.0.1:18790 (public)", "listening on 127.0.0.1:18790 (public)"},
        {"10.20.30.40 called 33123456", "10.20.30.40 called *****456"},
        {"256.100.100.100", "***.***.***.100"},
        {"no audio within 10000 ms", "no audio within 10000 ms"},
        {"10000 msgs", "**000 msgs"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf out = {0};
        text_mask_numbers(&out, slice_of(cases[i].text));
        assert_string_equal(out.p, cases[i].masked);
    }
}

static void knows_sids(void **state) {
    (void)state;
    char long_sid[66];
    memset(long_sid, 'a', sizeof long_sid);
    assert_true(text_is_sid(SLICE("RM_w8EW5rrkYtPd")));
    assert_true(text_is_sid((struct slice){long_sid, 64}));
    assert_false(text_is_sid((struct slice){long_sid, 65}));
    static const char *const wrong[] = {"", "../x", "RM-1", "RM 1", "RM.1", "RM\n", "R\xC3\xA9"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(text_is_sid(slice_of(wrong[i])));
    }
    assert_false(text_is_sid((struct slice){"a\0b", 3}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_agrees_with_iconv),
        cmocka_unit_test(escapes_what_misleads),
        cmocka_unit_test(escaped_text_is_short_and_printable),
        cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(formats_durations_so_that_they_read_back),
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(distance_agrees_with_its_definition),
        cmocka_unit_test(masks_numbers),
        cmocka_unit_test(knows_sids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
