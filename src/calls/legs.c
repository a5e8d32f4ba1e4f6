/* The legs of a call: found, added in bounded number, gone. */
#include "calls/legs.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

void call_release(struct call *call) {
    free(take_ptr(call->more));
}

struct call call_copy(const struct call *facts) {
    struct call copy = *facts;
    if (facts->more != NULL) {
        copy.more = xcalloc(CALL_LEGS - CALL_LEGS_NEAR, sizeof *copy.more);
        memcpy(copy.more, facts->more, (CALL_LEGS - CALL_LEGS_NEAR) * sizeof *copy.more);
    }
    return copy;
}

/* As if they were one array: near or far, a leg of facts that may be changed may be changed. */
struct leg *call_leg_at(const struct call *call, unsigned place) {
    struct call *facts = (struct call *)call;
    return place < CALL_LEGS_NEAR ? &facts->legs[place] : &facts->more[place - CALL_LEGS_NEAR];
}

void legs_append(struct call *call, const struct leg *leg) {
    if (call->leg_count >= CALL_LEGS_NEAR && call->more == NULL) {
        call->more = xcalloc(CALL_LEGS - CALL_LEGS_NEAR, sizeof *call->more);
    }
    *call_leg_at(call, call->leg_count++) = *leg;
}

unsigned call_here(const struct call *call, enum leg_role role) {
    unsigned here = role == LEG_CALLER && call->crowded;
    for (unsigned i = 0; i < call->leg_count; i++) {
        const struct leg *leg = call_leg_at(call, i);
        here += leg->state == LEG_HERE && leg->role == role;
    }
    return here;
}

struct leg *legs_find(struct call *call, uint64_t sid) {
    for (unsigned i = 0; i < call->leg_count; i++) {
        if (call_leg_at(call, i)->sid == sid) {
            return call_leg_at(call, i);
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
    return legs_find((struct call *)call, sid);
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
        legs_append(call, leg);
        return;
    }
    struct leg *worst = call_leg_at(call, 0);
    for (unsigned i = 1; i < CALL_LEGS; i++) {
        struct leg *other = call_leg_at(call, i);
        worst = leg_worth_less(other, worst) ? other : worst;
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
        struct leg *leg = call_leg_at(call, i);
        legs_leave(leg, how, now);
        leg->only_listed = false;
    }
}
