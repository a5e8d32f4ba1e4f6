/* The bridge and an engine that has processes waiting: asked first, kept in the journal before it is told, and a call that
 * is not taken costs nothing but another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/journal.h"
#include "bridge_stage.h"

enum { WARM_PID = 815 };

/* How many wait; asked: how often the bridge asked. */
static unsigned waiting, asked, handed;

static bool reserve(void *self, const struct engine_job *job, struct engine_reserved *ret_reserved) {
    (void)self;
    asked++;
    assert_true(job->line.n > 0 && slice_is(job->secret, "the-token"));
    if (waiting == 0) {
        return false;
    }
    waiting--;
    snprintf(ret_reserved->instance, sizeof ret_reserved->instance, "%032x", 0xabc0 + handed++);
    ret_reserved->pid = WARM_PID;
    ret_reserved->birth = 99;
    return true;
}

static void open_stage(struct stage *stage, unsigned count, size_t max_starts) {
    struct bridge_options options = bridge_options_default;
    options.max_starts = max_starts;
    waiting = count;
    asked = handed = 0;
    stage_open_warm(stage, &options, NULL, reserve);
    stage_rules(stage, NULL, STAGE_AGENTS);
}

static void room_and_caller(struct stage *stage, const char *sid) {
    stage_room(stage, EVENT_room_started, sid);
    stage_caller(stage, sid, sid, "+1");
}

static struct journal_entry kept(const struct stage *stage) {
    struct journal_entry entry = {0};
    struct diag diag = {0};
    if (!journal_read(buf_slice(&stage->journal), &entry, &diag)) {
        fail_msg("%s %s", diag.where, diag.what);
    }
    return entry;
}

static void test_standby_first(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 1, 0);
    room_and_caller(&stage, "RM_1");
    stage_did(&stage, "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;");
    assert_string_equal(stage.instance, "0000000000000000000000000000abc0");
    assert_int_equal(bridge_ringing(stage.bridge), 1);
    stage_answer(&stage, "RM_1");
    assert_int_equal(bridge_ringing(stage.bridge), 0);
    const struct bridge_counters *counters = bridge_counters(stage.bridge);
    assert_true(counters->warm == 1 && counters->starts == 1 && stage.instances == 0);
    stage_close(&stage);
}

static void test_none_waits(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 0, 0);
    room_and_caller(&stage, "RM_1");
    assert_true(asked == 1 && stage.instances == 1 && bridge_counters(stage.bridge)->warm == 0);
    stage_answer(&stage, "RM_1");
    stage_close(&stage);
}

/* What a successor finds says who it is, before it was told. */
static void test_journal_has_it_before(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 1, 0);
    room_and_caller(&stage, "RM_1");
    assert_true(bridge_flush(stage.bridge));
    struct journal_entry entry = kept(&stage);
    assert_true(slice_is(entry.instance, "0000000000000000000000000000abc0"));
    assert_true(entry.pid == WARM_PID && entry.birth == 99 && entry.facts.process == PROCESS_STARTING);
    struct stage next;
    struct diag diag;
    open_stage(&next, 0, 0);
    assert_true(bridge_restore(next.bridge, &entry, next.now, &diag));
    stage_did(&next, "adopt RM_1 support pid=815 birth=99;");
    stage_engine(&next, "RM_1", ENGINE_EXITED, 0); /* it had no line: end of file */
    assert_int_equal(bridge_counters(next.bridge)->starts, 1);
    journal_release(&entry);
    stage_close(&next);
    stage_close(&stage);
}

static void test_not_taken_costs_nothing(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 2, 0);
    room_and_caller(&stage, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_NOT_TAKEN, 0);
    assert_string_equal(stage.instance, "0000000000000000000000000000abc1");
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    stage_engine(&stage, "RM_1", ENGINE_NOT_TAKEN, 0);
    assert_int_equal(stage.instances, 1); /* the next is a new one */
    const struct bridge_counters *counters = bridge_counters(stage.bridge);
    assert_true(counters->lost == 2 && counters->failed_starts == 0 && counters->starts == 3);
    assert_true(counters->restarts == 0 && stage_state(&stage, "RM_1").view.restarts == 0);
    /* Three failed starts are allowed all the same. */
    for (int i = 0; i < 3; i++) {
        stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
        stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
        stage_wait(&stage, 5000);
    }
    stage_answer(&stage, "RM_1");
    stage_is(&stage, "RM_1", "talking");
    stage_close(&stage);
}

/* An agent whose standbys never take their line is started anew before the caller loses patience. */
static void test_enough_of_it(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 100, 0);
    room_and_caller(&stage, "RM_1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stage.instances, 0);
        stage_engine(&stage, "RM_1", ENGINE_NOT_TAKEN, 0);
    }
    assert_true(stage.instances == 1 && asked == 3);
    stage_answer(&stage, "RM_1");
    stage_close(&stage);
}

static void test_late_word_of_one_that_lost_it(void **state) {
    (void)state;
    struct stage stage;
    char first[ENGINE_INSTANCE_SIZE];
    open_stage(&stage, 2, 0);
    room_and_caller(&stage, "RM_1");
    memcpy(first, stage.instance, sizeof first);
    stage_engine(&stage, "RM_1", ENGINE_NOT_TAKEN, 0);
    stage_engine(&stage, "RM_1", ENGINE_STARTED, 0);
    memcpy(stage.instance, first, sizeof first);
    stage_engine(&stage, "RM_1", ENGINE_NOT_TAKEN, 0); /* again: of a process that the call does not know */
    assert_int_equal(bridge_counters(stage.bridge)->lost, 1);
    stage_close(&stage);
}

/* SIP_MAX_STARTS is for what a start costs. */
static void test_warm_is_no_start(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 3, 1);
    room_and_caller(&stage, "RM_1");
    room_and_caller(&stage, "RM_2");
    room_and_caller(&stage, "RM_3");
    assert_int_equal(bridge_load(stage.bridge, stage.now).starts, 0);
    assert_int_equal(bridge_counters(stage.bridge)->starts, 3);
    stage_close(&stage);
}

static void test_replacement_is_warm(void **state) {
    (void)state;
    struct stage stage;
    open_stage(&stage, 2, 0);
    room_and_caller(&stage, "RM_1");
    stage_answer(&stage, "RM_1");
    stage_engine(&stage, "RM_1", ENGINE_EXITED, 1);
    assert_int_equal(bridge_counters(stage.bridge)->warm, 2);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standby_first),         cmocka_unit_test(test_none_waits),
        cmocka_unit_test(test_journal_has_it_before), cmocka_unit_test(test_not_taken_costs_nothing),
        cmocka_unit_test(test_enough_of_it),          cmocka_unit_test(test_late_word_of_one_that_lost_it),
        cmocka_unit_test(test_warm_is_no_start),      cmocka_unit_test(test_replacement_is_warm),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
