/* The receiver: statuses of the vectors, counters, repeats, the sink, and what is logged how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "fixture_file.h"
#include "livekit/token.h"
#include "webhooks/receive.h"

enum { NOW = 1767225600, MINUTE = 60000 };

/* Where the receiver under test hands its events, and what it logged. */
struct fixture {
    struct keyring *keys;
    struct receiver *receiver;
    bool full;
    size_t events;
    enum event_kind last;
    size_t records;
    char message[4096];
};

static bool on_event(void *context, struct webhook_event *event) {
    struct fixture *fixture = context;
    if (!fixture->full) {
        fixture->events++;
        fixture->last = event->kind;
    }
    event_free(event);
    return !fixture->full;
}

static void on_record(void *context, const struct log_heard *record) {
    struct fixture *fixture = context;
    fixture->records++;
    snprintf(fixture->message, sizeof fixture->message, "%s", record->message);
}

static void start(struct fixture *fixture, const char *keys, size_t max_remembered, bool disabled) {
    *fixture = (struct fixture){.keys = keyring_new()};
    assert_true(keyring_parse(fixture->keys, slice_of(keys), NULL));
    const struct receiver_options options = {
        .keys = fixture->keys,
        .disabled = disabled,
        .max_remembered = max_remembered,
        .remember_ms = 10 * MINUTE,
        .on_event = on_event,
        .context = fixture,
    };
    fixture->receiver = receiver_new(&options);
    log_listen(on_record, fixture);
}

/* Ends a test: the counters add up. */
static void finish(struct fixture *fixture) {
    const struct receiver_counters *c = receiver_counters(fixture->receiver);
    uint64_t received = c->bad_method + c->verified;
    for (size_t i = 0; i < VERIFY_REASON_COUNT; i++) {
        received += c->rejected[i];
    }
    assert_int_equal(c->received, received);
    assert_int_equal(c->verified, fixture->events + c->ignored + c->duplicate + c->invalid + c->refused);
    assert_int_equal(c->rejected[VERIFY_OK], 0);
    log_listen(NULL, NULL);
    receiver_free(fixture->receiver);
    keyring_free(fixture->keys);
}

static int post_as(struct fixture *fixture, const char *token, struct slice body, mono_ms now) {
    const struct receiver_request request = {
        .method = SLICE("POST"),
        .authorization = slice_of(token),
        .authorization_count = 1,
        .body = body,
        .peer = SLICE("192.0.2.1:4711"),
    };
    return receiver_take(fixture->receiver, &request, NOW * 1000LL, now);
}

static int post(struct fixture *fixture, const char *body, mono_ms now) {
    cleanup_free char *token = token_for_webhook(fixture->keys, slice_of(body), NOW);
    return post_as(fixture, token, slice_of(body), now);
}

static struct slice text_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void test_vectors(void **state) {
    (void)state;
    struct buf text = fixture_file("vectors/webhooks.json");
    json_t *root = json_loadb(text.p, text.len, 0, NULL), *one;
    cleanup_free char *keys = xasprintf("%s: %s", text_of(root, "key").p, text_of(root, "secret").p);
    struct fixture fixture;
    start(&fixture, keys, 100, false);
    size_t index, done = 0;
    json_array_foreach(json_object_get(root, "cases"), index, one) {
        struct slice want = text_of(one, "want"), body = text_of(one, "body");
        int status = post_as(&fixture, text_of(one, "authorization").p, body, 0);
        /* accepted, and with an empty body not an event */
        int wanted = slice_is(want, "accept") ? (body.n > 0 ? 200 : 400) : 401;
        if (status != wanted && !slice_is(want, "either")) {
            fail_msg("%s: %d", text_of(one, "name").p, status);
        }
        done++;
    }
    json_array_foreach(json_object_get(root, "bodies"), index, one) {
        int status = post_as(&fixture, text_of(one, "authorization").p, text_of(one, "body"), 0);
        const json_t *want = json_object_get(one, "want");
        bool right = json_is_integer(want) ? status == json_integer_value(want) : status == 200 || status == 400;
        if (!right) {
            fail_msg("%s: %d", text_of(one, "name").p, status);
        }
        done++;
    }
    assert_int_equal(done, 47);
    finish(&fixture);
    json_decref(root);
    buf_release(&text);
}

