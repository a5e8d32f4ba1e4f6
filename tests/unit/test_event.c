/* Events: every recording, every hostile body, the two name styles, enums and 64-bit numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "fixture_file.h"
#include "webhooks/event.h"

static struct webhook_event *parse(const char *body) {
    struct diag diag = {0};
    struct webhook_event *event = event_parse(slice_of(body), &diag);
    if (event == NULL) {
        fail_msg("%s: %s (%s)", diag.where, diag.what, body);
    }
    return event;
}

#define assert_slice(slice, text)                                                   \
    do {                                                                            \
        if (!slice_is(slice, text)) {                                               \
            fail_msg("%s is \"%.*s\", not \"%s\"", #slice, SLICE_ARG(slice), text); \
        }                                                                           \
    } while (0)

static void test_whole_event(void **state) {
    (void)state;
    struct webhook_event *event = parse(
        "{\"event\":\"participant_left\", \"room\":{\"sid\":\"RM_1\", \"name\":\"r \\u00e9\", \"metadata\":\"{}\"},"
        "\"participant\":{\"sid\":\"PA_1\",\"identity\":\"sip_+1\",\"kind\":\"SIP\",\"disconnectReason\":\"ROOM_"
        "DELETED\","
        "\"attributes\":{\"sip.trunkPhoneNumber\":\"+1234567\",\"sip.phoneNumber\":\"+15550001111\",\"sip.trunkID\":"
        "\"ST_1\","
        "\"sip.ruleID\":\"SDR_1\",\"sip.callID\":\"SCL_1\",\"sip.callStatus\":\"hangup\",\"x\":\"\\u001b\\\"\"}},"
        "\"track\":{\"sid\":\"TR_1\",\"type\":\"VIDEO\"},\"id\":\"EV_1\",\"createdAt\":\"1795367463\"}");
    assert_int_equal(event->kind, EVENT_participant_left);
    assert_slice(event->name, "participant_left");
    assert_slice(event->id, "EV_1");
    assert_int_equal(event->created_at_s, 1795367463);
    assert_slice(event->room.sid, "RM_1");
    assert_slice(event->room.name, "r \xc3\xa9");
    assert_slice(event->room.metadata, "{}");
    assert_slice(event->participant.sid, "PA_1");
    assert_slice(event->participant.identity, "sip_+1");
    assert_int_equal(event->participant.kind, KIND_SIP);
    assert_int_equal(event->participant.disconnect_reason, DISCONNECT_ROOM_DELETED);
    assert_slice(event->participant.called, "+1234567");
    assert_slice(event->participant.caller, "+15550001111");
    assert_slice(event->participant.trunk_id, "ST_1");
    assert_slice(event->participant.rule_id, "SDR_1");
    assert_slice(event->participant.call_id, "SCL_1");
    assert_slice(event->participant.call_status, "hangup");
    assert_slice(event->track.sid, "TR_1");
    assert_int_equal(event->track.type, TRACK_VIDEO);
    assert_slice(
        event->participant.attributes,
        "{\"sip.trunkPhoneNumber\":\"+1234567\",\"sip.phoneNumber\":\"+15550001111\",\"sip.trunkID\":\"ST_1\","
        "\"sip.ruleID\":\"SDR_1\",\"sip.callID\":\"SCL_1\",\"sip.callStatus\":\"hangup\",\"x\":\"\\u001b\\\"\"}");
    event_free(event);
}

static void test_absent(void **state) {
    (void)state;
    struct webhook_event *event = parse("{}");
    assert_int_equal(event->kind, EVENT_OTHER);
    assert_int_equal(event->created_at_s, 0);
    assert_int_equal(event->name.n + event->id.n + event->room.sid.n + event->room.name.n + event->room.metadata.n, 0);
    assert_int_equal(event->participant.sid.n + event->participant.identity.n + event->participant.attributes.n, 0);
    assert_int_equal(event->participant.kind, KIND_STANDARD);
    assert_int_equal(event->participant.disconnect_reason, DISCONNECT_UNKNOWN_REASON);
    assert_int_equal(event->track.type, TRACK_AUDIO);
    event_free(event);
    event_free(NULL);
}

static void test_event_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum event_kind kind;
    } cases[] = {
#define X(name) {#name, EVENT_##name},
        WEBHOOK_EVENTS(X)
#undef X
            {"egress_started", EVENT_OTHER},
        {"agent_job_started", EVENT_OTHER},
        {"ROOM_STARTED", EVENT_OTHER},
        {"room_started\\n", EVENT_OTHER},
        {"", EVENT_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"event\":\"%s\"}", cases[i].name);
        struct webhook_event *event = parse(body);
        assert_int_equal(event->kind, cases[i].kind);
        event_free(event);
    }
}

static void test_created_at(void **state) {
    (void)state;
    static const struct {
        const char *member;
        int64_t wanted;
    } cases[] = {
        {"\"createdAt\":\"5\"", 5},
        {"\"created_at\":\"5\"", 5},
        {"\"createdAt\":\"-5\"", 0},
        {"\"createdAt\":5", 5},
        {"\"created_at\":-5", 0},
        {"\"createdAt\":5.0", 5},
        {"\"createdAt\":1e3", 1000},
        {"\"createdAt\":\"9223372036854775807\"", 0},
        {"\"createdAt\":\"253402300799\"", INT64_C(253402300799)},
        {"\"createdAt\":\"253402300800\"", 0},
        {"\"createdAt\":\"-9223372036854775808\"", 0},
        {"\"createdAt\":9223372036854775807", 0},
        {"\"createdAt\":null,\"created_at\":7", 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"event\":\"room_started\",%s}", cases[i].member);
        struct webhook_event *event = parse(body);
        assert_true(event->created_at_s == cases[i].wanted);
        event_free(event);
    }
}

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum participant_kind kind;
    } cases[] = {
        {"\"STANDARD\"", KIND_STANDARD},
        {"\"INGRESS\"", KIND_INGRESS},
        {"\"EGRESS\"", KIND_EGRESS},
        {"\"SIP\"", KIND_SIP},
        {"\"AGENT\"", KIND_AGENT},
        {"\"CONNECTOR\"", KIND_OTHER},
        {"\"sip\"", KIND_OTHER},
        {"0", KIND_STANDARD},
        {"3", KIND_SIP},
        {"4", KIND_AGENT},
        {"7", KIND_OTHER},
        {"-1", KIND_OTHER},
        {"4294967299", KIND_OTHER},
        {"null", KIND_STANDARD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[200];
        snprintf(
            body, sizeof body,
            "{\"event\":\"participant_joined\",\"participant\":{\"kind\":%s,\"attributes\":{\"sip.phoneNumber\":\"+1\","
            "\"sip.trunkPhoneNumber\":\"+2\",\"sip.ruleID\":\"R\"}}}",
            cases[i].value);
        struct webhook_event *event = parse(body);
        assert_int_equal(event->participant.kind, cases[i].kind);
        /* what calls itself SIP only in its attributes is not */
        bool sip = cases[i].kind == KIND_SIP;
        assert_slice(event->participant.caller, sip ? "+1" : "");
        assert_slice(event->participant.called, sip ? "+2" : "");
        assert_slice(event->participant.rule_id, sip ? "R" : "");
        assert_true(event->participant.attributes.n > 0);
        event_free(event);
    }
}

