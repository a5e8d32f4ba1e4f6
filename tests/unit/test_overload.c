/* The bridge at its limits: who is served, who is told at once, and which agents are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/circuit.h"
#include "bridge_stage.h"

static struct bridge_options limited(size_t served, size_t starts) {
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default; /* rooms can be deleted */
    options.max_served = served;
    options.max_starts = starts;
    return options;
}

/* A call of its own room: SID, and a caller whose audio is there. */
static void call_comes(struct stage *stage, const char *sid) {
    cleanup_free char *room = xasprintf("sip-inbound_%s", sid);
    struct webhook_event event = stage_event(EVENT_room_started, sid, room);
    bridge_webhook(stage->bridge, &event, stage->now);
    event = stage_caller_event(sid, sid, "+331");
    event.room.name = slice_of(room);
    event.participant.audible = true;
    bridge_webhook(stage->bridge, &event, stage->now);
}

static void call_goes(struct stage *stage, const char *sid) {
    cleanup_free char *room = xasprintf("sip-inbound_%s", sid);
    struct webhook_event event = stage_event(EVENT_room_finished, sid, room);
    bridge_webhook(stage->bridge, &event, stage->now);
}

/* A process of its own for each call, of which only the last is known to the stage. */
static void speaks(struct stage *stage, const char *sid) {
    cleanup_free char *room = xasprintf("sip-inbound_%s", sid), *identity = xasprintf("sip-agent-%s", sid);
    stage_engine(stage, sid, ENGINE_STARTED, 0);
    static const enum event_kind kinds[] = {EVENT_participant_joined, EVENT_track_published};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct webhook_event event = stage_event(kinds[i], sid, room);
        event.participant.sid = event.participant.identity = slice_of(identity);
        event.participant.kind = KIND_AGENT;
        bridge_webhook(stage->bridge, &event, stage->now);
    }
}

static void open_plain(struct stage *stage, const struct bridge_options *options) {
    stage_open(stage, options);
    stage_rules(stage, "[{\"pattern\":\"*\",\"agent_name\":\"support\"}]", STAGE_AGENTS);
    buf_clear(&stage->log);
}

static void test_calls_above_the_limit_are_told_at_once(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(2, 0);
    open_plain(&stage, &options);
    call_comes(&stage, "RM_1");
    call_comes(&stage, "RM_2");
    buf_clear(&stage.log);
    call_comes(&stage, "RM_3");
    stage_did(&stage, "delete RM_3 sip-inbound_RM_3;");
    stage_is(&stage, "RM_3", "hanging-up/OVERLOAD");
    struct bridge_load load = bridge_load(stage.bridge, stage.now);
    assert_int_equal(load.served, 2);
    assert_int_equal(load.limit, LIMIT_CALLS);
    bridge_room_deleted(stage.bridge, "RM_3", stage.now);
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_OVERLOAD], 1);
    assert_int_equal(bridge_counters(stage.bridge)->limited[LIMIT_CALLS], 1);
    call_goes(&stage, "RM_1"); /* its agent may take its time: the call is over */
    buf_clear(&stage.log);
    call_comes(&stage, "RM_4");
    stage_did(&stage, "mint sip-inbound_RM_4 sip-agent-RM_4;start RM_4 support;");
    stage_close(&stage);
}

/* Room_started alone is not refused for good: there may be room when the caller comes. */
static void test_judged_anew_when_the_caller_comes(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 0);
    open_plain(&stage, &options);
    call_comes(&stage, "RM_1");
    buf_clear(&stage.log);
    stage_room(&stage, EVENT_room_started, "RM_2");
    stage_did(&stage, "");
    stage_is(&stage, "RM_2", "waiting");
    call_goes(&stage, "RM_1");
    buf_clear(&stage.log);
    stage_caller(&stage, "RM_2", "PA_2", "+331");
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_2;start RM_2 support;");
    stage_close(&stage);
}

/* LiveKit is not asked for the number of a call that gets no agent anyway. */
static void test_uncertain_calls_are_refused_too(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 0);
    stage_open(&stage, &options);
    stage_rules(&stage,
                "[{\"pattern\":\"+331\",\"agent_name\":\"support\"},{\"pattern\":\"*\",\"agent_name\":\"sales\"}]",
                STAGE_AGENTS);
    call_comes(&stage, "RM_1");
    buf_clear(&stage.log);
    call_comes(&stage, "RM_2");
    stage_did(&stage, "delete RM_2 sip-inbound_RM_2;");
    stage_close(&stage);
}

