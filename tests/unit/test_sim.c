/* 20,000 simulated calls keep every promise; the same seeds give the same calls; a broken promise is noticed, and shown
 * in few words; and what once broke one does not any more. */
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
    struct sim *sim = sim_new(&call_policy_default);
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
    struct sim *sim = sim_new(&call_policy_default);
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
        struct sim *sim = sim_new(&call_policy_default);
        struct sim_trace tracing = {.line = add_line, .context = &again};
        struct sim_result result;
        sim_run(sim, seed, &tracing, &result);
        sim_free(sim);
        assert_string_equal(once.p, again.p);
    }
}

static void test_tracing_changes_nothing(void **state) {
    (void)state;
    struct sim *sim = sim_new(&call_policy_default);
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

/* A call that was written down is the same call again. */
static void test_a_tape_is_the_call(void **state) {
    (void)state;
    struct sim *sim = sim_new(&call_policy_default);
    for (uint64_t seed = 1; seed < 200; seed++) {
        cleanup_buf struct buf text = {0};
        struct sim_result first, again;
        struct tape tape, read;
        struct diag diag;
        sim_record(sim, seed, &tape, &first);
        tape_print(&tape, &text);
        assert_true(tape_parse(buf_slice(&text), &read, &diag));
        sim_replay(sim, &read, NULL, &again);
        assert_memory_equal(&first.counters, &again.counters, sizeof first.counters);
        assert_int_equal(first.events, again.events);
        tape_release(&tape);
        tape_release(&read);
    }
    sim_free(sim);
}

static void test_tapes(void **state) {
    (void)state;
    static const char *const bad[] = {"x",        "lost=",    "lost.", "lost.x", "lost=-1",
                                      "lost=1=2", "lost.1.2", "lost,", "=1"};
    struct tape tape;
    struct diag diag;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(tape_parse(slice_of(bad[i]), &tape, &diag));
        assert_true(diag.what[0] != '\0');
    }
    cleanup_buf struct buf text = {0};
    assert_true(tape_parse(SLICE("  lost.3 network=2 lost  stays-ms.1=4000 twice=0 "), &tape, &diag));
    tape_print(&tape, &text);
    assert_string_equal(text.p, "network=2 stays-ms.1=4000 lost lost.3");
    assert_true(tape_value(&tape, CHOICE_STAYS, 1) == 4000 && tape_value(&tape, CHOICE_STAYS, 0) == 0);
    tape_release(&tape);
}

/* The calmest call of all: a caller comes, is answered and leaves. */
static void test_the_calmest_call(void **state) {
    (void)state;
    struct sim *sim = sim_new(&call_policy_default);
    struct sim_result result;
    sim_replay(sim, &(struct tape){0}, NULL, &result);
    assert_false(result.failed);
    assert_true(result.counters.calls == 1 && result.counters.answered == 1);
    assert_int_equal(result.counters.ends[END_CALLER_LEFT], 1);
    sim_free(sim);
}

/* A bridge with another policy than it promises. */
struct defect {
    const char *name;
    struct call_policy policy;
    size_t events,
        items; /* at least so many in the call that shows it, at most so many out of the ordinary in the end */
};

static void find_failure(struct sim *sim, const struct defect *defect, struct tape *ret_tape) {
    struct sim_result result;
    for (uint64_t seed = 1; seed < 30000; seed++) {
        sim_run(sim, seed, NULL, &result);
        if (result.failed && result.events >= defect->events) {
            sim_record(sim, seed, ret_tape, &result);
            assert_true(result.failed);
            return;
        }
    }
    fail_msg("%s is not found", defect->name);
}

static void add_count(void *context, int64_t at_ms, const char *text) {
    (void)at_ms, (void)text;
    ++*(size_t *)context;
}

/* What is left is short, is the same however often it is made shorter, and shows the same promise broken. */
static void check_shrinks(const struct defect *defect) {
    struct sim *sim = sim_new(&defect->policy), *good = sim_new(&call_policy_default);
    struct tape tape;
    struct sim_result whole, shortest, again, fine;
    size_t lines = 0;
    struct sim_trace counting = {.line = add_count, .context = &lines};
    find_failure(sim, defect, &tape);
    size_t items = tape.count;
    sim_replay(sim, &tape, NULL, &whole);
    assert_true(sim_shrink(sim, &tape, &shortest));
    assert_true(shortest.promise == whole.promise);
    sim_replay(sim, &tape, &counting, &again);
    assert_string_equal(again.what, shortest.what);
    print_message("%s: %llu events and %zu odd things in them, then %llu and %zu: %s\n", defect->name,
                  (unsigned long long)whole.events, items, (unsigned long long)shortest.events, tape.count,
                  shortest.what);
    assert_true(tape.count <= defect->items && lines < 100);
    sim_replay(good, &tape, NULL, &fine);
    assert_false(fine.failed);
    assert_false(sim_shrink(good, &tape, &fine));
    tape_release(&tape);
    sim_free(sim);
    sim_free(good);
}

