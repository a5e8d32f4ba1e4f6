/* A call told as a story: what happened when, and what the tables want then. The driver does what the bridge would
 * do (asks for a process, dismisses it, finds nobody who knows that the agent is ready) and nothing more. Included
 * after cmocka.h. */
#ifndef TESTS_CALL_STORY_H
#define TESTS_CALL_STORY_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "calls/verdict.h"

enum { STORY_STEPS = 40, STORY_START = 1000000 };

/* AT milliseconds after the call was first heard of, EVENT is noted; THEN is "phase" or "phase/END". */
struct story_step {
    int64_t at;
    struct call_event event;
    const char *then;
};

struct story {
    const char *name;
    bool keep_room; /* rooms cannot be deleted */
    struct story_step steps[STORY_STEPS];
};

/* What else may be the case. */
struct story_setting {
    bool asks;                /* LiveKit is asked who is in the room, and its answer is a step of the story */
    int64_t away_at, back_at; /* LiveKit is away then, in milliseconds after the start; 0: it is not */
};

#define ROOM \
    { .kind = CALL_ROOM_STARTED }
#define FINISHED \
    { .kind = CALL_ROOM_FINISHED }
#define CALLER(n) \
    { .kind = CALL_LEG_JOINED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER }
/* … whose own audio is there. */
#define CALLER_HEARD(n) \
    { .kind = CALL_LEG_JOINED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER, .audible = true }
/* The same person again: a new participant with the identity of caller N. */
#define CALLER_AGAIN(n, sid_) \
    { .kind = CALL_LEG_JOINED, .sid = (sid_), .identity = 200 + (n), .role = LEG_CALLER }
/* … of whom LiveKit's list tells. */
#define CALLER_LISTED(n) \
    { .kind = CALL_LEG_JOINED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER, .listed = true }
#define AGAIN_DROPS(n, sid_) \
    { .kind = CALL_LEG_LEFT, .sid = (sid_), .identity = 200 + (n), .role = LEG_CALLER }
#define SPAMMER(n) \
    { .kind = CALL_LEG_REJECTED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER }
#define PERSON(n) \
    { .kind = CALL_LEG_JOINED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_OTHER }
#define HUMAN(n) \
    { .kind = CALL_LEG_JOINED, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_OUTBOUND }
#define HANGS_UP(n) \
    { .kind = CALL_LEG_LEFT, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER, .hard = true, .client = true }
#define DROPS(n) \
    { .kind = CALL_LEG_LEFT, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_CALLER }
#define PERSON_LEAVES(n) \
    { .kind = CALL_LEG_LEFT, .sid = 100 + (n), .identity = 200 + (n), .role = LEG_OTHER, .hard = true, .client = true }
#define CHOICE \
    { .kind = CALL_CHOSEN }
#define CHOICE_ANY \
    { .kind = CALL_CHOSEN, .any_agent = true }
#define NOBODY \
    { .kind = CALL_NOBODY }
#define FULL \
    { .kind = CALL_OVERLOAD }
#define RUNS \
    { .kind = CALL_PROCESS_STARTED }
#define NO_START \
    { .kind = CALL_PROCESS_FAILED }
#define EXITS \
    { .kind = CALL_PROCESS_EXITED, .exit = EXIT_CLEAN }
#define CRASHES \
    { .kind = CALL_PROCESS_EXITED, .exit = EXIT_CRASHED }
#define EXITS_125 \
    { .kind = CALL_PROCESS_EXITED, .exit = EXIT_NEVER_AGAIN }
#define JOINS(n) \
    { .kind = CALL_AGENT_JOINED, .sid = (n) }
#define SPEAKS(n) \
    { .kind = CALL_AUDIO_PUBLISHED, .sid = (n) }
#define LEAVES(n) \
    { .kind = CALL_AGENT_LEFT, .sid = (n), .client = true }
#define TIMES_OUT(n) \
    { .kind = CALL_AGENT_LEFT, .sid = (n) }
#define PUSHED_OUT(n) \
    { .kind = CALL_AGENT_LEFT, .sid = (n), .duplicate = true }
