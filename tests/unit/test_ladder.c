/* The stop ladder: the steps in order, each once, and no wish makes any of them later. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spawner/local/ladder.h"

/* The first moment at or after FROM at which the ladder says ACTION, asked every millisecond up to UNTIL. */
static mono_ms first(struct ladder ladder, enum ladder_action action, mono_ms from, mono_ms until) {
    for (mono_ms now = from; now <= until; now++) {
        for (enum ladder_action said = ladder_next(&ladder, now); said != LADDER_WAIT;
             said = ladder_next(&ladder, now)) {
            if (said == action) {
                return now;
            }
        }
    }
    return MONO_NEVER;
}

struct wish {
    mono_ms at;
    struct engine_stop stop;
};

static void test_moments(void **state) {
    static const struct {
        const char *name;
        struct wish wishes[2];
        size_t count;
        mono_ms term, kill;
    } cases[] = {
        {"nobody asked", {{0}}, 0, MONO_NEVER, MONO_NEVER},
        {"grace, then time-out", {{10, {20, 30, false}}}, 1, 30, 60},
        {"no grace", {{10, {0, 30, false}}}, 1, 10, 40},
        {"no patience at all", {{10, {0, 0, false}}}, 1, MONO_NEVER, 10},
        {"kill at once", {{10, {20, 30, true}}}, 1, MONO_NEVER, 10},
        {"repeated: nothing moves", {{10, {20, 30, false}}, {15, {20, 30, false}}}, 2, 30, 60},
        {"a shorter grace wins", {{10, {20, 30, false}}, {15, {5, 30, false}}}, 2, 20, 50},
        {"a longer grace does not", {{10, {0, 30, false}}, {15, {50, 90, false}}}, 2, 10, 40},
        {"kill while terminating", {{10, {0, 30, false}}, {15, {0, 0, true}}}, 2, 10, 15},
        {"kill during the grace", {{10, {20, 30, false}}, {15, {0, 0, true}}}, 2, MONO_NEVER, 15},
        {"a time-out past the end of time", {{10, {0, INT64_MAX, false}}}, 1, 10, MONO_NEVER},
        {"negative means none", {{10, {-5, -5, false}}}, 1, MONO_NEVER, 10},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ladder ladder;
        mono_ms term = MONO_NEVER, now = 0;
        ladder_init(&ladder);
        for (size_t w = 0; w < cases[i].count; w++) {
            mono_ms said = first(ladder, LADDER_TERM, now, cases[i].wishes[w].at - 1);
            term = term < said ? term : said;
            for (now = w == 0 ? 0 : cases[i].wishes[w - 1].at; now < cases[i].wishes[w].at; now++) {
                (void)ladder_next(&ladder, now);
            }
            ladder_stop(&ladder, now, &cases[i].wishes[w].stop);
        }
        mono_ms said = first(ladder, LADDER_TERM, now, 200);
        term = term < said ? term : said;
        mono_ms kill = first(ladder, LADDER_KILL, now, 200);
        if (term != cases[i].term || kill != cases[i].kill) {
            fail_msg("%s: SIGTERM at %lld, SIGKILL at %lld", cases[i].name, (long long)term, (long long)kill);
        }
    }
}

static void test_names(void **state) {
    struct ladder ladder;
    (void)state;
    ladder_init(&ladder);
    assert_string_equal(ladder_name(&ladder), "running");
    assert_true(ladder_deadline(&ladder) == MONO_NEVER);
    ladder_stop(&ladder, 100, &(struct engine_stop){50, 60, false});
    assert_string_equal(ladder_name(&ladder), "after-call");
    assert_int_equal(ladder_deadline(&ladder), 150);
    assert_int_equal(ladder_next(&ladder, 149), LADDER_WAIT);
    assert_int_equal(ladder_next(&ladder, 150), LADDER_TERM);
    assert_string_equal(ladder_name(&ladder), "terminating");
    assert_int_equal(ladder_deadline(&ladder), 210);
    assert_int_equal(ladder_next(&ladder, 210), LADDER_KILL);
    assert_string_equal(ladder_name(&ladder), "killing");
    assert_int_equal(ladder_next(&ladder, 999), LADDER_WAIT);
    assert_true(ladder_deadline(&ladder) == MONO_NEVER);
}

/* Random wishes: deadlines only ever move forward in urgency, SIGKILL comes last and once, and by min of all wishes. */
static void test_only_ever_faster(void **state) {
    uint64_t seed = 42;
    (void)state;
    for (int run = 0; run < 20000; run++) {
        struct ladder ladder;
        mono_ms kill_by = MONO_NEVER, killed_at = MONO_NEVER;
        int terms = 0, kills = 0;
        ladder_init(&ladder);
        for (mono_ms now = 0; now < 60; now++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            unsigned dice = (unsigned)(seed >> 33);
            if (dice % 16 == 0) {
                struct engine_stop stop = {dice / 16 % 20, dice / 512 % 20, dice / 16384 % 8 == 0};
                mono_ms latest = stop.kill ? now : now + stop.after_ms + stop.timeout_ms;
                kill_by = latest < kill_by ? latest : kill_by;
                mono_ms before = ladder.kill_at;
                ladder_stop(&ladder, now, &stop);
                assert_true(ladder.kill_at <= before && ladder.term_at <= ladder.kill_at);
            }
            for (enum ladder_action said; (said = ladder_next(&ladder, now)) != LADDER_WAIT;) {
                terms += said == LADDER_TERM;
                kills += said == LADDER_KILL;
                killed_at = said == LADDER_KILL ? now : killed_at;
                assert_true(said == LADDER_KILL || kills == 0);
            }
            assert_true(kill_by > now ? killed_at == MONO_NEVER : kills == 1 && killed_at <= now);
        }
        assert_true(terms <= 1 && kills <= 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_only_ever_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