static void test_disconnect_reasons(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum disconnect_reason reason;
    } cases[] = {
#define X(name, hard) {"\"" #name "\"", DISCONNECT_##name},
        DISCONNECT_REASONS(X)
#undef X
            {"\"SIP_SOMETHING_NEW\"", DISCONNECT_SIP_OTHER},
        {"\"USER_ASLEEP\"", DISCONNECT_USER_OTHER},
        {"\"NEWER\"", DISCONNECT_UNKNOWN_REASON},
        {"\"\"", DISCONNECT_UNKNOWN_REASON},
        {"0", DISCONNECT_UNKNOWN_REASON},
        {"1", DISCONNECT_CLIENT_INITIATED},
        {"2", DISCONNECT_DUPLICATE_IDENTITY},
        {"5", DISCONNECT_ROOM_DELETED},
        {"14", DISCONNECT_CONNECTION_TIMEOUT},
        {"16", DISCONNECT_AGENT_ERROR},
        {"17", DISCONNECT_UNKNOWN_REASON},
        {"18", DISCONNECT_UNKNOWN_REASON},
        {"-1", DISCONNECT_UNKNOWN_REASON},
    };
    static const char *const spellings[] = {"disconnectReason", "disconnect_reason"};
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"event\":\"participant_left\",\"participant\":{\"%s\":%s}}", spellings[i % 2],
                 cases[i / 2].value);
        struct webhook_event *event = parse(body);
        assert_int_equal(event->participant.disconnect_reason, cases[i / 2].reason);
        event_free(event);
    }
    assert_string_equal(disconnect_reason_name(DISCONNECT_MEDIA_FAILURE), "MEDIA_FAILURE");
    assert_true(disconnect_reason_is_hard(DISCONNECT_CLIENT_INITIATED));
    assert_true(disconnect_reason_is_hard(DISCONNECT_SIP_OTHER));
    assert_false(disconnect_reason_is_hard(DISCONNECT_UNKNOWN_REASON));
    assert_false(disconnect_reason_is_hard(DISCONNECT_DUPLICATE_IDENTITY));
}

