/* Tokens for the server API: each says exactly one grant, and is good for a minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/mem.h"
#include "livekit/token.h"
#include "webhooks/verify.h"

enum { NOW = 1767225600 };

static struct keyring *new_keys(void) {
    struct keyring *keys = keyring_new();
    assert_true(keyring_parse(keys, SLICE("devkey: 0123456789abcdef0123456789abcdef\nsecond: other"), NULL));
    return keys;
}

/* The claims as they are written. */
static char *claims_of(const char *token) {
    const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
    unsigned char text[2048];
    size_t size;
    assert_true(
        base64_decode(BASE64_URL, (struct slice){first + 1, (size_t)(second - first - 1)}, text, sizeof text, &size));
    return xmemdup(text, size);
}

static void test_claims(void **state) {
    static const struct {
        enum token_grant grant;
        const char *room, *wanted;
    } cases[] = {
        {TOKEN_ROOM_LIST, "r", "\"video\":{\"roomList\":true}}"},
        {TOKEN_ROOM_CREATE, "r", "\"video\":{\"roomCreate\":true}}"},
        {TOKEN_SIP_ADMIN, "r", "\"sip\":{\"admin\":true}}"},
        {TOKEN_ROOM_ADMIN, "sip-inbound_+1", "\"video\":{\"roomAdmin\":true,\"room\":\"sip-inbound_+1\"}}"},
        {TOKEN_ROOM_ADMIN, "a\"\\\n\xc3\xa9", "\"video\":{\"roomAdmin\":true,\"room\":\"a\\\"\\\\\\n\xc3\xa9\"}}"},
        {TOKEN_ROOM_ADMIN, "a\xff", "\"video\":{\"roomAdmin\":true,\"room\":\"a\xef\xbf\xbd\"}}"},
        {TOKEN_ROOM_ADMIN, "", "\"video\":{\"roomAdmin\":true,\"room\":\"\"}}"},
    };
    struct keyring *keys = new_keys();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *token = token_for_api(keys, cases[i].grant, slice_of(cases[i].room), NOW);
        cleanup_free char *claims = claims_of(token);
        cleanup_free char *wanted =
            xasprintf("{\"nbf\":%d,\"exp\":%d,\"iss\":\"devkey\",%s", NOW - 300, NOW + 60, cases[i].wanted);
        assert_string_equal(claims, wanted);
    }
    keyring_free(keys);
}

static void test_signed_by_the_first_key_for_a_minute(void **state) {
    struct keyring *keys = new_keys();
    struct jwt jwt cleanup_jwt;
    struct jwt_times times;
    bool fits = false;
    (void)state;
    cleanup_free char *token = token_for_api(keys, TOKEN_ROOM_LIST, SLICE(""), NOW);
    assert_int_equal(jwt_open(keys, slice_of(token), &jwt), JWT_OK);
    assert_int_equal(jwt.key, 0);
    assert_int_equal(jwt_issuer(&jwt, &fits), JWT_GIVEN);
    assert_true(fits);
    assert_int_equal(jwt_check_time(&jwt, NOW - 300, &times), JWT_IN_TIME);
    assert_int_equal(jwt_check_time(&jwt, NOW + 60 + JWT_LEEWAY_S, &times), JWT_IN_TIME);
    assert_int_equal(jwt_check_time(&jwt, NOW + 61 + JWT_LEEWAY_S, &times), JWT_EXPIRED);
    keyring_free(keys);
}

/* Nobody gets in here with one. */
static void test_good_for_nothing_else(void **state) {
    struct keyring *keys = new_keys();
    (void)state;
    for (int grant = TOKEN_ROOM_LIST; grant <= TOKEN_SIP_ADMIN; grant++) {
        cleanup_free char *token = token_for_api(keys, (enum token_grant)grant, SLICE("r"), NOW);
        assert_int_equal(operator_check(keys, slice_of(token), NOW), OPERATOR_NONE);
        assert_int_not_equal(webhook_verify(keys, slice_of(token), SLICE("{}"), NOW, NULL), VERIFY_OK);
    }
    keyring_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_signed_by_the_first_key_for_a_minute),
        cmocka_unit_test(test_good_for_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
