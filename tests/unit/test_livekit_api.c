/* LiveKit's client against a server that misbehaves on purpose: outcomes, retries, the queue, cancelling, health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "livekit/calls.h"
#include "odd_server.h"
#include "tls_server.h"

/* Longer than any answer takes on a machine that is busy. */
enum { PATIENT_MS = 60000 };

static struct loop *loop;
static struct odd_server server;
static struct livekit_api *api;
static struct keyring *keys;
static int contacts; /* on_contact calls */

/* What the server does with each request, in order; the last stands for all that follow. */
static const char *const *script;
static int script_at;
static struct buf seen; /* "METHOD body\n" of each request */

static void play(struct odd_conn *conn, const char *act) {
    int status = (int)strtol(act, NULL, 10);
    const char *rest = strchr(act, ' ');
    if (strcmp(act, "silent") == 0) {
        return;
    }
    if (strcmp(act, "reset") == 0) {
        odd_reset(conn);
    } else if (strcmp(act, "cut") == 0) {
        odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"rooms\":[");
        shutdown(conn->watcher.fd, SHUT_WR);
    } else if (strcmp(act, "oversize") == 0) {
        odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    } else if (strncmp(act, "later", 5) == 0) {
        cleanup_free char *headers = xasprintf("Retry-After: %s\r\n", act + 6);
        odd_answer(conn, 429, headers, "{\"code\":\"resource_exhausted\",\"msg\":\"busy\"}");
    } else if (strncmp(act, "date", 4) == 0) {
        cleanup_free char *headers = xasprintf("Date: %s\r\n", act + 5);
        odd_answer(conn, 200, headers, "{}");
    } else {
        odd_answer(conn, status, "", rest != NULL ? rest + 1 : "");
    }
}

static void on_request(struct odd_server *self, struct odd_conn *conn, const char *request) {
    (void)self;
    const char *method = strstr(request, "/twirp/livekit."), *body = strstr(request, "\r\n\r\n") + 4;
    assert_non_null(method);
    method += strlen("/twirp/livekit.");
    buf_addf(&seen, "%.*s %s\n", (int)strcspn(method, " "), method, body);
    const char *act = script[script_at];
    script_at += script[script_at + 1] != NULL;
    play(conn, act);
}

#define SCRIPT(...)                                             \
    do {                                                        \
        static const char *const acts_[] = {__VA_ARGS__, NULL}; \
        script = acts_;                                         \
        script_at = 0;                                          \
    } while (0)

static void on_contact(void *context) {
    assert_ptr_equal(context, &contacts);
    contacts++;
}

static void new_api(struct livekit_options options) {
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d", server.port);
    livekit_free(api);
    options.loop = loop;
    options.url = options.url != NULL ? options.url : url;
    options.keys = keys;
    options.on_contact = on_contact;
    options.context = &contacts;
    api = livekit_new(&options);
    assert_non_null(api);
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    keys = keyring_new();
    assert_true(keyring_parse(keys, SLICE("devkey: 0123456789abcdef0123456789abcdef"), NULL));
    odd_start(&server, loop, on_request);
    contacts = 0;
    SCRIPT("200 {}");
    new_api((struct livekit_options){.timeout_ms = PATIENT_MS});
    return 0;
}

static int teardown(void **state) {
    (void)state;
    livekit_free(api);
    livekit_free(NULL);
    api = NULL;
    odd_stop(&server);
    loop_free(loop);
    keyring_free(keys);
    buf_release(&seen);
    return 0;
}

static struct livekit_result *list_rooms(void) {
    return livekit_wait(livekit_list_rooms(api, NULL, (struct livekit_texts){0}));
}