/* A caller whom a rule rejects is rejected, not told that we are busy. */
static void test_rejects_come_first(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 0);
    stage_open(&stage, &options);
    stage_rules(&stage, "[{\"pattern\":\"+331\",\"caller\":\"+49111\",\"reject\":true}]", STAGE_AGENTS);
    bridge_memory_short(stage.bridge, true);
    call_comes(&stage, "RM_1");
    stage_is(&stage, "RM_1", "hanging-up/REJECTED");
    stage_close(&stage);
}

static void test_without_the_api_the_reason_is_all(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 0);
    options.policy.close_room = false;
    open_plain(&stage, &options);
    call_comes(&stage, "RM_1");
    call_comes(&stage, "RM_2");
    stage_is(&stage, "RM_2", "");
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_OVERLOAD], 1);
    stage_close(&stage);
}

/* The agent of a call in progress is replaced whatever the limits say. */
static void test_replacements_are_never_refused(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 1);
    open_plain(&stage, &options);
    call_comes(&stage, "RM_1");
    speaks(&stage, "RM_1");
    bridge_memory_short(stage.bridge, true);
    buf_clear(&stage.log);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_did(&stage, "mint sip-inbound_RM_1 sip-agent-RM_1;start RM_1 support;");
    stage_is(&stage, "RM_1", "starting");
    stage_close(&stage);
}

static void test_starts_within_a_second(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(0, 2);
    open_plain(&stage, &options);
    call_comes(&stage, "RM_1");
    stage.now += 500;
    call_comes(&stage, "RM_2");
    stage.now += 499;
    call_comes(&stage, "RM_3");
    stage_is(&stage, "RM_3", "hanging-up/OVERLOAD");
    assert_int_equal(bridge_load(stage.bridge, stage.now).starts, 2);
    stage.now += 1;
    call_comes(&stage, "RM_4");
    stage_is(&stage, "RM_4", "starting");
    bridge_room_deleted(stage.bridge, "RM_3", stage.now);
    assert_int_equal(bridge_counters(stage.bridge)->limited[LIMIT_STARTS], 1);
    stage_close(&stage);
}

static void test_memory(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(0, 0);
    open_plain(&stage, &options);
    bridge_memory_short(stage.bridge, true);
    call_comes(&stage, "RM_1");
    stage_is(&stage, "RM_1", "hanging-up/OVERLOAD");
    bridge_memory_short(stage.bridge, false);
    call_comes(&stage, "RM_2");
    stage_is(&stage, "RM_2", "starting");
    stage_close(&stage);
}

