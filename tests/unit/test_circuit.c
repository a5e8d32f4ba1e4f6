/* The circuit of an agent, with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bridge/circuit.h"

enum { START = 1000000 };

static void fail_times(struct circuit *circuit, unsigned times, mono_ms now) {
    for (unsigned i = 0; i < times; i++) {
        circuit_failed(circuit, 0, false, now);
    }
}

static void test_opens_after_failures_in_a_row(void **state) {
    (void)state;
    struct circuit circuit = {0};
    assert_true(circuit_lets(&circuit, START));
    for (unsigned i = 1; i < CIRCUIT_FAILURES; i++) {
        assert_false(circuit_failed(&circuit, 0, false, START));
        assert_int_equal(circuit_state(&circuit, START), CIRCUIT_CLOSED);
        assert_false(circuit_take(&circuit)); /* an ordinary call */
    }
    assert_true(circuit_failed(&circuit, 0, false, START));
    assert_int_equal(circuit_state(&circuit, START), CIRCUIT_OPEN);
    assert_false(circuit_lets(&circuit, START));
    assert_false(circuit_lets(&circuit, START + CIRCUIT_OPEN_MS - 1));
    assert_true(circuit_lets(&circuit, START + CIRCUIT_OPEN_MS));
}

static void test_one_success_breaks_the_row(void **state) {
    (void)state;
    struct circuit circuit = {0};
    fail_times(&circuit, CIRCUIT_FAILURES - 1, START);
    assert_int_equal(circuit_spoke(&circuit), CIRCUIT_FAILURES - 1);
    fail_times(&circuit, CIRCUIT_FAILURES - 1, START);
    assert_int_equal(circuit_state(&circuit, START), CIRCUIT_CLOSED);
}

/* To speak is no success for who crashes right after it. */
static void test_crashes_after_the_first_word_count(void **state) {
    (void)state;
    struct circuit circuit = {0};
    for (unsigned i = 1; i < CIRCUIT_FAILURES; i++) {
        unsigned before = circuit_spoke(&circuit);
        assert_false(circuit_failed(&circuit, before, false, START));
        assert_int_equal(circuit.failures, i);
    }
    assert_true(circuit_failed(&circuit, circuit_spoke(&circuit), false, START));
}

static void test_one_trial_closes_it(void **state) {
    (void)state;
    struct circuit circuit = {0};
    fail_times(&circuit, CIRCUIT_FAILURES, START);
    mono_ms now = START + CIRCUIT_OPEN_MS;
    assert_int_equal(circuit_state(&circuit, now), CIRCUIT_TRIAL);
    assert_true(circuit_lets(&circuit, now));
    assert_true(circuit_take(&circuit));
    assert_false(circuit_lets(&circuit, now + 3600000)); /* only one */
    circuit_leave(&circuit);                             /* its caller left before the agent spoke */
    assert_true(circuit_lets(&circuit, now));
    assert_true(circuit_take(&circuit));
    assert_int_equal(circuit_spoke(&circuit), CIRCUIT_FAILURES);
    assert_int_equal(circuit_state(&circuit, now), CIRCUIT_CLOSED);
    assert_true(circuit_lets(&circuit, now));
}

/* A trial that fails opens it for twice the time, up to five minutes; those whose calls began before change nothing. */
static void test_doubles_to_five_minutes(void **state) {
    (void)state;
    static const int64_t waits[] = {10000, 20000, 40000, 80000, 160000, 300000, 300000};
    struct circuit circuit = {0};
    mono_ms now = START;
    fail_times(&circuit, CIRCUIT_FAILURES, now);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_int_equal(circuit.open_until - now, waits[i]);
        assert_false(circuit_failed(&circuit, 0, false, now + 1));
        assert_int_equal(circuit.open_until - now, waits[i]);
        now += waits[i];
        assert_true(circuit_take(&circuit));
        assert_false(circuit_failed(&circuit, 0, false, now));
        assert_true(circuit_failed(&circuit, 0, true, now));
        assert_false(circuit_lets(&circuit, now));
    }
}

/* A trial that spoke and then crashed: the agent is as bad as before, and the wait goes on growing. */
static void test_a_trial_that_crashes_late(void **state) {
    (void)state;
    struct circuit circuit = {0};
    fail_times(&circuit, CIRCUIT_FAILURES, START);
    mono_ms now = START + CIRCUIT_OPEN_MS;
    circuit_take(&circuit);
    unsigned before = circuit_spoke(&circuit);
    assert_true(circuit_failed(&circuit, before, false, now + 500));
    assert_int_equal(circuit.open_until, now + 500 + 2 * CIRCUIT_OPEN_MS);
}

static void test_long_ago_is_forgotten(void **state) {
    (void)state;
    struct circuit circuit = {0};
    fail_times(&circuit, CIRCUIT_FAILURES, START);
    circuit_spoke(&circuit);
    mono_ms now = START + CIRCUIT_OPEN_MS + CIRCUIT_FORGET_MS + 1;
    fail_times(&circuit, CIRCUIT_FAILURES, now);
    assert_int_equal(circuit.open_until, now + CIRCUIT_OPEN_MS);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(circuit_state_name(CIRCUIT_CLOSED), "closed");
    assert_string_equal(circuit_state_name(CIRCUIT_OPEN), "open");
    assert_string_equal(circuit_state_name(CIRCUIT_TRIAL), "trial");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_success_breaks_the_row),
        cmocka_unit_test(test_crashes_after_the_first_word_count),
        cmocka_unit_test(test_one_trial_closes_it),
        cmocka_unit_test(test_doubles_to_five_minutes),
        cmocka_unit_test(test_a_trial_that_crashes_late),
        cmocka_unit_test(test_long_ago_is_forgotten),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