static void test_what_is_sent(void **state) {
    static const struct slice numbers[] = {{"+1", 2}, {"+2", 2}}, agents[] = {{"", 0}}, name = {"n", 1};
    const struct livekit_texts two = {numbers, 2}, one = {numbers, 1};
    const struct slice room = SLICE("r\"1"), id = SLICE("ID_1");
    const struct livekit_trunk trunk = {.name = name, .numbers = two, .auth_username = SLICE("u")};
    const struct livekit_trunk_change change = {.name = &name,
                                                .numbers = {.add = one, .remove = one},
                                                .allowed_addresses = {.set = two},
                                                .allowed_numbers.clear = true};
    const struct livekit_rule rule = {.name = name,
                                      .kind = LIVEKIT_RULE_INDIVIDUAL,
                                      .room = SLICE("sip-inbound"),
                                      .random = true,
                                      .trunk_ids = one,
                                      .hide_phone_number = true,
                                      .agents = {agents, 1},
                                      .room_metadata = SLICE("{}")};
    const struct livekit_rule callee = {.kind = LIVEKIT_RULE_CALLEE, .room = SLICE("c"), .random = true};
    const struct livekit_rule direct = {.kind = LIVEKIT_RULE_DIRECT, .room = SLICE("lobby")};
    struct livekit_call *const calls[] = {
        livekit_list_rooms(api, NULL, (struct livekit_texts){0}),
        livekit_list_rooms(api, NULL, two),
        livekit_create_room(api, NULL, room, 10),
        livekit_create_room(api, NULL, room, 0),
        livekit_delete_room(api, NULL, room),
        livekit_list_participants(api, NULL, room),
        livekit_remove_participant(api, NULL, room, id),
        livekit_confirm_participant(api, NULL, room, id),
        livekit_list_trunks(api, NULL),
        livekit_create_trunk(api, NULL, &trunk, SLICE("pw")),
        livekit_update_trunk(api, NULL, id, &change),
        livekit_delete_trunk(api, NULL, id),
        livekit_list_rules(api, NULL),
        livekit_create_rule(api, NULL, &rule),
        livekit_create_rule(api, NULL, &callee),
        livekit_create_rule(api, NULL, &direct),
        livekit_delete_rule(api, NULL, id),
        livekit_list_dispatches(api, NULL, room),
    };
    static const char *const wanted[] = {
        "RoomService/ListRooms {}\n",
        "RoomService/ListRooms {\"names\":[\"+1\",\"+2\"]}\n",
        "RoomService/CreateRoom {\"name\":\"r\\\"1\",\"empty_timeout\":10}\n",
        "RoomService/CreateRoom {\"name\":\"r\\\"1\"}\n",
        "RoomService/DeleteRoom {\"room\":\"r\\\"1\"}\n",
        "RoomService/ListParticipants {\"room\":\"r\\\"1\"}\n",
        "RoomService/RemoveParticipant {\"identity\":\"ID_1\",\"room\":\"r\\\"1\"}\n",
        "RoomService/UpdateSubscriptions {\"identity\":\"ID_1\",\"room\":\"r\\\"1\"}\n",
        "SIP/ListSIPInboundTrunk {}\n",
        "SIP/CreateSIPInboundTrunk {\"trunk\":{\"name\":\"n\",\"numbers\":[\"+1\",\"+2\"],\"auth_username\":\"u\","
        "\"auth_password\":\"pw\"}}\n",
        "SIP/UpdateSIPInboundTrunk {\"sip_trunk_id\":\"ID_1\",\"update\":{\"name\":\"n\",\"numbers\":{\"add\":[\"+1\"],"
        "\"remove\":[\"+1\"]},\"allowed_addresses\":{\"set\":[\"+1\",\"+2\"]},\"allowed_numbers\":{\"clear\":true}}}\n",
        "SIP/DeleteSIPTrunk {\"sip_trunk_id\":\"ID_1\"}\n",
        "SIP/ListSIPDispatchRule {}\n",
        "SIP/CreateSIPDispatchRule {\"dispatch_rule\":{\"rule\":{\"dispatch_rule_individual\":{\"room_prefix\":"
        "\"sip-inbound\"}},\"name\":\"n\",\"trunk_ids\":[\"+1\"],\"hide_phone_number\":true,\"room_config\":{"
        "\"metadata\":"
        "\"{}\",\"agents\":[{\"agent_name\":\"\"}]}}}\n",
        "SIP/CreateSIPDispatchRule {\"dispatch_rule\":{\"rule\":{\"dispatch_rule_callee\":{\"room_prefix\":\"c\","
        "\"randomize\":true}}}}\n",
        "SIP/CreateSIPDispatchRule "
        "{\"dispatch_rule\":{\"rule\":{\"dispatch_rule_direct\":{\"room_name\":\"lobby\"}}}}\n",
        "SIP/DeleteSIPDispatchRule {\"sip_dispatch_rule_id\":\"ID_1\"}\n",
        "AgentDispatchService/ListDispatch {\"room\":\"r\\\"1\"}\n",
    };
    (void)state;
    _Static_assert(ARRAY_LEN(calls) == ARRAY_LEN(wanted), "one for one");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct livekit_result *result = livekit_wait(calls[i]);
        /* What answers with one thing makes nothing of "{}" but an item without an id, left out. */
        assert_int_equal(result->outcome, LIVEKIT_OK);
        assert_int_equal(result->answer.count, 0);
        livekit_result_free(result);
        if (strstr(seen.p, wanted[i]) == NULL) {
            fail_msg("not sent: %s\nbut: %s", wanted[i], seen.p);
        }
    }
    assert_non_null(strstr(server.last.p, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.last.p, "\r\nAuthorization: Bearer eyJ"));
    assert_int_equal(livekit_contact(api)->failures, 0);
    assert_int_equal(livekit_contact(api)->calls, ARRAY_LEN(calls));
    assert_int_equal(livekit_contact(api)->requests, ARRAY_LEN(calls));
}

