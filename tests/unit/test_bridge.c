/* The bridge with recording fakes: what agents are given, when they are chosen and started, how they are stopped, and
 * which webhooks mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "bridge_stage.h"

#define MINT "mint sip-inbound_x sip-agent-RM_1;"
#define START MINT "start RM_1 support;"

#define BY_NUMBER                                                                                            \
    "[{\"pattern\":\"+1555*\",\"agent_name\":\"support\",\"metadata\":{\"team\":[1,2]}},"                    \
    "{\"pattern\":\"+1666*\",\"agent_name\":\"sales\"},{\"pattern\":\"+1777*\",\"agent_name\":\"unknown\"}," \
    "{\"pattern\":\"*\",\"caller\":\"+1999*\",\"reject\":true,\"priority\":1}]"

static struct stage stage;

static int open_stage(void **state) {
    (void)state;
    stage_open(&stage, NULL);
    return 0;
}

/* A bridge that has a LiveKit client. */
static int open_asking(void **state) {
    (void)state;
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default;
    stage_open(&stage, &options);
    return 0;
}

static int close_stage(void **state) {
    (void)state;
    stage_close(&stage);
    return 0;
}

static void test_what_an_agent_gets(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+15550001");
    stage_did(&stage, START);
    assert_string_equal(
        stage.job_env.p,
        "LIVEKIT_URL=ws://livekit:7880\nLIVEKIT_TOKEN=the-token\nSIP_CALL_SID=RM_1\n"
        "SIP_ROOM_NAME=sip-inbound_x\nSIP_AGENT_NAME=support\nSIP_CALLED_NUMBER=+15550001\n"
        "SIP_CALLER_NUMBER=+49111\nSIP_TRUNK_ID=ST_1\nSIP_RULE_ID=SDR_1\nSIP_RULE_METADATA={\"team\":[1,2]}\n");
    assert_string_equal(
        stage.job_line.p,
        "{\"v\":1,\"call_sid\":\"RM_1\",\"room\":\"sip-inbound_x\",\"livekit_url\":\"ws://livekit:7880\","
        "\"token\":\"the-token\",\"agent\":\"support\",\"agent_id\":\"\",\"called\":\"+15550001\",\"caller\":\"+"
        "49111\","
        "\"trunk\":\"ST_1\",\"metadata\":{\"team\":[1,2]},\"attributes\":{\"sip.callID\":\"SCL_1\"}}");
    assert_string_equal(stage.job_places.p,
                        "room=sip-inbound_x\nagent=support\nagent_id=\ncalled=+15550001\ncaller=+49111\n"
                        "livekit_url=ws://livekit:7880\n");
    assert_string_equal(stage.job_command.p, "run {room} ");
}

static void test_what_is_not_known_is_not_given(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_did(&stage, START);
    assert_string_equal(stage.job_env.p, "LIVEKIT_URL=ws://livekit:7880\nLIVEKIT_TOKEN=the-token\nSIP_CALL_SID=RM_1\n"
                                         "SIP_ROOM_NAME=sip-inbound_x\nSIP_AGENT_NAME=support\n");
    json_t *line = json_loads(stage.job_line.p, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "called")), "");
    assert_int_equal(json_object_size(json_object_get(line, "attributes")), 0);
    assert_int_equal(json_object_size(json_object_get(line, "metadata")), 0);
    json_decref(line);
}

static void test_api_credentials(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_did(&stage, MINT "start RM_1 sales;");
    assert_non_null(strstr(stage.job_env.p, "LIVEKIT_API_KEY=the-key\nLIVEKIT_API_SECRET=the-secret\n"));
    assert_null(strstr(stage.job_line.p, "the-secret"));
    assert_null(strstr(stage.job_places.p, "the-secret"));
}

static void test_attributes_too_long(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    static const size_t sizes[] = {ENGINE_LINE_MAX - 20, 33000}; /* with the rest of the line, and already alone */
    static const char *const sids[] = {"RM_1", "RM_2"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cleanup_buf struct buf long_one = {0};
        buf_adds(&long_one, "{\"sip.h.x\":\"");
        while (long_one.len < sizes[i]) {
            buf_addc(&long_one, 'x');
        }
        buf_adds(&long_one, "\"}");
        struct webhook_event event = stage_caller_event(sids[i], "PA_1", "+15550001");
        event.participant.attributes = buf_slice(&long_one);
        bridge_webhook(stage.bridge, &event, stage.now);
        assert_true(stage.job_line.len <= ENGINE_LINE_MAX);
        assert_non_null(strstr(stage.job_line.p, sids[i]));
        assert_non_null(strstr(stage.job_line.p, "\"called\":\"+15550001\""));
        assert_non_null(strstr(stage.job_line.p, "\"attributes\":{}"));
    }
}

static void test_hostile_names_are_data(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    struct webhook_event event = stage_event(EVENT_room_started, "RM_1", "sip-inbound_\"\n\x1b[31m$(x)../");
    bridge_webhook(stage.bridge, &event, stage.now);
    json_t *line = json_loads(stage.job_line.p, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "room")), "sip-inbound_\"\n\x1b[31m$(x)../");
    assert_null(memchr(stage.job_line.p, '\n', stage.job_line.len));
    json_decref(line);
}

