/* The matcher against a naive recursive one: every short pattern on every short text, then long random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rules/number.h"
#include "rules/pattern.h"

/* The definition, letter by letter; exponential, so only for short inputs. */
static bool naive(const char *pattern, const char *text) {
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return naive(pattern + 1, text) || (*text != '\0' && naive(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) && naive(pattern + 1, text + 1);
}

/* The definition again, as a table of which ends match: quadratic, for long inputs. */
static bool by_table(const char *pattern, size_t pattern_length, const char *text, size_t length) {
    bool row[2][1025] = {{true}};
    for (size_t p = 0; p < pattern_length; p++) {
        const bool *above = row[p % 2];
        bool *now = row[(p + 1) % 2];
        now[0] = above[0] && pattern[p] == '*';
        for (size_t t = 1; t <= length; t++) {
            bool one = above[t - 1] && (pattern[p] == '?' || pattern[p] == text[t - 1]);
            now[t] = pattern[p] == '*' ? above[t] || now[t - 1] : one;
        }
    }
    return row[pattern_length % 2][length];
}

/* Writes the N-th word of LENGTH over ALPHABET. */
static void word(const char *alphabet, size_t n, size_t length, char *ret_word) {
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < length; i++, n /= letters) {
        ret_word[i] = alphabet[n % letters];
    }
    ret_word[length] = '\0';
}

