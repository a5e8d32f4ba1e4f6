/* People of whom LiveKit's list does not tell for sure: it may show ghosts after a crash, and hide who is there. They
 * are asked for one after the other; who is not there is absent, and a room with nobody in it is stale. */
#include "base/log.h"
#include "base/mem.h"
#include "bridge/listed.h"
#include "bridge/reconcile_internal.h"

static void note(struct check *check, const struct call_event *event) {
    struct bridge_call *call = check_call_of(check, event->sid);
    if (call != NULL) {
        bridge_note(check->reconcile->options.bridge, call, event, check_now(check));
    }
}

static void say_left(struct check *check, const struct bridge_call *call, const struct leg *leg) {
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "%s is not in the room any more, and no webhook said so",
                leg->role == LEG_CALLER ? "a caller" : "a participant");
    check->reconcile->view.left++;
}

/* Absence counts twice: soon where an agent is to be started, else with the next round. */
static void look_again(struct check *check) {
    if (check->suspected && check->answers == 1) {
        check->again_at = check_now(check) + SUSPECT_AGAIN_MS;
    } else {
        reconcile_again(check->reconcile, DOUBT_MS);
    }
}

void doubt_absent(struct check *check, uint64_t leg) {
    const struct bridge_call *call = check_call_of(check, leg);
    const struct leg *known = call != NULL && leg != 0 ? call_leg(&call->entry.facts, leg) : NULL;
    if (known != NULL && known->state == LEG_HERE && known->absences + 1 >= CALL_ABSENCES) {
        say_left(check, call, known);
    }
    struct call_event event = {.kind = leg != 0 ? CALL_LEG_ABSENT : CALL_AGENT_ABSENT, .sid = leg};
    look_again(check);
    note(check, &event);
}

void doubt_add(struct check *check, uint64_t leg, struct slice identity) {
    if (check->doubt_count < ARRAY_LEN(check->doubts)) {
        check->doubts[check->doubt_count++] = (struct doubt){.leg = leg, .identity = xmemdup(identity.p, identity.n)};
    } else {
        check->any_there = true; /* too many to be asked for: then nothing is concluded */
    }
}

static void doubt_person(struct check *check, const struct livekit_participant *listed) {
    doubt_add(check, slice_hash(listed->sid, check->reconcile->options.bridge->options.seed), listed->identity);
    if (untold_is(check, listed)) {
        check->doubts[check->doubt_count - 1].untold = listed_copy(listed);
    }
}

/* For whoever is really there the room is kept, and for whom the list hides although they are counted. */
void doubt_people(struct check *check, const struct livekit_answer *answer) {
    size_t people = 0;
    for (size_t i = 0; i < answer->count; i++) {
        people += listed_is_person(&answer->participants[i]);
    }
    check->any_there = (int64_t)people < check->people || people > ARRAY_LEN(check->doubts);
    if (people > ARRAY_LEN(check->doubts)) {
        untold_confirm(check, answer);
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        if (listed_is_person(&answer->participants[i])) {
            doubt_person(check, &answer->participants[i]);
        }
    }
}

/* Takes the doubt back. It is no news: what was asked before it still counts. */
static void there(struct check *check, uint64_t leg) {
    struct bridge_call *call = check_call_of(check, leg);
    struct call_event event = {.kind = CALL_LEG_JOINED, .sid = leg};
    if (call == NULL) {
        return;
    }
    if (leg == 0) {
        call->entry.facts.voice_absences = 0;
        return;
    }
    call->confirmed_at = check_now(check);
    call_note(&call->entry.facts, &event, bridge_policy(check->reconcile->options.bridge, call), check_now(check));
}

/* --- a stale room --- */

static void on_stale_deleted(void *context, const struct livekit_result *result) {
    struct check *check = context;
    const struct log_about about = {.call = slice_of(check->sid), .room = check->room};
    check->asked = NULL;
    if (result->outcome == LIVEKIT_OK) {
        log_info(&about, "a stale room without people is deleted");
        check->reconcile->view.deleted++;
    } else if (result->outcome != LIVEKIT_NOT_FOUND) {
        log_warning(&about, "a stale room could not be deleted: %s", result->why);
    }
    check_free(check);
}

/* It must still be the one we looked at, and nobody may have come since. */
static void on_stale_room(void *context, const struct livekit_result *result) {
    struct check *check = context;
    check->asked = NULL;
    bool same = result->outcome == LIVEKIT_OK && result->answer.count > 0 &&
                slice_is(result->answer.rooms[0].sid, check->sid) &&
                result->answer.rooms[0].num_participants == check->people;
    bool is_call = bridge_live_call(check->reconcile->options.bridge, slice_of(check->sid)) != NULL;
    if (!same || is_call) {
        check_free(check);
        return;
    }
    check_ask(check, QUESTION_DELETE, SLICE(""), on_stale_deleted);
}

/* --- one after the other --- */

static void act_on(struct check *check, const struct doubt *doubt, enum livekit_outcome outcome) {
    check->any_there = check->any_there || outcome != LIVEKIT_NOT_FOUND;
    if (doubt->untold != NULL) {
        untold_answered(check, doubt->untold, outcome);
    } else if (check->how == CHECK_STALE) {
        return;
    } else if (outcome == LIVEKIT_NOT_FOUND) {
        doubt_absent(check, doubt->leg);
    } else if (outcome == LIVEKIT_OK) {
        there(check, doubt->leg);
    }
}

static void on_asked(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    check->asked = NULL;
    bool answered = result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND;
    const struct doubt *doubt = &check->doubts[check->doubt_next++];
    bool heard = bridge_is_live(reconcile->options.bridge, check->sid) && check_call_of(check, doubt->leg) == NULL;
    if (!answered || heard) { /* meanwhile: then the answer does not count */
        reconcile_again(reconcile, DOUBT_MS);
    }
    act_on(check, doubt, result->outcome);
    doubt_ask(check);
    reconcile->options.on_touched(reconcile->options.context);
}

/* Nothing that can be answered of the next one counts any more. */
static bool is_moot(const struct check *check) {
    const struct bridge_call *call = check_call_of(check, check->doubts[check->doubt_next].leg);
    return check->how != CHECK_STALE && (call == NULL || call->end != END_NONE);
}

void doubt_ask(struct check *check) {
    while (check->doubt_next < check->doubt_count && is_moot(check)) {
        check->doubt_next++;
    }
    if (check->doubt_next < check->doubt_count) {
        check_ask(check, QUESTION_CONFIRM, slice_of(check->doubts[check->doubt_next].identity), on_asked);
    } else if (check->how == CHECK_STALE && !check->any_there) {
        check_ask(check, QUESTION_ROOM, SLICE(""), on_stale_room);
    } else if (check->again_at == MONO_NEVER) {
        check_free(check);
    }
}