static void test_track_types(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum track_type type;
    } cases[] = {{"\"AUDIO\"", TRACK_AUDIO}, {"\"VIDEO\"", TRACK_VIDEO}, {"\"DATA\"", TRACK_DATA},
                 {"\"SMELL\"", TRACK_DATA},  {"0", TRACK_AUDIO},         {"1", TRACK_VIDEO},
                 {"2", TRACK_DATA},          {"99", TRACK_DATA}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"event\":\"track_published\",\"track\":{\"type\":%s}}", cases[i].value);
        struct webhook_event *event = parse(body);
        assert_int_equal(event->track.type, cases[i].type);
        event_free(event);
    }
}

/* TEXT of the fixtures' table, "" when the row does not have it. */
static const char *text_of(const json_t *row, const char *name) {
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static void check_hostile(const char *name, const json_t *row) {
    char path[300];
    snprintf(path, sizeof path, "webhooks-hostile/%s", name);
    struct buf body cleanup_buf = fixture_file(path);
    /* an exact copy, so that the sanitizer sees a read past its end */
    cleanup_free char *exact = xmalloc(body.len);
    if (body.len > 0) {
        memcpy(exact, body.p, body.len);
    }
    struct diag diag = {0};
    struct webhook_event *event = event_parse((struct slice){exact, body.len}, &diag);
    if ((event != NULL) != (json_integer_value(json_object_get(row, "status")) == 200)) {
        fail_msg("%s: %s", name, event != NULL ? "accepted" : diag.what);
    }
    if (event == NULL) {
        const char *what = text_of(row, "what");
        if (strcmp(diag.where, text_of(row, "where")) != 0 || strncmp(diag.what, what, strlen(what)) != 0) {
            fail_msg("%s: %s: %s", name, diag.where, diag.what);
        }
        assert_null(event_parse((struct slice){exact, body.len}, NULL));
        return;
    }
    const char *const members[] = {"room", "identity"};
    const struct slice values[] = {event->room.name, event->participant.identity};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (json_object_get(row, members[i]) != NULL && !slice_is(values[i], text_of(row, members[i]))) {
            fail_msg("%s: %s is \"%.*s\"", name, members[i], SLICE_ARG(values[i]));
        }
    }
    event_free(event);
}

static void test_hostile(void **state) {
    (void)state;
    struct buf text = fixture_file("webhooks-hostile/expected.json");
    json_t *expected = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(expected);
    size_t files = 0;
    DIR *dir = opendir(FIXTURES "/webhooks-hostile");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strstr(entry->d_name, ".body") != NULL) {
            const json_t *row = json_object_get(expected, entry->d_name);
            if (row == NULL) {
                fail_msg("%s is not in expected.json", entry->d_name);
            }
            check_hostile(entry->d_name, row);
            files++;
        }
    }
    closedir(dir);
    assert_int_equal(files, json_object_size(expected));
    json_decref(expected);
    buf_release(&text);
}