#define DELETED \
    { .kind = CALL_ROOM_DELETED }
#define NOT_DELETED \
    { .kind = CALL_DELETE_FAILED }
#define OPERATOR_STOPS \
    { .kind = CALL_STOP }
#define NEW_SID \
    { .kind = CALL_SUPERSEDED }
#define LEG_ABSENT(n) \
    { .kind = CALL_LEG_ABSENT, .sid = 100 + (n) }
#define ROOM_ABSENT \
    { .kind = CALL_ROOM_ABSENT }
#define ROOM_LISTED \
    { .kind = CALL_ROOM_LISTED }
#define AGENT_ABSENT \
    { .kind = CALL_AGENT_ABSENT }
#define NO_CALLER \
    { .kind = CALL_NO_CALLER }
#define WAIT \
    { .kind = CALL_TICK }

/* The usual beginning: room, agent chosen and started, caller, agent audible. */
#define ANSWERED                                                                                        \
    {0, ROOM, "deciding"}, {0, CHOICE, "starting"}, {10, RUNS, "joining"}, {100, CALLER(1), "joining"}, \
        {200, JOINS(1), "joined"}, {                                                                    \
        300, SPEAKS(1), "talking"                                                                       \
    }

static inline void story_note(struct call *call, enum call_event_kind kind, const struct call_policy *policy,
                              mono_ms now) {
    struct call_event event = {.kind = kind};
    call_note(call, &event, policy, now);
}

/* One action of those the bridge takes; false: nothing is to be done. ASKS: an answer to "who is in the room?" may
 * come later. */
static inline bool story_act(struct call *call, const struct call_policy *policy, mono_ms now, bool asks) {
    struct want want = call_want(call, policy, now);
    if (want.agent == AGENT_RUN && call->process == PROCESS_NONE) {
        story_note(call, CALL_PROCESS_ASKED, policy, now);
    } else if ((want.agent == AGENT_STOP || want.agent == AGENT_KILL) && !call->dismissed &&
               call->process != PROCESS_NONE) {
        story_note(call, CALL_DISMISSED, policy, now);
    } else if (want.ask == ASK_READY) {
        story_note(call, CALL_NOT_READY, policy, now);
    } else if (want.ask == ASK_ROOM && !call->had_caller && !asks) {
        story_note(call, CALL_NO_CALLER, policy, now);
    } else {
        return false;
    }
    return true;
}

static inline struct want story_settle(struct call *call, const struct call_policy *policy, mono_ms now, bool asks) {
    unsigned rounds = 0;
    while (story_act(call, policy, now, asks)) {
        assert_true(++rounds < 16); /* what is wanted goes to and fro */
    }
    return call_want(call, policy, now);
}

static inline void story_then(const struct want *want, char ret_text[64]) {
    bool ended = want->end != END_NONE;
    snprintf(ret_text, 64, "%s%s%s", call_phase_label(want->phase), ended ? "/" : "", call_end_label(want->end));
}

static inline void story_check(const struct story *story, const struct story_step *step, const struct want *want) {
    char then[64];
    story_then(want, then);
    if (strcmp(then, step->then) != 0) {
        fail_msg("%s: at %lld ms after %s: %s instead of %s", story->name, (long long)step->at,
                 call_event_name(step->event.kind), then, step->then);
    }
}

/* Tells STORY to its end; the facts as they are then. */
static inline struct call story_tell_in(const struct story *story, const struct story_setting *setting) {
    struct call_policy policy = call_policy_default;
    policy.close_room = !story->keep_room;
    struct call call;
    call_init(&call, STORY_START);
    for (size_t i = 0; i < STORY_STEPS && story->steps[i].then != NULL; i++) {
        const struct story_step *step = &story->steps[i];
        policy.livekit_away = step->at >= setting->away_at && step->at < setting->back_at;
        call_note(&call, &step->event, &policy, STORY_START + step->at);
        struct want want = story_settle(&call, &policy, STORY_START + step->at, setting->asks);
        story_check(story, step, &want);
    }
    return call;
}

static inline struct call story_tell(const struct story *story) {
    return story_tell_in(story, &(struct story_setting){0});
}

#endif
