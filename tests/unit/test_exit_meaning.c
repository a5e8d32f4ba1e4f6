/* Every row of EXIT_MEANINGS (calls/exit.h), each with its neighbours: what differs by one fact means something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "calls/exit.h"

enum { EXITED = 1000000 };

static const char *const meanings[] = {
#define X(meaning, effect, text, when) [EXIT_IS_##meaning] = #meaning,
    EXIT_MEANINGS(X)
#undef X
};

/* A process that spoke and ended with status 0 while one caller was there, and what differs from that. */
struct setting {
    const char *name;
    const char *meaning;
    enum exit_fact exit;
    bool silent, dismissed, stopped, room_again, left_client, no_caller, caller_left, callers_never, away;
    unsigned others, other_gone;
    int64_t joined, left, pushed, now; /* relative to the exit; 0: not (now: at once) */
};

static const struct setting settings[] = {
    {"clean, no word of leaving yet", "UNTOLD", .now = 0},
    {"… for 2 s at most", "UNTOLD", .now = 1999},
    {"… then it vanished", "VANISHED", .now = 2000},
    {"status unknown, no word of leaving yet", "UNTOLD", .exit = EXIT_NOT_KNOWN},
    {"… then it vanished", "VANISHED", .exit = EXIT_NOT_KNOWN, .now = 2000},
    {"we asked for it", "EXPECTED", .dismissed = true},
    {"we asked for it, 125", "EXPECTED", .dismissed = true, .exit = EXIT_NEVER_AGAIN},
    {"we asked for it, a crash", "EXPECTED", .dismissed = true, .exit = EXIT_CRASHED},
    {"we asked for it, pushed out", "EXPECTED", .dismissed = true, .pushed = -10, .left = -10, .now = 2000},
    {"the call is over", "NEEDLESS", .stopped = true, .exit = EXIT_CRASHED},
    {"the call is over, 125", "NEVER_AGAIN", .stopped = true, .exit = EXIT_NEVER_AGAIN},
    {"the last caller hung up", "NEEDLESS", .caller_left = true, .exit = EXIT_CRASHED},
    {"125", "NEVER_AGAIN", .exit = EXIT_NEVER_AGAIN},
    {"125 before it was ready", "NEVER_AGAIN", .exit = EXIT_NEVER_AGAIN, .silent = true},
    {"125 when pushed out", "NEVER_AGAIN", .exit = EXIT_NEVER_AGAIN, .pushed = -10},
    {"pushed out before", "TAKEN", .pushed = -2000, .left = -2000, .now = 2000},
    {"pushed out before: it may have been by itself", "PUSHED_OUT", .pushed = -2000, .left = -2000, .now = 1999},
    {"pushed out long before", "THROWN_OUT", .pushed = -2001, .left = -2001},
    {"pushed out after", "TAKEN", .pushed = 100, .left = 100, .now = 2000},
    {"pushed out, not ready yet", "TAKEN", .pushed = -10, .left = -10, .silent = true, .now = 2000},
    {"pushed out, status unknown", "TAKEN", .pushed = -10, .left = -10, .exit = EXIT_NOT_KNOWN, .now = 2000},
    {"pushed out, but it crashed", "CRASHED", .pushed = -10, .left = -10, .exit = EXIT_CRASHED},
    {"pushed out, the call is over", "TAKEN", .pushed = -10, .left = -10, .now = 2000, .stopped = true},
    {"pushed out, the call is over: it may have been by itself", "PUSHED_OUT", .pushed = -10, .left = -10,
     .stopped = true},
    {"pushed out while LiveKit is away", "TAKEN", .pushed = -10, .left = -10, .now = 2000, .away = true},
    {"LiveKit is away", "SERVER_AWAY", .away = true},
    {"LiveKit is away, before it was ready", "SERVER_AWAY", .away = true, .silent = true},
    {"LiveKit is away, a crash", "SERVER_AWAY", .away = true, .exit = EXIT_CRASHED},
    {"LiveKit is away, it left properly", "SERVER_AWAY", .away = true, .left = -10, .left_client = true},
    {"LiveKit is away, 125", "NEVER_AGAIN", .away = true, .exit = EXIT_NEVER_AGAIN},
    {"LiveKit is away, we asked for it", "EXPECTED", .away = true, .dismissed = true},
    {"clean before it was ready", "FAILED_START", .silent = true},
    {"crashed before it was ready", "FAILED_START", .silent = true, .exit = EXIT_CRASHED},
    {"before it was ready, though it left properly", "FAILED_START", .silent = true, .left = -10, .left_client = true},
    {"before it was ready, though LiveKit restarted", "FAILED_START", .silent = true, .room_again = true},
    {"LiveKit restarted", "SERVER_RESTARTED", .room_again = true},
    {"LiveKit restarted, a crash", "SERVER_RESTARTED", .room_again = true, .exit = EXIT_CRASHED},
    {"LiveKit restarted, it left properly", "SERVER_RESTARTED", .room_again = true, .left = -10, .left_client = true},
    {"a caller came as it ended", "NEW_CALLER", .joined = 0, .now = 1, .left = 1, .left_client = true,
     .callers_never = true},
    {"a caller came after it ended", "NEW_CALLER", .joined = 50, .now = 100},
    {"a caller came between its leaving and its end", "NEW_CALLER", .joined = -50, .left = -100, .left_client = true},
    {"a caller came just before it left: it hardly met them", "CROSSED", .joined = -2100, .left = -100,
     .left_client = true},
    {"… long before", "ENDED_CALL", .joined = -2101, .left = -100, .left_client = true},
    {"… and somebody else is there", "CROSSED", .joined = -150, .left = -100, .left_client = true, .others = 1},
    {"… and it did not leave of its own will", "THROWN_OUT", .joined = -150, .left = -100},
    {"a caller came before it ended, no word of its leaving", "UNTOLD", .joined = -1},
    {"a caller came after it crashed", "NEW_CALLER", .joined = 50, .now = 100, .exit = EXIT_CRASHED},
    {"the callers are away", "CALLERS_AWAY", .no_caller = true},
    {"the callers are away, a crash", "CALLERS_AWAY", .no_caller = true, .exit = EXIT_CRASHED},
    {"the callers are away, it left properly", "CALLERS_AWAY", .no_caller = true, .left = -10, .left_client = true},
    {"nobody came yet: it ended the call all the same", "ENDED_CALL", .no_caller = true, .callers_never = true,
     .left = -10, .left_client = true},
    {"a crash", "CRASHED", .exit = EXIT_CRASHED},
    {"a crash, though it left properly", "CRASHED", .exit = EXIT_CRASHED, .left = -10, .left_client = true},
    {"a crash, somebody else is there", "CRASHED", .exit = EXIT_CRASHED, .left = -10, .left_client = true, .others = 1},
    {"left to another person", "HANDED_OVER", .left = -2000, .left_client = true, .others = 1},
    {"left to two", "HANDED_OVER", .left = -2000, .left_client = true, .others = 2},
    {"… who has gone", "ENDED_CALL", .left = -2000, .left_client = true, .other_gone = 1},
    {"… but not of its own will", "THROWN_OUT", .left = -2000, .others = 1},
    {"… and leaving was told later", "HANDED_OVER", .left = 2000, .left_client = true, .others = 1, .now = 2000},
    {"left of its own will", "ENDED_CALL", .left = -2000, .left_client = true},
    {"left long before", "THROWN_OUT", .left = -2001, .left_client = true},
    {"left of its own will, told later", "ENDED_CALL", .left = 2000, .left_client = true, .now = 2000},
    {"status unknown, left of its own will", "ENDED_CALL", .left = -1, .left_client = true, .exit = EXIT_NOT_KNOWN},
    {"left for another reason", "THROWN_OUT", .left = -1},
    {"left for another reason, told later", "THROWN_OUT", .left = 5, .now = 5},
};