static void test_room_metadata_names_the_agent(void **state) {
    (void)state;
    static const struct {
        const char *metadata, *did;
    } cases[] = {
        {"{\"agent_name\":\"sales\"}", MINT "start RM_1 sales;"},
        {"{\"agent_name\":\"nobody-knows\"}", ""}, /* gives way to the rules, which need the number */
        {"{\"agent_name\":7}", ""},
        {"{\"agent_name\":\"sa\\nles\"}", ""},
        {"{\"agent_name\":\"\"}", ""},
        {"not JSON", ""},
        {"{broken", ""},
        {"[\"agent_name\"]", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
        struct webhook_event event = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
        event.room.metadata = slice_of(cases[i].metadata);
        bridge_webhook(stage.bridge, &event, stage.now);
        stage_did(&stage, cases[i].did);
        stage_close(&stage);
        stage_open(&stage, NULL);
    }
}

static void test_starts_as_early_as_certain(void **state) {
    (void)state;
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"support\"}]", STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_did(&stage, START);
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS); /* never revised */
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "starting");
}

static void test_waits_for_the_number(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_wait(&stage, 5999);
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "deciding");
    stage_wait(&stage, 1); /* SIP_NUMBER_WAIT: without it, the first agent */
    stage_did(&stage, START);
}

static void test_rules_that_come_late(void **state) {
    (void)state;
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_wait(&stage, 7000);
    stage_did(&stage, "");
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_did(&stage, MINT "start RM_1 sales;");
}

static void test_rules_that_never_come(void **state) {
    (void)state;
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_wait(&stage, 7999);
    stage_is(&stage, "RM_1", "deciding");
    stage_wait(&stage, 1);
    stage_is(&stage, "RM_1", "");
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_NO_AGENT], 1);
}

static void test_max_of_an_agent(void **state) {
    (void)state;
    static const char one[] = "{\"sales\":{\"command\":[\"x\"],\"max\":1,\"after_call\":\"3s\"}}";
    stage_rules(&stage, NULL, one);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    struct webhook_event second = stage_caller_event("RM_2", "PA_2", "+1");
    second.room.name = SLICE("sip-inbound_y");
    bridge_webhook(stage.bridge, &second, stage.now);
    stage_did(&stage, MINT "start RM_1 sales;");
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_NO_AGENT], 1);
    stage_caller_leaves(&stage, "RM_1", "PA_1"); /* in its after_call it no longer counts */
    stage_did(&stage, "stop RM_1 after=3000 timeout=10000;");
    struct webhook_event third = stage_caller_event("RM_3", "PA_3", "+1");
    third.room.name = SLICE("sip-inbound_z");
    bridge_webhook(stage.bridge, &third, stage.now);
    stage_did(&stage, "mint sip-inbound_z sip-agent-RM_3;start RM_3 sales;");
}

static void test_a_whole_call(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_wait(&stage, 100);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_wait(&stage, 200);
    stage_answer(&stage, "RM_1");
    stage_did(&stage, START);
    struct stage_look look = stage_state(&stage, "RM_1");
    assert_string_equal(look.state, "talking");
    assert_string_equal(look.view.agent, "support");
    assert_int_equal(look.view.pid, 4711);
    assert_int_equal(look.view.ring_ms, 300);
    assert_int_equal(look.view.restarts, 0);
    assert_true(slice_is(look.view.called, "+1"));
    stage_wait(&stage, 60000);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;");
    stage_is(&stage, "RM_1", "stopping/CALLER_LEFT");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    stage_room(&stage, EVENT_room_finished, "RM_1");
    const struct bridge_counters *counters = bridge_counters(stage.bridge);
    assert_int_equal(counters->calls, 1);
    assert_int_equal(counters->ended, 1);
    assert_int_equal(counters->answered, 1);
    assert_int_equal(counters->starts, 1);
    assert_int_equal(counters->exits, 1);
    assert_int_equal(counters->ends[END_CALLER_LEFT], 1); /* the first reason stays the reason */
    stage_wait(&stage, 200000);
    assert_int_equal(bridge_next_due(stage.bridge), MONO_NEVER); /* the tombstone is gone, too */
}

static void test_a_lost_joined_is_told_by_the_audio(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_person(&stage, EVENT_track_published, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_is(&stage, "RM_1", "talking");
}

static void test_video_is_no_answer(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    struct webhook_event event = stage_event(EVENT_track_published, "RM_1", STAGE_ROOM);
    event.participant.identity = SLICE("sip-agent-RM_1");
    event.track.type = TRACK_VIDEO;
    bridge_webhook(stage.bridge, &event, stage.now);
    stage_is(&stage, "RM_1", "joining");
}

static void test_who_is_no_agent(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    static const struct {
        const char *identity;
        enum participant_kind kind;
    } people[] = {
        {"sip-agent-RM_2", KIND_AGENT}, {"sip-agent-", KIND_AGENT}, {"someone", KIND_STANDARD}, {"human", KIND_SIP},
        {"EG_1", KIND_EGRESS},          {"IN_1", KIND_INGRESS},     {"odd", KIND_OTHER}};
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        stage_person(&stage, EVENT_participant_joined, "RM_1", people[i].identity, people[i].kind);
        stage_person(&stage, EVENT_track_published, "RM_1", people[i].identity, people[i].kind);
        stage_is(&stage, "RM_1", "joining");
    }
    stage_person(&stage, EVENT_participant_joined, "RM_1", "sip-agent-RM_1", KIND_STANDARD); /* its identity counts */
    stage_is(&stage, "RM_1", "joined");
}

static void test_agents_with_a_token_of_their_own(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_person(&stage, EVENT_participant_joined, "RM_1", "human", KIND_SIP);
    stage_person(&stage, EVENT_track_published, "RM_1", "human", KIND_SIP);
    stage_is(&stage, "RM_1", "joining"); /* a human on the phone is no agent */
    stage_person(&stage, EVENT_participant_joined, "RM_1", "worker", KIND_STANDARD);
    stage_is(&stage, "RM_1", "joining");
    stage_person(&stage, EVENT_track_published, "RM_1", "worker", KIND_STANDARD);
    stage_is(&stage, "RM_1", "talking");
}