static void test_hostile(void **state) {
    (void)state;
    struct buf text = fixture_file("webhooks-hostile/expected.json");
    json_t *expected = json_loadb(text.p, text.len, 0, NULL), *row;
    const char *name;
    json_object_foreach(expected, name, row) {
        struct fixture fixture;
        start(&fixture, "k: secret", 100, false);
        char path[300];
        snprintf(path, sizeof path, "webhooks-hostile/%s", name);
        struct buf body cleanup_buf = fixture_file(path);
        cleanup_free char *token = token_for_webhook(fixture.keys, buf_slice(&body), NOW);
        int status = post_as(&fixture, token, buf_slice(&body), 0);
        if (status != json_integer_value(json_object_get(row, "status"))) {
            fail_msg("%s: %d", name, status);
        }
        assert_int_equal(fixture.events, status == 200 ? 1 : 0);
        finish(&fixture);
    }
    json_decref(expected);
    buf_release(&text);
}

static void test_requests(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 100, false);
    static const char body[] = "{\"event\":\"room_started\",\"id\":\"EV_1\"}";
    char *token = token_for_webhook(fixture.keys, slice_of(body), NOW);
    const struct {
        const char *method;
        unsigned tokens;
        int status;
    } cases[] = {
        {"GET", 1, 405}, {"post", 1, 405}, {"", 1, 405}, {"POST", 0, 401}, {"POST", 2, 401}, {"POST", 1, 200},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct receiver_request request = {
            .method = slice_of(cases[i].method),
            .authorization = slice_of(token),
            .authorization_count = cases[i].tokens,
            .body = slice_of(body),
        };
        assert_int_equal(receiver_take(fixture.receiver, &request, NOW * 1000LL, 0), cases[i].status);
    }
    const struct receiver_counters *counters = receiver_counters(fixture.receiver);
    assert_int_equal(counters->received, 6);
    assert_int_equal(counters->bad_method, 3);
    assert_int_equal(counters->rejected[VERIFY_NO_TOKEN], 1);
    assert_int_equal(counters->rejected[VERIFY_TWO_TOKENS], 1);
    assert_int_equal(counters->verified, 1);
    assert_int_equal(counters->last_verified_wall_ms, NOW * 1000LL);
    assert_int_equal(fixture.last, EVENT_room_started);
    free(token);
    finish(&fixture);
}

static void test_repeats_of_events(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 100, false);
    static const char first[] = "{\"event\":\"room_started\",\"id\":\"EV_1\"}";
    assert_int_equal(post(&fixture, first, 0), 200);
    assert_int_equal(post(&fixture, first, 1000), 200);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\", \"id\":\"EV_1\"}", 1000), 200);
    assert_int_equal(fixture.events, 1);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\",\"id\":\"EV_2\"}", 1000), 200);
    assert_int_equal(fixture.events, 2);
    /* remembered from the first time, not from the last */
    assert_int_equal(post(&fixture, first, 10 * MINUTE - 1), 200);
    assert_int_equal(fixture.events, 2);
    assert_int_equal(post(&fixture, first, 20 * MINUTE), 200);
    assert_int_equal(fixture.events, 3);
    /* no id: never a repeat */
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\"}", 20 * MINUTE), 200);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\"}", 20 * MINUTE), 200);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\",\"id\":\"\"}", 20 * MINUTE), 200);
    assert_int_equal(fixture.events, 6);
    assert_int_equal(receiver_counters(fixture.receiver)->duplicate, 3);
    finish(&fixture);
}

static void test_sink_full(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 1, false);
    static const char body[] = "{\"event\":\"room_started\",\"id\":\"EV_1\"}";
    fixture.full = true;
    assert_int_equal(post(&fixture, body, 0), 503);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\"}", 0), 503);
    assert_int_equal(fixture.events, 0);
    assert_int_equal(fixture.records, 1);
    fixture.full = false;
    assert_int_equal(post(&fixture, body, 1000), 200); /* LiveKit's retry is not taken for a repeat */
    assert_int_equal(fixture.events, 1);
    assert_int_equal(post(&fixture, body, 1000), 200);
    assert_int_equal(fixture.events, 1);
    assert_int_equal(receiver_counters(fixture.receiver)->refused, 2);
    assert_int_equal(receiver_counters(fixture.receiver)->duplicate, 1);
    finish(&fixture);
}

