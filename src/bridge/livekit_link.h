/* The bridge's LiveKit port over an asker: who is in a room, does the agent speak, which number has the trunk, delete
 * the room, remove a leg. Answers become what webhooks would have told; no answer becomes nothing. No clock and no
 * loop: as the bridge it is told the time and says when it has something to do. */
#ifndef BRIDGE_LIVEKIT_LINK_H
#define BRIDGE_LIVEKIT_LINK_H

#include "bridge/asker.h"
#include "bridge/bridge.h"

struct livekit_link;

struct livekit_link_options {
    struct asker asker;
    mono_ms (*now)(void *context);
    void (*on_touched)(void *context); /* after an answer that may have changed a call or what is due */
    /* LiveKit or who is in the room may be gone: somebody should look. May be NULL. */
    void (*on_suspicion)(void *context, const char *sid, struct slice room);
    void *context;
};

struct livekit_link *livekit_link_new(const struct livekit_link_options *options);
/* The port, for bridge_new; then say which bridge it was given to, before anything is asked. */
struct livekit_port livekit_link_port(struct livekit_link *link);
void livekit_link_attach(struct livekit_link *link, struct bridge *bridge);
/* Cancels what is asked. NULL is fine. */
void livekit_link_free(struct livekit_link *link);

/* Asks again what was to be asked again. */
void livekit_link_tick(struct livekit_link *link, mono_ms now);
mono_ms livekit_link_next_due(const struct livekit_link *link);

enum { LIVEKIT_LINK_CONFIRMS = 200 };

/* A caller, or the call's agent, of whom only LiveKit's list tells: a copy in Redis that outlives a crash. LiveKit is
 * asked whether they are really there, and if so the bridge is told that they joined the room SID, ROOM, and of their
 * audio. Then ON_ASKED is called: OK, they are; NOT_FOUND, they are not, or a webhook told meanwhile; anything else, it
 * is not known. LISTED is copied. False, and nobody is asked nor told, when they are being asked for already, or
 * LIVEKIT_LINK_CONFIRMS others are: the next list tells of them again. */
bool livekit_link_confirm(struct livekit_link *link, struct slice sid, struct slice room,
                          const struct livekit_participant *listed,
                          void (*on_asked)(void *context, enum livekit_outcome outcome), void *context);

#endif