static void test_crashes_are_replaced(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_did(&stage, START);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_did(&stage, START);
    stage_engine(&stage, "RM_1", ENGINE_START_FAILED, 0);
    stage_did(&stage, START);
    assert_int_equal(stage_state(&stage, "RM_1").view.restarts, 2);
    assert_int_equal(bridge_counters(stage.bridge)->restarts, 2);
    assert_int_equal(bridge_counters(stage.bridge)->failed_starts, 1);
}

/* What an exit status means: 125 is an agent's wish not to be started again, 0 before it spoke a failed start as any other. */
static void test_exit_statuses(void **state) {
    (void)state;
    static const struct {
        int status;
        bool again;
    } cases[] = {{0, true}, {1, true}, {124, true}, {125, false}, {126, true}, {255, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_close(&stage);
        stage_open(&stage, NULL);
        stage_rules(&stage, NULL, STAGE_AGENTS);
        stage_caller(&stage, "RM_1", "PA_1", "+1");
        stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
        stage_did(&stage, START);
        stage_engine(&stage, "RM_1", ENGINE_EXITED, cases[i].status);
        stage_did(&stage, cases[i].again ? START : "");
    }
}

static void test_words_about_other_processes(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_engine(&stage, "RM_2", ENGINE_EXITED, 1); /* no such call */
    struct engine_event old = {.kind = ENGINE_EXITED, .label = "RM_1", .instance = "00000000000000000000000000000077"};
    bridge_engine(stage.bridge, &old, stage.now);
    stage_is(&stage, "RM_1", "joining");
    stage_engine(&stage, "RM_1", ENGINE_READY, 0);
    stage_is(&stage, "RM_1", "joining");
}

static void test_not_ready(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_wait(&stage, 10000);
    stage_did(&stage, START "kill RM_1;"); /* nobody can be asked: webhooks are the word */
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 137);
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_did(&stage, START);
    stage_wait(&stage, 10000);
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;");
    stage_is(&stage, "RM_1", "stopping/AGENT_FAILED");
}