/* How late it came is told; a clock that is ahead, or broken, tells nothing. */
static void test_age(void **state) {
    (void)state;
    static const struct {
        const char *created;
        uint64_t age_s;
    } cases[] = {
        {"1767225597", 3},          {"1767225600", 0},           {"1767225601", 0},
        {"9223372036854775807", 0}, {"-9223372036854775808", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture fixture;
        char body[100];
        start(&fixture, "k: secret", 10, false);
        snprintf(body, sizeof body, "{\"event\":\"room_started\",\"createdAt\":\"%s\"}", cases[i].created);
        assert_int_equal(post(&fixture, body, 0), 200);
        assert_int_equal(fixture.events, 1);
        assert_int_equal(receiver_lag(fixture.receiver)->sum_us, cases[i].age_s * 1000000);
        finish(&fixture);
    }
}

static void test_ignored(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 10, false);
    assert_int_equal(post(&fixture, "{\"event\":\"egress_started\",\"id\":\"EV_1\"}", 0), 200);
    assert_int_equal(post(&fixture, "{}", 0), 200);
    assert_int_equal(fixture.events, 0);
    assert_int_equal(receiver_counters(fixture.receiver)->ignored, 2);
    finish(&fixture);
}

static void test_disabled(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 10, true);
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\",\"id\":\"EV_1\"}", 0), 200);
    assert_int_equal(post(&fixture, "not JSON", 0), 200);
    assert_int_equal(post_as(&fixture, "not a token", SLICE("{}"), 0), 401);
    assert_int_equal(fixture.events, 0);
    assert_int_equal(receiver_counters(fixture.receiver)->ignored, 2);
    finish(&fixture);
}

/* Switched off and without a key, everything is ignored: there is nobody to verify with. */
static void test_disabled_without_keys(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "", 10, true);
    assert_int_equal(post_as(&fixture, "not a token", SLICE("{}"), 0), 200);
    assert_int_equal(fixture.events, 0);
    assert_int_equal(receiver_counters(fixture.receiver)->ignored, 1);
    assert_int_equal(receiver_counters(fixture.receiver)->verified, 0);
    log_listen(NULL, NULL);
    receiver_free(fixture.receiver);
    keyring_free(fixture.keys);
}

static void test_rotation(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 10, false);
    cleanup_free char *old = token_for_webhook(fixture.keys, SLICE("{}"), NOW);
    struct keyring *fresh = keyring_new();
    assert_true(keyring_parse(fresh, SLICE("k2: other"), NULL));
    keyring_replace(fixture.keys, fresh);
    assert_int_equal(post_as(&fixture, old, SLICE("{}"), 0), 401);
    assert_int_equal(post(&fixture, "{}", 0), 200);
    finish(&fixture);
}

/* A thousand bad requests: one record a second and reason, with the hint and how many were left out. */
static void test_log_of_a_flood(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 10, false);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(post_as(&fixture, "hunter2", SLICE("hunter2"), 5000 + i % 1000), 401);
    }
    assert_int_equal(fixture.records, 1);
    assert_non_null(strstr(fixture.message, "192.0.2.1:4711"));
    assert_non_null(strstr(fixture.message, "not_jwt"));
    assert_non_null(strstr(fixture.message, "does a proxy change it?"));
    assert_null(strstr(fixture.message, "hunter2"));
    assert_int_equal(post_as(&fixture, "e30.e30.e30", SLICE("hunter2"), 5999), 401); /* another reason */
    assert_int_equal(fixture.records, 2);
    assert_int_equal(post(&fixture, "hunter2", 5999), 400);
    assert_int_equal(post(&fixture, "hunter2", 5999), 400);
    assert_int_equal(fixture.records, 3);
    assert_non_null(strstr(fixture.message, "is not JSON"));
    assert_null(strstr(fixture.message, "hunter2"));
    assert_int_equal(post_as(&fixture, "a", SLICE(""), 6000), 401);
    assert_int_equal(fixture.records, 4);
    assert_non_null(strstr(fixture.message, "999 more"));
    assert_int_equal(receiver_counters(fixture.receiver)->rejected[VERIFY_NOT_JWT], 1001);
    finish(&fixture);
}

/* At a path where nothing is, only what LiveKit signed is told of. */
static void test_strays(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 10, false);
    static const char body[] = "{\"event\":\"room_started\",\"id\":\"EV_1\"}";
    cleanup_free char *token = token_for_webhook(fixture.keys, slice_of(body), NOW);
    const struct {
        const char *method, *token, *path;
        unsigned tokens, records;
        mono_ms now;
    } rows[] = {
        {"POST", "hunter2", "/webhook", 1, 0, 0},    {"POST", token, "/webhook", 0, 0, 0},
        {"POST", token, "/webhook", 2, 0, 0},        {"GET", token, "/webhook", 1, 0, 0},
        {"POST", token, "/web\033[2Jhook", 1, 1, 0}, {"POST", token, "/webhook", 1, 1, 500},
        {"POST", token, "/webhook", 1, 2, 1500},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct receiver_request request = {
            .method = slice_of(rows[i].method),
            .authorization = slice_of(rows[i].token),
            .authorization_count = rows[i].tokens,
            .body = slice_of(body),
            .peer = SLICE("192.0.2.1:4711"),
        };
        receiver_tell_stray(fixture.receiver, &request,
                            &(struct receiver_stray){slice_of(rows[i].path), "/right", NOW * 1000LL, rows[i].now});
        assert_int_equal(fixture.records, rows[i].records);
        assert_null(strchr(fixture.message, 033));
    }
    assert_non_null(strstr(fixture.message, "came to /webhook, answered 404 (and 1 more like it): the path is /right"));
    assert_int_equal(receiver_counters(fixture.receiver)->received, 0);
    finish(&fixture);
}