static void test_rooms_come_back(void **state) {
    (void)state;
    SCRIPT("200 "
           "{\"rooms\":[{\"sid\":\"RM_1\",\"name\":\"a\",\"creation_time\":\"5\"},{\"sid\":\"RM_2\",\"name\":\"b\"}]}");
    struct livekit_result *result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_OK);
    assert_int_equal(result->status, 200);
    assert_int_equal(result->tries, 1);
    assert_string_equal(result->why, "");
    assert_int_equal(result->answer.count, 2);
    assert_true(slice_is(result->answer.rooms[1].name, "b"));
    assert_int_equal(result->answer.rooms[0].creation_time_s, 5);
    livekit_result_free(result);
    loop_turn(loop, 0);
    assert_int_equal(contacts, 1); /* from untried to connected */
    assert_int_equal(livekit_contact(api)->state, CONTACT_CONNECTED);
}

/* One answer, its outcome, and what it says of LiveKit's health. Sent by CreateRoom, which is never tried again. */
static void test_outcomes(void **state) {
    static const struct {
        const char *act;
        enum livekit_outcome outcome;
        const char *code, *says;
        enum contact_state contact;
    } cases[] = {
        {"200 {\"sid\":\"RM_1\",\"name\":\"x\"}", LIVEKIT_OK, "", "", CONTACT_CONNECTED},
        {"404 {\"code\":\"not_found\",\"msg\":\"m\"}", LIVEKIT_NOT_FOUND, "not_found", "not_found: m (404)",
         CONTACT_CONNECTED},
        {"404 {\"code\":\"bad_route\",\"msg\":\"m\"}", LIVEKIT_REFUSED, "bad_route", "m (404)", CONTACT_CONNECTED},
        {"404 not found", LIVEKIT_ODD, "", "what answers 404 there is not LiveKit", CONTACT_ODD},
        {"401 invalid token", LIVEKIT_REFUSED, "", "API key devkey (401)", CONTACT_REFUSED},
        {"401 {\"code\":\"unauthenticated\",\"msg\":\"permissions denied\"}", LIVEKIT_REFUSED, "unauthenticated",
         "(401: permissions denied)", CONTACT_REFUSED},
        {"403 no", LIVEKIT_REFUSED, "", "devkey (403)", CONTACT_REFUSED},
        {"400 {\"code\":\"invalid_argument\",\"msg\":\"no name\"}", LIVEKIT_REFUSED, "invalid_argument",
         "invalid_argument: no name (400)", CONTACT_CONNECTED},
        {"400 <html>", LIVEKIT_ODD, "", "is not LiveKit", CONTACT_ODD},
        {"302 ", LIVEKIT_ODD, "", "final address", CONTACT_ODD},
        {"204 ", LIVEKIT_ODD, "", "is not LiveKit", CONTACT_ODD},
        {"500 {\"code\":\"internal\",\"msg\":\"m\"}", LIVEKIT_AWAY, "internal", "internal: m (500)", CONTACT_AWAY},
        {"501 {\"code\":\"unimplemented\",\"msg\":\"m\"}", LIVEKIT_REFUSED, "unimplemented", "m (501)",
         CONTACT_CONNECTED},
        {"502 <html>", LIVEKIT_AWAY, "", "it answers 502", CONTACT_AWAY},
        {"503 {\"code\":\"unavailable\",\"msg\":\"m\"}", LIVEKIT_AWAY, "unavailable", "m (503)", CONTACT_AWAY},
        {"408 {\"code\":\"deadline_exceeded\",\"msg\":\"m\"}", LIVEKIT_AWAY, "deadline_exceeded", "(408)",
         CONTACT_AWAY},
        {"later 1", LIVEKIT_AWAY, "resource_exhausted", "busy (429)", CONTACT_AWAY},
        {"reset", LIVEKIT_AWAY, "", "reset", CONTACT_AWAY},
        {"cut", LIVEKIT_AWAY, "", "remaining", CONTACT_AWAY},
        {"silent", LIVEKIT_AWAY, "", "no answer within", CONTACT_AWAY},
        {"oversize", LIVEKIT_ODD, "", "longer than 4194304 bytes", CONTACT_ODD},
        {"200 <html>", LIVEKIT_ODD, "", "RoomService/CreateRoom cannot be read: is not JSON", CONTACT_ODD},
        {"200 {\"sid\":5}", LIVEKIT_ODD, "", "cannot be read: sid: must be a string, is a number", CONTACT_ODD},
        {"200 []", LIVEKIT_ODD, "", "must be an object", CONTACT_ODD},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const acts[] = {cases[i].act, NULL};
        script = acts;
        script_at = 0;
        new_api((struct livekit_options){.timeout_ms = strcmp(cases[i].act, "silent") == 0 ? 2000 : PATIENT_MS});
        int before = server.requests;
        struct livekit_result *result = livekit_wait(livekit_create_room(api, NULL, SLICE("x"), 0));
        const struct contact *contact = livekit_contact(api);
        if (result->outcome != cases[i].outcome || strcmp(result->code, cases[i].code) != 0 ||
            strstr(result->why, cases[i].says) == NULL || contact->state != cases[i].contact) {
            fail_msg("%s: %s, %s, %s, %s", cases[i].act, livekit_outcome_name(result->outcome), result->code,
                     result->why, contact_state_name(contact->state));
        }
        assert_int_equal(result->tries, 1);
        assert_int_equal(server.requests - before, 1);
        assert_int_equal(contact->failures, cases[i].outcome != LIVEKIT_OK && cases[i].outcome != LIVEKIT_NOT_FOUND);
        char trouble[400];
        contact_trouble(contact, trouble, sizeof trouble);
        assert_int_equal(trouble[0] == '\0', cases[i].contact == CONTACT_CONNECTED);
        assert_true(cases[i].contact == CONTACT_CONNECTED || strstr(trouble, result->why) != NULL);
        livekit_result_free(result);
    }
}