static void test_not_ready_is_asked_first(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_wait(&stage, 60000);
    stage_did(&stage, START "ask-ready RM_1;"); /* once, and no answer is no action */
    stage_is(&stage, "RM_1", "not-ready");
    stage_person(&stage, EVENT_participant_joined, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_person(&stage, EVENT_track_published, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    bridge_not_ready(stage.bridge, "RM_1", stage.now); /* too late: it speaks */
    stage_is(&stage, "RM_1", "talking");
    stage_person(&stage, EVENT_participant_left, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    bridge_not_ready(stage.bridge, "RM_1", stage.now); /* to a question of long ago */
    stage_is(&stage, "RM_1", "joining");
    stage_wait(&stage, 10000);
    stage_did(&stage, "ask-ready RM_1;"); /* each time-out asks anew */
    bridge_not_ready(stage.bridge, "RM_1", stage.now);
    stage_did(&stage, "kill RM_1;");
    bridge_not_ready(stage.bridge, "RM_9", stage.now); /* no such call */
}

static void test_rejected_callers(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    struct webhook_event spam = stage_caller_event("RM_1", "PA_1", "+15550001");
    spam.participant.trunk_id = SLICE("");
    bridge_webhook(stage.bridge, &spam, stage.now);
    stage_did(&stage, "reject later sip-inbound_x PA_1;");
    bridge_webhook(stage.bridge, &spam, stage.now); /* repeated: once */
    stage_did(&stage, "");
    struct webhook_event blocked = stage_caller_event("RM_1", "PA_2", "+15550001");
    blocked.participant.caller = SLICE("+1 999 000");
    bridge_webhook(stage.bridge, &blocked, stage.now);
    stage_did(&stage, "reject later sip-inbound_x PA_2;");
    assert_int_equal(bridge_counters(stage.bridge)->rejected_legs, 2);
    stage_caller(&stage, "RM_1", "PA_3", "+16660001"); /* by whose number it is decided */
    stage_did(&stage, MINT "start RM_1 sales;");
    blocked.participant.sid = blocked.participant.identity = SLICE("PA_4");
    bridge_webhook(stage.bridge, &blocked, stage.now); /* who joins a call that has its agent is judged as well */
    stage_did(&stage, "reject later sip-inbound_x PA_4;");
    assert_int_equal(bridge_counters(stage.bridge)->rejected_legs, 3);
}

static void speaks(const char *leg) {
    stage_person(&stage, EVENT_track_published, "RM_1", leg, KIND_SIP);
}

/* livekit-sip drops a phone at once only when the caller's own audio is published. */
static void test_a_rejected_caller_arrives(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_0", "+15550001");
    struct webhook_event spam = stage_caller_event("RM_1", "PA_1", "+15550001");
    spam.participant.trunk_id = SLICE("");
    bridge_webhook(stage.bridge, &spam, stage.now);
    stage_did(&stage, START "reject later sip-inbound_x PA_1;");
    speaks("PA_1");
    speaks("PA_1");
    speaks("PA_0");
    stage_did(&stage, "reject sip-inbound_x PA_1;");
    spam.participant.audible = true; /* listed with audio */
    bridge_webhook(stage.bridge, &spam, stage.now);
    stage_did(&stage, "");
    spam.participant.sid = spam.participant.identity = SLICE("PA_2");
    bridge_webhook(stage.bridge, &spam, stage.now);
    stage_did(&stage, "reject sip-inbound_x PA_2;");
    spam.participant.sid = spam.participant.identity = SLICE("PA_3");
    spam.participant.audible = false;
    bridge_webhook(stage.bridge, &spam, stage.now);
    spam.participant.audible = true;
    bridge_webhook(stage.bridge, &spam, stage.now);
    stage_did(&stage, "reject later sip-inbound_x PA_3;reject sip-inbound_x PA_3;");
    stage_is(&stage, "RM_1", "starting");
}

static void test_a_reject_rule_that_comes_later(void **state) {
    (void)state;
    struct webhook_event blocked = stage_caller_event("RM_1", "PA_1", "+15550001");
    blocked.participant.caller = SLICE("+1999000");
    bridge_webhook(stage.bridge, &blocked, stage.now);
    speaks("PA_1");
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_did(&stage, "reject sip-inbound_x PA_1;");
}

static void test_a_trunk_need_not_be(void **state) {
    (void)state;
    struct bridge_options options = bridge_options_default;
    options.require_trunk = false;
    stage_close(&stage);
    stage_open(&stage, &options);
    stage_rules(&stage, NULL, STAGE_AGENTS);
    struct webhook_event event = stage_caller_event("RM_1", "PA_1", "+1");
    event.participant.trunk_id = SLICE("");
    bridge_webhook(stage.bridge, &event, stage.now);
    stage_did(&stage, START);
}

static void test_a_reject_rule_that_comes_late(void **state) {
    (void)state;
    struct webhook_event blocked = stage_caller_event("RM_1", "PA_1", "+15550001");
    blocked.participant.caller = SLICE("+1999000");
    bridge_webhook(stage.bridge, &blocked, stage.now);
    stage_caller(&stage, "RM_1", "PA_2", "+15550001");
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_did(&stage, "reject later sip-inbound_x PA_1;"); /* the other caller's call goes on */
    stage_is(&stage, "RM_1", "deciding");
    stage_wait(&stage, 6000);
    stage_did(&stage, START);
}

static void test_nobody_then_another_caller(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+17770001"); /* its agent does not exist */
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "");
    stage_caller(&stage, "RM_1", "PA_2", "+16660001");
    stage_did(&stage, MINT "start RM_1 sales;");
    assert_true(slice_is(stage_state(&stage, "RM_1").view.called, "+16660001"));
}

static void test_a_caller_while_stopping(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;");
    stage_caller(&stage, "RM_1", "PA_2", "+1");
    stage_did(&stage, "kill RM_1;");
    stage_caller_leaves(&stage, "RM_1", "PA_2");
    stage_caller(&stage, "RM_1", "PA_3", "+1");
    stage_did(&stage, ""); /* it is killed already */
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 137);
    stage_did(&stage, START);
}

static void test_hanging_up(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;delete RM_1 sip-inbound_x;");
    stage_wait(&stage, 3000);
    stage_did(&stage, ""); /* one at a time */
    bridge_delete_failed(stage.bridge, "RM_1", stage.now);
    stage_wait(&stage, 199);
    stage_did(&stage, "");
    stage_wait(&stage, 1);
    stage_did(&stage, "delete RM_1 sip-inbound_x;");
    bridge_room_deleted(stage.bridge, "RM_1", stage.now);
    stage_is(&stage, "RM_1", "stopping/CALLER_LEFT");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    bridge_room_deleted(stage.bridge, "RM_9", stage.now); /* no such call */
    bridge_delete_failed(stage.bridge, "RM_9", stage.now);
}

/* A bridge that was told to stop waits for calls, but not for ever for a LiveKit that does not delete a room. */
static void test_rooms_that_are_not_deleted(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    bridge_delete_failed(stage.bridge, "RM_1", stage.now);
    assert_int_equal(bridge_undeleted(stage.bridge), 0); /* its agent has its time */
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(bridge_undeleted(stage.bridge), 1);
    assert_int_equal(bridge_live(stage.bridge), 1);
    stage_wait(&stage, 200);
    bridge_room_deleted(stage.bridge, "RM_1", stage.now);
    assert_int_equal(bridge_undeleted(stage.bridge), 0);
    assert_int_equal(bridge_live(stage.bridge), 0);
}

/* The room of a caller who is still joining is deleted when their audio is there, or after 3 s. */
static void test_hanging_up_who_arrives(void **state) {
    (void)state;
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"unknown\"}]", STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "arriving/NO_AGENT");
    assert_false(bridge_is_hanging_up(stage.bridge, "RM_1"));
    stage_wait(&stage, 300);
    speaks("PA_1");
    stage_did(&stage, "delete RM_1 sip-inbound_x;");
    assert_true(bridge_is_hanging_up(stage.bridge, "RM_1"));
    bridge_room_deleted(stage.bridge, "RM_1", stage.now);
    assert_false(bridge_is_hanging_up(stage.bridge, "RM_1"));
    assert_false(bridge_is_hanging_up(stage.bridge, "RM_9"));
    struct webhook_event second = stage_caller_event("RM_2", "PA_2", "+1");
    second.room.name = SLICE("sip-inbound_y");
    bridge_webhook(stage.bridge, &second, stage.now);
    stage_wait(&stage, 2999);
    stage_did(&stage, "");
    stage_wait(&stage, 1);
    stage_did(&stage, "delete RM_2 sip-inbound_y;");
    stage_room(&stage, EVENT_room_finished, "RM_2");
}

/* A room that lost its name to another is not deleted, for that goes by name. */
static void test_no_hanging_up_of_a_name_that_came_back(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    assert_true(bridge_is_hanging_up(stage.bridge, "RM_1"));
    stage_room(&stage, EVENT_room_started, "RM_2");
    assert_false(bridge_is_hanging_up(stage.bridge, "RM_1"));
    stage_is(&stage, "RM_1", "stopping/CALLER_LEFT");
}