/* Ids beyond the limit push out the oldest; that is counted and said. */
static void test_bounded(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "k: secret", 3, false);
    char body[100];
    for (int i = 0; i < 7; i++) {
        snprintf(body, sizeof body, "{\"event\":\"room_started\",\"id\":\"EV_%d\"}", i);
        assert_int_equal(post(&fixture, body, i), 200);
    }
    assert_int_equal(receiver_counters(fixture.receiver)->forgotten, 3);
    assert_int_equal(fixture.records, 1);
    assert_int_equal(post(&fixture, body, 10), 200);
    assert_int_equal(receiver_counters(fixture.receiver)->duplicate, 1);
    finish(&fixture);
}

/* Events about rooms of `sipbridge doctor` go nowhere, whatever they are, and are remembered with their key. */
static void test_probe(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "devkey: 0123456789abcdef0123456789abcdef", 100, false);
    const struct receiver_probe *probe = &receiver_sightings(fixture.receiver)->probe;
    assert_int_equal(probe->wall_ms, 0);
    static const char *const bodies[] = {
        "{\"event\":\"room_started\",\"id\":\"EV_1\",\"room\":{\"sid\":\"RM_1\",\"name\":\"sipbridge-doctor-1\"}}",
        "{\"event\":\"x\\u001b\",\"id\":\"EV_1\",\"room\":{\"sid\":\"RM_1\",\"name\":\"sipbridge-doctor-\\u001b[2J\"}}",
    };
    static const char *const rooms[] = {"sipbridge-doctor-1", "sipbridge-doctor-\\x1b[2J"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(post(&fixture, bodies[i], 0), 200);
        assert_string_equal(probe->room, rooms[i]);
        assert_string_equal(probe->key, "devkey");
        assert_int_equal(probe->wall_ms, NOW * 1000LL);
    }
    assert_string_equal(probe->event, "x\\x1b");
    assert_int_equal(post(&fixture, "{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_1\",\"name\":\"other\"}}", 0),
                     200);
    assert_string_equal(probe->room, rooms[1]);
    assert_int_equal(fixture.events, 1);
    assert_int_equal(receiver_counters(fixture.receiver)->ignored, 2);
    finish(&fixture);
}

/* The last rejections, the oldest forgotten; a room's name in a body that is not verified is not looked at. */
static void test_rejections(void **state) {
    (void)state;
    struct fixture fixture;
    start(&fixture, "devkey: 0123456789abcdef0123456789abcdef", 100, false);
    const struct receiver_sightings *sightings = receiver_sightings(fixture.receiver);
    struct slice body =
        SLICE("{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_1\",\"name\":\"sipbridge-doctor-1\"}}");
    cleanup_free char *token = token_for_webhook(fixture.keys, SLICE("{}"), NOW);
    for (size_t i = 0; i < RECEIVER_REJECTIONS; i++) {
        assert_int_equal(post_as(&fixture, "nonsense", body, 0), 401);
    }
    assert_int_equal(post_as(&fixture, token, body, 0), 401);
    assert_int_equal(sightings->rejection_count, RECEIVER_REJECTIONS + 1);
    assert_int_equal(sightings->rejections[0].reason, VERIFY_BODY_CHANGED);
    assert_string_equal(sightings->rejections[0].detail.key, "devkey");
    assert_int_equal(sightings->rejections[1].reason, VERIFY_NOT_JWT);
    assert_int_equal(sightings->probe.wall_ms, 0);
    finish(&fixture);
}

int main(void) {
    int null = open("/dev/null", O_WRONLY);
    log_init(&(struct log_options){.fd = null, .level = LOG_INFO});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_repeats_of_events),
        cmocka_unit_test(test_sink_full),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_disabled_without_keys),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_log_of_a_flood),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_rejections),
        cmocka_unit_test(test_strays),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(null);
    return failed;
}