/* A call that is one again does not stand in its own way. */
static void test_a_call_again_is_counted_once(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(1, 0);
    options.policy.close_room = false;
    open_plain(&stage, &options);
    stage_caller(&stage, "RM_1", "PA_1", "+331");
    stage_answer(&stage, "RM_1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    stage_caller(&stage, "RM_1", "PA_2", "+331");
    stage_is(&stage, "RM_1", "starting");
    assert_int_equal(bridge_load(stage.bridge, stage.now).served, 1);
    stage_close(&stage);
}

/* --- circuits --- */

static void open_two(struct stage *stage) {
    struct bridge_options options = limited(0, 0);
    options.default_agent = "support";
    stage_open(stage, &options);
    stage_rules(stage, "[{\"pattern\":\"*\",\"agent_name\":\"loop\"}]",
                "{\"loop\":{\"command\":[\"run\"],\"stop_timeout\":\"5s\"},"
                "\"support\":{\"command\":[\"run\"],\"stop_timeout\":\"5s\"}}");
    buf_clear(&stage->log);
}

static void agent_is(struct stage *stage, const char *sid, const char *agent) {
    struct stage_look look = stage_state(stage, sid);
    assert_string_equal(look.view.agent, agent);
}

/* A call in which every process fails. */
static void fails_to_the_end(struct stage *stage, const char *sid) {
    call_comes(stage, sid);
    agent_is(stage, sid, "loop");
    for (unsigned i = 0; i < 1 + CALL_REPLACEMENTS; i++) {
        stage_engine(stage, sid, ENGINE_STARTED, 0);
        stage_engine(stage, sid, ENGINE_EXITED, 1);
    }
    stage_is(stage, sid, "hanging-up/AGENT_FAILED");
    bridge_room_deleted(stage->bridge, sid, stage->now);
}

static void note_circuit(void *context, const struct bridge_circuit *circuit) {
    buf_addf(context, "%s %s %u %lld;", circuit->agent, circuit->state, circuit->failures,
             (long long)circuit->tried_in_ms);
}

static void circuits_are(struct stage *stage, const char *wanted) {
    cleanup_buf struct buf text = {0};
    buf_adds(&text, "");
    bridge_each_circuit(stage->bridge, stage->now, note_circuit, &text);
    assert_string_equal(text.p != NULL ? text.p : "", wanted);
}

static void test_crash_loop(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    fails_to_the_end(&stage, "RM_1");
    circuits_are(&stage, "loop closed 4 0;"); /* one call alone is no proof */
    assert_false(bridge_is_resting(stage.bridge));
    fails_to_the_end(&stage, "RM_2");
    circuits_are(&stage, "loop open 5 10000;");
    assert_true(bridge_is_resting(stage.bridge));
    call_comes(&stage, "RM_3");
    agent_is(&stage, "RM_3", "support");
    stage.now += CIRCUIT_OPEN_MS;
    circuits_are(&stage, "loop trial 5 0;");
    call_comes(&stage, "RM_4");
    agent_is(&stage, "RM_4", "loop");
    call_comes(&stage, "RM_5"); /* one call tries, no more */
    agent_is(&stage, "RM_5", "support");
    call_comes(&stage, "RM_6");
    agent_is(&stage, "RM_6", "support");
    stage_close(&stage);
}

static void test_the_trial_decides(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    fails_to_the_end(&stage, "RM_1");
    fails_to_the_end(&stage, "RM_2");
    stage.now += CIRCUIT_OPEN_MS;
    fails_to_the_end(&stage, "RM_3");
    circuits_are(&stage, "loop open 5 20000;");
    stage.now += 2 * CIRCUIT_OPEN_MS;
    call_comes(&stage, "RM_4");
    call_goes(&stage, "RM_4"); /* the caller did not wait for it: the next call tries */
    stage_engine(&stage, "RM_4", ENGINE_EXITED, 0);
    call_comes(&stage, "RM_5");
    agent_is(&stage, "RM_5", "loop");
    speaks(&stage, "RM_5");
    assert_false(bridge_is_resting(stage.bridge));
    circuits_are(&stage, "");
    call_comes(&stage, "RM_6");
    agent_is(&stage, "RM_6", "loop");
    stage_close(&stage);
}

static void test_who_crashes_right_after_hello(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    for (unsigned i = 0; i < CIRCUIT_FAILURES; i++) {
        cleanup_free char *sid = xasprintf("RM_%u", i);
        call_comes(&stage, sid);
        agent_is(&stage, sid, "loop");
        speaks(&stage, sid);
        stage.now += 200;
        stage_engine(&stage, sid, ENGINE_EXITED, 1);
        call_goes(&stage, sid);
    }
    circuits_are(&stage, "loop open 5 10000;");
    stage_close(&stage);
}

/* To crash late is no loop, nor to be told to end, nor to end a call properly. */
static void test_what_is_no_failure(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    for (unsigned i = 0; i < 2 * CIRCUIT_FAILURES; i++) {
        cleanup_free char *sid = xasprintf("RM_%u", i);
        call_comes(&stage, sid);
        if (i % 2 == 0) {
            speaks(&stage, sid);
            stage.now += CIRCUIT_EARLY_MS;
            stage_engine(&stage, sid, ENGINE_EXITED, 1);
        }
        call_goes(&stage, sid);
        stage_engine(&stage, sid, ENGINE_EXITED, 143);
    }
    circuits_are(&stage, "");
    stage_close(&stage);
}

/* It was started, and was killed because it did not speak. */
static void test_hanging_counts(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    call_comes(&stage, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_wait(&stage, call_policy_default.ready_ms);
    bridge_not_ready(stage.bridge, "RM_1", stage.now);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 137);
    circuits_are(&stage, "loop closed 1 0;");
    stage_close(&stage);
}

static void test_livekits_failures_are_not_the_agents(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    fails_to_the_end(&stage, "RM_1");
    bridge_livekit_away(stage.bridge, true, stage.now); /* so that is why */
    circuits_are(&stage, "");
    bridge_livekit_away(stage.bridge, false, stage.now);
    fails_to_the_end(&stage, "RM_2");
    call_comes(&stage, "RM_3");
    stage_engine(&stage, "RM_3", ENGINE_STARTED, 0);
    struct webhook_event again = stage_event(EVENT_room_started, "RM_3", "sip-inbound_RM_3");
    stage.now += 10;
    bridge_webhook(stage.bridge, &again, stage.now); /* of a known sid: LiveKit restarted */
    circuits_are(&stage, "");
    stage_engine(&stage, "RM_3", ENGINE_EXITED, 1); /* and what it disconnected may end for that */
    circuits_are(&stage, "");
    call_comes(&stage, "RM_4");
    stage_engine(&stage, "RM_4", ENGINE_STARTED, 0);
    bridge_livekit_away(stage.bridge, true, stage.now);
    stage_engine(&stage, "RM_4", ENGINE_EXITED, 1); /* as may what it is away from */
    circuits_are(&stage, "");
    stage_close(&stage);
}

/* What was put right is tried at once. */
static void test_new_agents_start_afresh(void **state) {
    (void)state;
    struct stage stage;
    open_two(&stage);
    fails_to_the_end(&stage, "RM_1");
    fails_to_the_end(&stage, "RM_2");
    bridge_set_rules(stage.bridge, stage.rules, stage.directory, true, stage.now); /* the same */
    assert_true(bridge_is_resting(stage.bridge));
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"loop\"}]", "{\"loop\":{\"command\":[\"mended\"]}}");
    assert_false(bridge_is_resting(stage.bridge));
    call_comes(&stage, "RM_3");
    agent_is(&stage, "RM_3", "loop");
    stage_close(&stage);
}