static void test_asking_for_the_number(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_did(&stage, "ask-number RM_1;");
    stage_wait(&stage, 5000);
    stage_did(&stage, ""); /* once */
    stage_caller(&stage, "RM_1", "PA_1", "+16660001");
    stage_did(&stage, MINT "start RM_1 sales;");
}

static void test_hidden_numbers(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage.trunk = TRUNK_PENDING;
    stage_caller(&stage, "RM_1", "PA_1", "");
    stage_did(&stage, "trunk ST_1;");
    stage_is(&stage, "RM_1", "deciding");
    stage.trunk = TRUNK_NUMBER;
    bridge_trunks_known(stage.bridge, stage.now);
    stage_did(&stage, "trunk ST_1;" START);
    assert_non_null(strstr(stage.job_env.p, "SIP_CALLED_NUMBER=+15550001\n"));
    bridge_trunks_known(stage.bridge, stage.now); /* it is decided */
    stage_did(&stage, "");
}

/* Several numbers, or none: what matches any number matches, in the end the first agent. */
static void test_hidden_numbers_that_no_trunk_tells(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "");
    stage_did(&stage, "trunk ST_1;" START);
}

static void test_hidden_numbers_and_no_answer(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage.trunk = TRUNK_PENDING;
    stage_caller(&stage, "RM_1", "PA_1", "");
    stage_wait(&stage, 5999);
    stage_is(&stage, "RM_1", "deciding");
    buf_clear(&stage.log);
    stage_wait(&stage, 1);
    stage_did(&stage, "trunk ST_1;" START);
}

static void test_livekit_is_away(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_did(&stage, START);
    bridge_livekit_away(stage.bridge, true, stage.now);
    bridge_livekit_away(stage.bridge, true, stage.now);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_wait(&stage, 600000);
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "livekit-away");
    struct webhook_event second = stage_caller_event("RM_2", "PA_2", "+1");
    second.room.name = SLICE("sip-inbound_y");
    bridge_webhook(stage.bridge, &second, stage.now);
    stage_did(&stage, "");
    bridge_livekit_away(stage.bridge, false, stage.now);
    stage_did(&stage, START "mint sip-inbound_y sip-agent-RM_2;start RM_2 support;");
    bridge_livekit_away(stage.bridge, false, stage.now);
    stage_did(&stage, "");
}

/* The agent of RM_1, as the participant SID. */
static void agent_as(enum event_kind kind, const char *sid) {
    struct webhook_event event = stage_event(kind, "RM_1", STAGE_ROOM);
    event.participant.sid = slice_of(sid);
    event.participant.identity = SLICE("sip-agent-RM_1");
    event.participant.kind = KIND_AGENT;
    event.participant.disconnect_reason = DISCONNECT_CLIENT_INITIATED;
    bridge_webhook(stage.bridge, &event, stage.now);
}

/* LiveKit answers again in the moment in which the word of the agent's leaving has been waited for long enough. */
/* Other settings, as after a reload: LiveKit is away as before, and who was there is known as before. */
static void test_other_options(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    bridge_livekit_away(stage.bridge, true, stage.now);
    struct bridge_options other = stage.options;
    other.seed = stage.options.seed + 1;
    bridge_set_options(stage.bridge, &other);
    stage_did(&stage, START);
    stage_caller(&stage, "RM_2", "PA_2", "+2");
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;"); /* its room's name came back; no agent for the new one */
    bridge_livekit_away(stage.bridge, false, stage.now);
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_2;start RM_2 support;");
    stage_answer(&stage, "RM_2");
    bridge_set_options(stage.bridge, &stage.options);
    stage_caller_leaves(&stage, "RM_2", "PA_2");
    stage_is(&stage, "RM_2", "stopping/CALLER_LEFT");
}

static void test_livekit_is_back_as_a_wait_is_over(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    agent_as(EVENT_participant_joined, "PA_A1");
    agent_as(EVENT_track_published, "PA_A1");
    stage_did(&stage, START);
    stage_wait(&stage, 10000);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "parting");
    bridge_presume_away(stage.bridge);
    stage.now += call_policy_default.parting_ms;
    bridge_livekit_away(stage.bridge, false, stage.now);
    stage_did(&stage, START);
}

static void answer_as(const char *sid) {
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    agent_as(EVENT_participant_joined, sid);
    agent_as(EVENT_track_published, sid);
}

static void test_when_livekit_is_suspected(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    answer_as("PA_A1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    assert_int_equal(stage.suspicions, 1); /* a crash */
    answer_as("PA_A2");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(stage.suspicions, 2); /* it is in the room for all that LiveKit says */
    stage_wait(&stage, 10000);
    answer_as("PA_A3");
    agent_as(EVENT_participant_left, "PA_A3");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(stage.suspicions, 2); /* LiveKit said so itself */
    stage_caller(&stage, "RM_1", "PA_2", "+1");
    answer_as("PA_A4");
    stage_is(&stage, "RM_1", "talking");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_caller_leaves(&stage, "RM_1", "PA_2");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 143);
    assert_int_equal(stage.suspicions, 2); /* it was told to stop */
}

static void test_an_answer_after_the_end(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_room(&stage, EVENT_room_finished, "RM_1");
    stage_is(&stage, "RM_1", "");
    bridge_delete_failed(stage.bridge, "RM_1", stage.now);
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;delete RM_1 sip-inbound_x;");
    stage_caller(&stage, "RM_1", "PA_2", "+1"); /* a call again: it can be hung up again */
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_caller_leaves(&stage, "RM_1", "PA_2");
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;delete RM_1 sip-inbound_x;");
}

