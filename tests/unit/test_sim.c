/* 20,000 simulated calls keep every promise; the same seeds give the same calls; and a broken promise is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "sim/dice.h"
#include "sim/sim.h"

enum { CALLS = 20000, FIRST_SEED = 20260101 };

static int silence_log(void **state) {
    (void)state;
    static int null;
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&(struct log_options){.fd = null, .level = LOG_ERROR});
    return null < 0;
}

static void add_line(void *context, int64_t at_ms, const char *text) {
    buf_addf(context, "%lld %s\n", (long long)at_ms, text);
}

static void fail_with_trace(struct sim *sim, uint64_t seed) {
    cleanup_buf struct buf trace = {0};
    struct sim_trace tracing = {.line = add_line, .context = &trace};
    struct sim_result result;
    sim_run(sim, seed, &tracing, &result);
    fputs(trace.p, stderr);
    fail_msg("seed %llu: %s", (unsigned long long)seed, result.what);
}

static void test_promises_are_kept(void **state) {
    (void)state;
    struct sim *sim = sim_new();
    struct sim_result total = {0};
    for (uint64_t i = 0; i < CALLS; i++) {
        struct sim_result result;
        sim_run(sim, FIRST_SEED + i, NULL, &result);
        if (result.failed) {
            fail_with_trace(sim, FIRST_SEED + i);
        }
        sim_add(&total, &result);
    }
    /* The world is as bad as it is meant to be: every reason to end is seen, and most calls are answered. */
    for (int end = 1; end < CALL_END_COUNT; end++) {
        print_message("%7llu %s\n", (unsigned long long)total.counters.ends[end], call_end_label((enum call_end)end));
        assert_true(total.counters.ends[end] > 0);
    }
    assert_true(total.counters.answered > CALLS / 2);
    assert_true(total.lost > CALLS / 10);
    assert_true(total.counters.restarts > CALLS / 10);
    /* And what no webhook told is found out. */
    assert_true(total.found > CALLS / 50);
    assert_true(total.left > CALLS / 100);
    assert_true(total.ended > 0);
    assert_true(total.stale > 0);
    /* Standbys are handed calls, and some do not take them. */
    assert_true(total.counters.warm > CALLS / 20);
    assert_true(total.counters.lost > CALLS / 200);
    sim_free(sim);
}

static void trace_of(uint64_t seed, struct buf *ret_trace) {
    struct sim *sim = sim_new();
    struct sim_trace tracing = {.line = add_line, .context = ret_trace};
    struct sim_result result;
    for (uint64_t before = 1; before <= seed % 3; before++) { /* what ran before makes no difference */
        sim_run(sim, seed + before, NULL, &result);
    }
    sim_run(sim, seed, &tracing, &result);
    sim_free(sim);
}

static void test_the_same_seed_is_the_same_call(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 60; seed++) {
        cleanup_buf struct buf once = {0}, again = {0};
        trace_of(seed, &once);
        struct sim *sim = sim_new();
        struct sim_trace tracing = {.line = add_line, .context = &again};
        struct sim_result result;
        sim_run(sim, seed, &tracing, &result);
        sim_free(sim);
        assert_string_equal(once.p, again.p);
    }
}

static void test_tracing_changes_nothing(void **state) {
    (void)state;
    struct sim *sim = sim_new();
    for (uint64_t seed = 1; seed < 200; seed++) {
        cleanup_buf struct buf trace = {0};
        struct sim_trace tracing = {.line = add_line, .context = &trace};
        struct sim_result quiet, told;
        sim_run(sim, seed, NULL, &quiet);
        sim_run(sim, seed, &tracing, &told);
        assert_memory_equal(&quiet.counters, &told.counters, sizeof quiet.counters);
        assert_int_equal(quiet.events, told.events);
    }
    sim_free(sim);
}

/* The same numbers for the same seed, and fair ones. */
static void test_dice(void **state) {
    (void)state;
    struct dice dice, same;
    dice_init(&dice, 1);
    dice_init(&same, 1);
    unsigned seen[6] = {0}, yes = 0;
    for (unsigned i = 0; i < 60000; i++) {
        assert_true(dice_next(&dice) == dice_next(&same));
        seen[dice_below(&dice, 6)]++;
        dice_next(&same);
        int64_t between = dice_between(&dice, -3, 3);
        dice_next(&same);
        assert_in_range(between + 3, 0, 6);
        yes += dice_chance(&dice, 25);
        dice_next(&same);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    assert_in_range(yes, 14500, 15500);
    assert_false(dice_chance(&dice, 0));
    assert_true(dice_chance(&dice, 100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_are_kept),
        cmocka_unit_test(test_the_same_seed_is_the_same_call),
        cmocka_unit_test(test_tracing_changes_nothing),
        cmocka_unit_test(test_dice),
    };
    return cmocka_run_group_tests(tests, silence_log, NULL);
}
