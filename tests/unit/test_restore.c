/* Calls that a new bridge takes back from the journal of the former one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/journal.h"
#include "bridge_stage.h"

#define RULES "[{\"pattern\":\"*\",\"agent_name\":\"support\",\"metadata\":{\"language\":\"fr\"}}]"

static void open_with_rules(struct stage *stage, const struct bridge_options *options) {
    stage_open(stage, options);
    stage_rules(stage, RULES, STAGE_AGENTS);
}

/* A bridge with one call that talks. */
static void open_talking(struct stage *stage) {
    open_with_rules(stage, NULL);
    stage_room(stage, EVENT_room_started, "RM_1");
    stage_caller(stage, "RM_1", "PA_1", "+1555");
    stage->now++; /* else the caller might be one whom it did not hear */
    stage_answer(stage, "RM_1");
    stage_is(stage, "RM_1", "talking");
    buf_clear(&stage->log);
}

static bool restore(struct stage *stage, struct slice text, struct diag *diag) {
    struct journal_entry entry;
    assert_true(journal_read(text, &entry, diag));
    bool good = bridge_restore(stage->bridge, &entry, stage->now, diag);
    journal_release(&entry);
    return good;
}

/* Ends FORMER and goes on, AFTER ms later, in NEXT with what was kept last; rules are there first if they are given. */
static void restart(struct stage *former, struct stage *next, int64_t after, const char *rules) {
    struct diag diag = {0};
    assert_true(bridge_flush(former->bridge));
    stage_open(next, &former->options);
    next->now = former->now + after;
    if (rules != NULL) {
        stage_rules(next, rules, STAGE_AGENTS);
    }
    if (!restore(next, buf_slice(&former->journal), &diag)) {
        fail_msg("%s %s", diag.where, diag.what);
    }
    next->instances = former->instances;
    stage_close(former);
}

static void test_call_goes_on(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 3000, RULES);
    stage_did(&stage, "adopt RM_1 support pid=4711 birth=12;");
    stage_is(&stage, "RM_1", "talking");
    struct stage_look look = stage_state(&stage, "RM_1");
    assert_int_equal(look.view.pid, 4711);
    assert_string_equal(look.view.agent, "support");
    assert_true(slice_is(look.view.called, "+1555") && slice_is(look.view.caller, "+49111"));
    assert_int_equal(bridge_counters(stage.bridge)->answered, 0);
    assert_int_equal(bridge_counters(stage.bridge)->restored, 1);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_did(&stage, "stop RM_1 after=0 timeout=5000;");
    stage_is(&stage, "RM_1", "stopping/CALLER_LEFT");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(&stage, "RM_1", "");
    stage_close(&stage);
}

/* Attributes may be longer than an entry may hold of them: it is one that can be read all the same. */
static void test_attributes_too_long_for_an_entry(void **state) {
    (void)state;
    struct stage former, stage;
    cleanup_buf struct buf attributes = {0};
    open_with_rules(&former, NULL);
    buf_adds(&attributes, "{\"sip.h.x\":\"");
    while (attributes.len <= ENGINE_LINE_MAX) {
        buf_adds(&attributes, "0123456789abcdef");
    }
    buf_adds(&attributes, "\"}");
    struct webhook_event event = stage_caller_event("RM_1", "PA_1", "+1555");
    event.participant.attributes = buf_slice(&attributes);
    bridge_webhook(former.bridge, &event, former.now);
    stage_answer(&former, "RM_1");
    restart(&former, &stage, 3000, RULES);
    stage_did(&stage, "adopt RM_1 support pid=4711 birth=12;");
    stage_close(&stage);
}

static void test_events_told_again_change_nothing(void **state) {
    (void)state;
    struct stage former, stage;
    open_with_rules(&former, NULL);
    struct webhook_event started = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
    started.id = SLICE("EV_1");
    bridge_webhook(former.bridge, &started, former.now);
    stage_caller(&former, "RM_1", "PA_1", "+1555");
    stage_answer(&former, "RM_1");
    restart(&former, &stage, 1000, RULES);
    buf_clear(&stage.log);
    bridge_webhook(stage.bridge, &started, stage.now);
    stage_caller(&stage, "RM_1", "PA_1", "+1555");
    stage_answer(&stage, "RM_1");
    stage_is(&stage, "RM_1", "talking");
    stage_wait(&stage, 60000);
    stage_is(&stage, "RM_1", "talking");
    stage_did(&stage, "");
    stage_close(&stage);
}