static void test_a_name_that_comes_back(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    char first[ENGINE_INSTANCE_SIZE];
    memcpy(first, stage.instance, sizeof first);
    stage_room(&stage, EVENT_room_started, "RM_2");
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;mint sip-inbound_x sip-agent-RM_2;start RM_2 support;");
    stage_is(&stage, "RM_1", "stopping/SUPERSEDED");
    memcpy(stage.instance, first, sizeof first);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_room(&stage, EVENT_room_finished, "RM_1"); /* does not touch the new one */
    stage_is(&stage, "RM_1", "");
    stage_is(&stage, "RM_2", "starting");
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_SUPERSEDED], 1);
    stage_room(&stage, EVENT_room_started, "RM_3"); /* RM_1's tombstone is not ended a second time */
    assert_int_equal(bridge_counters(stage.bridge)->ended, 1);
}

/* The former call was over when its room's name came back: a late word of it makes no call of it, whose token would fit. */
static void test_a_name_that_comes_back_after_the_end(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+15550001");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    stage_room(&stage, EVENT_room_started, "RM_2");
    buf_clear(&stage.log);
    stage_caller(&stage, "RM_1", "PA_2", "+15550001");
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "");
    stage_is(&stage, "RM_2", "starting");
}

/* Seconds of createdAt tell late words from new ones (LiveKit's order is strict, a network's is not). */
static void at_second(struct webhook_event event, int64_t created_at_s) {
    event.created_at_s = created_at_s;
    bridge_webhook(stage.bridge, &event, stage.now);
}

static void test_a_late_word_of_an_older_room(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    at_second(stage_event(EVENT_room_started, "RM_1", STAGE_ROOM), 1000);
    stage_did(&stage, START);
    at_second(stage_event(EVENT_room_started, "RM_0", STAGE_ROOM), 900);
    stage_did(&stage, "");
    stage_is(&stage, "RM_0", "");
    stage_is(&stage, "RM_1", "starting");
    at_second(stage_caller_event("RM_1", "PA_1", "+15550001"), 1005);
    stage_wait(&stage, 10);
    at_second(stage_event(EVENT_room_started, "RM_1", STAGE_ROOM), 1001); /* repeated, late: PA_1 came after it */
    stage_wait(&stage, 6000);
    stage_is(&stage, "RM_1", "starting");
}

static void test_a_caller_told_after_the_end(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    at_second(stage_event(EVENT_room_started, "RM_1", STAGE_ROOM), 1000);
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    at_second(stage_event(EVENT_room_finished, "RM_1", STAGE_ROOM), 1010);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    buf_clear(&stage.log);
    at_second(stage_caller_event("RM_1", "PA_1", "+15550001"), 1009); /* they joined before it was finished */
    stage_did(&stage, "");
    stage_is(&stage, "RM_1", "");
    at_second(stage_caller_event("RM_1", "PA_2", "+15550001"), 1012); /* a live caller makes it a call again */
    stage_did(&stage, START);
}

