/* The arithmetic of the pool: Little's law with a fake clock, back-off, shrinking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/policy.h"

enum { MINUTE = 60000, START = 1000 * MINUTE };

static void calls_every(struct policy *policy, mono_ms from, mono_ms until, int64_t apart_ms) {
    for (mono_ms at = from; at < until; at += apart_ms) {
        policy_call(policy, at);
    }
}

static void test_least_without_calls(void **state) {
    (void)state;
    struct policy policy = {.least = 2, .most = 10};
    assert_int_equal(policy_wanted(&policy, START), 2);
    policy_ready(&policy, 3000);
    assert_int_equal(policy_wanted(&policy, START + 7 * MINUTE), 2);
}

static void test_most_bounds(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 4};
    policy_ready(&policy, 60000);
    calls_every(&policy, START, START + MINUTE, 100);
    assert_int_equal(policy_wanted(&policy, START + MINUTE), 4);
    struct policy fixed = {.least = 3, .most = 3};
    policy_ready(&fixed, 60000);
    calls_every(&fixed, START, START + MINUTE, 100);
    assert_int_equal(policy_wanted(&fixed, START + MINUTE), 3);
}

/* One call a second and four seconds to start: four are missing at a time, and 4 + 2 * 2 = 8 are wanted. */
static void test_littles_law(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 100};
    policy_ready(&policy, 4000);
    calls_every(&policy, START, START + 5 * MINUTE, 1000);
    assert_in_range(policy_wanted(&policy, START + 5 * MINUTE), 8, 9);
}

static void test_rises_at_once_and_falls_slowly(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 100};
    policy_ready(&policy, 4000);
    calls_every(&policy, START, START + MINUTE, 1000);
    unsigned busy = policy_wanted(&policy, START + MINUTE);
    assert_in_range(busy, 8, 9);
    unsigned before = busy;
    for (mono_ms at = START + MINUTE; at <= START + 7 * MINUTE; at += 1000) {
        unsigned now = policy_wanted(&policy, at);
        assert_true(now <= before);
        before = now;
    }
    assert_int_equal(before, 1);
}

/* More calls, or slower starts, never want fewer. */
static void test_monotonic(void **state) {
    (void)state;
    unsigned before = 0;
    for (int64_t apart_ms = 10000; apart_ms >= 50; apart_ms = apart_ms * 3 / 4) {
        struct policy policy = {.least = 1, .most = 1000};
        policy_ready(&policy, 2000);
        calls_every(&policy, START, START + 4 * MINUTE, apart_ms);
        unsigned wanted = policy_wanted(&policy, START + 4 * MINUTE);
        assert_true(wanted >= before && wanted >= 1 && wanted <= 1000);
        before = wanted;
    }
    before = 0;
    for (int64_t start_ms = 10; start_ms < 600000; start_ms *= 2) {
        struct policy policy = {.least = 0, .most = 1000};
        policy_ready(&policy, start_ms);
        calls_every(&policy, START, START + 4 * MINUTE, 500);
        unsigned wanted = policy_wanted(&policy, START + 4 * MINUTE);
        assert_true(wanted >= before);
        before = wanted;
    }
}

static void test_start_time_is_smoothed(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 2};
    policy_ready(&policy, 1000);
    assert_int_equal(policy.start_ms, 1000);
    policy_ready(&policy, 9000);
    assert_int_equal(policy.start_ms, 3000);
    for (int i = 0; i < 50; i++) {
        policy_ready(&policy, 200);
    }
    assert_true(policy.start_ms < 300);
}

static void test_back_off(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 2};
    mono_ms now = START;
    int64_t before = 0;
    assert_true(policy_may_start(&policy, 5, now));
    for (int i = 0; i < 12; i++) {
        policy_failed(&policy, now);
        int64_t wait_ms = policy.retry_at - now;
        assert_true(wait_ms >= before && wait_ms <= POLICY_MAX_RETRY_MS);
        assert_false(policy_may_start(&policy, 0, policy.retry_at - 1));
        assert_true(policy_may_start(&policy, 0, policy.retry_at));
        assert_false(policy_may_start(&policy, 1, policy.retry_at)); /* one tries */
        before = wait_ms;
        now = policy.retry_at;
    }
    assert_int_equal(before, POLICY_MAX_RETRY_MS);
    policy_worked(&policy);
    assert_true(policy_may_start(&policy, 3, now));
    policy_failed(&policy, now);
    assert_int_equal(policy.retry_at - now, POLICY_RETRY_MS);
}

static void test_failures_at_once_count_once(void **state) {
    (void)state;
    struct policy policy = {.least = 5, .most = 5};
    for (int i = 0; i < 5; i++) {
        policy_failed(&policy, START + i);
    }
    assert_int_equal(policy.failures, 1);
}

static void test_shrinks_slowly(void **state) {
    (void)state;
    struct policy policy = {.least = 1, .most = 9};
    assert_false(policy_shrinks(&policy, 2, START));
    assert_false(policy_shrinks(&policy, 2, START + POLICY_SHRINK_MS - 1));
    assert_true(policy_shrinks(&policy, 2, START + POLICY_SHRINK_MS));
    assert_false(policy_shrinks(&policy, 1, START + POLICY_SHRINK_MS + 1));
    assert_false(policy_shrinks(&policy, 0, START + POLICY_SHRINK_MS + 2)); /* there are calls again */
    assert_false(policy_shrinks(&policy, 1, START + 2 * POLICY_SHRINK_MS));
    assert_true(policy_shrinks(&policy, 1, START + 3 * POLICY_SHRINK_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_without_calls),
        cmocka_unit_test(test_most_bounds),
        cmocka_unit_test(test_littles_law),
        cmocka_unit_test(test_rises_at_once_and_falls_slowly),
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_start_time_is_smoothed),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_failures_at_once_count_once),
        cmocka_unit_test(test_shrinks_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