/* LiveKit is asked for people by name: the names of who was there before are known, and kept again. */
static void test_names_are_known(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    assert_true(bridge_flush(former.bridge));
    const char *begin = strstr(former.journal.p, "\"identities\":[{");
    assert_non_null(begin);
    cleanup_free char *names = xmemdup(begin, strcspn(begin, "]"));
    assert_non_null(strstr(names, "\"text\":\"PA_1\""));
    restart(&former, &stage, 3000, RULES);
    stage_person(&stage, EVENT_participant_joined, "RM_1", "PA_9", KIND_STANDARD);
    assert_true(bridge_flush(stage.bridge));
    assert_non_null(strstr(stage.journal.p, names));
    stage_close(&stage);
}

static void test_agent_that_died_meanwhile_is_replaced(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 1000, RULES);
    buf_clear(&stage.log);
    struct engine_event event = {.kind = ENGINE_EXITED, .exit_kind = EXIT_UNKNOWN, .label = "RM_1"};
    memcpy(event.instance, stage.instance, sizeof event.instance);
    bridge_engine(stage.bridge, &event, stage.now);
    stage_is(&stage, "RM_1", "parting");
    stage_wait(&stage, 2000);
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;");
    assert_non_null(strstr(stage.job_line.p, "\"language\":\"fr\""));
    assert_non_null(strstr(stage.job_env.p, "SIP_CALLED_NUMBER=+1555\n"));
    stage_close(&stage);
}

static void test_call_that_the_agent_ended_meanwhile_is_over(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 1000, RULES);
    struct engine_event event = {.kind = ENGINE_EXITED, .exit_kind = EXIT_UNKNOWN, .label = "RM_1"};
    memcpy(event.instance, stage.instance, sizeof event.instance);
    bridge_engine(stage.bridge, &event, stage.now);
    stage_person(&stage, EVENT_participant_left, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_is(&stage, "RM_1", "");
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_AGENT_DONE], 1);
    stage_close(&stage);
}

/* Whether LiveKit is there is not known after a restart: it is asked before the next agent is started. */
/* Its agent ended with status 0 just before, and whether it had left on purpose was still to be heard. */
static void test_agent_whose_leaving_nobody_heard_of_is_replaced(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    stage_engine(&former, "RM_1", ENGINE_EXITED, 0);
    stage_is(&former, "RM_1", "parting");
    restart(&former, &stage, 2000, RULES);
    stage_is(&stage, "RM_1", "starting");
    stage_close(&stage);
}

static void test_no_agent_is_started_before_livekit_is_heard_of(void **state) {
    (void)state;
    for (int away = 0; away <= 1; away++) {
        struct stage former, stage;
        struct diag diag = {0};
        open_talking(&former);
        assert_true(bridge_flush(former.bridge));
        stage_open(&stage, &former.options);
        stage.now = former.now + 1000;
        stage_rules(&stage, RULES, STAGE_AGENTS);
        bridge_presume_away(stage.bridge);
        assert_true(restore(&stage, buf_slice(&former.journal), &diag));
        stage.instances = former.instances;
        buf_clear(&stage.log);
        struct engine_event event = {.kind = ENGINE_EXITED, .exit_kind = EXIT_UNKNOWN, .label = "RM_1"};
        memcpy(event.instance, former.instance, sizeof event.instance);
        bridge_engine(stage.bridge, &event, stage.now);
        stage_wait(&stage, 4000);
        stage_did(&stage, "");
        bridge_livekit_away(stage.bridge, away != 0, stage.now);
        stage_did(&stage, away != 0 ? "" : "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;");
        bridge_livekit_away(stage.bridge, false, stage.now);
        stage_did(&stage, away != 0 ? "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;" : "");
        stage_close(&former);
        stage_close(&stage);
    }
}