static void test_nobody_there(void **state) {
    (void)state;
    new_api((struct livekit_options){.url = "http://127.0.0.1:1", .timeout_ms = 3000});
    struct livekit_result *result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_int_equal(result->status, 0);
    assert_in_range(result->tries, 2, 8);
    livekit_result_free(result);
    new_api((struct livekit_options){.url = "http://127.0.0.1:1", .timeout_ms = PATIENT_MS});
    result = livekit_wait(livekit_create_room(api, NULL, SLICE("x"), 0)); /* whose only try is not short of time */
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_non_null(strstr(result->why, "127.0.0.1 port 1"));
    livekit_result_free(result);
}

/* Only what may be repeated is, within the deadline, and Retry-After is heeded. */
static void test_retries(void **state) {
    (void)state;
    SCRIPT("503 ", "502 <html>", "200 {\"rooms\":[{\"sid\":\"RM_1\",\"name\":\"a\"}]}");
    struct livekit_result *result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_OK);
    assert_int_equal(result->tries, 3);
    assert_int_equal(result->answer.count, 1);
    livekit_result_free(result);
    assert_int_equal(livekit_contact(api)->retries, 2);
    assert_int_equal(livekit_contact(api)->requests, 3);
    assert_int_equal(livekit_contact(api)->calls, 1);

    SCRIPT("503 ", "404 {\"code\":\"not_found\",\"msg\":\"gone\"}");
    result = livekit_wait(livekit_delete_room(api, NULL, SLICE("r")));
    assert_int_equal(result->outcome, LIVEKIT_NOT_FOUND);
    assert_int_equal(result->tries, 2);
    livekit_result_free(result);

    SCRIPT("500 ", "200 {}");
    result = livekit_wait(livekit_remove_participant(api, NULL, SLICE("r"), SLICE("i")));
    assert_int_equal(result->outcome, LIVEKIT_OK);
    assert_int_equal(result->tries, 2);
    livekit_result_free(result);

    SCRIPT("401 no", "200 {}");
    result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_REFUSED); /* another try would be refused, too */
    assert_int_equal(result->tries, 1);
    livekit_result_free(result);

    SCRIPT("reset"); /* curl itself repeats what fails on a connection used before: not this */
    int before_requests = server.requests;
    result = livekit_wait(livekit_create_room(api, NULL, SLICE("x"), 0));
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_int_equal(server.requests - before_requests, 1);
    livekit_result_free(result);

    SCRIPT("silent", "200 {}"); /* half of the time is kept for another try */
    mono_ms before = clock_mono_ms();
    new_api((struct livekit_options){.timeout_ms = 8000});
    result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_OK);
    assert_int_equal(result->tries, 2);
    assert_true(clock_mono_ms() - before >= 4000);
    livekit_result_free(result);
}

