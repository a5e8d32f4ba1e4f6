/* The safety net (design, rule 8): at start, at a slow interval and when LiveKit comes back, what LiveKit has is
 * compared with what the bridge knows. Calls that no webhook told of get their agent, calls that are gone end, stale
 * rooms of our prefix are deleted. One ListRooms a round; ListParticipants only for rooms in doubt. Absence counts
 * only for calls unchanged since the question was sent, in two answers running, and never in bulk.
 *
 * It also knows whether LiveKit is there at all. No clock and no loop, as livekit_link. */
#ifndef BRIDGE_RECONCILE_H
#define BRIDGE_RECONCILE_H

#include "bridge/livekit_link.h"

struct reconcile;

struct reconcile_options {
    struct asker asker;
    struct livekit_link *link;
    struct bridge *bridge;
    int64_t interval_ms; /* SIP_RECONCILE */
    bool delete_stale;   /* SIP_CLOSE_ROOM */
    mono_ms (*now)(void *context);
    int64_t (*wall_ms)(void *context);
    void (*on_touched)(void *context); /* after an answer that may have changed a call or what is due */
    void *context;
};

/* What health, status and metrics show. */
struct reconcile_view {
    bool unheard;           /* LiveKit has calls that no webhook told of, and none came since */
    bool refused;           /* the last answer would have ended more than half of the calls: not applied */
    unsigned missing, live; /* … so many of so many */
    bool away;              /* LiveKit does not answer */
    uint64_t rounds, started, ended, left, deleted; /* calls begun and ended, legs gone, stale rooms deleted */
};

/* The first round is due at once. */
struct reconcile *reconcile_new(const struct reconcile_options *options);
void reconcile_free(struct reconcile *reconcile);
void reconcile_tick(struct reconcile *reconcile, mono_ms now);
mono_ms reconcile_next_due(const struct reconcile *reconcile);
/* LiveKit may have gone: a round as soon as may be. */
void reconcile_soon(struct reconcile *reconcile);
/* The agent of the call SID in ROOM ended by itself: whether LiveKit is there, and whether its callers are, is looked at
 * in time for the next agent (call_policy's parting_ms). */
void reconcile_suspect(struct reconcile *reconcile, const char *sid, struct slice room);
/* Something else got an answer from LiveKit: a round as soon as may be if the last one failed. */
void reconcile_answers(struct reconcile *reconcile);
/* A webhook came: they do arrive, and LiveKit is there. */
void reconcile_heard(struct reconcile *reconcile);
struct reconcile_view reconcile_view(const struct reconcile *reconcile);

#endif
