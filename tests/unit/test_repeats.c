/* Remembered ids: for how long, how many, and what is taken back; against a list that forgets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "webhooks/repeats.h"

static bool seen(struct repeats *repeats, unsigned id, mono_ms now) {
    char name[16];
    snprintf(name, sizeof name, "EV_%u", id);
    return repeats_seen(repeats, slice_of(name), now);
}

static void test_remembered_from_the_first_time(void **state) {
    (void)state;
    struct repeats *repeats = repeats_new(100, 1000);
    assert_false(seen(repeats, 1, 500));
    assert_true(seen(repeats, 1, 500));
    assert_true(seen(repeats, 1, 1499));
    assert_false(seen(repeats, 2, 1499));
    assert_true(seen(repeats, 1, 1500)); /* longer than promised, as those beside it */
    assert_true(seen(repeats, 2, 2498));
    assert_false(seen(repeats, 1, 4000));
    assert_int_equal(repeats_count(repeats), 1);
    assert_int_equal(repeats_forgotten(repeats), 0);
    repeats_free(repeats);
    repeats_free(NULL);
}

static void test_full(void **state) {
    (void)state;
    struct repeats *repeats = repeats_new(3, 1000);
    for (unsigned id = 0; id < 6; id++) {
        assert_false(seen(repeats, id, 0));
    }
    assert_int_equal(repeats_forgotten(repeats), 0); /* twice as many as promised */
    assert_false(seen(repeats, 6, 0));
    assert_int_equal(repeats_forgotten(repeats), 3);
    assert_int_equal(repeats_count(repeats), 4);
    for (unsigned id = 4; id < 7; id++) {
        assert_true(seen(repeats, id, 999));
    }
    assert_false(seen(repeats, 0, 999));
    repeats_free(repeats);
}

static void test_taken_back(void **state) {
    (void)state;
    struct repeats *repeats = repeats_new(3, 1000);
    for (unsigned id = 0; id < 10; id++) {
        assert_false(seen(repeats, id, 0));
        repeats_undo(repeats);
        assert_false(seen(repeats, id, 0));
        assert_true(seen(repeats, id, 0));
    }
    repeats_free(repeats);
}

/* All that was ever told: when, and as the how-manieth. */
enum { IDS = 300 };
struct told {
    bool is;
    mono_ms at;
    uint64_t number;
};

/* Promised: whatever was told less than 100 ms ago, unless MAX others were since; nothing that was told 200 ms ago. */
static void check(const struct told *told, bool was_seen, uint64_t count, size_t max, mono_ms now) {
    bool must = told->is && now - told->at < 100 && count - told->number <= max;
    bool may = told->is && now - told->at < 200 && count - told->number <= 2 * max;
    if (must && !was_seen) {
        fail_msg("forgotten too early: told %d ms and %d ids ago", (int)(now - told->at), (int)(count - told->number));
    }
    if (!may && was_seen) {
        fail_msg("%s", told->is ? "remembered for too long" : "never told, and taken for a repeat");
    }
}

static void test_against_a_list(void **state) {
    (void)state;
    uint64_t random = 20260101;
    for (size_t max = 1; max <= 200; max = 2 * max + 3) {
        struct repeats *repeats = repeats_new(max, 100);
        struct told told[IDS] = {{0}};
        uint64_t count = 0;
        mono_ms now = 0;
        for (int i = 0; i < 40000; i++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            unsigned id = (unsigned)(random >> 33) % IDS;
            now += (mono_ms)(random >> 50) % 64 == 0 ? (mono_ms)(random >> 40) % 250 : (mono_ms)(random >> 50) % 2;
            bool was_seen = seen(repeats, id, now);
            check(&told[id], was_seen, count, max, now);
            if (!was_seen && (random >> 45) % 5 == 0) {
                repeats_undo(repeats);
                told[id].is = false;
            } else if (!was_seen) {
                told[id] = (struct told){true, now, count++};
            }
            assert_true(repeats_count(repeats) <= 2 * max);
        }
        repeats_free(repeats);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembered_from_the_first_time),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_against_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
