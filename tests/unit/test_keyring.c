/* The keyring: parsing of keys, limits, rotation, who signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "auth/keyring.h"
#include "base/mem.h"

/* The secret of key INDEX is SECRET: what it signs is what a fresh key with that secret signs. */
static bool has_secret(const struct keyring *keys, size_t index, const char *secret) {
    unsigned char mac[HMAC_SIZE], wanted[HMAC_SIZE];
    struct hmac_key key;
    hmac_key_init(&key, slice_of(secret));
    hmac_sign(&key, SLICE("text"), wanted);
    keyring_sign(keys, index, SLICE("text"), mac);
    return memcmp(mac, wanted, sizeof mac) == 0;
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text, *name, *secret;
    } cases[] = {
        {"a: b", "a", "b"},
        {"a:b", "a", "b"},
        {"  a :\tb  \r\n", "a", "b"},
        {"# comment\n\n\r\na: b # the rest\n", "a", "b"},
        {"a: b#c", "a", "b#c"},
        {"a: b:c: d", "a", "b:c: d"},
        {"\"a\": \"b # c\"", "a", "b # c"},
        {"'a': 'it''s'", "a", "it's"},
        {"a: \"q\\\"b\\\\s\"", "a", "q\"b\\s"},
        {"a: ' b ' # spaces kept", "a", " b "},
        {"a: b'c\"", "a", "b'c\""},
        {"a: \xc3\xa9", "a", "\xc3\xa9"},
        {"a: #b", "a", "#b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keyring *keys = keyring_new();
        struct diag diag = {0};
        if (!keyring_parse(keys, slice_of(cases[i].text), &diag) || keyring_count(keys) != 1) {
            fail_msg("case %zu: %s: %s", i, diag.where, diag.what);
        }
        assert_string_equal(keyring_name(keys, 0), cases[i].name);
        if (!has_secret(keys, 0, cases[i].secret)) {
            fail_msg("case %zu: another secret", i);
        }
        keyring_free(keys);
    }
}

static void test_parse_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        {"nonsense-secret", "line 1", "no ':'"},
        {"a: b\n\nnonsense-secret\n", "line 3", "no ':'"},
        {"a: b\na: c", "line 2", "API key a is given twice"},
        {": nonsense-secret", "line 1", "1 to 63 printable characters"},
        {"a b: nonsense-secret", "line 1", "1 to 63 printable characters"},
        {"a:", "line 1", "secret of API key a has 0 bytes"},
        {"a: ''", "line 1", "secret of API key a has 0 bytes"},
        {"a: 'nonsense-secret", "line 1", "quotes"},
        {"a: \"nonsense-secret\\", "line 1", "quotes"},
        {"a: \"nonsense-secret\\n\"", "line 1", "quotes"},
        {"a: 'nonsense-secret' more", "line 1", "quotes"},
        {"a: 'nonsense-secret'#more", "line 1", "quotes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keyring *keys = keyring_new();
        struct diag diag = {0};
        assert_false(keyring_parse(keys, slice_of(cases[i].text), &diag));
        if (strcmp(diag.where, cases[i].where) != 0 || strstr(diag.what, cases[i].what) == NULL) {
            fail_msg("case %zu: %s: %s", i, diag.where, diag.what);
        }
        assert_null(strstr(diag.what, "nonsense"));
        assert_false(keyring_parse(keys, slice_of(cases[i].text), NULL));
        keyring_free(keys);
    }
}

static void test_limits(void **state) {
    (void)state;
    struct keyring *keys = keyring_new();
    struct diag diag;
    char name[80], secret[1025], text[1200];
    memset(name, 'n', sizeof name);
    memset(secret, 's', sizeof secret);
    assert_false(keyring_add(keys, (struct slice){name, 64}, SLICE("s"), &diag));
    assert_false(keyring_add(keys, SLICE("a"), (struct slice){secret, 1025}, &diag));
    assert_false(keyring_add(keys, SLICE("a:b"), SLICE("s"), &diag));
    assert_false(keyring_add(keys, SLICE("a\x7f"), SLICE("s"), &diag));
    assert_false(keyring_add(keys, SLICE("\xc3\xa9"), SLICE("s"), &diag));
    assert_true(keyring_add(keys, (struct slice){name, 63}, (struct slice){secret, 1024}, &diag));
    assert_int_equal(keyring_shortest(keys), 1024);
    snprintf(text, sizeof text, "q: '%.1024s'", secret);
    assert_true(keyring_parse(keys, slice_of(text), &diag));
    snprintf(text, sizeof text, "q: '%.1025s'", secret);
    assert_false(keyring_parse(keys, slice_of(text), &diag));
    for (int i = 2; i < KEYRING_MAX_KEYS; i++) {
        snprintf(name, sizeof name, "key%d", i);
        assert_true(keyring_add(keys, slice_of(name), SLICE("secret"), &diag));
    }
    assert_false(keyring_add(keys, SLICE("one-more"), SLICE("s"), &diag));
    assert_string_equal(diag.what, "more than 32 API keys");
    assert_true(keyring_add(keys, SLICE("key31"), SLICE("other"), &diag)); /* replacing needs no room */
    assert_true(has_secret(keys, 31, "other"));
    assert_int_equal(keyring_count(keys), KEYRING_MAX_KEYS);
    assert_int_equal(keyring_shortest(keys), 5);
    keyring_free(keys);
    keyring_free(NULL);
}

static void test_secret_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 31, 33, 64, 65};
    char secret[65];
    memset(secret, 'x', sizeof secret);
    struct keyring *keys = keyring_new();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char name[8];
        snprintf(name, sizeof name, "k%zu", i);
        assert_true(keyring_add(keys, slice_of(name), (struct slice){secret, sizes[i]}, NULL));
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned char mac[HMAC_SIZE];
        keyring_sign(keys, i, SLICE("text"), mac);
        assert_int_equal(keyring_find(keys, SLICE("text"), mac), (int)i);
        assert_true(keyring_fits(keys, i, SLICE("text"), mac));
        assert_false(keyring_fits(keys, (i + 1) % ARRAY_LEN(sizes), SLICE("text"), mac));
        assert_int_equal(keyring_find(keys, SLICE("Text"), mac), -1);
        mac[31] ^= 1;
        assert_int_equal(keyring_find(keys, SLICE("text"), mac), -1);
    }
    keyring_free(keys);
}

static void test_replace(void **state) {
    (void)state;
    struct keyring *keys = keyring_new(), *fresh = keyring_new();
    assert_true(keyring_parse(keys, SLICE("old: one\nkept: two"), NULL));
    assert_true(keyring_parse(fresh, SLICE("new: three"), NULL));
    keyring_replace(keys, fresh);
    assert_int_equal(keyring_count(keys), 1);
    assert_string_equal(keyring_name(keys, 0), "new");
    assert_true(has_secret(keys, 0, "three"));
    assert_true(keyring_add(keys, SLICE("old"), SLICE("one"), NULL));
    assert_int_equal(keyring_count(keys), 2);
    keyring_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),        cmocka_unit_test(test_parse_refused), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_secret_sizes), cmocka_unit_test(test_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