static void test_retry_after(void **state) {
    (void)state;
    SCRIPT("later 1", "200 {}");
    mono_ms before = clock_mono_ms();
    struct livekit_result *result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_OK);
    assert_true(clock_mono_ms() - before >= 1000);
    livekit_result_free(result);
    SCRIPT("later 3600", "200 {}"); /* not longer than 3 s, and not at all when that is too late */
    new_api((struct livekit_options){.timeout_ms = 2900});
    result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_int_equal(result->tries, 1);
    livekit_result_free(result);
}

/* LiveKit asks whoever serves the participant: its silence is not LiveKit's. */
static void test_confirm(void **state) {
    (void)state;
    SCRIPT("200 {}");
    struct livekit_result *result = livekit_wait(livekit_confirm_participant(api, NULL, SLICE("r"), SLICE("i")));
    assert_int_equal(result->outcome, LIVEKIT_OK);
    livekit_result_free(result);
    SCRIPT("503 {\"code\":\"unavailable\",\"msg\":\"no response from servers\"}");
    result = livekit_wait(livekit_confirm_participant(api, NULL, SLICE("r"), SLICE("i")));
    assert_int_equal(result->outcome, LIVEKIT_NOT_FOUND);
    assert_int_equal(result->tries, 1);
    livekit_result_free(result);
    SCRIPT("silent");
    const struct livekit_ask *no_ask = NULL;
    new_api((struct livekit_options){.timeout_ms = 200});
    result = livekit_wait(livekit_confirm_participant(api, no_ask, SLICE("r"), SLICE("i")));
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_int_equal(livekit_contact(api)->state, CONTACT_UNTRIED);
    livekit_result_free(result);
}

