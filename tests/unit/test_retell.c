/* Replays: reading recordings, and telling them anew with one consistent mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/recording.h"
#include "cli/retell.h"
#include "cli/target.h"

static const struct retell_clock same_speed = {.recorded_ms = 1000000, .told_ms = 5000000, .speed = 1};

static json_t *tell(struct retell *retell, const char *body, const struct retell_clock *clock) {
    cleanup_buf struct buf out = {0};
    struct diag diag = {0};
    if (!retell_body(retell, slice_of(body), clock, &out, &diag)) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    json_t *root = json_loadb(out.p, out.len, 0, NULL);
    assert_non_null(root);
    return root;
}

static const char *text_at(json_t *root, const char *object, const char *name) {
    return json_string_value(json_object_get(object != NULL ? json_object_get(root, object) : root, name));
}

static void ids_are_fresh_and_consistent(void **state) {
    (void)state;
    const char *body =
        "{\"event\":\"participant_joined\",\"room\":{\"sid\":\"RM_a\",\"name\":\"sip-inbound_+1_abcdefghijkl\"},"
        "\"participant\":{\"sid\":\"PA_b\",\"identity\":\"sip_+1\",\"kind\":\"SIP\",\"tracks\":[{\"sid\":\"TR_c\"}],"
        "\"attributes\":{\"sip.callID\":\"SCL_d\",\"sip.trunkID\":\"ST_e\",\"sip.ruleID\":\"SDR_f\"}},\"id\":\"EV_g\"}";
    struct retell *retell = retell_new();
    retell_learn(retell, slice_of(body));
    json_t *one = tell(retell, body, &same_speed);
    json_t *two = tell(retell, body, &same_speed);
    assert_true(json_equal(one, two));
    assert_string_not_equal(text_at(one, "room", "sid"), "RM_a");
    assert_memory_equal(text_at(one, "room", "sid"), "RM_", 3);
    assert_string_not_equal(text_at(one, "participant", "sid"), "PA_b");
    assert_string_not_equal(text_at(one, NULL, "id"), "EV_g");
    assert_memory_equal(text_at(one, "room", "name"), "sip-inbound_+1_", 15);
    assert_int_equal(strlen(text_at(one, "room", "name")), strlen("sip-inbound_+1_abcdefghijkl"));
    assert_string_not_equal(text_at(one, "room", "name"), "sip-inbound_+1_abcdefghijkl");
    assert_string_equal(text_at(one, "participant", "identity"), "sip_+1");
    json_t *attributes = json_object_get(json_object_get(one, "participant"), "attributes");
    assert_string_equal(text_at(attributes, NULL, "sip.trunkID"), "ST_e");
    assert_string_equal(text_at(attributes, NULL, "sip.ruleID"), "SDR_f");
    assert_string_not_equal(text_at(attributes, NULL, "sip.callID"), "SCL_d");
    struct retell *other = retell_new();
    json_t *three = tell(other, body, &same_speed);
    assert_string_not_equal(text_at(one, "room", "sid"), text_at(three, "room", "sid"));
    json_decref(one);
    json_decref(two);
    json_decref(three);
    retell_free(retell);
    retell_free(other);
}

static void a_fixed_room_name_stays(void **state) {
    (void)state;
    static const char *const names[] = {"lobby", "sip-inbound", "sip-inbound_+15550001111", "a_short",
                                        "x_with-dashes-12"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_free char *body = xasprintf("{\"room\":{\"sid\":\"RM_a\",\"name\":\"%s\"}}", names[i]);
        struct retell *retell = retell_new();
        retell_learn(retell, slice_of(body));
        json_t *told = tell(retell, body, &same_speed);
        if (strcmp(text_at(told, "room", "name"), names[i]) != 0) {
            fail_msg("%s became %s", names[i], text_at(told, "room", "name"));
        }
        json_decref(told);
        retell_free(retell);
    }
}

static void the_agent_becomes_ours_even_before_it_is_introduced(void **state) {
    (void)state;
    const char *track = "{\"event\":\"track_published\",\"room\":{\"sid\":\"RM_a\"},"
                        "\"participant\":{\"sid\":\"PA_b\",\"identity\":\"agent-xyz\"},\"track\":{\"sid\":\"TR_t\"}}";
    const char *joined = "{\"event\":\"participant_joined\",\"room\":{\"sid\":\"RM_a\"},"
                         "\"participant\":{\"sid\":\"PA_b\",\"identity\":\"agent-xyz\",\"kind\":\"AGENT\"}}";
    const char *elsewhere = "{\"event\":\"track_published\",\"room\":{\"sid\":\"RM_z\"},"
                            "\"participant\":{\"sid\":\"PA_y\",\"identity\":\"agent-xyz\"}}";
    struct retell *retell = retell_new();
    retell_learn(retell, slice_of(track));
    retell_learn(retell, slice_of(joined));
    json_t *one = tell(retell, track, &same_speed);
    json_t *two = tell(retell, joined, &same_speed);
    json_t *three = tell(retell, elsewhere, &same_speed);
    cleanup_free char *ours = xasprintf("sip-agent-%s", text_at(one, "room", "sid"));
    assert_string_equal(text_at(one, "participant", "identity"), ours);
    assert_string_equal(text_at(two, "participant", "identity"), ours);
    assert_string_equal(text_at(three, "participant", "identity"), "agent-xyz");
    json_decref(one);
    json_decref(two);
    json_decref(three);
    retell_free(retell);
}

static void times_move_and_keep_their_type(void **state) {
    (void)state;
    struct {
        const char *name, *body, *want;
        struct retell_clock clock;
    } cases[] = {
        {"seconds as text", "{\"createdAt\":\"1005\"}", "{\"createdAt\":\"5005\"}", {1000000, 5000000, 1}},
        {"seconds as number", "{\"createdAt\":1005}", "{\"createdAt\":5005}", {1000000, 5000000, 1}},
        {"milliseconds",
         "{\"room\":{\"creationTimeMs\":\"1000250\"}}",
         "{\"room\":{\"creationTimeMs\":\"5000250\"}}",
         {1000000, 5000000, 1}},
        {"microseconds",
         "{\"v\":{\"unixMicro\":\"1000000500\"}}",
         "{\"v\":{\"unixMicro\":\"5000000500\"}}",
         {1000000, 5000000, 1}},
        {"snake case", "{\"created_at\":\"1001\"}", "{\"created_at\":\"5001\"}", {1000000, 5000000, 1}},
        {"ten times faster", "{\"joinedAtMs\":\"1001000\"}", "{\"joinedAtMs\":\"5000100\"}", {1000000, 5000000, 10}},
        {"before the start", "{\"joinedAt\":\"990\"}", "{\"joinedAt\":\"4990\"}", {1000000, 5000000, 1}},
        {"not a time", "{\"createdAt\":\"soon\"}", "{\"createdAt\":\"soon\"}", {1000000, 5000000, 1}},
        {"too far away",
         "{\"createdAt\":9223372036854775807}",
         "{\"createdAt\":9223372036854775807}",
         {1000000, 5000000, 1}},
        {"another number", "{\"emptyTimeout\":30}", "{\"emptyTimeout\":30}", {1000000, 5000000, 1}},
        {"today's times",
         "{\"unixMicro\":\"1795369000126552\"}",
         "{\"unixMicro\":\"1795369001126552\"}",
         {1795369000000, 1795369001000, 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct retell *retell = retell_new();
        json_t *told = tell(retell, cases[i].body, &cases[i].clock);
        char *text = json_dumps(told, JSON_COMPACT);
        if (strcmp(text, cases[i].want) != 0) {
            fail_msg("%s: %s, want %s", cases[i].name, text, cases[i].want);
        }
        free(text);
        json_decref(told);
        retell_free(retell);
    }
}

static void what_is_no_event_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "[]", "{", "7", "{\"a\":1} x"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct retell *retell = retell_new();
        cleanup_buf struct buf out = {0};
        struct diag diag = {0};
        retell_learn(retell, slice_of(bodies[i]));
        assert_false(retell_body(retell, slice_of(bodies[i]), &same_speed, &out, &diag));
        assert_string_equal(diag.where, "body");
        retell_free(retell);
    }
}

static void summaries(void **state) {
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_a\"}}", "room_started RM_a"},
        {"{\"event\":\"participant_left\",\"room\":{\"sid\":\"RM_a\"},\"participant\":{\"identity\":\"sip_1\"}}",
         "participant_left RM_a sip_1"},
        {"{\"event\":7}", "(no event name)"},
        {"not JSON", "(not an event)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf out = {0};
        retell_summary(slice_of(cases[i].body), &out);
        assert_string_equal(out.p, cases[i].want);
    }
}

/* Writes TEXT to a new file and loads it. */
static bool load(const char *text, struct recording *recording, struct diag *diag) {
    char path[] = "/tmp/sipbridge-recording-XXXXXX";
    cleanup_fd int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    bool good = recording_load(recording, path, diag);
    unlink(path);
    return good;
}

