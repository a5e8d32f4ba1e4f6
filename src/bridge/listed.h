/* A participant of LiveKit's list: what it is to a call, and its words as the webhook that would have told them. Pure. */
#ifndef BRIDGE_LISTED_H
#define BRIDGE_LISTED_H

#include "livekit/model.h"

/* A caller (SIP, through a dispatch rule) who has not been disconnected. */
bool listed_is_caller(const struct livekit_participant *listed);
/* Somebody for whose sake a room is kept: a phone or an ordinary participant. */
bool listed_is_person(const struct livekit_participant *listed);

/* The event KIND of LISTED in the room SID, ROOM; borrows all of them. */
struct webhook_event listed_event(enum event_kind kind, struct slice sid, struct slice room,
                                  const struct livekit_participant *listed);

/* A copy that outlives its answer, in one piece: for free(). */
struct livekit_participant *listed_copy(const struct livekit_participant *listed);

#endif