/* Against jansson's plain reading of the same body. */
static void check_recorded(const char *text) {
    json_t *root = json_loads(text, 0, NULL), *room = json_object_get(root, "room");
    json_t *participant = json_object_get(root, "participant"),
           *attributes = json_object_get(participant, "attributes");
    struct webhook_event *event = parse(text);
    assert_int_not_equal(event->kind, EVENT_OTHER);
    assert_slice(event->name, text_of(root, "event"));
    assert_slice(event->id, text_of(root, "id"));
    assert_slice(event->room.sid, text_of(room, "sid"));
    assert_slice(event->room.name, text_of(room, "name"));
    assert_slice(event->participant.sid, text_of(participant, "sid"));
    assert_slice(event->participant.identity, text_of(participant, "identity"));
    assert_slice(event->participant.called, text_of(attributes, "sip.trunkPhoneNumber"));
    assert_slice(event->participant.caller, text_of(attributes, "sip.phoneNumber"));
    assert_slice(event->participant.trunk_id, text_of(attributes, "sip.trunkID"));
    assert_slice(event->participant.rule_id, text_of(attributes, "sip.ruleID"));
    const char *reason = text_of(participant, "disconnectReason");
    assert_string_equal(disconnect_reason_name(event->participant.disconnect_reason),
                        *reason != '\0' ? reason : "UNKNOWN_REASON");
    assert_true(event->room.sid.n > 3 && event->created_at_s > 1700000000);
    event_free(event);
    json_decref(root);
}

static void test_recordings(void **state) {
    (void)state;
    static const char *const names[] = {"agent-crash",     "answered",        "callee-rule",    "cancelled-ringing",
                                        "deleted-in-call", "deleted-ringing", "hidden-numbers", "server-killed"};
    size_t lines = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "recordings/%s.jsonl", names[i]);
        struct buf text = fixture_file(path);
        for (char *line = text.p, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
            json_t *record = json_loadb(line, (size_t)(end - line), 0, NULL);
            check_recorded(text_of(record, "body"));
            json_decref(record);
        }
        buf_release(&text);
    }
    assert_int_equal(lines, 77);
}

static void test_copy(void **state) {
    (void)state;
    char room[] = "room", identity[] = "identity";
    struct webhook_event borrowed = {
        .kind = EVENT_participant_joined,
        .created_at_s = 7,
        .room.name = slice_of(room),
        .participant = {.identity = slice_of(identity), .kind = KIND_SIP, .called = SLICE("+1")},
    };
    struct webhook_event *copy = event_copy(&borrowed), *second = event_copy(copy);
    event_free(copy);
    memset(room, 'x', sizeof room - 1);
    memset(identity, 'x', sizeof identity - 1);
    assert_slice(second->room.name, "room");
    assert_slice(second->participant.identity, "identity");
    assert_slice(second->participant.called, "+1");
    assert_int_equal(second->participant.kind, KIND_SIP);
    assert_int_equal(second->kind, EVENT_participant_joined);
    assert_int_equal(second->created_at_s, 7);
    assert_null(second->track.sid.p);
    event_free(second);
}

/* LiveKit's largest: 64 KiB of metadata and as much in one attribute. */
static void test_large(void **state) {
    (void)state;
    enum { LARGE = 65536 };
    cleanup_free char *text = xmalloc(LARGE + 1);
    memset(text, 'm', LARGE);
    text[LARGE] = '\0';
    cleanup_free char *body =
        xasprintf("{\"event\":\"participant_joined\",\"room\":{\"metadata\":\"%s\"},\"participant\":"
                  "{\"kind\":\"SIP\",\"metadata\":\"%s\",\"attributes\":{\"sip.h.x\":\"%s\"}}}",
                  text, text, text);
    struct webhook_event *event = parse(body);
    assert_slice(event->room.metadata, text);
    assert_int_equal(event->participant.attributes.n, LARGE + strlen("{\"sip.h.x\":\"\"}"));
    event_free(event);
}

/* A mistake is never explained with the text around it. */
static void test_no_leak(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{\"room\":{\"turnPassword\":\"hunter2\" hunter2",
        "{\"turnPassword\":\"hunter2",
        "{\"hunter2\":1,\"hunter2\":2}",
        "{\"createdAt\":\"hunter2\"}",
        "{\"participant\":{\"attributes\":{\"hunter2\":5}}}",
        "hunter2",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct diag diag = {0};
        assert_null(event_parse(slice_of(bodies[i]), &diag));
        assert_true(diag.what[0] != '\0');
        assert_null(strstr(diag.what, "hunter"));
        assert_null(strstr(diag.where, "hunter"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_event), cmocka_unit_test(test_absent),  cmocka_unit_test(test_event_names),
        cmocka_unit_test(test_created_at),  cmocka_unit_test(test_kinds),   cmocka_unit_test(test_disconnect_reasons),
        cmocka_unit_test(test_track_types), cmocka_unit_test(test_hostile), cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_copy),        cmocka_unit_test(test_large),   cmocka_unit_test(test_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