static void a_recording_is_read(void **state) {
    (void)state;
    struct recording recording = {0};
    struct diag diag = {0};
    assert_true(
        load("{\"at_ms\":1,\"authorization\":\"t\",\"body\":\"{\\\"a\\\": 1}\"}\n\n{\"at_ms\":1.5,\"body\":\"\"}",
             &recording, &diag));
    assert_int_equal(recording.count, 2);
    assert_true(slice_is(recording.items[0].body, "{\"a\": 1}"));
    assert_true(slice_is(recording.items[0].authorization, "t"));
    assert_int_equal(recording.items[1].at_ms, 1);
    assert_int_equal(recording.items[1].body.n, 0);
    recording_release(&recording);
}

static void recordings_with_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *line, *what;
    } cases[] = {
        {"empty", "", "", "holds no recorded webhook"},
        {"not JSON", "{\"at_ms\":1,\"body\":\"\"}\nhello\n", ":2", "not a JSON object"},
        {"no time", "{\"body\":\"\"}", ":1", "at_ms"},
        {"time of the wrong type", "{\"at_ms\":\"1\",\"body\":\"\"}", ":1", "at_ms"},
        {"negative time", "{\"at_ms\":-1,\"body\":\"\"}", ":1", "at_ms"},
        {"no body", "{\"at_ms\":1}", ":1", "body"},
        {"token of the wrong type", "{\"at_ms\":1,\"body\":\"\",\"authorization\":1}", ":1", "authorization"},
        {"backwards", "{\"at_ms\":2,\"body\":\"\"}\n{\"at_ms\":1,\"body\":\"\"}", ":2", "backwards"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct recording recording = {0};
        struct diag diag = {0};
        assert_false(load(cases[i].text, &recording, &diag));
        if (strstr(diag.what, cases[i].what) == NULL || strstr(diag.where, cases[i].line) == NULL) {
            fail_msg("%s: %s: %s", cases[i].name, diag.where, diag.what);
        }
        assert_null(recording.items);
    }
    struct recording recording = {0};
    struct diag diag = {0};
    assert_false(recording_load(&recording, "/nowhere/at.all", &diag));
    assert_string_equal(diag.where, "/nowhere/at.all");
}

