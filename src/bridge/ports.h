/* What the bridge needs from the world, as tables of functions: production, replay --dry-run, simulate and tests
 * link the same bridge with other ports. No port waits; results come back through bridge_* later. */
#ifndef BRIDGE_PORTS_H
#define BRIDGE_PORTS_H

#include "base/slice.h"
#include "calls/verdict.h"
#include "spawner/engine.h"

/* LiveKit's API. Each function returns false when it can not even ask (no client is configured): then what
 * webhooks say is all there is to know. That is not the same as no answer, on which nothing may be done. */
struct livekit_port {
    void *self;
    bool (*ask)(void *self, const char *sid, struct slice room, enum want_ask ask);
    bool (*delete_room)(void *self, const char *sid, struct slice room);
    bool (*reject)(void *self, struct slice room, struct slice identity);
};
extern const struct livekit_port livekit_unavailable;

/* Where is kept what a successor needs to know of each call (bridge/journal.h says what that is). Without KEEP nothing
 * is kept. */
struct journal_port {
    void *self;
    /* There is something to keep: call bridge_flush soon, and before the engine starts anything. */
    void (*on_dirty)(void *self);
    /* Replaces what is kept of the call SID. False when that cannot be done (and was said): tried again at the next
     * flush. */
    bool (*keep)(void *self, const char *sid, struct slice text);
    void (*drop)(void *self, const char *sid);
};

struct bridge_ports {
    struct engine engine;
    struct livekit_port livekit;
    struct journal_port journal;
    void *self;
    /* A token for IDENTITY to join ROOM; the bridge frees it. */
    char *(*mint)(void *self, struct slice room, struct slice identity);
    /* 32 hex digits nobody can guess. */
    void (*new_instance)(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]);
    /* The last lines of the agent's output, one log line each; NULL: nothing to show. */
    void (*show_output)(void *self, const char *sid);
    int64_t (*wall_ms)(void *self);
    /* Told every event, decision and action as one line; NULL: nobody listens and no line is made. */
    void (*trace)(void *self, const char *sid, const char *line);
};

#endif