/* sales: 3 s alone, then SIGTERM, then 2 s. */
static void test_stop_goes_on_with_the_time_that_is_left(void **state) {
    (void)state;
    static const struct {
        int64_t after;
        const char *wanted;
    } cases[] = {
        {1000, "adopt RM_1 sales pid=4711 birth=12;stop RM_1 after=2000 timeout=2000;"},
        {3500, "adopt RM_1 sales pid=4711 birth=12;stop RM_1 after=0 timeout=1500;"},
        {99000, "adopt RM_1 sales pid=4711 birth=12;stop RM_1 after=0 timeout=0;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage former, stage;
        stage_open(&former, NULL);
        stage_rules(&former, "[{\"pattern\":\"*\",\"agent_name\":\"sales\"}]", STAGE_AGENTS);
        stage_room(&former, EVENT_room_started, "RM_1");
        stage_caller(&former, "RM_1", "PA_1", "+1555");
        stage_engine(&former, "RM_1", ENGINE_STARTED, 0);
        stage_caller_leaves(&former, "RM_1", "PA_1");
        restart(&former, &stage, cases[i].after, RULES);
        stage_did(&stage, cases[i].wanted);
        stage_is(&stage, "RM_1", "stopping/CALLER_LEFT");
        stage_close(&stage);
    }
}

static void test_hang_up_goes_on(void **state) {
    (void)state;
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default;
    struct stage former, stage;
    open_with_rules(&former, &options);
    stage_room(&former, EVENT_room_started, "RM_1");
    stage_caller(&former, "RM_1", "PA_1", "+1555");
    stage_person(&former, EVENT_track_published, "RM_1", "PA_1", KIND_SIP);
    stage_engine(&former, "RM_1", ENGINE_STARTED, 0);
    bridge_stop(former.bridge, "RM_1", former.now);
    stage_engine(&former, "RM_1", ENGINE_EXITED, 0);
    stage_is(&former, "RM_1", "hanging-up/OPERATOR");
    restart(&former, &stage, 1000, RULES);
    stage_did(&stage, "delete RM_1 sip-inbound_x;");
    stage_is(&stage, "RM_1", "hanging-up/OPERATOR");
    bridge_room_deleted(stage.bridge, "RM_1", stage.now);
    stage_is(&stage, "RM_1", "");
    stage_close(&stage);
}

/* The agent may have spoken while nobody listened: it has its time once more, but not again and again. */
static void test_ready_time_out_begins_anew_once(void **state) {
    (void)state;
    struct stage former, second, third;
    open_with_rules(&former, NULL);
    stage_room(&former, EVENT_room_started, "RM_1");
    stage_caller(&former, "RM_1", "PA_1", "+1555");
    stage_engine(&former, "RM_1", ENGINE_STARTED, 0);
    restart(&former, &second, 9999, RULES);
    stage_is(&second, "RM_1", "joining");
    stage_wait(&second, 9000);
    stage_is(&second, "RM_1", "joining");
    restart(&second, &third, 500, RULES);
    stage_is(&third, "RM_1", "joining");
    stage_wait(&third, 600);
    stage_did(&third, "adopt RM_1 support pid=4711 birth=12;kill RM_1;");
    stage_close(&third);
}

static void test_caller_who_may_be_back_is_waited_for(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    struct webhook_event left = stage_caller_event("RM_1", "PA_1", "");
    left.kind = EVENT_participant_left;
    left.participant.disconnect_reason = DISCONNECT_SIGNAL_CLOSE;
    bridge_webhook(former.bridge, &left, former.now);
    stage_is(&former, "RM_1", "grace");
    restart(&former, &stage, 60000, RULES);
    stage_is(&stage, "RM_1", "grace");
    stage_caller(&stage, "RM_1", "PA_2", "+1555");
    stage_is(&stage, "RM_1", "talking");
    stage_close(&stage);
}

static void test_intent_without_a_process_is_sought(void **state) {
    (void)state;
    struct stage former, stage;
    open_with_rules(&former, NULL);
    stage_room(&former, EVENT_room_started, "RM_1");
    stage_caller(&former, "RM_1", "PA_1", "+1555");
    restart(&former, &stage, 100, RULES);
    stage_did(&stage, "adopt RM_1 support pid=0 birth=0;");
    stage_is(&stage, "RM_1", "starting");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_is(&stage, "RM_1", "joining");
    stage_close(&stage);
}

static void test_undecided_call_waits_for_the_first_rules(void **state) {
    (void)state;
    struct stage former, stage;
    stage_open(&former, NULL);
    stage_room(&former, EVENT_room_started, "RM_1");
    stage_caller(&former, "RM_1", "PA_1", "+1555");
    restart(&former, &stage, 20000, NULL);
    stage_is(&stage, "RM_1", "deciding");
    stage_rules(&stage, RULES, STAGE_AGENTS);
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;");
    stage_close(&stage);
}

/* Its agent is to be replaced before the directory is there, and is not in it any more. */
static void test_agent_that_is_no_longer_known(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 1000, NULL);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_is(&stage, "RM_1", "starting");
    stage_did(&stage, "adopt RM_1 support pid=4711 birth=12;");
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"other\"}]", "{\"other\":{\"command\":[\"run\"]}}");
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 other;");
    stage_close(&stage);
}

