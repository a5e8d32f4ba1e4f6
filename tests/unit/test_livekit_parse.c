/* LiveKit's answers: what is read from them, in both name styles, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "livekit/parse.h"

static const struct parse_shape rooms = {LIVEKIT_ROOMS, "rooms"}, participants = {LIVEKIT_PARTICIPANTS, "participants"},
                                trunks = {LIVEKIT_TRUNKS, "items"}, rules = {LIVEKIT_RULES, "items"},
                                dispatches = {LIVEKIT_DISPATCHES, "agent_dispatches"}, one_room = {LIVEKIT_ROOMS, NULL},
                                nothing = {LIVEKIT_NOTHING, NULL};

static struct livekit_answer parse(const struct parse_shape *shape, const char *text) {
    struct livekit_answer answer;
    struct diag diag = {0};
    if (!parse_answer(shape, slice_of(text), &answer, &diag)) {
        fail_msg("%s: %s: %s", text, diag.where, diag.what);
    }
    return answer;
}

#define assert_text(text, wanted) assert_true(slice_is(text, wanted))

static void assert_texts(struct livekit_texts texts, const char *first, const char *second) {
    const char *const wanted[] = {first, second};
    assert_int_equal(texts.count, (first != NULL) + (second != NULL));
    for (size_t i = 0; i < texts.count; i++) {
        assert_text(texts.at[i], wanted[i]);
    }
}

static void test_rooms(void **state) {
    static const char *const styles[] = {
        "{\"rooms\":[{\"sid\":\"RM_1\",\"name\":\"sip-inbound_+1\",\"metadata\":\"m\",\"creation_time\":\"1767225590\","
        "\"num_participants\":2,\"num_publishers\":1,\"empty_timeout\":300,\"departure_timeout\":20,\"enabled_codecs\":"
        "[{\"mime\":\"audio/opus\",\"fmtp_line\":\"\"}],\"active_recording\":false,\"version\":null}]}",
        "{\"rooms\":[{\"sid\":\"RM_1\",\"name\":\"sip-inbound_+1\",\"metadata\":\"m\",\"creationTime\":1767225590,"
        "\"numParticipants\":2,\"numPublishers\":1.0,\"emptyTimeout\":300,\"departureTimeout\":20,\"new\":{\"x\":[]}}]"
        "}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
        struct livekit_answer answer = parse(&rooms, styles[i]);
        assert_int_equal(answer.count, 1);
        const struct livekit_room *room = &answer.rooms[0];
        assert_text(room->sid, "RM_1");
        assert_text(room->name, "sip-inbound_+1");
        assert_text(room->metadata, "m");
        assert_int_equal(room->creation_time_s, 1767225590);
        assert_int_equal(room->num_participants, 2);
        assert_int_equal(room->num_publishers, 1);
        assert_int_equal(room->empty_timeout_s, 300);
        assert_int_equal(room->departure_timeout_s, 20);
        parse_release(&answer);
    }
    struct livekit_answer answer = parse(&one_room, "{\"sid\":\"RM_2\",\"name\":\"x\",\"metadata\":null}");
    assert_int_equal(answer.count, 1);
    assert_text(answer.rooms[0].name, "x");
    parse_release(&answer);
}

static void test_empty(void **state) {
    static const struct {
        const struct parse_shape *shape;
        const char *text;
    } cases[] = {
        {&rooms, "{\"rooms\":[]}"},
        {&rooms, "{}"},
        {&rooms, "{\"rooms\":null}"},
        {&trunks, "{\"items\":[]}"},
        {&nothing, "{}"},
        {&nothing, "{\"sip_trunk_id\":5}"},
        {&rules, "{\"items\":[null]}"},
        {&dispatches, "{\"agentDispatches\":[]}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct livekit_answer answer = parse(cases[i].shape, cases[i].text);
        assert_int_equal(answer.count, 0);
        assert_int_equal(answer.left_out, 0);
        parse_release(&answer);
    }
}

static void test_participants(void **state) {
    (void)state;
    struct livekit_answer answer = parse(
        &participants,
        "{\"participants\":[{\"sid\":\"PA_1\",\"identity\":\"sip_+15\",\"state\":\"ACTIVE\",\"kind\":\"SIP\",\"name\":"
        "\"Phone\",\"joined_at\":\"1767225591\",\"tracks\":[],\"attributes\":{\"sip.trunkPhoneNumber\":\"+1555\","
        "\"sip.phoneNumber\":\"+15\",\"sip.trunkID\":\"ST_1\",\"sip.ruleID\":\"SDR_1\",\"sip.callID\":\"SCL_1\","
        "\"sip.callStatus\":\"ringing\",\"other\":\"\\u0000\"}},"
        "{\"sid\":\"PA_2\",\"joined_at\":\"9223372036854775807\",\"identity\":\"agent\",\"state\":2,\"kind\":4,"
        "\"attributes\":{},\"tracks\":["
        "{\"sid\":\"TR_1\",\"type\":\"VIDEO\"},{\"sid\":\"TR_2\",\"type\":\"AUDIO\"},{\"sid\":\"TR_3\"}]},"
        "{\"sid\":\"PA_3\",\"identity\":\"web\",\"attributes\":{\"sip.trunkPhoneNumber\":\"+1666\"}},"
        "{\"sid\":\"PA_4\",\"identity\":\"new\",\"kind\":\"CONNECTOR\",\"state\":\"ASLEEP\"}]}");
    const struct livekit_participant *who = answer.participants;
    assert_int_equal(answer.count, 4);
    assert_int_equal(who[0].kind, KIND_SIP);
    assert_int_equal(who[0].state, LIVEKIT_ACTIVE);
    assert_int_equal(who[0].joined_at_s, 1767225591);
    assert_text(who[0].called, "+1555");
    assert_text(who[0].caller, "+15");
    assert_text(who[0].trunk_id, "ST_1");
    assert_text(who[0].rule_id, "SDR_1");
    assert_text(who[0].call_id, "SCL_1");
    assert_text(who[0].call_status, "ringing");
    assert_true(slice_starts(who[0].attributes, SLICE("{\"sip.trunkPhoneNumber\":\"+1555\",")));
    assert_int_equal(who[0].audio_tracks, 0);
    assert_int_equal(who[1].kind, KIND_AGENT);
    assert_int_equal(who[1].joined_at_s, 0);
    assert_int_equal(who[1].state, LIVEKIT_ACTIVE);
    assert_int_equal(who[1].audio_tracks, 2);
    assert_text(who[1].audio_track, "TR_2");
    assert_int_equal(who[1].attributes.n, 0);
    assert_int_equal(who[2].kind, KIND_STANDARD);
    assert_int_equal(who[2].state, LIVEKIT_JOINING);
    assert_int_equal(who[2].called.n, 0); /* anybody may say so */
    assert_text(who[2].attributes, "{\"sip.trunkPhoneNumber\":\"+1666\"}");
    assert_int_equal(who[3].kind, KIND_OTHER);
    assert_int_equal(who[3].state, LIVEKIT_STATE_OTHER);
    parse_release(&answer);
}

