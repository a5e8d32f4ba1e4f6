/* Every row of CALL_ENDS and CALL_PHASES (calls/verdict.h): the facts that reach it, the same facts with one changed
 * that do not, and all that the row wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "calls/verdict.h"

/* Each row says what differs from the common facts: an override is what is meant. */
#pragma GCC diagnostic ignored "-Woverride-init"

enum { NOW = 100000000, HOUR = 3600 * 1000 };

#define HERE(n) \
    { .sid = (n), .identity = (n), .joined_at = NOW - 5000, .role = LEG_CALLER, .state = LEG_HERE }
#define GONE(n)                                                                                         \
    {                                                                                                   \
        .sid = (n), .identity = (n), .joined_at = NOW - 5000, .left_at = NOW - 100, .role = LEG_CALLER, \
        .state = LEG_LEFT_HARD                                                                          \
    }
#define AWAY(n, for_ms)                                                                                       \
    {                                                                                                         \
        .sid = (n), .identity = (n), .joined_at = NOW - 50000, .left_at = NOW - (for_ms), .role = LEG_CALLER, \
        .state = LEG_LEFT_SOFT                                                                                \
    }
#define OTHER_HERE(n) \
    { .sid = (n), .identity = (n), .joined_at = NOW - 5000, .role = LEG_OTHER, .state = LEG_HERE }
#define OTHER_AWAY(n)                                                                                 \
    {                                                                                                 \
        .sid = (n), .identity = (n), .joined_at = NOW - 5000, .left_at = NOW - 10, .role = LEG_OTHER, \
        .state = LEG_LEFT_SOFT                                                                        \
    }

/* One caller who is here, for 5 s; an agent that was chosen. */
#define COMMON                                                                                                     \
    .room = ROOM_OPEN, .choice = CHOSEN_AGENT, .had_caller = true, .seen_at = NOW - 6000, .caller_at = NOW - 5000, \
    .started_at = NOW - 4000
#define LIVE COMMON, .leg_count = 1, .legs = {HERE(1)}
#define TALK .process = PROCESS_RUNNING, .voice = VOICE_SPEAKS
#define MAX_AT (NOW - 5000 + 4 * HOUR)
#define EMPTY_AT (NOW - 10000 - 4 * HOUR)
#define ARRIVING(n, for_ms, state_)                                                                      \
    {                                                                                                    \
        .sid = (n), .identity = (n), .joined_at = NOW - (for_ms), .role = LEG_CALLER, .state = (state_), \
        .arriving = true                                                                                 \
    }

struct ending {
    const char *name;
    struct call call;
    enum call_end end;
};

