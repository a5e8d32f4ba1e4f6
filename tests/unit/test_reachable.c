/* Every event noted against every reachable state. Facts are made abstract (times relative to now and cut off), all
 * events of a small cast are noted in every state found, breadth first, and what must always hold is checked at each:
 * noting twice changes nothing, the tables always have an answer, and what they want comes to rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "call_story.h"

enum { NOW = 1000000, UNIT = 1000, PAST = 12 * UNIT, FUTURE = 12 * UNIT, MOST_STATES = 60000 };

/* Short times, so that few abstract states differ by time alone. */
static const struct call_policy quick = {
    .number_wait_ms = 2 * UNIT,
    .ready_ms = 2 * UNIT,
    .rejoin_ms = UNIT,
    .max_call_ms = 6 * UNIT,
    .caller_wait_ms = 3 * UNIT,
    .parting_ms = UNIT,
    .crash_window_ms = 4 * UNIT,
    .arriving_ms = UNIT,
};

/* A cast: some of the events, so that their states can all be visited. */
struct cast {
    const char *name;
    bool close_room;
    unsigned least_states;
    struct call_event events[32];
    size_t count;
    bool asks; /* LiveKit's answers are events; else nobody knows who is in a room */
    bool away; /* LiveKit is away all the time */
};

static const struct cast casts[] = {
    {"legs",
     true,
     300,
     {ROOM, CALLER(1), CALLER_AGAIN(1, 150), HANGS_UP(1), DROPS(1), CALLER(2), HANGS_UP(2), SPAMMER(3), FINISHED,
      NEW_SID},
     10,
     false,
     false},
    {"an agent's life",
     false,
     1000,
     {CALLER(1), HANGS_UP(1), CHOICE, RUNS, NO_START, EXITS, CRASHES, EXITS_125, JOINS(1), SPEAKS(1), LEAVES(1),
      PUSHED_OUT(1), TIMES_OUT(1), OPERATOR_STOPS},
     14,
     false,
     false},
    {"two processes of one call",
     true,
     1000,
     {ROOM, CALLER(1), DROPS(1), CALLER_AGAIN(1, 150), CHOICE, RUNS, EXITS, CRASHES, JOINS(1), SPEAKS(1), JOINS(2),
      SPEAKS(2), PUSHED_OUT(1), LEAVES(2), PERSON(7)},
     15,
     false,
     false},
    {"LiveKit's lists",
     true,
     1000,
     {ROOM, CALLER(1), CALLER_HEARD(1), SPEAKS(101), HANGS_UP(1), SPAMMER(3), CHOICE, NOBODY, RUNS, EXITS_125, JOINS(1),
      SPEAKS(1), NO_CALLER, LEG_ABSENT(1), ROOM_ABSENT, ROOM_LISTED, AGENT_ABSENT},
     17,
     true,
     false},
    {"LiveKit is away",
     true,
     1000,
     {ROOM, CALLER(1), DROPS(1), HANGS_UP(1), CHOICE, NOBODY, FULL, RUNS, EXITS, CRASHES, NO_START, JOINS(1), SPEAKS(1),
      LEAVES(1), PUSHED_OUT(1)},
     15,
     true,
     true},
    {"everything",
     true,
     10000,
     {ROOM,
      FINISHED,
      CALLER(1),
      HANGS_UP(1),
      DROPS(1),
      CALLER_AGAIN(1, 150),
      CALLER(2),
      HANGS_UP(2),
      SPAMMER(3),
      PERSON(7),
      PERSON_LEAVES(7),
      CHOICE_ANY,
      NOBODY,
      RUNS,
      NO_START,
      EXITS,
      CRASHES,
      EXITS_125,
      JOINS(1),
      SPEAKS(1),
      LEAVES(1),
      PUSHED_OUT(1),
      SPEAKS(107),
      DELETED,
      NOT_DELETED,
      OPERATOR_STOPS,
      NEW_SID,
      {.kind = CALL_NOT_READY}},
     28,
     false,
     false},
};

/* A call's facts as one run of bytes: `more` is NULL, and its legs are in `far`. */
struct flat {
    struct call call;
    struct leg far[CALL_LEGS - CALL_LEGS_NEAR];
};

