/* People of whom LiveKit's list does not tell for sure: it may show ghosts after a crash, and hide who is there. They
 * are asked for one after the other; who is not there is absent, and a room with nobody in it is stale. */
#include "base/log.h"
#include "base/mem.h"
#include "bridge/reconcile_internal.h"

static void note(struct check *check, const struct call_event *event) {
    struct bridge_call *call = check_call(check);
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
    const struct bridge_call *call = check_call(check);
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
        check->doubts[check->doubt_count++] = (struct doubt){leg, xmemdup(identity.p, identity.n)};
    } else {
        check->any_there = true; /* too many to be asked for: then nothing is concluded */
    }
}

/* Takes the doubt back. It is no news: what was asked before it still counts. */
static void there(struct check *check, uint64_t leg) {
    struct bridge_call *call = check_call(check);
    const struct call_policy *policy = &check->reconcile->options.bridge->options.policy;
    struct call_event event = {.kind = CALL_LEG_JOINED, .sid = leg};
    if (call == NULL) {
        return;
    }
    if (leg == 0) {
        call->entry.facts.voice_absences = 0;
        return;
    }
    call->confirmed_at = check_now(check);
    call_note(&call->entry.facts, &event, policy, check_now(check));
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

static void on_asked(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    uint64_t leg = check->doubts[check->doubt_next++].leg;
    check->asked = NULL;
    bool answered = result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND;
    if (!answered || check_call(check) == NULL) {
        reconcile_again(reconcile, DOUBT_MS); /* or something was heard meanwhile: the answer does not count */
    }
    if (result->outcome == LIVEKIT_NOT_FOUND) {
        if (check->how != CHECK_STALE) {
            doubt_absent(check, leg);
        }
    } else {
        check->any_there = true;
        if (result->outcome == LIVEKIT_OK && check->how != CHECK_STALE) {
            there(check, leg);
        }
    }
    doubt_ask(check);
    reconcile->options.on_touched(reconcile->options.context);
}

void doubt_ask(struct check *check) {
    if (check->doubt_next < check->doubt_count) {
        check_ask(check, QUESTION_CONFIRM, slice_of(check->doubts[check->doubt_next].identity), on_asked);
    } else if (check->how == CHECK_STALE && !check->any_there) {
        check_ask(check, QUESTION_ROOM, SLICE(""), on_stale_room);
    } else if (check->again_at == MONO_NEVER) {
        check_free(check);
    }
}
