/* The legs of a call, for calls/call.c: what notes events about them. */
#ifndef CALLS_LEGS_H
#define CALLS_LEGS_H

#include "calls/call.h"

/* As call_leg, to be changed. */
struct leg *legs_find(struct call *call, uint64_t sid);
/* The leg that EVENT is about, in STATE since NOW. */
struct leg legs_make(const struct call_event *event, enum leg_state state, mono_ms now);
/* Notes one more leg: in an unused place, else in that of the leg that left first, else in that of somebody who is
 * no caller. A caller who is here is never forgotten for another one: then the room is crowded. */
void legs_add(struct call *call, const struct leg *leg);
/* One more, of which there are less than CALL_LEGS. */
void legs_append(struct call *call, const struct leg *leg);
/* Gone, but only by what may be older than the list that told of it. */
bool legs_may_return(const struct leg *leg);
/* It left; one that left softly can still be gone for good. */
void legs_leave(struct leg *leg, enum leg_state how, mono_ms now);
/* All are gone, and for all that is known so far. */
void legs_leave_all(struct call *call, enum leg_state how, mono_ms now);

#endif