static const struct ending endings[] = {
    {"a call in progress", {LIVE, TALK}, END_NONE},
    {"its name came back as another sid", {LIVE, TALK, .superseded = true}, END_SUPERSEDED},
    {"… before all else", {LIVE, TALK, .superseded = true, .taken = true, .stopped = true}, END_SUPERSEDED},
    {"another bridge has it", {LIVE, .taken = true}, END_TAKEN},
    {"… before the room's end", {LIVE, .taken = true, .room = ROOM_FINISHED}, END_TAKEN},
    {"the room is finished", {COMMON, .room = ROOM_FINISHED, .leg_count = 1, .legs = {GONE(1)}}, END_ROOM_FINISHED},
    {"… before the operator's word", {LIVE, .room = ROOM_FINISHED, .stopped = true}, END_ROOM_FINISHED},
    {"the operator's word", {LIVE, TALK, .stopped = true}, END_OPERATOR},
    {"… before the caller's leaving", {COMMON, TALK, .stopped = true, .leg_count = 1, .legs = {GONE(1)}}, END_OPERATOR},
    {"the last caller hung up", {COMMON, TALK, .leg_count = 1, .legs = {GONE(1)}}, END_CALLER_LEFT},
    {"… another is here", {COMMON, TALK, .leg_count = 2, .legs = {GONE(1), HERE(2)}}, END_NONE},
    {"… only an outbound leg is here",
     {COMMON, TALK, .leg_count = 2, .legs = {GONE(1), OTHER_HERE(2)}},
     END_CALLER_LEFT},
    {"… whoever may have come unseen is here",
     {COMMON, TALK, .crowded = true, .leg_count = 1, .legs = {GONE(1)}},
     END_NONE},
    {"the last caller may come back", {COMMON, TALK, .leg_count = 1, .legs = {AWAY(1, 4999)}}, END_NONE},
    {"the last caller did not come back", {COMMON, TALK, .leg_count = 1, .legs = {AWAY(1, 5000)}}, END_CALLER_LEFT},
    {"the later of two may come back",
     {COMMON, TALK, .leg_count = 2, .legs = {AWAY(1, 9000), AWAY(2, 4999)}},
     END_NONE},
    {"the earlier of two, told in the other order",
     {COMMON, TALK, .leg_count = 2, .legs = {AWAY(2, 4999), AWAY(1, 9000)}},
     END_NONE},
    {"an outbound leg is not waited for",
     {COMMON, TALK, .leg_count = 2, .legs = {GONE(1), OTHER_AWAY(2)}},
     END_CALLER_LEFT},
    {"… before a rejected one", {COMMON, .had_reject = true, .leg_count = 1, .legs = {GONE(1)}}, END_CALLER_LEFT},
    {"a rejected caller", {COMMON, .had_caller = false, .had_reject = true}, END_REJECTED},
    {"… beside a good one", {LIVE, TALK, .had_reject = true}, END_NONE},
    {"… before the lack of an agent",
     {COMMON, .had_caller = false, .had_reject = true, .choice = CHOSEN_NOBODY},
     END_REJECTED},
    {"no agent", {LIVE, .choice = CHOSEN_NOBODY}, END_NO_AGENT},
    {"… before its failure", {LIVE, .choice = CHOSEN_NOBODY, .gave_up = true}, END_NO_AGENT},
    {"not chosen yet", {LIVE, .choice = CHOSEN_NOT}, END_NONE},
    {"the agent failed", {LIVE, .gave_up = true}, END_AGENT_FAILED},
    {"… before it ended the call", {LIVE, .gave_up = true, .agent_done = true}, END_AGENT_FAILED},
    {"the agent ended the call", {LIVE, .agent_done = true}, END_AGENT_DONE},
    {"… before it was too long", {LIVE, .agent_done = true, .caller_at = NOW - 4 * HOUR}, END_AGENT_DONE},
    {"four hours", {LIVE, TALK, .caller_at = NOW - 4 * HOUR}, END_TOO_LONG},
    {"nearly four hours", {LIVE, TALK, .caller_at = NOW - 4 * HOUR + 1}, END_NONE},
    {"four hours, but the caller is away",
     {COMMON, TALK, .caller_at = NOW - 4 * HOUR, .leg_count = 1, .legs = {AWAY(1, 10)}},
     END_NONE},
    {"no agent, and nobody came yet", {COMMON, .had_caller = false, .choice = CHOSEN_NOBODY}, END_NONE},
    {"the agent failed, and nobody came yet", {COMMON, .had_caller = false, .gave_up = true}, END_NONE},
    {"nobody came", {COMMON, .had_caller = false, .nobody_there = true}, END_NOT_A_CALL},
    {"… but who is asked has not answered", {COMMON, .had_caller = false, .seen_at = NOW - 10000}, END_NONE},
    {"… for longer than a call may last", {COMMON, .had_caller = false, .seen_at = EMPTY_AT}, END_NOT_A_CALL},
    {"… nearly", {COMMON, .had_caller = false, .seen_at = EMPTY_AT + 1}, END_NONE},
    {"somebody came long after", {LIVE, TALK, .seen_at = EMPTY_AT}, END_NONE},
    {"somebody came who is no caller",
     {COMMON, .had_caller = false, .nobody_there = true, .leg_count = 1, .legs = {OTHER_HERE(1)}},
     END_NOT_A_CALL},
};

static void test_endings(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        enum call_end end = call_end(&endings[i].call, &call_policy_default, NOW);
        if (end != endings[i].end) {
            fail_msg("%s: \"%s\" instead of \"%s\"", endings[i].name, call_end_label(end),
                     call_end_label(endings[i].end));
        }
    }
}

/* `then` is all that is wanted. */
enum phase_policy { DELETES, KEEPS_ROOMS, LIVEKIT_AWAY }; /* rooms can be deleted, or not; LiveKit is away */
struct phase {
    const char *name;
    enum phase_policy policy;
    struct call call;
    struct want then;
};

#define STOPPED LIVE, .stopped = true