/* Names may come from outside: those that failed are not remembered without end. */
static void test_few_names_are_remembered(void **state) {
    (void)state;
    struct stage stage;
    struct bridge_options options = limited(0, 0);
    static char *command[] = {"run", NULL};
    static const struct directory_defaults defaults = {.command = command};
    stage_open(&stage, &options);
    stage.directory = directory_of_command(&defaults);
    bridge_set_rules(stage.bridge, NULL, stage.directory, true, stage.now);
    for (unsigned i = 0; i < 3000; i++) {
        cleanup_free char *sid = xasprintf("RM_%u", i), *metadata = xasprintf("{\"agent_name\":\"agent-%u\"}", i);
        struct webhook_event event = stage_event(EVENT_room_started, sid, sid);
        cleanup_free char *room = xasprintf("sip-inbound_%u", i);
        event.room.name = slice_of(room);
        event.room.metadata = slice_of(metadata);
        bridge_webhook(stage.bridge, &event, stage.now);
        stage_engine(&stage, sid, ENGINE_START_FAILED, 0);
        event.kind = EVENT_room_finished;
        bridge_webhook(stage.bridge, &event, stage.now);
    }
    cleanup_buf struct buf text = {0};
    bridge_each_circuit(stage.bridge, stage.now, note_circuit, &text);
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.p[i] == ';';
    }
    assert_in_range(count, 1, 1024);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_above_the_limit_are_told_at_once),
        cmocka_unit_test(test_judged_anew_when_the_caller_comes),
        cmocka_unit_test(test_uncertain_calls_are_refused_too),
        cmocka_unit_test(test_rejects_come_first),
        cmocka_unit_test(test_without_the_api_the_reason_is_all),
        cmocka_unit_test(test_replacements_are_never_refused),
        cmocka_unit_test(test_starts_within_a_second),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_a_call_again_is_counted_once),
        cmocka_unit_test(test_crash_loop),
        cmocka_unit_test(test_the_trial_decides),
        cmocka_unit_test(test_who_crashes_right_after_hello),
        cmocka_unit_test(test_what_is_no_failure),
        cmocka_unit_test(test_hanging_counts),
        cmocka_unit_test(test_livekits_failures_are_not_the_agents),
        cmocka_unit_test(test_new_agents_start_afresh),
        cmocka_unit_test(test_few_names_are_remembered),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