static void test_trunks(void **state) {
    (void)state;
    struct livekit_answer answer =
        parse(&trunks, "{\"items\":[{\"sip_trunk_id\":\"ST_1\",\"name\":\"n\",\"numbers\":[\"+1\",\"+2\"],"
                       "\"allowed_addresses\":[\"1.2.3.0/24\"],\"auth_username\":\"u\",\"auth_password\":\"hidden\"},"
                       "null,{\"sipTrunkId\":\"ST_2\",\"allowedNumbers\":[\"+3\"],\"authPassword\":\"\"}]}");
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.left_out, 0);
    assert_text(answer.trunks[0].id, "ST_1");
    assert_texts(answer.trunks[0].numbers, "+1", "+2");
    assert_texts(answer.trunks[0].allowed_addresses, "1.2.3.0/24", NULL);
    assert_texts(answer.trunks[0].allowed_numbers, NULL, NULL);
    assert_text(answer.trunks[0].auth_username, "u");
    assert_true(answer.trunks[0].has_password);
    assert_text(answer.trunks[1].id, "ST_2");
    assert_texts(answer.trunks[1].allowed_numbers, "+3", NULL);
    assert_false(answer.trunks[1].has_password);
    parse_release(&answer);
}

static void test_rules(void **state) {
    (void)state;
    struct livekit_answer answer = parse(
        &rules,
        "{\"items\":[{\"sip_dispatch_rule_id\":\"SDR_1\",\"rule\":{\"dispatch_rule_individual\":{\"room_prefix\":"
        "\"sip-inbound\",\"pin\":\"\",\"no_randomness\":false}},\"trunk_ids\":[\"ST_1\"],\"hide_phone_number\":true,"
        "\"inbound_numbers\":[\"+9\"],\"numbers\":[\"+1\"],\"name\":\"n\",\"metadata\":\"x\",\"room_config\":{\"name\":"
        "\"\",\"metadata\":\"{}\",\"agents\":[{\"agent_name\":\"\"},{\"agentName\":\"b\"}]}},"
        "{\"sipDispatchRuleId\":\"SDR_2\",\"rule\":{\"dispatchRuleDirect\":{\"roomName\":\"lobby\",\"pin\":\"12\"}}},"
        "{\"sip_dispatch_rule_id\":\"SDR_3\",\"rule\":{\"dispatch_rule_callee\":{\"room_prefix\":\"c\",\"randomize\":"
        "true}},\"room_config\":null},{\"sip_dispatch_rule_id\":\"SDR_4\",\"rule\":{\"dispatch_rule_new\":{}}}]}");
    const struct livekit_rule *rule = answer.rules;
    assert_int_equal(answer.count, 4);
    assert_int_equal(rule[0].kind, LIVEKIT_RULE_INDIVIDUAL);
    assert_text(rule[0].room, "sip-inbound");
    assert_true(rule[0].random);
    assert_false(rule[0].has_pin);
    assert_true(rule[0].hide_phone_number);
    assert_texts(rule[0].trunk_ids, "ST_1", NULL);
    assert_texts(rule[0].numbers, "+1", NULL);
    assert_texts(rule[0].inbound_numbers, "+9", NULL);
    assert_texts(rule[0].agents, "", "b");
    assert_text(rule[0].room_metadata, "{}");
    assert_int_equal(rule[1].kind, LIVEKIT_RULE_DIRECT);
    assert_text(rule[1].room, "lobby");
    assert_true(rule[1].has_pin);
    assert_false(rule[1].random);
    assert_int_equal(rule[2].kind, LIVEKIT_RULE_CALLEE);
    assert_true(rule[2].random);
    assert_int_equal(rule[3].kind, LIVEKIT_RULE_OTHER);
    parse_release(&answer);
}

