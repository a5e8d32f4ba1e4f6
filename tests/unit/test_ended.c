/* What a call leaves when it is over: its record, once, also after a restart; and the times and counts of metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/journal.h"
#include "bridge_stage.h"

#define RULES "[{\"pattern\":\"+1*\",\"agent_name\":\"support\"},{\"pattern\":\"+9*\",\"agent_name\":\"gone\"}]"

enum { CREATED_S = 1700000900 };

/* A call that rings for 400 ms and talks. */
static void talk(struct stage *stage) {
    struct webhook_event started = stage_event(EVENT_room_started, "RM_1", STAGE_ROOM);
    started.created_at_s = CREATED_S;
    bridge_webhook(stage->bridge, &started, stage->now);
    stage->now += 100;
    stage_caller(stage, "RM_1", "PA_1", "+1555");
    stage->now += 300;
    stage_answer(stage, "RM_1");
    stage_is(stage, "RM_1", "talking");
}

static void open_talking(struct stage *stage) {
    stage_open(stage, NULL);
    stage_rules(stage, RULES, STAGE_AGENTS);
    talk(stage);
}

/* The caller hangs up after 5 s of talk; the process needs another second. */
static void end(struct stage *stage) {
    stage->now += 5000;
    stage_caller_leaves(stage, "RM_1", "PA_1");
    stage->now += 1000;
    assert_int_equal(stage->ended.len, 0);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
}

static struct call_record read_one(const struct stage *stage) {
    struct call_record record;
    struct diag diag = {0};
    assert_true(stage->ended.len > 0);
    assert_ptr_equal(memchr(stage->ended.p, '\n', stage->ended.len), stage->ended.p + stage->ended.len - 1);
    assert_true(call_record_read((struct slice){stage->ended.p, stage->ended.len - 1}, &record, &diag));
    return record;
}

static void check_record(const struct stage *stage) {
    struct call_record record = read_one(stage);
    assert_true(slice_is(record.sid, "RM_1") && slice_is(record.room, STAGE_ROOM));
    assert_true(slice_is(record.caller, "+49111") && slice_is(record.called, "+1555"));
    assert_true(slice_is(record.trunk, "ST_1") && slice_is(record.dispatch_rule, "SDR_1"));
    assert_true(slice_is(record.agent, "support") && slice_is(record.chosen, "RULE"));
    assert_true(slice_is(record.rule, "rule [0] (+1*, priority 100)"));
    assert_true(slice_is(record.end, "CALLER_LEFT") && record.limit.n == 0);
    assert_true(record.created == INT64_C(1000) * CREATED_S);
    assert_int_equal(record.ring_ms, 400);
    assert_int_equal(record.answered - record.first_seen, 400);
    assert_int_equal(record.ended - record.first_seen, record.duration_ms);
    assert_int_equal(record.ring_ms + record.talk_ms, record.duration_ms);
    assert_int_equal(record.starts, 1);
    assert_int_equal(record.restarts, 0);
    call_record_release(&record);
}

static void test_record(void **state) {
    (void)state;
    struct stage stage;
    open_talking(&stage);
    end(&stage);
    check_record(&stage);
    struct call_record record = read_one(&stage);
    assert_int_equal(record.talk_ms, 5000); /* until the caller left, not until the process was gone */
    call_record_release(&record);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_room(&stage, EVENT_room_finished, "RM_1");
    check_record(&stage); /* still one */
    stage_close(&stage);
}

static void restart(struct stage *former, struct stage *next, int64_t after) {
    struct journal_entry entry;
    struct diag diag = {0};
    assert_true(bridge_flush(former->bridge));
    stage_open(next, &former->options);
    next->now = former->now + after;
    stage_rules(next, RULES, STAGE_AGENTS);
    assert_true(journal_read(buf_slice(&former->journal), &entry, &diag));
    assert_true(bridge_restore(next->bridge, &entry, next->now, &diag));
    journal_release(&entry);
    memcpy(next->instance, former->instance, sizeof next->instance);
    stage_close(former);
}

static void test_record_after_a_restart(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    restart(&former, &stage, 2000);
    end(&stage);
    check_record(&stage);
    stage_close(&stage);
}

