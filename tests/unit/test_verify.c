/* Verification: every vector, every recording, each reason once, and who may not pass for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>

#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/mem.h"
#include "fixture_file.h"
#include "livekit/token.h"
#include "webhooks/verify.h"

enum { NOW = 1767225600 };

static struct keyring *one_key(const char *name, const char *secret) {
    struct keyring *keys = keyring_new();
    assert_true(keyring_add(keys, slice_of(name), slice_of(secret), NULL));
    return keys;
}

static struct slice text_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void test_vectors(void **state) {
    (void)state;
    struct buf text = fixture_file("vectors/webhooks.json");
    json_t *root = json_loadb(text.p, text.len, 0, NULL);
    struct keyring *keys = one_key(text_of(root, "key").p, text_of(root, "secret").p);
    assert_int_equal(json_integer_value(json_object_get(root, "now")), NOW);
    size_t index, done = 0;
    json_t *one;
    json_array_foreach(json_object_get(root, "cases"), index, one) {
        struct slice want = text_of(one, "want");
        bool accepted =
            webhook_verify(keys, text_of(one, "authorization"), text_of(one, "body"), NOW, NULL) == VERIFY_OK;
        if (!slice_is(want, "either") && accepted != slice_is(want, "accept")) {
            fail_msg("%s: %s", text_of(one, "name").p, accepted ? "accepted" : "rejected");
        }
        done++;
    }
    json_array_foreach(json_object_get(root, "bodies"), index, one) {
        assert_int_equal(webhook_verify(keys, text_of(one, "authorization"), text_of(one, "body"), NOW, NULL),
                         VERIFY_OK);
        done++;
    }
    assert_int_equal(done, 47);
    keyring_free(keys);
    json_decref(root);
    buf_release(&text);
}

/* Every line verifies at the second it was signed, and no longer with its body cut by a byte. */
static size_t verify_recording(const struct keyring *keys, const char *name) {
    struct buf text = fixture_file(name);
    size_t lines = 0;
    for (char *line = text.p, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        json_t *record = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_non_null(record);
        struct slice token = text_of(record, "authorization"), body = text_of(record, "body");
        struct jwt jwt;
        double signed_at = 0;
        assert_int_equal(jwt_open(keys, token, &jwt), JWT_OK);
        assert_int_equal(jwt_number(&jwt, "nbf", &signed_at), JWT_GIVEN);
        jwt_release(&jwt);
        assert_int_equal(webhook_verify(keys, token, body, (int64_t)signed_at, NULL), VERIFY_OK);
        body.n--;
        assert_int_equal(webhook_verify(keys, token, body, (int64_t)signed_at, NULL), VERIFY_BODY_CHANGED);
        json_decref(record);
    }
    buf_release(&text);
    return lines;
}

static void test_recordings(void **state) {
    (void)state;
    static const char *const names[] = {"agent-crash",     "answered",        "callee-rule",    "cancelled-ringing",
                                        "deleted-in-call", "deleted-ringing", "hidden-numbers", "server-killed"};
    struct keyring *keys = one_key("devkey", "0123456789abcdef0123456789abcdef");
    size_t lines = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "recordings/%s.jsonl", names[i]);
        lines += verify_recording(keys, path);
    }
    assert_int_equal(lines, 77);
    keyring_free(keys);
}

#define BODY "{\"event\":\"room_started\"}"
/* Its SHA-256 in base64, as Python says. */
#define BODY_SHA "w9NV0uLHjSON8P7eonnkKXDHY4ICORefbHDCviKIgX8="

