/* Which events are LiveKit's word, and of whom. */
#include <stddef.h>

#include "calls/call.h"

bool call_event_is_word(enum call_event_kind kind) {
    switch (kind) {
    case CALL_ROOM_STARTED:
    case CALL_ROOM_FINISHED:
    case CALL_LEG_JOINED:
    case CALL_LEG_REJECTED:
    case CALL_LEG_LEFT:
    case CALL_AGENT_JOINED:
    case CALL_AUDIO_PUBLISHED:
    case CALL_AGENT_LEFT: return true;
    default: return false;
    }
}

bool call_event_tells_of_callers(const struct call *call, const struct call_event *event) {
    const struct leg *leg = call_leg(call, event->sid);
    switch (event->kind) {
    case CALL_ROOM_STARTED:
    case CALL_ROOM_FINISHED:
    case CALL_LEG_REJECTED: return true;
    case CALL_LEG_JOINED:
    case CALL_LEG_LEFT: return event->role == LEG_CALLER;
    case CALL_AUDIO_PUBLISHED: return leg != NULL && leg->role == LEG_CALLER;
    default: return false;
    }
}
