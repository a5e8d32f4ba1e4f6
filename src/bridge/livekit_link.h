/* The bridge's LiveKit port over the API client: who is in a room, does the agent speak, delete the room, remove a
 * leg. Answers become what webhooks would have told; no answer becomes nothing. */
#ifndef BRIDGE_LIVEKIT_LINK_H
#define BRIDGE_LIVEKIT_LINK_H

#include "bridge/bridge.h"
#include "livekit/calls.h"
#include "loop/loop.h"

struct livekit_link;

struct livekit_link_options {
    struct livekit_api *api; /* borrowed; must outlive the link */
    struct loop *loop;
    void (*on_touched)(void *context); /* after an answer that may have changed a call */
    void *context;
};

struct livekit_link *livekit_link_new(const struct livekit_link_options *options);
/* The port, for bridge_new; then say which bridge it was given to, before anything is asked. */
struct livekit_port livekit_link_port(struct livekit_link *link);
void livekit_link_attach(struct livekit_link *link, struct bridge *bridge);
/* Cancels what is asked. NULL is fine. */
void livekit_link_free(struct livekit_link *link);

#endif