struct state {
    struct flat flat;
    UT_hash_handle hh;
};

struct search {
    const struct cast *cast;
    struct call_policy policy;
    struct state *states; /* those of list, by their bytes */
    struct state **list;
    size_t count;
    bool phases[CALL_PHASE_COUNT], ends[CALL_END_COUNT];
};

static mono_ms cut(mono_ms at) {
    if (at == 0) {
        return 0;
    }
    return at < NOW - PAST ? NOW - PAST : at > NOW + FUTURE ? NOW + FUTURE : at;
}

static void cut_leg(const struct leg *leg, struct leg *ret_leg) {
    ret_leg->sid = leg->sid;
    ret_leg->identity = leg->identity;
    ret_leg->joined_at = cut(leg->joined_at);
    ret_leg->left_at = cut(leg->left_at);
    ret_leg->role = leg->role;
    ret_leg->state = leg->state;
    ret_leg->absences = leg->absences;
    ret_leg->only_listed = leg->only_listed;
    ret_leg->arriving = leg->arriving;
}

static void cut_flags(const struct call *call, struct call *ret_call) {
    ret_call->any_agent = call->any_agent;
    ret_call->had_caller = call->had_caller;
    ret_call->had_reject = call->had_reject;
    ret_call->spoke = call->spoke;
    ret_call->room_again = call->room_again;
    ret_call->exit_open = call->exit_open;
    ret_call->left_client = call->left_client;
    ret_call->confirmed = call->confirmed;
    ret_call->dismissed = call->dismissed;
    ret_call->crowded = call->crowded;
    ret_call->stopped = call->stopped;
    ret_call->superseded = call->superseded;
    ret_call->taken = call->taken;
    ret_call->gave_up = call->gave_up;
    ret_call->agent_done = call->agent_done;
    ret_call->handed_over = call->handed_over;
    ret_call->nobody_there = call->nobody_there;
}

static void cut_times(const struct call *call, struct call *ret_call) {
    ret_call->seen_at = cut(call->seen_at);
    ret_call->room_at = cut(call->room_at);
    ret_call->caller_at = cut(call->caller_at);
    ret_call->started_at = cut(call->started_at);
    ret_call->answered_at = call->answered_at != 0 ? NOW : 0;
    ret_call->voice_left_at = cut(call->voice_left_at);
    ret_call->pushed_out_at = cut(call->pushed_out_at);
    ret_call->exit_at = cut(call->exit_at);
    ret_call->retry_at = cut(call->retry_at);
    ret_call->delete_at = cut(call->delete_at);
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        ret_call->crash_at[i] = cut(call->crash_at[i]);
    }
}

/* The abstract state of CALL, every byte of it defined. */
static void make_abstract(const struct call *call, struct flat *ret_flat) {
    struct call *ret_call = &ret_flat->call;
    memset(ret_flat, 0, sizeof *ret_flat);
    ret_call->room = call->room;
    ret_call->choice = call->choice;
    ret_call->process = call->process;
    ret_call->voice = call->voice;
    ret_call->exit = call->exit;
    ret_call->leg_count = call->leg_count;
    ret_call->failed_starts = call->failed_starts;
    ret_call->hangs = call->hangs;
    ret_call->delete_tries = call->delete_tries;
    ret_call->absences = call->absences;
    ret_call->voice_absences = call->voice_absences;
    ret_call->voice_sid = call->voice_sid;
    ret_call->ghost_sid = call->ghost_sid;
    memcpy(ret_call->older_ghosts, call->older_ghosts, sizeof ret_call->older_ghosts);
    ret_call->audio_sid = call->audio_sid;
    cut_flags(call, ret_call);
    cut_times(call, ret_call);
    for (unsigned i = 0; i < call->leg_count; i++) {
        struct leg *place = i < CALL_LEGS_NEAR ? &ret_call->legs[i] : &ret_flat->far[i - CALL_LEGS_NEAR];
        cut_leg(call_leg_at(call, i), place);
    }
}

