/* One room in doubt: LiveKit is asked who is in it, and what the webhooks should have told is told. */
#include <stdio.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "bridge/listed.h"
#include "bridge/reconcile_internal.h"

static void forget_doubts(struct check *check) {
    for (unsigned i = 0; i < check->doubt_count; i++) {
        free(check->doubts[i].identity);
        free(check->doubts[i].untold);
    }
    check->doubt_count = check->doubt_next = 0;
}

void check_free(struct check *check) {
    struct reconcile *reconcile = check->reconcile;
    DL_DELETE(reconcile->checks, check);
    reconcile->options.asker.cancel(reconcile->options.asker.self, check->asked);
    forget_doubts(check);
    free((char *)check->room.p);
    free(check);
}

void check_cancel_all(struct reconcile *reconcile) {
    while (reconcile->checks != NULL) {
        check_free(reconcile->checks);
    }
}

bool check_is_running(const struct reconcile *reconcile, struct slice sid) {
    const struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        if (slice_is(sid, check->sid)) {
            return true;
        }
    }
    return false;
}

mono_ms check_now(const struct check *check) {
    return reconcile_now(check->reconcile);
}

static void touched(const struct reconcile *reconcile) {
    reconcile->options.on_touched(reconcile->options.context);
}

void check_ask(struct check *check, enum question_kind kind, struct slice identity,
               void (*on_done)(void *context, const struct livekit_result *result)) {
    const struct asker *asker = &check->reconcile->options.asker;
    check->asked = asker->start(asker->self, &(struct question){.kind = kind,
                                                                .room = check->room,
                                                                .identity = identity,
                                                                .on_done = on_done,
                                                                .context = check});
}

static const struct livekit_participant *find_listed(const struct check *check, const struct livekit_answer *answer,
                                                     uint64_t sid) {
    uint64_t seed = check->reconcile->options.bridge->options.seed;
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_hash(answer->participants[i].sid, seed) == sid &&
            answer->participants[i].state != LIVEKIT_DISCONNECTED) {
            return &answer->participants[i];
        }
    }
    return NULL;
}

static const struct livekit_participant *find_agent(const struct check *check, const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (bridge_is_agent_of(slice_of(check->sid), listed->identity) && listed->state != LIVEKIT_DISCONNECTED) {
            return listed;
        }
    }
    return NULL;
}

/* --- a call of ours --- */

struct bridge_call *check_call_of(const struct check *check, uint64_t leg) {
    struct bridge_call *call = bridge_live_call(check->reconcile->options.bridge, slice_of(check->sid));
    const struct leg *known = call != NULL ? call_leg(&call->entry.facts, leg) : NULL;
    bool is_caller = known != NULL && known->role == LEG_CALLER;
    return call != NULL && (is_caller ? call->callers_at : call->touched_at) < check->sent_at ? call : NULL;
}

/* A caller of whom there is doubt is asked for, and before an agent is replaced; of others the list is the word. */
static void judge_listed_leg(struct check *check, struct bridge_call *call, const struct leg *leg,
                             const struct livekit_participant *listed) {
    bool doubted = check->how == CHECK_THOROUGH || check->suspected || leg->absences > 0;
    if (doubted && leg->role == LEG_CALLER) {
        doubt_add(check, leg->sid, listed->identity);
    } else if (leg->absences > 0) {
        struct call_event there = {.kind = CALL_LEG_JOINED, .sid = leg->sid};
        call_note(&call->entry.facts, &there, bridge_policy(check->reconcile->options.bridge, call), check_now(check));
    }
}

/* The close of an old duplicate can hide a live leg from the list: who can be asked for is, before it is over. */
static void judge_unlisted_leg(struct check *check, const struct bridge_call *call, const struct leg *leg) {
    const char *identity = bridge_identity_of(call, leg->sid);
    if (identity != NULL && leg->absences + 1 >= CALL_ABSENCES) {
        doubt_add(check, leg->sid, slice_of(identity));
    } else {
        doubt_absent(check, leg->sid);
    }
}

/* Legs that we think are here. They are copied first, for a note may end the call. */
static void judge_legs(struct check *check, const struct livekit_answer *answer) {
    struct bridge_call *call = bridge_live_call(check->reconcile->options.bridge, slice_of(check->sid));
    struct leg legs[CALL_LEGS];
    unsigned count = call->entry.facts.leg_count;
    for (unsigned i = 0; i < count; i++) {
        legs[i] = *call_leg_at(&call->entry.facts, i);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct livekit_participant *listed = find_listed(check, answer, legs[i].sid);
        if (legs[i].state != LEG_HERE || (call = check_call_of(check, legs[i].sid)) == NULL) {
            continue;
        }
        if (listed != NULL) {
            judge_listed_leg(check, call, &legs[i], listed);
        } else {
            judge_unlisted_leg(check, call, &legs[i]);
        }
    }
}