static void test_a_failure_shrinks(void **state) {
    (void)state;
    struct defect defects[] = {
        {"calls are ended after half a minute", call_policy_default, 200, 4},
        {"agents have no time to be ready", call_policy_default, 100, 8},
    };
    defects[0].policy.max_call_ms = 30000;
    defects[1].policy.ready_ms = 100;
    for (size_t i = 0; i < ARRAY_LEN(defects); i++) {
        check_shrinks(&defects[i]);
    }
}

/* Calls in which a promise was broken once, as short as they could be made. */
static void test_what_failed_once(void **state) {
    (void)state;
    static const struct {
        const char *name, *tape;
    } once[] = {
        {"a caller who came in the moment in which the agent's end was heard of was taken for hung up",
         "ailing shared-room callers=2 next-ms=2759 next-ms.1=3319 stays-long stays-long.2 stays-ms=10599 "
         "stays-ms.2=2679 loses-line.2 back-ms=1359 delay-ms enters-ms.2=72 misbehaves behaviour=8 leaves-first "
         "ends-ms=179 agent-ms=28 agent-ms.1=72 agent-ms.2=7 agent-ms.3=12941"},
        {"what pushed an agent out was forgotten as the operator stopped its call, and the next caller got another one",
         "shared-room callers apart stays-long stays-ms=2079 other-bridge other-bridge-ms=657 operator operator-ms=709 "
         "api-failure.3 api-fails-how rival-stays-ms=3848"},
        {"nobody told that the caller had gone, whose name was forgotten while the call was another bridge's",
         "stays-ms=2499 livekit-restarts restart-ms=2198 other-bridge other-bridge-ms=23 outbound outbound-ms=2076 "
         "hands-over rival-stays-ms=1530"},
        {"the ghost of an agent before the last one was taken for the agent",
         "rules=2 ailing stays-long stays-ms=27299 misbehaves misbehaves.1 misbehaves.2 misbehaves.3 behaviour=7 "
         "behaviour.1 behaviour.2=3 behaviour.3=10 agent-ms.7 agent-ms.8=2 agent-ms.11=10978 unlisted listed-ms=17968 "
         "stays-unlisted"},
        {"a caller of whom a list told before any webhook was given up for a former self",
         "network rules loses-line late late.1 delay-ms=134 delay-ms.1=1925 api-failure.5 api-failure.6 enters-ms "
         "second-stay-ms=7959"},
        {"the note of a standby whose call ended before it was told stayed for ever",
         "network shared-room callers apart late.7 delay-ms.7=84 mute agent-ms.4 standbys"},
        {"a crash was counted as that of an agent that spoke, of which the bridge had not heard yet",
         "ailing stubborn habit=6 delay-ms.3=11"},
        {"a caller who came back had to wait for the rest after a crash",
         "ailing stubborn habit=6 stays-long stays-ms=38999 loses-line agent-ms.3=7999 agent-ms.7=33090"},
        {"a caller of whom only the leaving was told was to be given up before they could come back",
         "network=2 rules=2 unasked shared-room callers=2 apart.1 next-ms=1999 next-ms.1=23996 stays-long.2 stays-ms=9 "
         "stays-ms.2=5970 loses-line.2 back-ms=6979 livekit-restarts restart-ms=1899 lost.2 lost.5 lost.12 "
         "voice-ms=107 stays-alone.4 agent-ms.1=91 agent-ms.2 agent-ms.5 agent-ms.6=199 agent-ms.8=279 agent-ms.9=179 "
         "agent-ms.10=40"},
        {"the same of one whom no rule takes",
         "network=2 rules=2 unasked stays-long stays-ms=4998 loses-line spam lost.1 stays-alone"},
        {"a bridge that came back when an exit had been waited for long enough waited for ever",
         "network=2 rules ailing begins-ms dies dies-midway stays-hours hidden lost.6 lost.9 delay-ms=3 api-ms "
         "api-ms.1 api-failure api-fails-how enters-ms=49 misbehaves misbehaves.1 misbehaves.2 behaviour=3 "
         "behaviour.1=3 behaviour.2=8 agent-ms.2 agent-ms.3 agent-ms.9=32999 standbys standby-ready-ms=58 "
         "dies-within.64"},
        {"a crash before a caller came back was counted with one after that",
         "ailing stubborn habit=6 stays-ms=278 loses-line agent-ms.3=349 agent-ms.8=41"},
        {"a list of LiveKit told of a caller who was in the next room of that name",
         "network=3 ailing begins-ms stays-long stays-ms=4599 livekit-restarts restart-ms=5729 forgets api-failure.5 "
         "misbehaves misbehaves.1 behaviour behaviour.1=9 agent-ms.4=669"},
        {"an answer of LiveKit told of a caller who had just left",
         "network=2 rules ailing stubborn habit=8 begins-late begins-ms=64998 shared-room callers=2 apart "
         "next-ms=97999 next-ms.1=1517 stays-long stays-long.1 stays-ms=9999 stays-ms.2=1284 livekit-restarts "
         "restart-ms=10599 forgets lost.20 api-ms.38=37 api-ms.41 api-ms.42=21 api-ms.44=4 api-ms.45=12 api-ms.47=32 "
         "enters-ms.1=61 enters-ms.2=8 exit-told-ms.3 agent-ms.3=10599 agent-ms.7 agent-ms.11=98 agent-ms.14=344 "
         "agent-ms.15=82 agent-ms.16=2308 rejoins-ms=1273"},
        {"an agent that crashed again and again was taken for a sign of life of its caller",
         "network=2 rules ailing stubborn habit=6 stays-long stays-ms=7999 sales livekit-restarts restart-ms=11000 "
         "away "
         "lost.5 lost.8 agent-ms.3=11999 agent-ms.12=23789 agent-ms.16=37889 agent-ms.20=18789 agent-ms.24=25889 "
         "agent-ms.28=24889"},
        {"a caller of whom a list alone told was to have no agent after one that said never again",
         "network=3 ailing begins-late begins-ms=64000 stays-long stays-ms=94999 livekit-restarts restart-ms=21999 "
         "away=3 misbehaves misbehaves.1 behaviour=7 behaviour.1=9 agent-ms.3=3989 agent-ms.7=18989 rejoins"},
        {"the audio of an agent that was killed was taken for that of the next one, both with tokens of their own",
         "rules=2 unasked shared-room callers=2 apart next-ms=15149 next-ms.1=139 stays-long.2 stays-ms.1=36 "
         "stays-ms.2=34999 enters-ms.1=155 enters-ms.2=147 agent-ms.4=13 agent-ms.5=247 agent-ms.6=18"},
        {"LiveKit answered in the moment in which an exit had been waited for long enough, and it was waited for ever",
         "network=3 begins-late begins-ms=20479 dies stays-long stays-ms=92578 api-ms.22=2 api-ms.32 api-ms.42=26 "
         "api-ms.43=9 api-failure.4 api-failure.6 api-failure.10 api-fails-how stays-alone exit-told-ms=3 "
         "agent-ms.3=177 standbys standby-fails.3 standby-fails.4 standby-fails-how.1=4 standby-ready-ms "
         "standby-ready-ms.10=2123 standby-ready-ms.11=2127 standby-waits-ms=3953 standby-ends-ms.5=2 "
         "standby-ends-ms.7=3 standby-ends-ms.8 loses-memory.32 loses-memory.38 loses-memory.53 loses-memory.77 "
         "loses-memory.82 loses-memory.99"},
    };
    struct sim *sim = sim_new(&call_policy_default);
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        struct tape tape;
        struct diag diag;
        struct sim_result result;
        assert_true(tape_parse(slice_of(once[i].tape), &tape, &diag));
        sim_replay(sim, &tape, NULL, &result);
        if (result.failed) {
            fail_msg("%s: %s", once[i].name, result.what);
        }
        tape_release(&tape);
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
        seen[dice_below(&dice, CHOICE_RULES, 6)]++;
        dice_next(&same);
        int64_t between = dice_between(&dice, CHOICE_DELAY, -3, 3);
        dice_next(&same);
        assert_in_range(between + 3, 0, 6);
        yes += dice_chance(&dice, CHOICE_LOST, 25);
        dice_next(&same);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    assert_in_range(yes, 14500, 15500);
    assert_false(dice_chance(&dice, CHOICE_LOST, 0));
    assert_true(dice_chance(&dice, CHOICE_LOST, 100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_are_kept),
        cmocka_unit_test(test_the_same_seed_is_the_same_call),
        cmocka_unit_test(test_tracing_changes_nothing),
        cmocka_unit_test(test_dice),
        cmocka_unit_test(test_tapes),
        cmocka_unit_test(test_a_tape_is_the_call),
        cmocka_unit_test(test_the_calmest_call),
        cmocka_unit_test(test_a_failure_shrinks),
        cmocka_unit_test(test_what_failed_once),
    };
    return cmocka_run_group_tests(tests, silence_log, NULL);
}
