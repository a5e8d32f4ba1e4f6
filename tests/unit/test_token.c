/* Tokens: byte for byte what Python's json, base64 and hmac make of the same claims, and what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "auth/base64.h"
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

static void test_bytes(void **state) {
    (void)state;
    struct keyring *keys = new_keys();
    char *const tokens[] = {
        token_for_agent(keys, SLICE("sip-inbound_+1\"\\\xc3\xa9\n"), SLICE("sip-agent-RM_1"), NOW),
        token_for_webhook(keys, SLICE("{\"event\":\"room_started\"}"), NOW),
        token_for_operator(keys, false, NOW, 600),
        token_for_operator(keys, true, NOW, 86400),
    };
    static const char *const wanted[] = {
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJzdWIiOiJzaXAtYWdlbnQtUk1fMSIsImtpbmQiOiJhZ2VudCIsIm5iZiI6MTc2NzIyNTMwMCwi"
        "ZXhwIjoxNzY3MjQ3MjAwLCJ2aWRlbyI6eyJyb29tSm9pbiI6dHJ1ZSwicm9vbSI6InNpcC1pbmJvdW5kXysxXCJcXMOpXG4iLCJjYW5QdWJsaX"
        "NoIj"
        "p0cnVlLCJjYW5QdWJsaXNoRGF0YSI6dHJ1ZSwiY2FuU3Vic2NyaWJlIjp0cnVlLCJjYW5VcGRhdGVPd25NZXRhZGF0YSI6dHJ1ZX0sImlzcyI6"
        "ImRl"
        "dmtleSJ9.MxSi5tJBh7IA5VZMrKViby38cg4X4y-SICJ-UqZunwE",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJuYmYiOjE3NjcyMjU2MDAsImlhdCI6MTc2NzIyNTYwMCwiZXhwIjoxNzY3MjI1OTAwLCJzaGEy"
        "NTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4PSIsImlzcyI6ImRldmtleSJ9."
        "6CbyDBFDdBBSMHtaixkxjmua"
        "k6qLY5RKf3kTvB1Wmj8",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJzaXBicmlkZ2UiOiJvcGVyYXRvciIsIm5iZiI6MTc2NzIyNTYwMCwiZXhwIjoxNzY3MjI2MjAw"
        "LCJpc3MiOiJkZXZrZXkifQ.j_CRa-X4GopIA33IeK4A1QjqXBNtwDoDa2Zvjk3ls7Y",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJzaXBicmlkZ2UiOiJyZWFkZXIiLCJuYmYiOjE3NjcyMjU2MDAsImV4cCI6MTc2NzMxMjAwMCwi"
        "aXNzIjoiZGV2a2V5In0.eNrrMTzlG4PhhEMSW5VQfaPVp55rOcGxeISOc65BarE",
    };
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        assert_string_equal(tokens[i], wanted[i]);
        free(tokens[i]);
    }
    keyring_free(keys);
}

/* The claims, read back without auth/jwt. */
static json_t *claims_of(const char *token) {
    const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
    unsigned char text[2048];
    size_t size;
    assert_true(
        base64_decode(BASE64_URL, (struct slice){first + 1, (size_t)(second - first - 1)}, text, sizeof text, &size));
    json_t *claims = json_loadb((char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(claims);
    return claims;
}

static void test_agent_claims(void **state) {
    (void)state;
    struct keyring *keys = new_keys();
    char *token = token_for_agent(keys, SLICE("$(x) \xe2\x80\xae"), SLICE("sip-agent-RM_1"), NOW);
    json_t *claims = claims_of(token), *video = json_object_get(claims, "video");
    static const char *const grants[] = {"roomJoin", "canPublish", "canPublishData", "canSubscribe",
                                         "canUpdateOwnMetadata"};
    assert_string_equal(json_string_value(json_object_get(claims, "iss")), "devkey");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), "sip-agent-RM_1");
    assert_string_equal(json_string_value(json_object_get(claims, "kind")), "agent");
    assert_int_equal(json_integer_value(json_object_get(claims, "nbf")), NOW - 300);
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), NOW + 6 * 3600);
    assert_string_equal(json_string_value(json_object_get(video, "room")), "$(x) \xe2\x80\xae");
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        assert_true(json_is_true(json_object_get(video, grants[i])));
    }
    /* and nothing else: no admin, no other room */
    assert_int_equal(json_object_size(video), 1 + ARRAY_LEN(grants));
    assert_int_equal(json_object_size(claims), 6);
    json_decref(claims);
    free(token);
    keyring_free(keys);
}

static void test_request_opens_one(void **state) {
    (void)state;
    struct keyring *keys = new_keys();
    char *token = token_for_request(keys, "POST", "/api/calls/RM_1/stop", NOW),
         *again = token_for_request(keys, "POST", "/api/calls/RM_1/stop", NOW);
    struct operator_use use = {slice_of(token), SLICE("POST"), SLICE("/api/calls/RM_1/stop")};
    unsigned char mac[HMAC_SIZE];
    assert_int_equal(operator_check_use(keys, &use, NOW, mac), OPERATOR_FULL);
    assert_int_equal(operator_check_use(keys, &use, NOW + 121, mac), OPERATOR_NONE);
    use.path = SLICE("/api/calls/RM_2/stop");
    assert_int_equal(operator_check_use(keys, &use, NOW, mac), OPERATOR_NONE);
    assert_string_not_equal(token, again);
    free(token);
    free(again);
    keyring_free(keys);
}

static void test_webhook_passes(void **state) {
    (void)state;
    struct keyring *keys = new_keys();
    static const struct slice bodies[] = {{NULL, 0}, {"{}", 2}, {"\0\xff", 2}};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char *token = token_for_webhook(keys, bodies[i], NOW);
        assert_int_equal(webhook_verify(keys, slice_of(token), bodies[i], NOW, NULL), VERIFY_OK);
        assert_int_equal(webhook_verify(keys, slice_of(token), bodies[i], NOW + 360, NULL), VERIFY_OK);
        assert_int_equal(webhook_verify(keys, slice_of(token), bodies[i], NOW + 361, NULL), VERIFY_EXPIRED);
        assert_int_equal(webhook_verify(keys, slice_of(token), bodies[i], NOW - 61, NULL), VERIFY_NOT_YET);
        free(token);
    }
    keyring_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_agent_claims),
        cmocka_unit_test(test_request_opens_one),
        cmocka_unit_test(test_webhook_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