static void add_leg(struct call *call, uint64_t sid, enum leg_role role, enum leg_state state) {
    call->legs[call->leg_count++] = (struct leg){
        .sid = sid, .identity = sid, .joined_at = EXITED - 60000, .role = (uint8_t)role, .state = (uint8_t)state};
}

static struct call call_in(const struct setting *s) {
    struct call call = {
        .room = ROOM_OPEN,
        .choice = CHOSEN_AGENT,
        .seen_at = EXITED - 5000,
        .room_at = EXITED - 60000,
        .caller_at = EXITED - 60000,
        .exit = (uint8_t)s->exit,
        .exit_at = EXITED,
        .exit_open = true,
        .spoke = !s->silent,
        .dismissed = s->dismissed,
        .stopped = s->stopped,
        .room_again = s->room_again,
        .left_client = s->left_client,
        .had_caller = !s->callers_never,
        .voice_left_at = s->left != 0 ? EXITED + s->left : 0,
        .pushed_out_at = s->pushed != 0 ? EXITED + s->pushed : 0,
    };
    if (s->caller_left) {
        add_leg(&call, 1, LEG_CALLER, LEG_LEFT_HARD);
    } else if (s->no_caller && !s->callers_never) {
        add_leg(&call, 1, LEG_CALLER, LEG_LEFT_SOFT);
        call.legs[0].left_at = EXITED - 1000;
    } else if (!s->no_caller) {
        add_leg(&call, 1, LEG_CALLER, LEG_HERE);
    }
    if (s->joined != 0 || (s->callers_never && !s->no_caller)) {
        add_leg(&call, 2, LEG_CALLER, LEG_HERE);
        call.legs[call.leg_count - 1].joined_at = EXITED + s->joined;
        call.had_caller = true;
    }
    for (unsigned i = 0; i < s->others + s->other_gone; i++) {
        add_leg(&call, 10 + i, i % 2 == 0 ? LEG_OUTBOUND : LEG_OTHER, i < s->others ? LEG_HERE : LEG_LEFT_HARD);
    }
    return call;
}