/* All times move MS into the past: as if now were later. */
static void pass_time(struct call *call, int64_t ms) {
    mono_ms *times[] = {&call->seen_at,     &call->room_at,       &call->caller_at,     &call->started_at,
                        &call->answered_at, &call->voice_left_at, &call->pushed_out_at, &call->exit_at,
                        &call->retry_at,    &call->delete_at,     &call->crash_at[0],   &call->crash_at[1],
                        &call->crash_at[2]};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        *times[i] -= *times[i] != 0 ? ms : 0;
    }
    for (unsigned i = 0; i < call->leg_count; i++) {
        struct leg *leg = call_leg_at(call, i);
        leg->joined_at -= leg->joined_at != 0 ? ms : 0;
        leg->left_at -= leg->left_at != 0 ? ms : 0;
    }
}

/* For call_release. */
static struct call call_from(const struct flat *flat) {
    struct flat legs = *flat;
    legs.call.more = flat->call.leg_count > CALL_LEGS_NEAR ? legs.far : NULL;
    return call_copy(&legs.call);
}

static void add_state(struct search *search, const struct call *call) {
    struct flat abstract;
    make_abstract(call, &abstract);
    struct state *state = NULL;
    HASH_FIND(hh, search->states, &abstract, sizeof abstract, state);
    if (state != NULL || search->count >= MOST_STATES) {
        return;
    }
    state = xcalloc(1, sizeof *state);
    memcpy(&state->flat, &abstract, sizeof abstract);
    HASH_ADD(hh, search->states, flat, sizeof state->flat, state);
    search->list[search->count++] = state;
}

static bool same(const struct call *a, const struct call *b) {
    struct flat x, y;
    make_abstract(a, &x);
    make_abstract(b, &y);
    return memcmp(&x, &y, sizeof x) == 0;
}

#define HOLDS(what)                                                                                                    \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fail_msg("%s: after %s in %s: %s does not hold", search->cast->name, event, call_phase_label(was), #what); \
        }                                                                                                              \
    } while (0)

/* What must hold of any facts. */
static void check_want(struct search *search, const struct call *call, const char *event, enum call_phase was) {
    struct want want = call_want(call, &search->policy, NOW);
    bool ended = want.end != END_NONE, alive = call->process != PROCESS_NONE;
    HOLDS(want.phase < CALL_PHASE_COUNT);
    HOLDS(ended == (want.phase <= PHASE_OVER));
    HOLDS(want.agent != AGENT_RUN || !ended);
    HOLDS(want.agent != AGENT_RUN || call->process != PROCESS_RUNNING);
    HOLDS(want.agent != AGENT_RUN || call->choice == CHOSEN_AGENT);
    HOLDS(want.phase != PHASE_OVER || !alive);
    HOLDS(!ended || !alive || want.agent == AGENT_STOP);
    HOLDS(want.room != ROOM_DELETE || (ended && call->room == ROOM_OPEN && search->policy.close_room));
    HOLDS(want.next > NOW);
    /* Nothing is forgotten: a call that lives is looked at again, or its process will be heard of. */
    HOLDS(ended || want.next != MONO_NEVER || (alive && want.phase == PHASE_REPLACING));
    HOLDS(want.phase != PHASE_ARRIVING || want.next != MONO_NEVER);
    /* Where LiveKit's word is waited for, it is asked or will be, and not for ever. */
    HOLDS(want.phase != PHASE_EMPTY || (want.ask == ASK_ROOM && !call->had_caller));
    HOLDS(want.phase != PHASE_WAITING || (!alive && !call->had_caller));
    HOLDS(want.phase != PHASE_LIVEKIT_AWAY || (!alive && search->policy.livekit_away));
    HOLDS(want.agent != AGENT_RUN || alive || !search->policy.livekit_away);
    HOLDS(!call->nobody_there || !call->had_caller);
    HOLDS(want.room != ROOM_DELETE || call->had_caller || call->had_reject);
    HOLDS((want.end != END_NO_AGENT && want.end != END_AGENT_FAILED) || call->had_caller);
    HOLDS(want.end != END_OVERLOAD || (call->had_caller && call->choice == CHOSEN_NOBODY));
    HOLDS(!call->exit_open || !alive);
    HOLDS(call->voice == VOICE_NONE || alive || want.end != END_NONE);
    HOLDS(!call->superseded || ended);
    search->phases[want.phase] = true;
    search->ends[want.end] = true;
}