/* One row a verdict: claims (signed with the key "k") -> reason, what is in the detail. */
static const struct {
    const char *claims;
    enum verify_reason reason;
    const char *claim;
    int64_t skew_s;
} claim_cases[] = {
    {"{\"iss\":\"k\",\"exp\":1767225600,\"sha256\":\"" BODY_SHA "\"}", VERIFY_OK, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225540,\"sha256\":\"" BODY_SHA "\"}", VERIFY_OK, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225539,\"sha256\":\"" BODY_SHA "\"}", VERIFY_EXPIRED, "", 61},
    {"{\"iss\":\"k\",\"exp\":-1e300,\"sha256\":\"" BODY_SHA "\"}", VERIFY_EXPIRED, "", 1000000000000000},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"nbf\":1767225660,\"sha256\":\"" BODY_SHA "\"}", VERIFY_OK, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"nbf\":1767225661,\"sha256\":\"" BODY_SHA "\"}", VERIFY_NOT_YET, "", 61},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"iat\":1767225662,\"sha256\":\"" BODY_SHA "\"}", VERIFY_NOT_YET, "", 62},
    {"{\"iss\":\"k\",\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "exp", 0},
    {"{\"iss\":\"k\",\"exp\":\"1767225900\",\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "exp", 0},
    {"{\"iss\":\"k\",\"exp\":null,\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "exp", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"nbf\":\"0\",\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "nbf", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"iat\":[],\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "iat", 0},
    {"{\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "iss", 0},
    {"{\"iss\":5,\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "iss", 0},
    {"{\"iss\":\"kk\",\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_WRONG_ISSUER, "", 0},
    {"{\"iss\":\"\",\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_WRONG_ISSUER, "", 0},
    {"{\"iss\":\"other\",\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_WRONG_ISSUER, "", 0},
    {"{\"iss\":\"twin\",\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_OK, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900}", VERIFY_NO_BODY_HASH, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"sha256\":\"\"}", VERIFY_BAD_CLAIMS, "sha256", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"sha256\":\"YWJj\"}", VERIFY_BAD_CLAIMS, "sha256", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
     VERIFY_BODY_CHANGED, "", 0},
    {"{\"iss\":\"k\",\"exp\":1767225900,\"sipbridge\":\"operator\",\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS,
     "sipbridge", 0},
    {"{\"iss\":\"k\",\"iss\":\"k\",\"exp\":1767225900,\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "payload", 0},
    {"{\"iss\":\"k\",\"exp\":99999999999999999999,\"sha256\":\"" BODY_SHA "\"}", VERIFY_BAD_CLAIMS, "payload", 0},
    {"[]", VERIFY_BAD_CLAIMS, "payload", 0},
    {"\"k\"", VERIFY_BAD_CLAIMS, "payload", 0},
    {"nonsense", VERIFY_BAD_CLAIMS, "payload", 0},
};

static void test_claims(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret");
    assert_true(keyring_parse(keys, SLICE("other: another\ntwin: secret"), NULL));
    for (size_t i = 0; i < ARRAY_LEN(claim_cases); i++) {
        char *token = jwt_sign(keys, slice_of(claim_cases[i].claims));
        struct verify_detail detail;
        enum verify_reason reason = webhook_verify(keys, slice_of(token), SLICE(BODY), NOW, &detail);
        if (reason != claim_cases[i].reason || strcmp(detail.claim, claim_cases[i].claim) != 0 ||
            detail.skew_s != claim_cases[i].skew_s) {
            fail_msg("%s: %s, claim %s, skew %lld", claim_cases[i].claims, verify_reason_label(reason), detail.claim,
                     (long long)detail.skew_s);
        }
        assert_string_equal(detail.key, "k");
        free(token);
    }
    keyring_free(keys);
}

/* The literal tokens were signed with Python's hmac and the secret "secret"; each row's header is what it says. */
static void test_tokens(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret");
    char *good = token_for_webhook(keys, SLICE(BODY), NOW);
    char *long_token = xmalloc(JWT_MAX_SIZE + 2);
    memset(long_token, 'A', JWT_MAX_SIZE + 1);
    long_token[JWT_MAX_SIZE + 1] = '\0';
    long_token[4] = long_token[8] = '.';
    char *with_bearer = xasprintf("Bearer %s", good), *with_space = xasprintf("%s ", good),
         *four = xasprintf("%s.e30", good);
    char *flipped = xstrdup(good);
    flipped[strlen(good) - 10] = flipped[strlen(good) - 10] == 'A' ? 'B' : 'A';
    const struct {
        const char *name, *token;
        enum verify_reason reason;
        const char *claim;
    } cases[] = {
        {"good", good, VERIFY_OK, ""},
        {"none", "", VERIFY_NO_TOKEN, ""},
        {"Bearer", with_bearer, VERIFY_NOT_JWT, ""},
        {"space", with_space, VERIFY_NOT_JWT, ""},
        {"four parts", four, VERIFY_NOT_JWT, ""},
        {"two parts", "a.b", VERIFY_NOT_JWT, ""},
        {"no parts", "abc", VERIFY_NOT_JWT, ""},
        {"dots", "..", VERIFY_NOT_JWT, ""},
        {"too long", long_token, VERIFY_NOT_JWT, ""},
        {"no signature", "e30.e30.", VERIFY_BAD_SIGNATURE, ""},
        {"changed signature", flipped, VERIFY_BAD_SIGNATURE, ""},
        {"other header",
         "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.7buYvvytrtYYDLIgBTNZ4BKR55CCHCgtTMgBqT0RtIA",
         VERIFY_OK, ""},
        {"header with kid",
         "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.kQqJFkLPAY7eEe1RkjRXtP73mfZflewG7gWX0a-lLB8",
         VERIFY_OK, ""},
        {"alg none",
         "eyJhbGciOiJub25lIn0."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.Fkxl7Q2-F8thAikhs0R-y3C7YSSdbKzyzzzogLmfZwU",
         VERIFY_BAD_HEADER, "alg"},
        {"alg HS512",
         "eyJhbGciOiJIUzUxMiJ9."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.SReqCEj1cUHhAXamJ51_w64Yh1YwUHqocmNSRFf2lNM",
         VERIFY_BAD_HEADER, "alg"},
        {"no alg",
         "e30."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.l8fgJqWFzYDBSiG7_Au4ZzMegSZLbLVaQHZzvgXbsZY",
         VERIFY_BAD_HEADER, "alg"},
        {"alg number",
         "eyJhbGciOjI1Nn0."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.aXDNFF92ylacRRhDhlyPd_Eg9DL4OLgfBMkFm9HLctU",
         VERIFY_BAD_HEADER, "alg"},
        {"alg with NUL",
         "eyJhbGciOiJIUzI1Nlx1MDAwMCJ9."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.rcgzJzyNvJh0m2msVOBGkei2IPh85kEQPd7Sz5ZgOo8",
         VERIFY_BAD_HEADER, "header"},
        {"crit",
         "eyJhbGciOiJIUzI1NiIsImNyaXQiOltdfQ."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.z8VbH7ru1G1uMbOi17GWPYfXt-tbj1QDYfk76huI360",
         VERIFY_BAD_HEADER, "crit"},
        {"two algs",
         "eyJhbGciOiJub25lIiwiYWxnIjoiSFMyNTYifQ."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.-XG5gLdgVV53HesJ60glQZUoIhDmky-1YmGA4Qy1ucE",
         VERIFY_BAD_HEADER, "header"},
        {"header array",
         "WyJIUzI1NiJd."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.rrLvkvze9zgV0QWbC_5J3Zk7ef5a7bMBKE1A3eNf46c",
         VERIFY_BAD_HEADER, "header"},
        {"header text",
         "SFMyNTY."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.vjTcfHWCiEbe5bVcOg_G0PQSi-Xfra4ts0BcFyAc52g",
         VERIFY_BAD_HEADER, "header"},
        {"signed with HS512",
         "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.ltvw0ukGjBOGk38tPw13jmznhCcviYlW37JdVJRtp4lYmWZbd4UwTTAaq9wSiAiurtfGBL0MV-CbtuggkIAZOg",
         VERIFY_BAD_SIGNATURE, ""},
        {"another secret",
         "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
         "eyJpc3MiOiJrIiwiZXhwIjoxNzY3MjI1OTAwLCJzaGEyNTYiOiJ3OU5WMHVMSGpTT044UDdlb25ua0tYREhZNElDT1JlZmJIREN2aUtJZ1g4P"
         "SJ9.6wzS1tf8dnza92ewcm4UpX5fyqkUogmxFOfSgdvKnbc",
         VERIFY_BAD_SIGNATURE, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verify_detail detail;
        enum verify_reason reason = webhook_verify(keys, slice_of(cases[i].token), SLICE(BODY), NOW, &detail);
        if (reason != cases[i].reason || strcmp(detail.claim, cases[i].claim) != 0) {
            fail_msg("%s: %s, claim %s", cases[i].name, verify_reason_label(reason), detail.claim);
        }
        assert_string_equal(detail.key, reason == VERIFY_OK || reason == VERIFY_BAD_HEADER ? "k" : "");
    }
    free(good);
    free(long_token);
    free(with_bearer);
    free(with_space);
    free(four);
    free(flipped);
    keyring_free(keys);
}

/* Every single-bit change of a token or its body is noticed. */
static void test_every_bit(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret");
    char *token = token_for_webhook(keys, SLICE(BODY), NOW);
    char body[] = BODY;
    struct slice authorization = slice_of(token), content = {body, sizeof body - 1};
    for (size_t bit = 0; bit < 8 * authorization.n; bit++) {
        token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(webhook_verify(keys, authorization, content, NOW, NULL), VERIFY_OK);
        token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * content.n; bit++) {
        body[bit / 8] = (char)(body[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(webhook_verify(keys, authorization, content, NOW, NULL), VERIFY_BODY_CHANGED);
        body[bit / 8] = (char)(body[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(webhook_verify(keys, authorization, content, NOW, NULL), VERIFY_OK);
    free(token);
    keyring_free(keys);
}

/* A signature whose last byte is 0 does not pass without that byte. */
static void test_short_signature(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret");
    for (int64_t now_s = NOW;; now_s++) {
        cleanup_free char *token = token_for_webhook(keys, SLICE(BODY), now_s);
        struct buf shorter cleanup_buf = {0};
        unsigned char mac[HMAC_SIZE];
        size_t size;
        char *signature = strrchr(token, '.') + 1;
        assert_true(base64_decode(BASE64_URL, slice_of(signature), mac, sizeof mac, &size));
        if (mac[HMAC_SIZE - 1] != 0) {
            continue;
        }
        buf_add(&shorter, token, (size_t)(signature - token));
        base64_encode(&shorter, BASE64_URL, (struct slice){(const char *)mac, HMAC_SIZE - 1});
        assert_int_equal(webhook_verify(keys, slice_of(token), SLICE(BODY), now_s, NULL), VERIFY_OK);
        assert_int_equal(webhook_verify(keys, buf_slice(&shorter), SLICE(BODY), now_s, NULL), VERIFY_BAD_SIGNATURE);
        break;
    }
    keyring_free(keys);
}

static void test_several_keys(void **state) {
    (void)state;
    struct keyring *keys = keyring_new(), *second = one_key("k2", "second"), *stranger = one_key("k2", "third");
    assert_true(keyring_parse(keys, SLICE("k1: first\nk2: second\n"), NULL));
    struct verify_detail detail;
    char *token = token_for_webhook(second, SLICE(BODY), NOW);
    assert_int_equal(webhook_verify(keys, slice_of(token), SLICE(BODY), NOW, &detail), VERIFY_OK);
    assert_string_equal(detail.key, "k2");
    /* the issuer is known, but it was not its secret that signed */
    char *forged = token_for_webhook(stranger, SLICE(BODY), NOW);
    assert_int_equal(webhook_verify(keys, slice_of(forged), SLICE(BODY), NOW, &detail), VERIFY_BAD_SIGNATURE);
    keyring_replace(keys, one_key("k1", "first")); /* rotation */
    assert_int_equal(webhook_verify(keys, slice_of(token), SLICE(BODY), NOW, &detail), VERIFY_BAD_SIGNATURE);
    free(token);
    free(forged);
    keyring_free(keys);
    keyring_free(second);
    keyring_free(stranger);
}

static void test_operator(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret");
    static const struct {
        const char *claims;
        enum operator_scope scope;
    } cases[] = {
        {"{\"iss\":\"k\",\"exp\":1767229200,\"sipbridge\":\"operator\"}", OPERATOR_FULL},
        {"{\"iss\":\"k\",\"exp\":1767229260,\"sipbridge\":\"operator\"}", OPERATOR_FULL},
        {"{\"iss\":\"k\",\"exp\":1767229261,\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225540,\"sipbridge\":\"operator\"}", OPERATOR_FULL},
        {"{\"iss\":\"k\",\"exp\":1767225539,\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1799999999,\"sipbridge\":\"reader\"}", OPERATOR_READER},
        {"{\"iss\":\"k\",\"exp\":1767225539,\"sipbridge\":\"reader\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"sipbridge\":\"reader\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"nbf\":1767225661,\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"x\",\"exp\":1767225900,\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"exp\":1767225900,\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"sipbridge\":\"none\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"sipbridge\":\"Operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"sipbridge\":true}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"video\":{\"roomAdmin\":true}}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"video\":{},\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"sip\":{},\"sipbridge\":\"operator\"}", OPERATOR_NONE},
        {"{\"iss\":\"k\",\"exp\":1767225900,\"sha256\":\"\",\"sipbridge\":\"operator\"}", OPERATOR_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *token = jwt_sign(keys, slice_of(cases[i].claims)), *bearer = xasprintf("bearer %s", token);
        if (operator_check(keys, slice_of(token), NOW) != cases[i].scope ||
            operator_check(keys, slice_of(bearer), NOW) != cases[i].scope) {
            fail_msg("%s", cases[i].claims);
        }
        free(token);
        free(bearer);
    }
    assert_int_equal(operator_check(keys, SLICE(""), NOW), OPERATOR_NONE);
    assert_int_equal(operator_check(keys, SLICE("Bearer "), NOW), OPERATOR_NONE);
    keyring_free(keys);
}

/* Each of our tokens passes at its own door only, and only with the right key. */
static void test_doors(void **state) {
    (void)state;
    struct keyring *keys = one_key("k", "secret"), *others = one_key("k", "other");
    char *webhook = token_for_webhook(keys, SLICE(BODY), NOW);
    char *operator_token = token_for_operator(keys, false, NOW, 600),
         *reader = token_for_operator(keys, true, NOW, 600);
    char *agent = token_for_agent(keys, SLICE("room"), SLICE("sip-agent-RM_1"), NOW);
    const struct {
        const char *token;
        enum verify_reason reason;
        enum operator_scope scope;
    } doors[] = {
        {webhook, VERIFY_OK, OPERATOR_NONE},
        {operator_token, VERIFY_BAD_CLAIMS, OPERATOR_FULL},
        {reader, VERIFY_BAD_CLAIMS, OPERATOR_READER},
        {agent, VERIFY_NO_BODY_HASH, OPERATOR_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        struct slice token = slice_of(doors[i].token);
        assert_int_equal(webhook_verify(keys, token, SLICE(BODY), NOW, NULL), doors[i].reason);
        assert_int_equal(operator_check(keys, token, NOW), doors[i].scope);
        assert_int_equal(webhook_verify(others, token, SLICE(BODY), NOW, NULL), VERIFY_BAD_SIGNATURE);
        assert_int_equal(operator_check(others, token, NOW), OPERATOR_NONE);
    }
    free(webhook);
    free(operator_token);
    free(reader);
    free(agent);
    keyring_free(keys);
    keyring_free(others);
}

static void test_words(void **state) {
    (void)state;
    const struct verify_detail detail = {.key = "mykey", .claim = "myclaim", .skew_s = 4711};
    static const char *const wanted[VERIFY_REASON_COUNT] = {
        [VERIFY_OK] = "mykey",           [VERIFY_BAD_SIGNATURE] = "wrong secret?", [VERIFY_BAD_HEADER] = "myclaim",
        [VERIFY_BAD_CLAIMS] = "myclaim", [VERIFY_WRONG_ISSUER] = "mykey",          [VERIFY_EXPIRED] = "4711 s",
        [VERIFY_NOT_YET] = "4711 s",     [VERIFY_BODY_CHANGED] = "proxy",          [VERIFY_NOT_JWT] = "Bearer",
    };
    for (enum verify_reason reason = VERIFY_OK; reason < VERIFY_REASON_COUNT; reason++) {
        struct buf hint cleanup_buf = {0};
        verify_hint(&hint, reason, &detail);
        assert_true(hint.len > 10);
        assert_true(strlen(verify_reason_label(reason)) >= 2 && strlen(verify_reason_text(reason)) > 10);
        if (wanted[reason] != NULL && strstr(hint.p, wanted[reason]) == NULL) {
            fail_msg("%s: %s", verify_reason_label(reason), hint.p);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),         cmocka_unit_test(test_recordings), cmocka_unit_test(test_claims),
        cmocka_unit_test(test_tokens),          cmocka_unit_test(test_every_bit),  cmocka_unit_test(test_several_keys),
        cmocka_unit_test(test_short_signature), cmocka_unit_test(test_operator),   cmocka_unit_test(test_doors),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
