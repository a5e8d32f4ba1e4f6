/* Who gets through which door: every kind of route, at every door, with every kind of token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/keyring.h"
#include "base/clock.h"
#include "base/mem.h"
#include "livekit/token.h"
#include "ops/ops.h"

/* Nothing is served here: the method is one that no route has, so 405 says that a request came past the door. */
enum { PAST = 405 };

enum token { NO_TOKEN, READER, OPERATOR, TWO_TOKENS, TOKENS };

static struct {
    struct ops ops;
    struct keyring *keys;
    char *tokens[TOKENS];
} scene;

static int open_scene(void **state) {
    (void)state;
    int64_t now_s = clock_wall_ms() / 1000;
    scene.keys = keyring_new();
    bool good = keyring_add(scene.keys, SLICE("devkey"), SLICE("0123456789abcdef0123456789abcdef"), NULL);
    scene.ops = (struct ops){.enabled = true, .webhook_path = "/webhooks/livekit", .keys = scene.keys};
    scene.tokens[READER] = token_for_operator(scene.keys, true, now_s, 600);
    scene.tokens[OPERATOR] = token_for_operator(scene.keys, false, now_s, 600);
    scene.tokens[TWO_TOKENS] = xstrdup(scene.tokens[OPERATOR]);
    return good ? 0 : 1;
}

static int close_scene(void **state) {
    (void)state;
    for (size_t i = 0; i < TOKENS; i++) {
        free(scene.tokens[i]);
    }
    keyring_free(scene.keys);
    return 0;
}

static int knock(enum ops_door door, const char *path, enum token token, const char *host) {
    struct ops_entrance entrance = {&scene.ops, door};
    struct http_answer answer = {.status = 200};
    const struct http_request request = {
        .method = SLICE("PUT"),
        .path = slice_of(path),
        .host = slice_of(host),
        .peer = SLICE("127.0.0.1"),
        .authorization = slice_of(scene.tokens[token]),
        .authorization_count = token == TWO_TOKENS ? 2 : token != NO_TOKEN,
    };
    ops_handle(&entrance, &request, &answer);
    buf_release(&answer.body);
    return answer.status;
}

/* What each asks for: without a token, with a reader's, an operator's, and an operator's twice. */
static void test_doors(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int at_public[TOKENS], at_local[TOKENS], at_remote[TOKENS];
    } cases[] = {
        {"/livez", {PAST, PAST, PAST, PAST}, {PAST, PAST, PAST, PAST}, {PAST, PAST, PAST, PAST}},
        {"/health/sip-bridge", {PAST, PAST, PAST, PAST}, {PAST, PAST, PAST, PAST}, {PAST, PAST, PAST, PAST}},
        {"/board", {404, 404, 404, 404}, {PAST, PAST, PAST, PAST}, {PAST, PAST, PAST, PAST}},
        {"/board/events", {404, PAST, PAST, 401}, {PAST, PAST, PAST, 401}, {401, PAST, PAST, 401}},
        {"/health/sip-bridge-status", {404, PAST, PAST, 401}, {PAST, PAST, PAST, 401}, {401, PAST, PAST, 401}},
        {"/metrics", {404, PAST, PAST, 401}, {PAST, PAST, PAST, 401}, {401, PAST, PAST, 401}},
        {"/api/reload", {404, 401, PAST, 401}, {401, 401, PAST, 401}, {401, 401, PAST, 401}},
        {"/api/calls/RM_1/stop", {404, 401, PAST, 401}, {401, 401, PAST, 401}, {401, 401, PAST, 401}},
        {"/api/livekit/cleanup-sip-rooms", {404, 401, PAST, 401}, {401, 401, PAST, 401}, {401, 401, PAST, 401}},
        {"/nothing", {404, 404, 404, 404}, {404, 404, 404, 404}, {404, 404, 404, 404}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (enum token token = NO_TOKEN; token < TOKENS; token++) {
            print_message("%s, token %d\n", cases[i].path, (int)token);
            assert_int_equal(knock(DOOR_PUBLIC, cases[i].path, token, "127.0.0.1"), cases[i].at_public[token]);
            assert_int_equal(knock(DOOR_ADMIN_LOCAL, cases[i].path, token, "127.0.0.1"), cases[i].at_local[token]);
            assert_int_equal(knock(DOOR_ADMIN_REMOTE, cases[i].path, token, "127.0.0.1"), cases[i].at_remote[token]);
        }
    }
}

/* A page that makes its own name resolve to us sends that name: only a loopback's is let in without a token. */
static void test_names_of_a_loopback(void **state) {
    (void)state;
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"localhost", PAST},
        {"localhost:8791", PAST},
        {"127.0.0.1:8791", PAST},
        {"127.1.2.3", PAST},
        {"[::1]", PAST},
        {"[::1]:8791", PAST},
        {"", 403},
        {"localhost.evil.example", 403},
        {"127.evil.example", 403},
        {"128.0.0.1", 403},
        {"10.0.0.1:8791", 403},
        {"[::1].evil.example", 403},
        {"evil.example", 403},
        {"[::2]", 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].host);
        assert_int_equal(knock(DOOR_ADMIN_LOCAL, "/metrics", NO_TOKEN, cases[i].host), cases[i].status);
        assert_int_equal(knock(DOOR_ADMIN_LOCAL, "/metrics", READER, cases[i].host), PAST);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_names_of_a_loopback),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