/* What must hold between the facts before and after. */
static void check_step(struct search *search, const struct call *before, const struct call *after, const char *event) {
    enum call_phase was = call_want(before, &search->policy, NOW).phase;
    HOLDS(before->choice != CHOSEN_AGENT || after->choice == CHOSEN_AGENT);
    HOLDS(!before->superseded || after->superseded);
    HOLDS(!before->had_caller || after->had_caller);
    for (unsigned i = 0; i < before->leg_count; i++) { /* 16 are never reached here: no leg is forgotten */
        const struct leg *was_leg = call_leg_at(before, i), *leg = call_leg_at(after, i);
        HOLDS(was_leg->sid == leg->sid);
        HOLDS(was_leg->state == LEG_HERE || leg->state != LEG_HERE);
    }
    check_want(search, after, event, was);
}

/* What is wanted comes to rest, and what rests wants the same again. */
static void check_rest(struct search *search, struct call *call, const char *event) {
    enum call_phase was = call_want(call, &search->policy, NOW).phase;
    story_settle(call, &search->policy, NOW, search->cast->asks);
    check_want(search, call, event, was);
    add_state(search, call);
}

/* Absence counts how often it is said. */
static bool counts(enum call_event_kind kind) {
    return kind == CALL_LEG_ABSENT || kind == CALL_ROOM_ABSENT || kind == CALL_AGENT_ABSENT;
}

static void try_event(struct search *search, const struct call *state, const struct call_event *event) {
    struct call call = call_copy(state);
    const char *name = call_event_name(event->kind);
    call_note(&call, event, &search->policy, NOW);
    check_step(search, state, &call, name);
    struct call twice = call_copy(&call);
    call_note(&twice, event, &search->policy, NOW);
    if (!same(&call, &twice) && !counts(event->kind)) {
        fail_msg("%s: %s noted twice in %s is not the same as once", search->cast->name, name,
                 call_phase_label(call_want(state, &search->policy, NOW).phase));
    }
    check_rest(search, &call, name);
    call_release(&twice);
    call_release(&call);
}

static void expand(struct search *search, const struct flat *flat) {
    struct call state = call_from(flat);
    for (size_t i = 0; i < search->cast->count; i++) {
        try_event(search, &state, &search->cast->events[i]);
    }
    pass_time(&state, UNIT);
    struct call_event tick = WAIT;
    try_event(search, &state, &tick);
    call_release(&state);
}

static void explore(const struct cast *cast, struct search *search) {
    *search = (struct search){.cast = cast, .policy = quick, .list = xcalloc(MOST_STATES, sizeof *search->list)};
    search->policy.close_room = cast->close_room;
    search->policy.livekit_away = cast->away;
    struct call call;
    call_init(&call, NOW);
    add_state(search, &call);
    for (size_t i = 0; i < search->count; i++) {
        expand(search, &search->list[i]->flat);
    }
    print_message("%s: %zu states%s\n", cast->name, search->count,
                  search->count == MOST_STATES ? " (as many as are looked at)" : "");
    assert_true(search->count >= cast->least_states);
}

static void release(struct search *search) {
    HASH_CLEAR(hh, search->states);
    for (size_t i = 0; i < search->count; i++) {
        free(search->list[i]);
    }
    free(search->list);
}

static void test_every_event_in_every_state(void **state) {
    (void)state;
    bool phases[CALL_PHASE_COUNT] = {0}, ends[CALL_END_COUNT] = {0};
    for (size_t i = 0; i < ARRAY_LEN(casts); i++) {
        struct search search;
        explore(&casts[i], &search);
        for (size_t p = 0; p < CALL_PHASE_COUNT; p++) {
            phases[p] = phases[p] || search.phases[p];
        }
        for (size_t e = 0; e < CALL_END_COUNT; e++) {
            ends[e] = ends[e] || search.ends[e];
        }
        release(&search);
    }
    for (int p = 0; p < CALL_PHASE_COUNT; p++) {
        if (!phases[p]) {
            fail_msg("the phase %s was not reached", call_phase_label((enum call_phase)p));
        }
    }
    for (int e = 0; e < CALL_END_COUNT; e++) {
        if (!ends[e]) {
            fail_msg("the end %s was not reached", call_end_label((enum call_end)e));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_event_in_every_state)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