static size_t power(size_t base, size_t exponent) {
    return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

static unsigned check_on_all_texts(const char *pattern) {
    unsigned matches = 0;
    for (size_t length = 0; length <= 6; length++) {
        for (size_t n = 0; n < power(2, length); n++) {
            char text[8];
            word("ab", n, length, text);
            bool wanted = naive(pattern, text);
            if (pattern_match(slice_of(pattern), slice_of(text)) != wanted) {
                fail_msg("\"%s\" on \"%s\" should be %d", pattern, text, wanted);
            }
            matches += wanted;
        }
    }
    return matches;
}

static void test_every_short_pattern(void **state) {
    (void)state;
    unsigned total = 0;
    for (size_t length = 0; length <= 5; length++) {
        for (size_t n = 0; n < power(4, length); n++) {
            char pattern[8];
            word("ab*?", n, length, pattern);
            unsigned matches = check_on_all_texts(pattern);
            assert_int_equal(pattern_is_any(slice_of(pattern)), length > 0 && matches == 127);
            total += matches;
        }
    }
    assert_true(total > 10000);
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A pattern made from the text, so that about half of them match: letters kept, replaced or starred away. */
static size_t pattern_of(uint64_t *seed, const char *text, size_t length, char *ret_pattern) {
    size_t n = 0;
    for (size_t t = 0; t < length && n < PATTERN_MAX - 1; t++) {
        uint64_t roll = next_random(seed) % 100;
        if (roll < 20) {
            ret_pattern[n++] = '*';
            t += next_random(seed) % 12;
        } else if (roll < 35) {
            ret_pattern[n++] = '?';
        } else {
            ret_pattern[n++] = roll < 37 ? 'b' : text[t];
        }
    }
    return n;
}

static void test_long_random(void **state) {
    (void)state;
    uint64_t seed = 0x5151BD9E1D6E9A11ULL;
    unsigned matches = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) {
        char text[600], pattern[PATTERN_MAX];
        size_t length = next_random(&seed) % (i % 4 == 0 ? sizeof text : 100);
        for (size_t t = 0; t < length; t++) {
            text[t] = next_random(&seed) % 4 == 0 ? 'b' : 'a';
        }
        size_t n = pattern_of(&seed, text, length, pattern);
        bool wanted = by_table(pattern, n, text, length);
        assert_int_equal(pattern_match((struct slice){pattern, n}, (struct slice){text, length}), wanted);
        matches += wanted;
    }
    assert_in_range(matches, rounds / 10, rounds * 9 / 10);
}

/* A matcher that tries every star again would need about 2^60 steps for the first of these. */
static void test_many_stars(void **state) {
    (void)state;
    char pattern[PATTERN_MAX], text[NUMBER_MAX];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    struct slice stars = {pattern, sizeof pattern}, whole = {text, sizeof text};
    assert_true(pattern_match(stars, whole));
    pattern[sizeof pattern - 1] = 'b';
    for (unsigned i = 0; i < 20000; i++) {
        assert_false(pattern_match(stars, whole));
    }
}

static void test_characters_and_bytes(void **state) {
    (void)state;
    static const struct {
        const char *name, *pattern, *text;
        bool wanted;
    } cases[] = {
        {"one mark is one character", "r?sum?", "r\xC3\xA9sum\xC3\xA9", true},
        {"two marks are two", "??", "\xC3\xA9", false},
        {"two marks after a star are two", "*??", "\xC3\xA9", false},
        {"four bytes", "?x", "\xF0\x9F\x93\x9Ex", true},
        {"a broken character ends with the text", "?", "\xF0\x9F", true},
        {"case counts", "Support", "support", false},
        {"a hidden number matches any", "*", "", true},
        {"and only any", "?", "", false},
        {"not a prefix", "+*", "", false},
        {"two stars are any", "**", "", true},
        {"prefix", "+33*", "+331", true},
        {"prefix alone", "+33*", "+33", true},
        {"another country", "+33*", "+44331", false},
        {"in the middle", "+33*99", "+3312399", true},
        {"a text that goes on", "+3399", "+33991", false},
        {"a pattern that goes on", "+33991", "+3399", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("[ case     ] %s\n", cases[i].name);
        assert_int_equal(pattern_match(slice_of(cases[i].pattern), slice_of(cases[i].text)), cases[i].wanted);
    }
    assert_false(pattern_match(SLICE("a"), SLICE("a\0")));
    assert_true(pattern_match(SLICE("a?"), SLICE("a\0")));
}

static void test_weight(void **state) {
    (void)state;
    /* From the most specific down; each but those that follow "=" weighs less than the one before. */
    static const char *const order[] = {"+33123",  "=+4",  "+3312*", "+331??", "+331?*", "+331*", "=*+331", "+331**",
                                        "+33???*", "+33*", "+*",     "???",    "??",     "??*",   "*",      NULL};
    for (size_t i = 1; order[i] != NULL; i++) {
        unsigned before = pattern_weight(slice_of(order[i - 1] + (order[i - 1][0] == '=')));
        bool same = order[i][0] == '=' || strcmp(order[i], "+331**") == 0;
        unsigned now = pattern_weight(slice_of(order[i] + (order[i][0] == '=')));
        if (same ? now != before : now >= before) {
            fail_msg("\"%s\" weighs %u after %u", order[i], now, before);
        }
    }
    char singles[PATTERN_MAX];
    memset(singles, '?', sizeof singles);
    assert_true(pattern_weight((struct slice){singles, sizeof singles}) < pattern_weight(SLICE("1*")));
}

static void test_normalise(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *wanted;
    } cases[] = {
        {"33*", "+33*"},  {"+33 1*", "+331*"}, {"(33) 1-?", "+331?"}, {"*", "*"},
        {"?33", "?33"},   {"* 33", "*33"},     {"3+3*", "3+3*"},      {"++3*", "++3*"},
        {"a b*", "a b*"}, {"331", "+331"},     {"3 3 1", "+331"},     {"+", "+"},
        {"", ""},         {"- *", "*"},        {"+*", "+*"},          {"sales", "sales"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf out = {0};
        pattern_normalise(&out, slice_of(cases[i].pattern));
        assert_string_equal(out.p != NULL ? out.p : "", cases[i].wanted);
    }
}

/* A pattern written as people write numbers matches that number, however the caller's side wrote it. */
static void test_normalised_sides_meet(void **state) {
    (void)state;
    static const char *const forms[] = {"33 1 23", "+33123", "(33)1-23", "33123"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (size_t j = 0; j < ARRAY_LEN(forms); j++) {
            cleanup_buf struct buf pattern = {0}, number = {0};
            pattern_normalise(&pattern, slice_of(forms[i]));
            number_normalise(&number, slice_of(forms[j]));
            assert_true(pattern_match(buf_slice(&pattern), buf_slice(&number)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_short_pattern),
        cmocka_unit_test(test_long_random),
        cmocka_unit_test(test_many_stars),
        cmocka_unit_test(test_characters_and_bytes),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_normalised_sides_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
