/* Operators' tokens: scope, life, whose they may not be, what they are bound to, and how often they may be used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/mem.h"
#include "ops/once.h"

enum { NOW = 1767225600 };

static struct keyring *keys_of(const char *text) {
    struct keyring *keys = keyring_new();
    assert_true(keyring_parse(keys, slice_of(text), NULL));
    return keys;
}

static struct keyring *new_keys(void) {
    return keys_of("devkey: 0123456789abcdef0123456789abcdef\nsecond: fedcba9876543210");
}

static enum operator_scope check(const char *claims, int64_t now_s) {
    struct keyring *keys = new_keys();
    char *token = jwt_sign(keys, slice_of(claims));
    enum operator_scope scope = operator_check(keys, slice_of(token), now_s);
    free(token);
    keyring_free(keys);
    return scope;
}

#define ISSUER "\"iss\":\"devkey\","

static void test_scopes_and_lives(void **state) {
    static const struct {
        const char *claims; /* in braces */
        enum operator_scope scope;
    } cases[] = {
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660", OPERATOR_FULL},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767229200", OPERATOR_FULL}, /* an hour */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767229260", OPERATOR_FULL}, /* leeway */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767229261", OPERATOR_NONE}, /* longer */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1e300", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\",\"nbf\":0,\"iat\":0,\"exp\":1767229261", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\"", OPERATOR_NONE}, /* no end */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":\"1767225660\"", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225540", OPERATOR_FULL}, /* leeway */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225539", OPERATOR_NONE}, /* over */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"nbf\":1767225660", OPERATOR_FULL},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225700,\"nbf\":1767225661", OPERATOR_NONE}, /* not yet */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225700,\"iat\":1767225661", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"reader\",\"exp\":4102444800", OPERATOR_READER}, /* any life */
        {ISSUER "\"sipbridge\":\"reader\",\"exp\":1767225539", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"reader\"", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"Operator\",\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"none\",\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"\",\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":true,\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":[\"operator\"],\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"exp\":1767225660", OPERATOR_NONE},
        {"\"sipbridge\":\"operator\",\"exp\":1767225660", OPERATOR_NONE},                    /* no issuer */
        {"\"iss\":\"second\",\"sipbridge\":\"operator\",\"exp\":1767225660", OPERATOR_NONE}, /* not its key */
        {"\"iss\":\"nobody\",\"sipbridge\":\"operator\",\"exp\":1767225660", OPERATOR_NONE},
        /* somebody else's, who was led to put our claim into it */
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"video\":{\"roomJoin\":true}", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"video\":{}", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"video\":null", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"reader\",\"exp\":1767225660,\"sip\":{\"admin\":true}", OPERATOR_NONE},
        {ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"sha256\":\"x\"", OPERATOR_NONE},
        {ISSUER "\"video\":{\"roomAdmin\":true,\"roomCreate\":true},\"exp\":1767225660", OPERATOR_NONE},
        {ISSUER "\"metadata\":\"{\\\"sipbridge\\\":\\\"operator\\\"}\",\"exp\":1767225660", OPERATOR_NONE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *claims = xasprintf("{%s}", cases[i].claims);
        if (check(claims, NOW) != cases[i].scope) {
            fail_msg("%s is %s", claims, operator_scope_name(check(claims, NOW)));
        }
    }
}

/* A token that is bound to nothing is a bearer's, for as long as it lives: scripts send many requests with one. It ends
 * with its key. */