static const struct phase phases[] = {
    {"over, with a room and a process",
     DELETES,
     {STOPPED, TALK},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"over, with a room",
     DELETES,
     {STOPPED},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"over, deleting again later",
     DELETES,
     {STOPPED, .delete_at = NOW + 700},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, NOW + 700}},
    {"over, deleting again now",
     DELETES,
     {STOPPED, .delete_at = NOW},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"over, the room is not ours to delete",
     DELETES,
     {LIVE, TALK, .taken = true},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_TAKEN, MONO_NEVER}},
    {"over, rooms cannot be deleted",
     KEEPS_ROOMS,
     {STOPPED, TALK},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"over, rooms cannot be deleted, it is still starting",
     KEEPS_ROOMS,
     {STOPPED, .process = PROCESS_STARTING},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"over, the room never was",
     DELETES,
     {STOPPED, TALK, .room = ROOM_UNSEEN},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"over, the room is gone",
     DELETES,
     {LIVE, TALK, .room = ROOM_FINISHED},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_ROOM_FINISHED, MONO_NEVER}},
    {"over, nothing is left",
     DELETES,
     {LIVE, .room = ROOM_FINISHED},
     {PHASE_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_ROOM_FINISHED, MONO_NEVER}},
    {"over, rooms cannot be deleted, nothing is left",
     KEEPS_ROOMS,
     {STOPPED},
     {PHASE_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"over, a caller's audio is still to come",
     DELETES,
     {COMMON, TALK, .stopped = true, .leg_count = 2, .legs = {HERE(1), ARRIVING(2, 2999, LEG_HERE)}},
     {PHASE_ARRIVING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, NOW + 1}},
    {"… that of a rejected one",
     DELETES,
     {COMMON, .had_caller = false, .had_reject = true, .leg_count = 1, .legs = {ARRIVING(1, 2000, LEG_REJECTED)}},
     {PHASE_ARRIVING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_REJECTED, NOW + 1000}},
    {"… that of the later of two",
     DELETES,
     {COMMON, .stopped = true, .leg_count = 3,
      .legs = {ARRIVING(1, 2000, LEG_HERE), ARRIVING(2, 1000, LEG_HERE), ARRIVING(3, 1500, LEG_HERE)}},
     {PHASE_ARRIVING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, NOW + 2000}},
    {"… for too long",
     DELETES,
     {COMMON, .stopped = true, .leg_count = 1, .legs = {ARRIVING(1, 3000, LEG_HERE)}},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"… that of one who left",
     DELETES,
     {COMMON, .stopped = true, .leg_count = 1, .legs = {ARRIVING(1, 10, LEG_LEFT_HARD)}},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"… but rooms cannot be deleted",
     KEEPS_ROOMS,
     {COMMON, .stopped = true, .leg_count = 1, .legs = {ARRIVING(1, 10, LEG_HERE)}},
     {PHASE_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"… but the room is not ours to delete",
     DELETES,
     {COMMON, .taken = true, .leg_count = 1, .legs = {ARRIVING(1, 10, LEG_HERE)}},
     {PHASE_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_TAKEN, MONO_NEVER}},
    {"a caller's audio is still to come, in a call that lives",
     DELETES,
     {COMMON, TALK, .leg_count = 1, .legs = {ARRIVING(1, 10, LEG_HERE)}},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"over, no phone was ever seen in the room",
     DELETES,
     {COMMON, TALK, .had_caller = false, .stopped = true},
     {PHASE_STOPPING, AGENT_STOP, ASK_NOTHING, ROOM_KEEP, END_OPERATOR, MONO_NEVER}},
    {"over, only a rejected one was seen",
     DELETES,
     {COMMON, .had_caller = false, .had_reject = true, .stopped = true},
     {PHASE_HANGING_UP, AGENT_STOP, ASK_NOTHING, ROOM_DELETE, END_OPERATOR, MONO_NEVER}},
    {"a dying process is in the way",
     DELETES,
     {LIVE, TALK, .dismissed = true},
     {PHASE_REPLACING, AGENT_KILL, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"a hanging process is in the way",
     DELETES,
     {LIVE, .process = PROCESS_RUNNING, .confirmed = true},
     {PHASE_REPLACING, AGENT_KILL, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"… before the callers' absence",
     DELETES,
     {COMMON, TALK, .dismissed = true, .leg_count = 1, .legs = {AWAY(1, 100)}},
     {PHASE_REPLACING, AGENT_KILL, ASK_NOTHING, ROOM_KEEP, END_NONE, MONO_NEVER}},
    {"what was dismissed and is gone is not in the way",
     DELETES,
     {LIVE, .dismissed = true, .confirmed = true},
     {PHASE_STARTING, AGENT_RUN, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"the callers are away",
     DELETES,
     {COMMON, TALK, .leg_count = 1, .legs = {AWAY(1, 100)}},
     {PHASE_GRACE, AGENT_LEAVE, ASK_ROOM, ROOM_KEEP, END_NONE, NOW + 4900}},
    {"… before the choice",
     DELETES,
     {COMMON, .choice = CHOSEN_NOT, .leg_count = 1, .legs = {AWAY(1, 100)}},
     {PHASE_GRACE, AGENT_LEAVE, ASK_ROOM, ROOM_KEEP, END_NONE, NOW + 4900}},
    {"… with no process: none is started",
     DELETES,
     {COMMON, .leg_count = 1, .legs = {AWAY(1, 100)}},
     {PHASE_GRACE, AGENT_LEAVE, ASK_ROOM, ROOM_KEEP, END_NONE, NOW + 4900}},
    {"not chosen",
     DELETES,
     {LIVE, .choice = CHOSEN_NOT, .seen_at = NOW - 100},
     {PHASE_DECIDING, AGENT_LEAVE, ASK_NUMBER, ROOM_KEEP, END_NONE, NOW + 5900}},
    {"not chosen, the wait is over",
     DELETES,
     {LIVE, .choice = CHOSEN_NOT, .seen_at = NOW - 6000},
     {PHASE_DECIDING, AGENT_LEAVE, ASK_NUMBER, ROOM_KEEP, END_NONE, MAX_AT}},
    {"not chosen, nobody came yet",
     DELETES,
     {COMMON, .had_caller = false, .choice = CHOSEN_NOT, .seen_at = NOW - 6000},
     {PHASE_DECIDING, AGENT_LEAVE, ASK_NUMBER, ROOM_KEEP, END_NONE, NOW + 4000}},
    {"nobody came, LiveKit is asked",
     DELETES,
     {COMMON, TALK, .had_caller = false, .seen_at = NOW - 10000},
     {PHASE_EMPTY, AGENT_LEAVE, ASK_ROOM, ROOM_KEEP, END_NONE, NOW + 4 * HOUR}},
    {"… nearly",
     DELETES,
     {COMMON, TALK, .had_caller = false, .seen_at = NOW - 9999},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1}},
    {"… somebody came",
     DELETES,
     {LIVE, TALK, .seen_at = NOW - 10000},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"… before the choice",
     DELETES,
     {COMMON, .had_caller = false, .choice = CHOSEN_NOT, .seen_at = NOW - 10000},
     {PHASE_EMPTY, AGENT_LEAVE, ASK_ROOM, ROOM_KEEP, END_NONE, NOW + 4 * HOUR}},
    {"… a hanging process is killed all the same",
     DELETES,
     {COMMON, .had_caller = false, .process = PROCESS_RUNNING, .confirmed = true, .seen_at = NOW - 10000},
     {PHASE_REPLACING, AGENT_KILL, ASK_NOTHING, ROOM_KEEP, END_NONE, MONO_NEVER}},
    {"no agent, nobody came yet",
     DELETES,
     {COMMON, .had_caller = false, .choice = CHOSEN_NOBODY},
     {PHASE_WAITING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 4000}},
    {"the agent failed, nobody came yet",
     DELETES,
     {COMMON, .had_caller = false, .gave_up = true},
     {PHASE_WAITING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 4000}},
    {"… also not while LiveKit is away",
     LIVEKIT_AWAY,
     {COMMON, .had_caller = false, .gave_up = true},
     {PHASE_WAITING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 4000}},
    {"LiveKit is away: none is started",
     LIVEKIT_AWAY,
     {LIVE},
     {PHASE_LIVEKIT_AWAY, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"… after a back-off too",
     LIVEKIT_AWAY,
     {LIVE, .retry_at = NOW + 1},
     {PHASE_LIVEKIT_AWAY, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"… what runs lives on",
     LIVEKIT_AWAY,
     {LIVE, TALK},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"… what was handed over stays so",
     LIVEKIT_AWAY,
     {LIVE, .handed_over = true},
     {PHASE_HANDED_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"an exit not understood yet",
     DELETES,
     {LIVE, .exit_open = true, .exit_at = NOW - 100},
     {PHASE_PARTING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1900}},
    {"… before the hand-over",
     DELETES,
     {LIVE, .exit_open = true, .handed_over = true, .exit_at = NOW - 100},
     {PHASE_PARTING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1900}},
    {"handed over",
     DELETES,
     {LIVE, .handed_over = true},
     {PHASE_HANDED_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"handed over, before a back-off",
     DELETES,
     {LIVE, .handed_over = true, .retry_at = NOW + 10},
     {PHASE_HANDED_OVER, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"not again before",
     DELETES,
     {LIVE, .retry_at = NOW + 1},
     {PHASE_BACKING_OFF, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1}},
    {"again", DELETES, {LIVE, .retry_at = NOW}, {PHASE_STARTING, AGENT_RUN, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"not again before, but one runs",
     DELETES,
     {LIVE, TALK, .retry_at = NOW + 1},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"chosen, none runs", DELETES, {LIVE}, {PHASE_STARTING, AGENT_RUN, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"chosen, nobody came yet",
     DELETES,
     {COMMON, .had_caller = false},
     {PHASE_STARTING, AGENT_RUN, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 4000}},
    {"asked for",
     DELETES,
     {LIVE, .process = PROCESS_STARTING},
     {PHASE_STARTING, AGENT_RUN, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"talking",
     DELETES,
     {LIVE, TALK, .started_at = NOW - HOUR},
     {PHASE_TALKING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, MAX_AT}},
    {"not ready in time",
     DELETES,
     {LIVE, .process = PROCESS_RUNNING, .started_at = NOW - 10000},
     {PHASE_NOT_READY, AGENT_LEAVE, ASK_READY, ROOM_KEEP, END_NONE, MAX_AT}},
    {"joined, not ready in time",
     DELETES,
     {LIVE, .process = PROCESS_RUNNING, .voice = VOICE_JOINED, .started_at = NOW - 10000},
     {PHASE_NOT_READY, AGENT_LEAVE, ASK_READY, ROOM_KEEP, END_NONE, MAX_AT}},
    {"joined",
     DELETES,
     {LIVE, .process = PROCESS_RUNNING, .voice = VOICE_JOINED, .started_at = NOW - 9999},
     {PHASE_JOINED, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1}},
    {"joining",
     DELETES,
     {LIVE, .process = PROCESS_RUNNING, .started_at = NOW - 9999},
     {PHASE_JOINING, AGENT_LEAVE, ASK_NOTHING, ROOM_KEEP, END_NONE, NOW + 1}},
};

static bool same_want(const struct want *a, const struct want *b) {
    return a->phase == b->phase && a->agent == b->agent && a->ask == b->ask && a->room == b->room && a->end == b->end &&
           a->next == b->next;
}

static void test_phases(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        struct call_policy policy = call_policy_default;
        policy.close_room = phases[i].policy != KEEPS_ROOMS;
        policy.livekit_away = phases[i].policy == LIVEKIT_AWAY;
        struct want want = call_want(&phases[i].call, &policy, NOW);
        if (!same_want(&want, &phases[i].then)) {
            fail_msg("%s: %s agent=%d ask=%d room=%d end=%s next=%+lld instead of %s next=%+lld", phases[i].name,
                     call_phase_label(want.phase), (int)want.agent, (int)want.ask, (int)want.room,
                     call_end_label(want.end), (long long)(want.next - NOW), call_phase_label(phases[i].then.phase),
                     (long long)(phases[i].then.next - NOW));
        }
    }
}

static void test_every_row_is_reached(void **state) {
    (void)state;
    bool ended[CALL_END_COUNT] = {0}, reached[CALL_PHASE_COUNT] = {0};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        ended[endings[i].end] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        reached[phases[i].then.phase] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(ended); i++) {
        assert_true(ended[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(reached); i++) {
        assert_true(reached[i]);
    }
}

/* Whether each reason to end takes the room along. */
static void test_who_hangs_up(void **state) {
    (void)state;
    static const bool hangs_up[CALL_END_COUNT] = {
        [END_OPERATOR] = true,     [END_CALLER_LEFT] = true, [END_REJECTED] = true, [END_NO_AGENT] = true,
        [END_AGENT_FAILED] = true, [END_AGENT_DONE] = true,  [END_TOO_LONG] = true,
    };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        struct call call = endings[i].call;
        struct want want = call_want(&call, &call_policy_default, NOW);
        assert_int_equal(want.end, endings[i].end);
        assert_int_equal(want.room == ROOM_DELETE, hangs_up[want.end] && call.room == ROOM_OPEN);
    }
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(call_end_label(END_NONE), "");
    assert_string_equal(call_end_text(END_NONE), "");
    assert_string_equal(call_end_label(END_CALLER_LEFT), "CALLER_LEFT");
    assert_string_equal(call_end_text(END_CALLER_LEFT), "the last caller left");
    assert_string_equal(call_phase_label(PHASE_HANDED_OVER), "handed-over");
    for (int phase = 0; phase < CALL_PHASE_COUNT; phase++) {
        assert_non_null(call_phase_label((enum call_phase)phase));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endings),      cmocka_unit_test(test_phases), cmocka_unit_test(test_every_row_is_reached),
        cmocka_unit_test(test_who_hangs_up), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