static void test_dispatches(void **state) {
    (void)state;
    struct livekit_answer answer =
        parse(&dispatches, "{\"agent_dispatches\":[{\"id\":\"AD_1\",\"agent_name\":\"a\",\"room\":\"r\",\"metadata\":"
                           "\"m\",\"state\":{\"jobs\":[{\"id\":\"AJ_1\"}],\"created_at\":\"1\"}},{\"id\":\"AD_2\","
                           "\"agentName\":\"\",\"room\":\"r\",\"state\":null}]}");
    assert_int_equal(answer.count, 2);
    assert_text(answer.dispatches[0].agent_name, "a");
    assert_int_equal(answer.dispatches[0].jobs, 1);
    assert_int_equal(answer.dispatches[1].agent_name.n, 0);
    assert_int_equal(answer.dispatches[1].jobs, 0);
    parse_release(&answer);
}

/* What no webhook may carry either costs only its own item. */
static void test_left_out(void **state) {
    char long_name[600];
    memset(long_name, 'n', sizeof long_name);
    long_name[513] = '\0';
    (void)state;
    cleanup_free char *text = xasprintf(
        "{\"rooms\":[{\"sid\":\"RM_1\",\"name\":\"%s\"},{\"sid\":\"RM_2\",\"name\":\"%s\",\"metadata\":\"\\u0000\"},"
        "{\"sid\":\"RM_3\",\"name\":\"a\\u0000b\"},{\"sid\":\"\",\"name\":\"x\"},{\"name\":\"y\"}]}",
        long_name, long_name + 1);
    struct livekit_answer answer = parse(&rooms, text);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.left_out, 4);
    assert_text(answer.rooms[0].sid, "RM_2");
    assert_int_equal(answer.rooms[0].metadata.n, 0);
    parse_release(&answer);
    cleanup_free char *who = xasprintf("{\"participants\":[{\"sid\":\"PA_1\",\"identity\":\"i\",\"kind\":\"SIP\","
                                       "\"attributes\":{\"sip.phoneNumber\":\"%s\"}},{\"sid\":\"PA_2\",\"identity\":"
                                       "\"i\"}]}",
                                       long_name);
    answer = parse(&participants, who);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.left_out, 1);
    assert_text(answer.participants[0].sid, "PA_2");
    assert_int_equal(answer.participants[0].kind, KIND_STANDARD);
    parse_release(&answer);
}