static void test_directory_that_never_comes(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 1000, NULL);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    stage_wait(&stage, 8000);
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_NO_AGENT], 1);
    stage_close(&stage);
}

static void test_entry_is_taken_from_the_directory_as_it_is_now(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 1000, NULL);
    stage_rules(&stage, RULES, "{\"support\":{\"command\":[\"newer\"],\"stop_timeout\":\"1s\"}}");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    assert_string_equal(stage.job_command.p, "newer ");
    buf_clear(&stage.log);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_did(&stage, "stop RM_1 after=0 timeout=1000;");
    stage_close(&stage);
}

static void test_call_that_is_over_stays_known(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    stage_caller_leaves(&former, "RM_1", "PA_1");
    assert_true(bridge_flush(former.bridge)); /* what is then still to be kept is the end alone */
    stage_engine(&former, "RM_1", ENGINE_EXITED, 0);
    restart(&former, &stage, 1000, RULES);
    assert_int_equal(bridge_live(stage.bridge), 0);
    stage_caller(&stage, "RM_1", "PA_1", "+1555"); /* late */
    assert_int_equal(bridge_live(stage.bridge), 0);
    stage_did(&stage, "");
    stage_wait(&stage, 130000);
    stage_did(&stage, "drop RM_1;");
    assert_true(bridge_next_due(stage.bridge) == MONO_NEVER);
    stage_close(&stage);
}

static void at_second(struct stage *stage, struct webhook_event event, int64_t created_at_s) {
    event.created_at_s = created_at_s;
    bridge_webhook(stage->bridge, &event, stage->now);
}

/* Words that were late before are late after a restart as well. */
static void test_late_words_stay_late(void **state) {
    (void)state;
    struct stage former, stage;
    struct webhook_event started = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
    struct webhook_event caller = stage_caller_event("RM_1", "PA_1", "+1555");
    open_with_rules(&former, NULL);
    at_second(&former, started, 1000);
    caller.participant.listed_since_s = 1010; /* of LiveKit's list, which has no time of its own */
    at_second(&former, caller, 0);
    stage_answer(&former, "RM_1");
    stage_is(&former, "RM_1", "talking");
    restart(&former, &stage, 3000, RULES);
    at_second(&stage, stage_event(EVENT_room_started, "RM_0", STAGE_ROOM), 990); /* of an older room of that name */
    stage_is(&stage, "RM_0", "");
    at_second(&stage, started, 1005); /* PA_1 came after it */
    stage_is(&stage, "RM_1", "talking");
    stage_close(&stage);
}

static void test_caller_told_after_the_end_stays_late(void **state) {
    (void)state;
    struct stage former, stage;
    open_with_rules(&former, NULL);
    at_second(&former, stage_event(EVENT_room_started, "RM_1", STAGE_ROOM), 1000);
    stage_engine(&former, "RM_1", ENGINE_STARTED, 0);
    at_second(&former, stage_event(EVENT_room_finished, "RM_1", STAGE_ROOM), 1010);
    stage_engine(&former, "RM_1", ENGINE_EXITED, 0);
    restart(&former, &stage, 1000, RULES);
    at_second(&stage, stage_caller_event("RM_1", "PA_1", "+1555"), 1009);
    assert_int_equal(bridge_live(stage.bridge), 0);
    at_second(&stage, stage_caller_event("RM_1", "PA_2", "+1555"), 1012);
    assert_int_equal(bridge_live(stage.bridge), 1);
    stage_close(&stage);
}

/* LiveKit tells a room's metadata once. */
static void test_agent_that_the_room_named(void **state) {
    (void)state;
    struct stage former, stage;
    stage_open(&former, NULL);
    struct webhook_event started = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
    started.room.metadata = SLICE("{\"agent_name\":\"sales\"}");
    bridge_webhook(former.bridge, &started, former.now);
    restart(&former, &stage, 1000, RULES);
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 sales;");
    stage_close(&stage);
}