/* Asynchronous calls: what they were told, in order. */
static struct buf told;
static bool returned;

static void on_done(void *context, const struct livekit_result *result) {
    assert_true(returned);
    buf_addf(&told, "%s %s;", (const char *)context, livekit_outcome_name(result->outcome));
}

static struct livekit_call *ask(const char *name, enum livekit_urgency urgency, int timeout_ms) {
    const struct livekit_ask how = {.urgency = urgency,
                                    .timeout_ms = timeout_ms,
                                    .on_done = on_done,
                                    .context = (void *)(uintptr_t)name};
    returned = false;
    struct livekit_call *call = livekit_list_participants(api, &how, slice_of(name));
    returned = true;
    return call;
}

static size_t in_flight(void) {
    size_t flying;
    (void)livekit_waiting(api, &flying);
    return flying;
}

static int queue_setup(void **state) {
    setup(state);
    buf_clear(&told);
    buf_adds(&told, "");
    return 0;
}

static int queue_teardown(void **state) {
    buf_release(&told);
    return teardown(state);
}

/* Answers the oldest request that has no answer yet. */
static void answer_one(void) {
    struct odd_conn *oldest = NULL;
    for (struct odd_conn *conn = server.first; conn != NULL; conn = conn->next) {
        oldest = conn;
    }
    assert_non_null(oldest);
    odd_say(oldest, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
    odd_close(oldest);
}

static void test_queue(void **state) {
    (void)state;
    SCRIPT("silent");
    new_api((struct livekit_options){.max_in_flight = 4, .timeout_ms = PATIENT_MS});
    static const char *const routine[] = {"r1", "r2", "r3", "r4", "r5"};
    for (size_t i = 0; i < ARRAY_LEN(routine); i++) {
        ask(routine[i], LIVEKIT_ROUTINE, 0);
    }
    assert_int_equal(in_flight(), 3); /* a quarter is kept free */
    ask("u1", LIVEKIT_URGENT, 0);
    assert_int_equal(in_flight(), 4);
    ask("u2", LIVEKIT_URGENT, 0);
    struct livekit_call *gone = ask("u3", LIVEKIT_URGENT, 0);
    assert_int_equal(in_flight(), 4);
    TURN_UNTIL(loop, server.requests == 4);
    livekit_cancel(gone);
    for (int i = 5; i <= 7; i++) {
        answer_one();
        TURN_UNTIL(loop, server.requests == i);
        assert_true(in_flight() <= 4);
    }
    while (in_flight() > 0) {
        size_t before = in_flight();
        answer_one();
        TURN_UNTIL(loop, in_flight() < before);
    }
    assert_int_equal(livekit_waiting(api, &(size_t){0}), 0);
    /* As they were sent: the urgent one that waited went ahead of the routine ones that waited longer. */
    const char *u2 = strstr(seen.p, "{\"room\":\"u2\"}"), *r4 = strstr(seen.p, "{\"room\":\"r4\"}"),
               *r5 = strstr(seen.p, "{\"room\":\"r5\"}");
    assert_true(u2 != NULL && r4 != NULL && r5 != NULL && u2 < r4 && r4 < r5);
    assert_null(strstr(seen.p, "u3"));
    assert_null(strstr(told.p, "u3"));
    assert_non_null(strstr(told.p, "u2 ok;"));
    assert_non_null(strstr(told.p, "r5 ok;"));
}

static void test_deadline_in_the_queue(void **state) {
    (void)state;
    SCRIPT("silent");
    new_api((struct livekit_options){.max_in_flight = 1, .timeout_ms = PATIENT_MS});
    struct livekit_call *first = ask("first", LIVEKIT_URGENT, 0);
    ask("second", LIVEKIT_URGENT, 100);
    TURN_UNTIL(loop, told.len > 0);
    assert_string_equal(told.p, "second away;");
    assert_int_equal(in_flight(), 1);
    assert_int_equal(livekit_contact(api)->state, CONTACT_UNTRIED);
    livekit_cancel(first);
    assert_int_equal(livekit_waiting(api, &(size_t){0}), 0);
}

static void test_too_many_waiting(void **state) {
    (void)state;
    SCRIPT("silent");
    new_api((struct livekit_options){.max_in_flight = 1, .timeout_ms = PATIENT_MS});
    for (int i = 0; i < 1000; i++) {
        ask("x", LIVEKIT_ROUTINE, 0);
    }
    ask("over", LIVEKIT_URGENT, 0);
    assert_int_equal(told.len, 0); /* never before it has returned */
    TURN_UNTIL(loop, told.len > 0);
    assert_string_equal(told.p, "over away;");
    livekit_free(api); /* the thousand are not told */
    api = NULL;
    loop_turn(loop, 0);
    assert_string_equal(told.p, "over away;");
}

static void test_cancel_in_every_phase(void **state) {
    static const char *const acts[] = {"200 {}", "silent", "503 ", "cut"};
    int pending = 0;
    (void)state;
    livekit_cancel(NULL);
    for (int turns = 0; turns < 32; turns++) {
        const char *const one[] = {acts[turns % (int)ARRAY_LEN(acts)], NULL};
        script = one;
        script_at = 0;
        buf_clear(&told);
        struct livekit_call *call = ask("x", LIVEKIT_ROUTINE, 0);
        for (int i = 0; i < turns && told.len == 0; i++) {
            loop_turn(loop, 1);
        }
        size_t len = told.len;
        if (len == 0) {
            livekit_cancel(call);
            pending++;
        }
        for (int i = 0; i < 5; i++) {
            loop_turn(loop, 0);
        }
        assert_int_equal(told.len, len);
        assert_int_equal(livekit_waiting(api, &(size_t){0}), 0);
        assert_int_equal(in_flight(), 0);
    }
    assert_true(pending > 16);
    struct livekit_call *waited = livekit_list_trunks(api, NULL); /* done, but never fetched */
    SCRIPT("200 {}");
    TURN_UNTIL(loop, livekit_waiting(api, &(size_t){0}) == 0);
    livekit_cancel(waited);
    waited = livekit_list_trunks(api, NULL);
    TURN_UNTIL(loop, livekit_waiting(api, &(size_t){0}) == 0); /* and this one is freed with the api */
}

static void on_done_free(void *context, const struct livekit_result *result) {
    livekit_free(api);
    api = NULL;
    *(bool *)context = result->outcome == LIVEKIT_OK;
}

static void on_done_again(void *context, const struct livekit_result *result) {
    const struct livekit_ask how = {.on_done = on_done_free, .context = context};
    assert_int_equal(result->outcome, LIVEKIT_OK);
    livekit_list_trunks(api, &how);
}

static void test_ask_and_free_inside_callbacks(void **state) {
    bool done = false;
    const struct livekit_ask how = {.on_done = on_done_again, .context = &done};
    (void)state;
    SCRIPT("200 {}");
    livekit_list_trunks(api, &how);
    TURN_UNTIL(loop, done);
    assert_int_equal(server.requests, 2);
    assert_int_equal(server.connections, 1); /* kept alive */
    loop_turn(loop, 0);
}

static void test_away_and_back(void **state) {
    (void)state;
    SCRIPT("200 {}", "500 ", "500 ", "200 {}");
    static const enum contact_state wanted[] = {CONTACT_CONNECTED, CONTACT_AWAY, CONTACT_AWAY, CONTACT_CONNECTED};
    static const int told_of[] = {1, 2, 2, 3};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        livekit_result_free(livekit_wait(livekit_create_room(api, NULL, SLICE("x"), 0)));
        loop_turn(loop, 0);
        assert_int_equal(livekit_contact(api)->state, wanted[i]);
        assert_int_equal(contacts, told_of[i]);
        assert_true(livekit_contact(api)->since_wall_ms > 0);
    }
    assert_string_equal(livekit_contact(api)->error, "it answers 500"); /* the last one stays on record */
    assert_true(livekit_contact(api)->latency.sum_us > 0);
}