/* The second caller's agent learns nothing of the first caller (promise 6), and is chosen for the second one. */
static void test_a_call_that_begins_again(void **state) {
    (void)state;
    stage_rules(&stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+15550001");
    stage_did(&stage, START);
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    buf_clear(&stage.log);
    struct webhook_event second = stage_caller_event("RM_1", "PA_2", "+16660001");
    second.participant.caller = SLICE("+49222");
    bridge_webhook(stage.bridge, &second, stage.now);
    stage_did(&stage, MINT "start RM_1 sales;");
    assert_non_null(strstr(stage.job_env.p, "SIP_CALLER_NUMBER=+49222\n"));
    assert_non_null(strstr(stage.job_line.p, "\"called\":\"+16660001\""));
    assert_null(strstr(stage.job_line.p, "+49111"));
    struct stage_look look = stage_state(&stage, "RM_1");
    assert_int_equal(look.view.restarts, 0);
}

/* An agent whose command line wants the numbers is not started without them while they may still come. */
static void test_a_command_that_wants_the_number(void **state) {
    (void)state;
    stage_rules(&stage, NULL, "{\"support\":{\"command\":[\"run\",\"--to={called}\"]}}");
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_did(&stage, "");
    stage_caller(&stage, "RM_1", "PA_1", "+15550001");
    stage_did(&stage, START);
    stage_room(&stage, EVENT_room_started, "RM_2");
    stage_wait(&stage, 5000);
    buf_clear(&stage.log);
    stage_wait(&stage, 2000); /* SIP_NUMBER_WAIT */
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_2;start RM_2 support;");
}

static void test_what_begins_a_call(void **state) {
    (void)state;
    static const struct {
        const char *name, *prefix, *sid, *room;
        enum event_kind kind;
        bool caller, begins;
    } cases[] = {
        {"room_started", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_room_started, false, true},
        {"a room that is the prefix", "sip-inbound", "RM_1", "sip-inbound", EVENT_room_started, false, true},
        {"a caller", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_participant_joined, true, true},
        {"somebody else", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_participant_joined, false, false},
        {"a foreign room", "sip-inbound", "RM_1", "meeting", EVENT_room_started, false, false},
        {"a foreign room's caller", "sip-inbound", "RM_1", "meeting", EVENT_participant_joined, true, false},
        {"a room that only ends so", "sip-inbound", "RM_1", "x-sip-inbound", EVENT_room_started, false, false},
        {"an end", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_room_finished, false, false},
        {"a leaving", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_participant_left, true, false},
        {"a track", "sip-inbound", "RM_1", "sip-inbound_x", EVENT_track_published, false, false},
        {"a sid that is a path", "sip-inbound", "../x", "sip-inbound_x", EVENT_room_started, false, false},
        {"no sid", "sip-inbound", "", "sip-inbound_x", EVENT_room_started, false, false},
        {"no name", "", "RM_1", "", EVENT_participant_joined, true, false},
        {"any room, by its caller", "", "RM_1", "meeting", EVENT_participant_joined, true, true},
        {"any room, without one", "", "RM_1", "meeting", EVENT_room_started, false, false},
        {"any room, somebody else", "", "RM_1", "meeting", EVENT_participant_joined, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bridge_options options = bridge_options_default;
        options.room_prefix = cases[i].prefix;
        stage_close(&stage);
        stage_open(&stage, &options);
        stage_rules(&stage, NULL, STAGE_AGENTS);
        struct webhook_event event = stage_caller_event(cases[i].sid, "PA_1", "+1");
        event.kind = cases[i].kind;
        event.room.name = slice_of(cases[i].room);
        event.participant.rule_id = cases[i].caller ? SLICE("SDR_1") : SLICE("");
        assert_int_equal(bridge_is_new_call(stage.bridge, &event), cases[i].begins);
        bridge_webhook(stage.bridge, &event, stage.now);
        assert_int_equal(bridge_live(stage.bridge), cases[i].begins);
        assert_int_equal(bridge_counters(stage.bridge)->ignored_events, !cases[i].begins);
        assert_false(bridge_is_new_call(stage.bridge, &event) && cases[i].begins); /* it is known now */
    }
}

/* LiveKit's kind of participant counts, not what they say of themselves. */
static void test_who_only_says_it_is_no_caller(void **state) {
    (void)state;
    static const enum participant_kind kinds[] = {KIND_STANDARD, KIND_AGENT, KIND_INGRESS, KIND_EGRESS, KIND_OTHER};
    stage_rules(&stage, NULL, STAGE_AGENTS);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct webhook_event event = stage_caller_event("RM_1", "PA_1", "+1");
        event.participant.kind = kinds[i];
        bridge_webhook(stage.bridge, &event, stage.now);
        assert_int_equal(bridge_live(stage.bridge), 0);
    }
    stage_did(&stage, "");
}

static void test_other_events_mean_nothing(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    struct webhook_event event = stage_event(EVENT_OTHER, "RM_1", STAGE_ROOM);
    bridge_webhook(stage.bridge, &event, stage.now);
    stage_room(&stage, EVENT_room_started, "RM_1");
    bridge_webhook(stage.bridge, &event, stage.now);
    stage_room(&stage, EVENT_track_unpublished, "RM_1");
    stage_did(&stage, START);
    assert_int_equal(bridge_counters(stage.bridge)->ignored_events, 2);
}

static void test_a_room_without_a_caller(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_wait(&stage, 9999);
    stage_did(&stage, START);
    stage_wait(&stage, 1);
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(bridge_next_due(stage.bridge), MONO_NEVER); /* no tombstone: a caller may still make it a call */
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_did(&stage, START);
}

static void test_an_empty_room_is_asked_about(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    bridge_no_caller(stage.bridge, "RM_1", stage.now); /* nobody asked */
    bridge_no_caller(stage.bridge, "RM_9", stage.now);
    stage_wait(&stage, 60000);
    stage_did(&stage, START "ask-room RM_1;"); /* once; no answer is no action */
    stage_is(&stage, "RM_1", "empty");
    bridge_no_caller(stage.bridge, "RM_1", stage.now);
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;"); /* the room is left alone */
    stage_is(&stage, "RM_1", "stopping/NOT_A_CALL");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(bridge_next_due(stage.bridge), MONO_NEVER);
}

static void test_an_empty_room_that_was_none(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_person(&stage, EVENT_participant_joined, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_person(&stage, EVENT_track_published, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_wait(&stage, 10000);
    stage_did(&stage, START "ask-room RM_1;");
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    bridge_no_caller(stage.bridge, "RM_1", stage.now); /* too late */
    stage_is(&stage, "RM_1", "talking");
    struct webhook_event drops = stage_caller_event("RM_1", "PA_1", "");
    drops.kind = EVENT_participant_left;
    drops.participant.disconnect_reason = DISCONNECT_SIGNAL_CLOSE;
    bridge_webhook(stage.bridge, &drops, stage.now);
    stage_did(&stage, "ask-room RM_1;"); /* they may have come back unheard */
    bridge_no_caller(stage.bridge, "RM_1", stage.now);
    stage_is(&stage, "RM_1", "grace");
    stage_wait(&stage, 5000);
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;delete RM_1 sip-inbound_x;");
}

static void test_the_operators_word(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    assert_false(bridge_stop(stage.bridge, "RM_1", stage.now));
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    assert_true(bridge_stop(stage.bridge, "RM_1", stage.now));
    stage_did(&stage, START "stop RM_1 after=0 timeout=5000;");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_false(bridge_stop(stage.bridge, "RM_1", stage.now)); /* over */
}

static void make_rooms(int from, int count) {
    for (int i = from; i < from + count; i++) {
        cleanup_free char *sid = xasprintf("RM_%d", i), *room = xasprintf("sip-inbound_%d", i);
        struct webhook_event event = stage_caller_event(sid, sid, "+1");
        event.room.name = slice_of(room);
        bridge_webhook(stage.bridge, &event, stage.now);
    }
}

static void test_stopping_all(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    make_rooms(1, 5);
    assert_int_equal(bridge_live(stage.bridge), 5);
    buf_clear(&stage.log);
    bridge_stop_all(stage.bridge, stage.now);
    unsigned stops = 0;
    for (const char *at = stage.log.p; (at = strstr(at, "stop RM_")) != NULL; at++) {
        stops++;
    }
    assert_int_equal(stops, 5);
}

static void test_limits(void **state) {
    (void)state;
    struct bridge_options options = bridge_options_default;
    options.max_calls = 3;
    options.max_tombstones = 2;
    stage_close(&stage);
    stage_open(&stage, &options);
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"unknown\"}]", STAGE_AGENTS);
    make_rooms(1, 5); /* nobody answers them: over at once */
    assert_int_equal(bridge_live(stage.bridge), 0);
    assert_true(bridge_next_due(stage.bridge) <= stage.now); /* too many tombstones are gone at once, */
    bridge_tick(stage.bridge, stage.now);
    assert_int_equal(bridge_next_due(stage.bridge), stage.now + options.tombstone_ms + 1); /* the others in time */
    stage_rules(&stage, NULL, STAGE_AGENTS);
    make_rooms(10, 5);
    assert_int_equal(bridge_live(stage.bridge), 3);
    assert_int_equal(bridge_counters(stage.bridge)->refused, 2);
}

/* The directory may be older than the agent: whoever can look again is told. Broken ones are known. */
static void test_an_unknown_agent_is_told(void **state) {
    (void)state;
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"broken\"}]",
                "{\"broken\":{},\"a\":{\"command\":[\"a\"]}}");
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    assert_int_equal(stage.unknown, 0);
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"new\"}]", STAGE_AGENTS);
    stage_caller(&stage, "RM_2", "PA_2", "+1");
    assert_true(stage.unknown > 0);
}