static void targets(void **state) {
    (void)state;
    static const struct {
        const char *where, *url, *unix_socket;
    } cases[] = {
        {"http://h:1/x", "http://h:1/x", NULL},
        {"https://h/x?y", "https://h/x?y", NULL},
        {"127.0.0.1:8790", "http://127.0.0.1:8790/hook", NULL},
        {":8790", "http://127.0.0.1:8790/hook", NULL},
        {"0.0.0.0:1", "http://127.0.0.1:1/hook", NULL},
        {"[::]:1", "http://[::1]:1/hook", NULL},
        {"[::1]:1", "http://[::1]:1/hook", NULL},
        {"unix:/run/s.sock", "http://localhost/hook", "/run/s.sock"},
        {"", "http:///hook", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target target;
        target_init(&target, slice_of(cases[i].where), "/hook");
        assert_string_equal(target.url, cases[i].url);
        assert_string_equal(target.unix_socket != NULL ? target.unix_socket : "",
                            cases[i].unix_socket != NULL ? cases[i].unix_socket : "");
        target_release(&target);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_fresh_and_consistent),
        cmocka_unit_test(a_fixed_room_name_stays),
        cmocka_unit_test(the_agent_becomes_ours_even_before_it_is_introduced),
        cmocka_unit_test(times_move_and_keep_their_type),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(summaries),
        cmocka_unit_test(targets),
        cmocka_unit_test(a_recording_is_read),
        cmocka_unit_test(recordings_with_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