static void test_clock_skew(void **state) {
    char trouble[400];
    (void)state;
    SCRIPT("date Thu, 01 Jan 2026 00:00:00 GMT");
    livekit_result_free(list_rooms());
    assert_true(livekit_contact(api)->skew_known);
    assert_true(contact_clock_is_off(livekit_contact(api)));
    contact_trouble(livekit_contact(api), trouble, sizeof trouble);
    assert_non_null(strstr(trouble, "s behind ours"));

    static const struct {
        int64_t first_s, second_s;
        bool is_off;
        const char *says;
    } cases[] = {
        {0, 0, false, ""},
        {29, 29, false, ""},
        {40, 40, true, "LiveKit's clock is 40 s ahead of ours"},
        {-40, -40, true, "LiveKit's clock is 40 s behind ours"},
        {0, 60, false, ""}, /* one odd answer is not believed at once */
        {60, 0, true, "42 s ahead"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct contact contact = {0};
        assert_false(contact_clock_is_off(&contact));
        contact_note(&contact, CONTACT_CONNECTED, "", 1);
        contact_note_date(&contact, 1000 + cases[i].first_s, 1000500);
        contact_note_date(&contact, 1000 + cases[i].second_s, 1000500);
        contact_trouble(&contact, trouble, sizeof trouble);
        assert_int_equal(contact_clock_is_off(&contact), cases[i].is_off);
        assert_non_null(strstr(trouble, cases[i].says));
        assert_int_equal(trouble[0] == '\0', !cases[i].is_off);
    }
}

static void test_tls_with_a_wrong_name(void **state) {
    struct tls_server tls;
    (void)state;
    tls_start(&tls, "DNS:elsewhere.test");
    cleanup_free char *url = xasprintf("https://127.0.0.1:%d", tls.port);
    new_api((struct livekit_options){.url = url, .ca_file = tls.certificate});
    struct livekit_result *result = list_rooms();
    assert_int_equal(result->outcome, LIVEKIT_AWAY);
    assert_int_equal(result->tries, 1); /* it will not be another name soon */
    assert_non_null(strstr(result->why, "no trusted TLS connection"));
    livekit_result_free(result);
    tls_stop(&tls);
}

static void test_url(void **state) {
    static const struct {
        const char *from, *wanted;
    } cases[] = {
        {"ws://127.0.0.1:7880", "http://127.0.0.1:7880"},
        {"wss://livekit.example", "https://livekit.example"},
        {"WSS://livekit.example/", "https://livekit.example"},
        {"http://h:1/a/b//", "http://h:1/a/b"},
        {"https://[::1]:7880", "https://[::1]:7880"},
        {"ws://h/a@b", "http://h/a@b"},
        {"livekit.example", NULL},
        {"ftp://h", NULL},
        {"", NULL},
        {"ws://", NULL},
        {"ws:///path", NULL},
        {"ws://:7880", NULL},
        {"ws://user:pw@h", NULL},
        {"ws://h?x=1", NULL},
        {"ws://h/#x", NULL},
        {"ws://h\n", NULL},
        {"ws://h\\@x", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diag diag = {0};
        cleanup_free char *url = livekit_http_url(cases[i].from, &diag);
        if ((url == NULL) != (cases[i].wanted == NULL) || (url != NULL && strcmp(url, cases[i].wanted) != 0)) {
            fail_msg("%s: %s", cases[i].from, url != NULL ? url : diag.what);
        }
        assert_int_equal(diag.what[0] != '\0', url == NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_sent),
        TEST(test_rooms_come_back),
        TEST(test_outcomes),
        TEST(test_nobody_there),
        TEST(test_retries),
        TEST(test_retry_after),
        TEST(test_confirm),
        TEST(test_queue),
        TEST(test_deadline_in_the_queue),
        TEST(test_too_many_waiting),
        TEST(test_cancel_in_every_phase),
        TEST(test_ask_and_free_inside_callbacks),
        TEST(test_away_and_back),
        TEST(test_clock_skew),
        TEST(test_tls_with_a_wrong_name),
        TEST(test_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