static void on_agent_asked(void *context, enum livekit_outcome outcome) {
    if (outcome != LIVEKIT_OK && outcome != LIVEKIT_NOT_FOUND) {
        reconcile_again(context, DOUBT_MS);
    }
}

/* One that speaks although no webhook said so, if it is really there, is told of. */
static bool find_speaking(const struct check *check, const struct bridge_call *call,
                          const struct livekit_answer *answer) {
    const struct reconcile *reconcile = check->reconcile;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (listed->audio_tracks > 0 && bridge_may_be_agent(reconcile->options.bridge, call, listed)) {
            livekit_link_confirm(reconcile->options.link, slice_of(check->sid), check->room, listed, on_agent_asked,
                                 check->reconcile);
            return true;
        }
    }
    return false;
}

/* Our agent may be hidden from the list as a caller may, and is not killed for it. */
static void judge_unlisted_agent(struct check *check, const struct bridge_call *call) {
    const char *identity = bridge_identity_of(call, call->entry.facts.voice_sid);
    if (identity != NULL && call->entry.facts.voice_absences + 1 >= CALL_ABSENCES) {
        doubt_add(check, 0, slice_of(identity));
    } else {
        doubt_absent(check, 0);
    }
}

/* Of agents with tokens of their own the first that speaks is ours until it is gone; one of our identity takes over. */
static void judge_agent(struct check *check, const struct livekit_answer *answer) {
    struct bridge_call *call = check_call_of(check, 0);
    if (call == NULL || call->entry.facts.process == PROCESS_NONE) {
        return;
    }
    const struct livekit_participant *agent = find_listed(check, answer, call->entry.facts.voice_sid);
    if (call->entry.facts.voice != VOICE_SPEAKS) {
        find_speaking(check, call, answer);
    } else if (agent == NULL && (call->entry.facts.any_agent || !find_speaking(check, call, answer))) {
        judge_unlisted_agent(check, call);
    } else if (agent != NULL && check->how == CHECK_THOROUGH) {
        doubt_add(check, 0, agent->identity);
    } else if (agent != NULL) {
        call->entry.facts.voice_absences = 0;
    }
}

static bool any_caller(const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        if (listed_is_caller(&answer->participants[i])) {
            return true;
        }
    }
    return false;
}

/* Nobody else, whom an agent may have left them with. */
static bool only_callers(const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        bool is_company = listed_is_person(listed) || (listed->audio_tracks > 0 && listed->kind != KIND_EGRESS);
        if (!listed_is_caller(listed) && is_company) {
            return false;
        }
    }
    return any_caller(answer);
}

/* --- one check --- */

static void judge_call(struct check *check, const struct livekit_answer *answer) {
    judge_legs(check, answer);
    judge_agent(check, answer);
    if (check_call_of(check, 0) != NULL) {
        untold_confirm(check, answer);
    }
}

static void on_participants(void *context, const struct livekit_result *result);

/* Nobody answers for the agent in the room: then who else is there is asked anew, and true. */
static bool look_past_ghost(struct check *check, const struct livekit_result *result) {
    check->asked = NULL;
    check->is_ghost = result->outcome == LIVEKIT_NOT_FOUND;
    if (check->is_ghost) {
        check_ask(check, QUESTION_PARTICIPANTS, SLICE(""), on_participants);
    }
    return check->is_ghost;
}

static void on_server_asked(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    if (look_past_ghost(check, result)) {
        return;
    }
    reconcile->served = reconcile->served || result->outcome == LIVEKIT_OK;
    if (result->outcome != LIVEKIT_OK || reconcile->served_looks < SERVED_LOOKS) {
        reconcile_again(reconcile, DOUBT_MS); /* it may be about to be found dead */
    }
    check_free(check);
}

/* A room that is no call, or was one. Our agent's identity speaks there although we run none: somebody else does, or it
 * is a ghost. */
static void judge_stranger(struct check *check, const struct livekit_answer *answer) {
    const struct bridge *bridge = check->reconcile->options.bridge;
    const struct livekit_participant *agent = find_agent(check, answer);
    bool unknown = !bridge_knows(bridge, slice_of(check->sid));
    bool serves = unknown && agent != NULL && agent->audio_tracks > 0 && any_caller(answer);
    if (serves && !check->is_ghost) {
        check_ask(check, QUESTION_CONFIRM, agent->identity, on_server_asked);
        return;
    }
    if (check->how == CHECK_STALE) {
        doubt_people(check, answer);
    } else {
        untold_confirm(check, answer);
    }
}