static void test_used_again_until_it_ends(void **state) {
    struct keyring *keys = new_keys();
    char *token = jwt_sign(keys, SLICE("{" ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660}"));
    cleanup_free char *bearer = xasprintf("bearer %s", token);
    (void)state;
    for (int64_t now = NOW; now <= NOW + 120; now++) {
        assert_int_equal(operator_check(keys, slice_of(token), now), OPERATOR_FULL);
        assert_int_equal(operator_check(keys, slice_of(bearer), now), OPERATOR_FULL);
    }
    assert_int_equal(operator_check(keys, slice_of(token), NOW + 121), OPERATOR_NONE);
    keyring_replace(keys, keys_of("devkey: another secret of this key"));
    assert_int_equal(operator_check(keys, slice_of(token), NOW), OPERATOR_NONE);
    free(token);
    keyring_free(keys);
}

/* A token that is bound to one request opens no other, and none where no request is meant. */
static void test_bound_to_a_request(void **state) {
    static const struct {
        const char *bound, *method, *path;
        bool fits;
    } cases[] = {
        {"\"POST /api/reload\"", "POST", "/api/reload", true},
        {"\"POST /api/reload\"", "POST", "/api/reload/", false},
        {"\"POST /api/reload\"", "POST", "/api/reloa", false},
        {"\"POST /api/reload\"", "GET", "/api/reload", false},
        {"\"POST /api/reload\"", "POS", "T /api/reload", false},
        {"\"POST /api/calls/RM_a/stop\"", "POST", "/api/calls/RM_b/stop", false},
        {"\"POST\"", "POST", "", false},
        {"\"\"", "", "", false},
        {"\" \"", "", "", true}, /* nobody sends such a request */
        {"null", "POST", "/api/reload", false},
        {"[\"POST /api/reload\"]", "POST", "/api/reload", false},
        {"1", "POST", "/api/reload", false},
    };
    struct keyring *keys = new_keys();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned char mac[HMAC_SIZE], nothing[HMAC_SIZE] = {0};
        cleanup_free char *claims =
            xasprintf("{" ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660,\"request\":%s}", cases[i].bound);
        cleanup_free char *token = jwt_sign(keys, slice_of(claims));
        const struct operator_use use = {slice_of(token), slice_of(cases[i].method), slice_of(cases[i].path)};
        enum operator_scope scope = operator_check_use(keys, &use, NOW, mac);
        if (scope != (cases[i].fits ? OPERATOR_FULL : OPERATOR_NONE)) {
            fail_msg("%s for %s %s", cases[i].bound, cases[i].method, cases[i].path);
        }
        assert_int_equal(memcmp(mac, nothing, HMAC_SIZE) != 0, cases[i].fits);
        assert_int_equal(operator_check(keys, slice_of(token), NOW),
                         strcmp(cases[i].bound, "\" \"") == 0 ? OPERATOR_FULL : OPERATOR_NONE);
    }
    keyring_free(keys);
}

static void test_once(void **state) {
    static struct once once;
    unsigned char mac[HMAC_SIZE] = {0};
    (void)state;
    for (unsigned i = 0; i < ONCE_REMEMBERED; i++) {
        memcpy(mac, &i, sizeof i);
        assert_true(once_take(&once, mac));
        assert_false(once_take(&once, mac));
    }
    memset(mac, 0, sizeof mac);
    assert_false(once_take(&once, mac));
    mac[HMAC_SIZE - 1] = 1;
    assert_true(once_take(&once, mac));
    assert_false(once_take(&once, mac));
}

static void test_changed_tokens(void **state) {
    struct keyring *keys = new_keys();
    char *token = jwt_sign(keys, SLICE("{" ISSUER "\"sipbridge\":\"operator\",\"exp\":1767225660}"));
    size_t length = strlen(token);
    (void)state;
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(operator_check(keys, slice_of(token), NOW), OPERATOR_NONE);
        token[i] = kept;
        assert_int_equal(operator_check(keys, (struct slice){token, i}, NOW), OPERATOR_NONE);
    }
    assert_int_equal(operator_check(keys, slice_of(token), NOW), OPERATOR_FULL);
    assert_int_equal(operator_check(keys, SLICE(""), NOW), OPERATOR_NONE);
    assert_int_equal(operator_check(keys, SLICE("Bearer "), NOW), OPERATOR_NONE);
    free(token);
    keyring_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes_and_lives),   cmocka_unit_test(test_used_again_until_it_ends),
        cmocka_unit_test(test_bound_to_a_request), cmocka_unit_test(test_once),
        cmocka_unit_test(test_changed_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