static struct call_policy policy_in(const struct setting *s) {
    struct call_policy policy = call_policy_default;
    policy.livekit_away = s->away;
    return policy;
}

static void test_every_setting(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct call call = call_in(&settings[i]);
        struct call_policy policy = policy_in(&settings[i]);
        const char *meaning = meanings[exit_meaning(&call, &policy, EXITED + settings[i].now)];
        if (strcmp(meaning, settings[i].meaning) != 0) {
            fail_msg("%s: %s instead of %s", settings[i].name, meaning, settings[i].meaning);
        }
    }
}

static void test_every_row_is_reached(void **state) {
    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(meanings); row++) {
        bool reached = false;
        for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
            reached = reached || strcmp(settings[i].meaning, meanings[row]) == 0;
        }
        if (!reached) {
            fail_msg("no setting reaches %s", meanings[row]);
        }
    }
}

/* What each row does, and nothing else. */
struct effect {
    const char *meaning;
    bool open, gave_up, taken, handed_over, agent_done;
    unsigned failed_starts, crashes;
};
static const struct effect effects[] = {
    {"EXPECTED", .open = false},
    {"NEVER_AGAIN", .gave_up = true},
    {"PUSHED_OUT", .open = true},
    {"TAKEN", .taken = true},
    {"NEEDLESS", .open = false},
    {"SERVER_AWAY", .open = false},
    {"FAILED_START", .failed_starts = 1},
    {"SERVER_RESTARTED", .open = false},
    {"NEW_CALLER", .open = false},
    {"CALLERS_AWAY", .open = false},
    {"CRASHED", .crashes = 1},
    {"CROSSED", .crashes = 1},
    {"HANDED_OVER", .handed_over = true},
    {"ENDED_CALL", .agent_done = true},
    {"THROWN_OUT", .crashes = 1},
    {"UNTOLD", .open = true},
    {"VANISHED", .crashes = 1},
};

static const struct effect *effect_of(const char *meaning) {
    for (size_t i = 0; i < ARRAY_LEN(effects); i++) {
        if (strcmp(effects[i].meaning, meaning) == 0) {
            return &effects[i];
        }
    }
    fail_msg("no effect listed for %s", meaning);
    return NULL;
}

static void check_effect(const struct effect *wanted, const struct call *call) {
    unsigned crashes = 0;
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        crashes += call->crash_at[i] != 0;
    }
    assert_int_equal(call->exit_open, wanted->open);
    assert_int_equal(call->gave_up, wanted->gave_up);
    assert_int_equal(call->taken, wanted->taken);
    assert_int_equal(call->handed_over, wanted->handed_over);
    assert_int_equal(call->agent_done, wanted->agent_done);
    assert_int_equal(call->failed_starts, wanted->failed_starts);
    assert_int_equal(crashes, wanted->crashes);
}

static void test_every_effect_once(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct call call = call_in(&settings[i]);
        struct call_policy policy = policy_in(&settings[i]);
        exit_judge(&call, &policy, EXITED + settings[i].now);
        check_effect(effect_of(settings[i].meaning), &call);
        struct call before = call;
        exit_judge(&call, &policy, EXITED + settings[i].now);
        assert_memory_equal(&call, &before, sizeof call);
    }
}

static void crash(struct call *call, mono_ms now) {
    *call = (struct call){.room = ROOM_OPEN,
                          .choice = CHOSEN_AGENT,
                          .had_caller = true,
                          .seen_at = EXITED,
                          .room_at = EXITED,
                          .caller_at = EXITED,
                          .crash_at = {call->crash_at[0], call->crash_at[1], call->crash_at[2]},
                          .spoke = true,
                          .exit = EXIT_CRASHED,
                          .exit_open = true,
                          .exit_at = now};
    add_leg(call, 1, LEG_CALLER, LEG_HERE);
    exit_judge(call, &call_policy_default, now);
}

static void test_back_off(void **state) {
    (void)state;
    struct call call = {0};
    static const struct {
        int64_t at, wait; /* wait -1: given up */
    } crashes[] = {{0, 0},        {1000, 1000},  {5000, 2000},  {59999, -1},
                   {60000, 2000}, {61000, 2000}, {70000, 2000}, {119999, -1}};
    for (size_t i = 0; i < ARRAY_LEN(crashes); i++) {
        crash(&call, EXITED + crashes[i].at);
        assert_int_equal(call.gave_up, crashes[i].wait < 0);
        if (!call.gave_up) {
            assert_int_equal(call.retry_at - (EXITED + crashes[i].at), crashes[i].wait);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_setting),
        cmocka_unit_test(test_every_row_is_reached),
        cmocka_unit_test(test_every_effect_once),
        cmocka_unit_test(test_back_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