static void on_rival_asked(void *context, const struct livekit_result *result) {
    struct check *check = context;
    if (!look_past_ghost(check, result)) {
        check_free(check);
    }
}

/* A call that was let go: its callers are served again if nobody does so at two looks running, nor is hidden. */
static void judge_taken(struct check *check, const struct livekit_answer *answer) {
    struct bridge *bridge = check->reconcile->options.bridge;
    if (find_agent(check, answer) != NULL || !only_callers(answer)) {
        return;
    }
    if (check->answers == 1) {
        check->again_at = check_now(check) + UNSERVED_AGAIN_MS;
    } else if (!check->is_ghost) {
        cleanup_free char *identity = bridge_agent_identity(slice_of(check->sid));
        check_ask(check, QUESTION_CONFIRM, slice_of(identity), on_rival_asked);
    } else {
        bridge_forget_taken(bridge, slice_of(check->sid));
        const struct log_about about = {.call = slice_of(check->sid), .room = check->room};
        log_warning(&about, "let go for another bridge, but nobody serves its callers: the call begins anew");
        untold_confirm(check, answer);
    }
}

static void on_participants(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    check->asked = NULL;
    check->answers++;
    if (result->outcome != LIVEKIT_OK) {
        reconcile_again(reconcile, DOUBT_MS);
        check_free(check);
        touched(reconcile);
        return;
    }
    if (check->how == CHECK_TAKEN && bridge_was_taken(reconcile->options.bridge, slice_of(check->sid))) {
        judge_taken(check, &result->answer);
    } else if (bridge_live_call(reconcile->options.bridge, slice_of(check->sid)) == NULL) {
        if (!check->suspected) { /* else its name may have come back */
            judge_stranger(check, &result->answer);
        }
    } else {
        judge_call(check, &result->answer);
    }
    if (check->asked == NULL) {
        doubt_ask(check);
    }
    touched(reconcile);
}

static struct check *new_check(struct reconcile *reconcile, struct slice sid, struct slice room, enum check_how how) {
    struct check *check = xcalloc(1, sizeof *check);
    check->reconcile = reconcile;
    snprintf(check->sid, sizeof check->sid, "%.*s", SLICE_ARG(sid));
    check->room = (struct slice){xmemdup(room.p, room.n), room.n};
    check->how = how;
    check->sent_at = reconcile_now(reconcile);
    check->again_at = MONO_NEVER;
    DL_APPEND(reconcile->checks, check);
    return check;
}

void check_room(struct reconcile *reconcile, const struct livekit_room *room, enum check_how how) {
    struct check *check = new_check(reconcile, room->sid, room->name, how);
    check->people = room->num_participants;
    check_ask(check, QUESTION_PARTICIPANTS, SLICE(""), on_participants);
}

void check_suspect(struct reconcile *reconcile, const char *sid, struct slice room) {
    if (room.n > 0 && !check_is_running(reconcile, slice_of(sid))) {
        struct check *check = new_check(reconcile, slice_of(sid), room, CHECK_LIST);
        check->suspected = true;
        check->again_at = reconcile_now(reconcile) + SUSPECT_MS; /* webhooks that are on their way come first */
    }
}

void check_tick(struct reconcile *reconcile, mono_ms now) {
    struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        if (check->asked == NULL && check->again_at <= now) {
            forget_doubts(check);
            check->sent_at = now;
            check->again_at = MONO_NEVER;
            check_ask(check, QUESTION_PARTICIPANTS, SLICE(""), on_participants);
        }
    }
}

mono_ms check_next_due(const struct reconcile *reconcile) {
    mono_ms due = MONO_NEVER;
    const struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        due = check->asked == NULL && check->again_at < due ? check->again_at : due;
    }
    return due;
}

bool check_callers(struct reconcile *reconcile, const struct bridge_call *call) {
    const struct call *facts = &call->entry.facts;
    struct slice sid = slice_of(call->entry.sid);
    if (check_is_running(reconcile, sid)) {
        return false;
    }
    struct check *check = new_check(reconcile, sid, call->entry.room, CHECK_THOROUGH);
    for (unsigned i = 0; i < facts->leg_count; i++) {
        const struct leg *leg = call_leg_at(facts, i);
        const char *identity = bridge_identity_of(call, leg->sid);
        if (leg->state != LEG_HERE || leg->role != LEG_CALLER) {
            continue;
        }
        if (identity == NULL) { /* forgotten while the call was let go: LiveKit's list has it */
            forget_doubts(check);
            check_ask(check, QUESTION_PARTICIPANTS, SLICE(""), on_participants);
            return true;
        }
        doubt_add(check, leg->sid, slice_of(identity));
    }
    bool any = check->doubt_count > 0;
    doubt_ask(check);
    return any;
}