/* And what it was is not judged by what somebody writes into the room later. */
static void test_agent_that_the_room_did_not_name(void **state) {
    (void)state;
    struct stage former, stage;
    stage_open(&former, NULL);
    struct webhook_event started = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
    started.room.metadata = SLICE("{\"topic\":\"none\"}");
    bridge_webhook(former.bridge, &started, former.now);
    restart(&former, &stage, 1000, NULL);
    struct webhook_event caller = stage_caller_event("RM_1", "PA_1", "+1555");
    caller.room.metadata = SLICE("{\"agent_name\":\"sales\"}");
    bridge_webhook(stage.bridge, &caller, stage.now);
    stage_rules(&stage, RULES, STAGE_AGENTS);
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;");
    stage_close(&stage);
}

/* A call that begins, whose first agent does not speak and is killed, and that its caller leaves. */
static void play(struct stage *stage) {
    struct engine_event killed = {.kind = ENGINE_EXITED, .exit_kind = EXIT_SIGNAL, .exit_value = 9, .label = "RM_1"};
    open_with_rules(stage, NULL);
    at_second(stage, stage_caller_event("RM_1", "PA_1", "+1555"), 1000);
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    stage_wait(stage, 11000);
    memcpy(killed.instance, stage->instance, sizeof killed.instance);
    bridge_engine(stage->bridge, &killed, stage->now);
    stage_answer(stage, "RM_1");
    stage_wait(stage, 5000);
    stage_caller_leaves(stage, "RM_1", "PA_1");
    stage_is(stage, "RM_1", "stopping/CALLER_LEFT");
}

/* The call log says the same of a call, whoever saw its end. */
static void test_record_is_that_of_one_bridge(void **state) {
    (void)state;
    struct stage whole, former, stage;
    play(&whole);
    stage_wait(&whole, 3000);
    stage_engine(&whole, "RM_1", ENGINE_EXITED, 0);
    assert_non_null(strstr(whole.ended.p, "\"kills\":1"));
    assert_non_null(strstr(whole.ended.p, "\"restarts\":1"));
    play(&former);
    restart(&former, &stage, 3000, RULES);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_string_equal(stage.ended.p, whole.ended.p);
    stage_close(&whole);
    stage_close(&stage);
}

static void test_other_boot_and_known_calls_are_refused(void **state) {
    (void)state;
    struct stage former, stage;
    struct diag diag = {0};
    open_talking(&former);
    bridge_flush(former.bridge);
    stage_open(&stage, NULL);
    stage_close(&stage);
    struct bridge_options options = bridge_options_default;
    options.boot = "another";
    stage_open(&stage, &options);
    assert_false(restore(&stage, buf_slice(&former.journal), &diag));
    assert_string_equal(diag.where, "boot");
    assert_false(restore(&former, buf_slice(&former.journal), &diag));
    assert_string_equal(diag.where, "sid");
    stage_close(&stage);
    stage_close(&former);
}

/* An entry that says nonsense about time ends by its own deadlines all the same. */
static void test_times_to_come_are_now(void **state) {
    (void)state;
    struct stage stage;
    struct diag diag = {0};
    open_with_rules(&stage, NULL);
    assert_true(restore(&stage,
                        SLICE("{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"\",\"caller\":{\"known\":true},"
                              "\"facts\":{\"seen_at\":99999999999,\"had_caller\":true,\"delete_at\":99999999999,"
                              "\"legs\":[{\"state\":\"left-soft\",\"left_at\":99999999999}]}}"),
                        &diag));
    stage_wait(&stage, 5000);
    assert_int_equal(bridge_live(stage.bridge), 0);
    assert_true(
        restore(&stage,
                SLICE("{\"v\":1,\"sid\":\"RM_2\",\"room\":\"r\",\"boot\":\"\",\"caller\":{},\"agent\":\"support\","
                      "\"facts\":{\"choice\":\"agent\",\"had_caller\":true,\"spoke\":true,\"exit\":\"unknown\","
                      "\"exit_open\":true,\"exit_at\":99999999999,\"caller_at\":1,"
                      "\"legs\":[{\"state\":\"here\",\"joined_at\":1}]}}"),
                &diag));
    stage_wait(&stage, 2000);
    assert_non_null(strstr(stage.log.p, "start RM_2 support;"));
    assert_true(
        restore(&stage,
                SLICE("{\"v\":1,\"sid\":\"RM_3\",\"room\":\"r3\",\"boot\":\"\",\"caller\":{},\"agent\":\"support\","
                      "\"facts\":{\"choice\":\"agent\",\"had_caller\":true,\"caller_at\":1,"
                      "\"retry_at\":99999999999,\"legs\":[{\"state\":\"here\",\"joined_at\":1}]}}"),
                &diag));
    stage_wait(&stage, 60000); /* the longest that anything is waited for */
    assert_non_null(strstr(stage.log.p, "start RM_3 support;"));
    stage_close(&stage);
}

