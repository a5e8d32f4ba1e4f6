/* The legs of a call: found, added in bounded number, gone. */
#include "calls/legs.h"

#include <stddef.h>

unsigned call_here(const struct call *call, enum leg_role role) {
    unsigned here = role == LEG_CALLER && call->crowded;
    for (unsigned i = 0; i < call->leg_count; i++) {
        here += call->legs[i].state == LEG_HERE && call->legs[i].role == role;
    }
    return here;
}

struct leg *legs_find(struct call *call, uint64_t sid) {
    for (unsigned i = 0; i < call->leg_count; i++) {
        if (call->legs[i].sid == sid) {
            return &call->legs[i];
        }
    }
    return NULL;
}

bool call_knows(const struct call *call, uint64_t sid) {
    const struct leg *leg = call_leg(call, sid);
    return leg != NULL && !legs_may_return(leg);
}

bool legs_may_return(const struct leg *leg) {
    return leg->only_listed && (leg->state == LEG_LEFT_SOFT || leg->state == LEG_LEFT_HARD);
}

const struct leg *call_leg(const struct call *call, uint64_t sid) {
    for (unsigned i = 0; i < call->leg_count; i++) {
        if (call->legs[i].sid == sid) {
            return &call->legs[i];
        }
    }
    return NULL;
}

static bool leg_worth_less(const struct leg *leg, const struct leg *than) {
    bool gone = leg->state != LEG_HERE, than_gone = than->state != LEG_HERE;
    if (gone != than_gone) {
        return gone;
    }
    return gone ? leg->left_at < than->left_at : leg->role > than->role;
}

void legs_add(struct call *call, const struct leg *leg) {
    if (call->leg_count < CALL_LEGS) {
        call->legs[call->leg_count++] = *leg;
        return;
    }
    struct leg *worst = &call->legs[0];
    for (unsigned i = 1; i < CALL_LEGS; i++) {
        worst = leg_worth_less(&call->legs[i], worst) ? &call->legs[i] : worst;
    }
    if (worst->state != LEG_HERE || worst->role > leg->role) {
        *worst = *leg;
    } else if (leg->role == LEG_CALLER && leg->state == LEG_HERE) {
        call->crowded = true;
    }
}

struct leg legs_make(const struct call_event *event, enum leg_state state, mono_ms now) {
    return (struct leg){
        .sid = event->sid,
        .identity = event->identity,
        .joined_at = now,
        .left_at = state == LEG_HERE ? 0 : now,
        .role = (uint8_t)event->role,
        .state = (uint8_t)state,
        .only_listed = event->listed && state == LEG_HERE,
        .arriving = event->role == LEG_CALLER && !event->audible && (state == LEG_HERE || state == LEG_REJECTED),
    };
}

void legs_leave(struct leg *leg, enum leg_state how, mono_ms now) {
    if (leg->state == LEG_HERE) {
        leg->state = (uint8_t)how;
        leg->left_at = now;
    } else if (leg->state == LEG_LEFT_SOFT && how == LEG_LEFT_HARD) {
        leg->state = LEG_LEFT_HARD;
    }
}

void legs_leave_all(struct call *call, enum leg_state how, mono_ms now) {
    for (unsigned i = 0; i < call->leg_count; i++) {
        legs_leave(&call->legs[i], how, now);
        call->legs[i].only_listed = false;
    }
}