static void test_restart_while_it_ends(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    former.now += 5000;
    stage_caller_leaves(&former, "RM_1", "PA_1");
    restart(&former, &stage, 2000);
    stage.now += 1000;
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    check_record(&stage);
    struct call_record record = read_one(&stage);
    assert_int_equal(record.talk_ms, 5000); /* its end was known before */
    call_record_release(&record);
    stage_close(&stage);
}

static void test_over_is_not_told_again(void **state) {
    (void)state;
    struct stage former, stage;
    open_talking(&former);
    end(&former);
    restart(&former, &stage, 2000);
    stage_room(&stage, EVENT_room_finished, "RM_1");
    stage_wait(&stage, 200000);
    assert_int_equal(stage.ended.len, 0);
    stage_close(&stage);
}

static void test_killed(void **state) {
    (void)state;
    struct stage stage;
    open_talking(&stage);
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    struct engine_event event = {.kind = ENGINE_EXITED, .label = "RM_1", .exit_kind = EXIT_SIGNAL, .exit_value = 9};
    memcpy(event.instance, stage.instance, sizeof event.instance);
    bridge_engine(stage.bridge, &event, stage.now);
    struct call_record record = read_one(&stage);
    assert_int_equal(record.kills, 1);
    assert_int_equal(bridge_counters(stage.bridge)->stops, 1);
    call_record_release(&record);
    stage_close(&stage);
}

static void test_no_call_has_no_record(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    stage_rules(&stage, RULES, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_wait(&stage, 60000); /* an agent was started in good time, and is stopped */
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 0);
    assert_int_equal(bridge_counters(stage.bridge)->ends[END_NOT_A_CALL], 1);
    assert_int_equal(stage.ended.len, 0);
    stage_close(&stage);
}

static void test_nobody_answers(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    stage_rules(&stage, RULES, STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_caller(&stage, "RM_1", "PA_1", "+9"); /* its agent is not in the directory */
    struct call_record record = read_one(&stage);
    assert_true(slice_is(record.end, "NO_AGENT"));
    assert_true(record.agent.n == 0 && record.chosen.n == 0 && record.rule.n == 0);
    assert_true(record.answered == 0 && record.ring_ms == -1 && record.talk_ms == -1);
    call_record_release(&record);
    stage_close(&stage);
}

static uint64_t total(const struct histogram *histogram) {
    uint64_t count = 0;
    for (size_t i = 0; i <= BUCKETS_MOST; i++) {
        count += histogram->counts[i];
    }
    return count;
}

static void test_times(void **state) {
    (void)state;
    struct stage stage;
    open_talking(&stage);
    const struct bridge_times *times = bridge_times(stage.bridge);
    assert_int_equal(total(&times->ring), 1);
    assert_int_equal(times->ring.sum_us, 400000);
    assert_int_equal(total(&times->decision), 1);
    assert_int_equal(times->decision.sum_us, 100000); /* two rules: the number was waited for */
    assert_int_equal(total(&times->start), 1);
    assert_int_equal(times->start.sum_us, 300000);
    stage_close(&stage);
}

static void count_agent(void *context, const struct bridge_agent *agent) {
    buf_addf(context, "%s=%zu%s ", agent->name, agent->calls, agent->is_resting ? "!" : "");
}

static void test_views(void **state) {
    (void)state;
    struct stage stage;
    cleanup_buf struct buf agents = {0};
    size_t phases[CALL_PHASE_COUNT], sum = 0;
    open_talking(&stage);
    bridge_phases(stage.bridge, phases);
    for (unsigned i = 0; i < CALL_PHASE_COUNT; i++) {
        sum += phases[i];
    }
    assert_int_equal(phases[PHASE_TALKING], 1);
    assert_int_equal(sum, 1);
    bridge_each_agent(stage.bridge, stage.now, count_agent, &agents);
    assert_string_equal(agents.p, "support=1 sales=0 ");
    end(&stage);
    bridge_phases(stage.bridge, phases);
    assert_int_equal(phases[PHASE_TALKING], 0);
    assert_int_equal(bridge_tombstones(stage.bridge), 1);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_record_after_a_restart),
        cmocka_unit_test(test_restart_while_it_ends),
        cmocka_unit_test(test_over_is_not_told_again),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_no_call_has_no_record),
        cmocka_unit_test(test_nobody_answers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