static void test_a_call_keeps_the_agent_it_began_with(void **state) {
    (void)state;
    stage_rules(&stage, NULL, STAGE_AGENTS);
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_answer(&stage, "RM_1");
    stage_rules(&stage, NULL, "{\"other\":{\"command\":[\"other\"]}}");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_did(&stage, START START);
    assert_string_equal(stage.job_command.p, "run {room} ");
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)
#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, open_asking, close_stage)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STAGE(test_what_an_agent_gets),
        ON_STAGE(test_what_is_not_known_is_not_given),
        ON_STAGE(test_api_credentials),
        ON_STAGE(test_attributes_too_long),
        ON_STAGE(test_hostile_names_are_data),
        ON_STAGE(test_room_metadata_names_the_agent),
        ON_STAGE(test_starts_as_early_as_certain),
        ON_STAGE(test_waits_for_the_number),
        ON_STAGE(test_rules_that_come_late),
        ON_STAGE(test_rules_that_never_come),
        ON_STAGE(test_max_of_an_agent),
        ON_STAGE(test_a_whole_call),
        ON_STAGE(test_a_lost_joined_is_told_by_the_audio),
        ON_STAGE(test_video_is_no_answer),
        ON_STAGE(test_who_is_no_agent),
        ON_STAGE(test_agents_with_a_token_of_their_own),
        ON_STAGE(test_crashes_are_replaced),
        ON_STAGE(test_exit_statuses),
        ON_STAGE(test_words_about_other_processes),
        ON_STAGE(test_not_ready),
        WITH_CLIENT(test_not_ready_is_asked_first),
        ON_STAGE(test_rejected_callers),
        ON_STAGE(test_a_rejected_caller_arrives),
        ON_STAGE(test_a_reject_rule_that_comes_later),
        ON_STAGE(test_a_trunk_need_not_be),
        ON_STAGE(test_a_reject_rule_that_comes_late),
        ON_STAGE(test_nobody_then_another_caller),
        ON_STAGE(test_a_caller_while_stopping),
        WITH_CLIENT(test_hanging_up),
        WITH_CLIENT(test_rooms_that_are_not_deleted),
        WITH_CLIENT(test_hanging_up_who_arrives),
        WITH_CLIENT(test_no_hanging_up_of_a_name_that_came_back),
        WITH_CLIENT(test_asking_for_the_number),
        ON_STAGE(test_hidden_numbers),
        ON_STAGE(test_hidden_numbers_that_no_trunk_tells),
        ON_STAGE(test_hidden_numbers_and_no_answer),
        ON_STAGE(test_livekit_is_away),
        ON_STAGE(test_other_options),
        ON_STAGE(test_livekit_is_back_as_a_wait_is_over),
        ON_STAGE(test_when_livekit_is_suspected),
        WITH_CLIENT(test_an_answer_after_the_end),
        ON_STAGE(test_a_name_that_comes_back),
        ON_STAGE(test_a_name_that_comes_back_after_the_end),
        ON_STAGE(test_a_late_word_of_an_older_room),
        ON_STAGE(test_a_caller_told_after_the_end),
        ON_STAGE(test_a_call_that_begins_again),
        ON_STAGE(test_a_command_that_wants_the_number),
        ON_STAGE(test_what_begins_a_call),
        ON_STAGE(test_who_only_says_it_is_no_caller),
        ON_STAGE(test_other_events_mean_nothing),
        ON_STAGE(test_a_room_without_a_caller),
        WITH_CLIENT(test_an_empty_room_is_asked_about),
        WITH_CLIENT(test_an_empty_room_that_was_none),
        ON_STAGE(test_the_operators_word),
        ON_STAGE(test_stopping_all),
        ON_STAGE(test_limits),
        ON_STAGE(test_an_unknown_agent_is_told),
        ON_STAGE(test_a_call_keeps_the_agent_it_began_with),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