static void test_only_what_changed_is_kept(void **state) {
    (void)state;
    struct stage stage;
    open_talking(&stage);
    assert_true(bridge_flush(stage.bridge));
    unsigned kept = stage.kept;
    assert_true(bridge_flush(stage.bridge));
    stage_caller(&stage, "RM_1", "PA_1", "+1555"); /* known */
    stage_person(&stage, EVENT_track_published, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    assert_true(bridge_flush(stage.bridge));
    assert_int_equal(stage.kept, kept);
    stage.cannot_keep = true;
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    assert_false(bridge_flush(stage.bridge));
    assert_true(bridge_is_unkept(stage.bridge));
    stage.cannot_keep = false;
    assert_true(bridge_flush(stage.bridge));
    assert_false(bridge_is_unkept(stage.bridge));
    assert_int_equal(stage.kept, kept + 1);
    assert_non_null(strstr(stage.journal.p, "\"end\":\"CALLER_LEFT\""));
    stage_close(&stage);
}

/* The intent is there before the engine has done anything. */
static void test_intent_is_kept_before_the_start(void **state) {
    (void)state;
    struct stage stage;
    open_with_rules(&stage, NULL);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_caller(&stage, "RM_1", "PA_1", "+1555");
    assert_true(bridge_flush(stage.bridge));
    assert_non_null(strstr(stage.journal.p, "\"process\":\"starting\""));
    assert_non_null(strstr(stage.journal.p, stage.instance));
    assert_non_null(strstr(stage.journal.p, "\"agent\":\"support\""));
    assert_null(strstr(stage.journal.p, "the-token"));
    stage_close(&stage);
}

static void test_room_that_was_no_call_is_dropped(void **state) {
    (void)state;
    struct stage stage;
    open_with_rules(&stage, NULL);
    stage_room(&stage, EVENT_room_started, "RM_1");
    bridge_flush(stage.bridge);
    stage_wait(&stage, 10000);
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_non_null(strstr(stage.log.p, "drop RM_1;"));
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_goes_on),
        cmocka_unit_test(test_attributes_too_long_for_an_entry),
        cmocka_unit_test(test_events_told_again_change_nothing),
        cmocka_unit_test(test_names_are_known),
        cmocka_unit_test(test_agent_that_died_meanwhile_is_replaced),
        cmocka_unit_test(test_call_that_the_agent_ended_meanwhile_is_over),
        cmocka_unit_test(test_agent_whose_leaving_nobody_heard_of_is_replaced),
        cmocka_unit_test(test_no_agent_is_started_before_livekit_is_heard_of),
        cmocka_unit_test(test_stop_goes_on_with_the_time_that_is_left),
        cmocka_unit_test(test_hang_up_goes_on),
        cmocka_unit_test(test_ready_time_out_begins_anew_once),
        cmocka_unit_test(test_caller_who_may_be_back_is_waited_for),
        cmocka_unit_test(test_intent_without_a_process_is_sought),
        cmocka_unit_test(test_undecided_call_waits_for_the_first_rules),
        cmocka_unit_test(test_agent_that_is_no_longer_known),
        cmocka_unit_test(test_directory_that_never_comes),
        cmocka_unit_test(test_entry_is_taken_from_the_directory_as_it_is_now),
        cmocka_unit_test(test_call_that_is_over_stays_known),
        cmocka_unit_test(test_late_words_stay_late),
        cmocka_unit_test(test_caller_told_after_the_end_stays_late),
        cmocka_unit_test(test_agent_that_the_room_named),
        cmocka_unit_test(test_agent_that_the_room_did_not_name),
        cmocka_unit_test(test_record_is_that_of_one_bridge),
        cmocka_unit_test(test_other_boot_and_known_calls_are_refused),
        cmocka_unit_test(test_times_to_come_are_now),
        cmocka_unit_test(test_only_what_changed_is_kept),
        cmocka_unit_test(test_intent_is_kept_before_the_start),
        cmocka_unit_test(test_room_that_was_no_call_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