static void test_mistakes(void **state) {
    static const struct {
        const struct parse_shape *shape;
        const char *text, *where, *what;
    } cases[] = {
        {&rooms, "", "", "is not JSON"},
        {&rooms, "<html>", "", "is not JSON"},
        {&rooms, "{\"rooms\":[", "", "is not JSON"},
        {&rooms, "[]", "", "must be an object, is an array"},
        {&nothing, "null", "", "must be an object, is null"},
        {&nothing, "\"ok\"", "", "must be an object, is a string"},
        {&rooms, "{\"rooms\":{}}", "rooms", "must be a list, is an object"},
        {&rooms, "{\"rooms\":[5]}", "rooms[0]", "must be an object, is a number"},
        {&rooms, "{\"rooms\":[{\"sid\":\"a\",\"name\":\"b\"},{\"sid\":7}]}", "rooms[1].sid",
         "must be a string, is a number"},
        {&rooms, "{\"rooms\":[{\"creation_time\":\"soon\"}]}", "rooms[0].creation_time", "whole number"},
        {&rooms, "{\"rooms\":[{\"creation_time\":1,\"creationTime\":1}]}", "rooms[0].creationTime", "both spellings"},
        {&rooms, "{\"rooms\":[],\"rooms\":[]}", "", "names a member twice"},
        {&one_room, "{\"name\":[]}", "name", "must be a string, is an array"},
        {&participants, "{\"participants\":[{\"kind\":{}}]}", "participants[0].kind", "a name or a number"},
        {&participants, "{\"participants\":[{\"attributes\":[]}]}", "participants[0].attributes", "must be an object"},
        {&participants, "{\"participants\":[{\"kind\":\"SIP\",\"attributes\":{\"sip.trunkID\":1}}]}",
         "participants[0].attributes.sip.trunkID", "must be a string"},
        {&participants, "{\"participants\":[{\"tracks\":[1]}]}", "participants[0].tracks", "a list of objects"},
        {&participants, "{\"participants\":[{\"tracks\":[{\"type\":[]}]}]}", "participants[0].tracks.type",
         "a name or"},
        {&trunks, "{\"items\":[{\"numbers\":[1]}]}", "items[0].numbers", "must be a string, is a number"},
        {&trunks, "{\"items\":[{\"numbers\":\"+1\"}]}", "items[0].numbers", "must be a list"},
        {&trunks, "{\"items\":[{\"auth_password\":5}]}", "items[0].auth_password", "must be a string"},
        {&rules, "{\"items\":[{\"hide_phone_number\":\"no\"}]}", "items[0].hide_phone_number", "true or false"},
        {&rules, "{\"items\":[{\"rule\":7}]}", "items[0].rule", "must be an object"},
        {&rules, "{\"items\":[{\"rule\":{\"dispatch_rule_direct\":{\"room_name\":7}}}]}",
         "items[0].rule.dispatch_rule_direct.room_name", "must be a string"},
        {&rules, "{\"items\":[{\"room_config\":{\"agents\":[{\"agent_name\":7}]}}]}",
         "items[0].room_config.agents.agent_name", "must be a string"},
        {&rules, "{\"items\":[{\"room_config\":{\"agents\":[7]}}]}", "items[0].room_config.agents",
         "a list of objects"},
        {&dispatches, "{\"agent_dispatches\":[{\"state\":{\"jobs\":{}}}]}", "agent_dispatches[0].state.jobs",
         "must be a list"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct livekit_answer answer;
        struct diag diag = {0};
        if (parse_answer(cases[i].shape, slice_of(cases[i].text), &answer, &diag) ||
            strcmp(diag.where, cases[i].where) != 0 || strstr(diag.what, cases[i].what) == NULL) {
            fail_msg("%s: %s: %s", cases[i].text, diag.where, diag.what);
        }
        assert_null(answer.tree);
        assert_null(answer.blocks);
    }
}

static void test_limits(void **state) {
    cleanup_buf struct buf deep = {0}, wide = {0};
    struct livekit_answer answer;
    struct diag diag = {0};
    (void)state;
    for (int i = 0; i <= PARSE_MAX_DEPTH; i++) {
        buf_adds(&deep, "{\"a\":");
    }
    assert_false(parse_answer(&rooms, buf_slice(&deep), &answer, &diag));
    assert_non_null(strstr(diag.what, "nested more than"));
    buf_adds(&wide, "{\"rooms\":[");
    for (int i = 0; i < PARSE_MAX_VALUES; i++) {
        buf_adds(&wide, "{},");
    }
    assert_false(parse_answer(&rooms, buf_slice(&wide), &answer, &diag));
    assert_non_null(strstr(diag.what, "more than 400000 values"));
}

#define TEN "ABCDEFGHIJ"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG "got eyJ" HUNDRED "." HUNDRED HUNDRED ".x, sorry"

static void test_errors(void **state) {
    static const struct {
        const char *text, *code, *message;
        bool is_error;
    } cases[] = {
        {"{\"code\":\"not_found\",\"msg\":\"requested room does not exist\"}", "not_found",
         "requested room does not exist", true},
        {"{\"code\":\"internal\"}", "internal", "", true},
        {"{\"code\":\"internal\",\"msg\":\"a\\nb\\u001b[1m\",\"meta\":{}}", "internal", "a\\x0ab\\x1b[1m", true},
        {"{\"code\":\"a\",\"msg\":\"got eyJhbGc.eyJu-_Y.S1g, then eyJx\"}", "a", "got [token], then [token]", true},
        {"{\"code\":\"a\",\"msg\":\"" LONG "\"}", "a", "got [token], sorry", true},
        {"{\"code\":\"\",\"msg\":\"x\"}", "", "", false},
        {"{\"code\":404}", "", "", false},
        {"{\"code\":\"Not Found\"}", "", "", false},
        {"not found", "", "", false},
        {"[]", "", "", false},
        {"", "", "", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char code[PARSE_CODE_SIZE] = "", message[PARSE_MESSAGE_SIZE] = "";
        assert_int_equal(parse_error(slice_of(cases[i].text), code, message), cases[i].is_error);
        assert_string_equal(code, cases[i].code);
        assert_string_equal(message, cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rooms),    cmocka_unit_test(test_empty),  cmocka_unit_test(test_participants),
        cmocka_unit_test(test_trunks),   cmocka_unit_test(test_rules),  cmocka_unit_test(test_dispatches),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_limits), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
