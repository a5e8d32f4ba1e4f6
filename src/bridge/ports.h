/* What the bridge needs from the world, as tables of functions: production, replay --dry-run, simulate and tests
 * link the same bridge with other ports. No port waits; results come back through bridge_* later. */
#ifndef BRIDGE_PORTS_H
#define BRIDGE_PORTS_H

#include "base/slice.h"
#include "calllog/record.h"
#include "calls/verdict.h"
#include "spawner/engine.h"

enum reject_when {
    REJECT_NOW,
    REJECT_LATER, /* in call_policy's arriving_ms: it is still joining, and REJECT_NOW follows when it has arrived */
};

enum trunk_answer {
    TRUNK_NONE,    /* it has no number, or several, or cannot be asked for */
    TRUNK_NUMBER,  /* it has one */
    TRUNK_PENDING, /* LiveKit is being asked: bridge_trunks_known follows */
};

/* LiveKit's API. Each function returns false when it can not even ask (no client is configured): then what
 * webhooks say is all there is to know. That is not the same as no answer, on which nothing may be done. */
struct livekit_port {
    void *self;
    bool (*ask)(void *self, const char *sid, struct slice room, enum want_ask ask);
    /* The number is wanted no more: what ask(ASK_NUMBER) still does is dropped. */
    void (*forget_number)(void *self, const char *sid);
    bool (*delete_room)(void *self, const char *sid, struct slice room);
    bool (*reject)(void *self, struct slice room, struct slice identity, enum reject_when when);
    /* The number of the trunk that a call with hidden numbers came over; borrowed until the next turn. */
    enum trunk_answer (*trunk_number)(void *self, struct slice trunk, struct slice *ret_number);
    /* An agent ended by itself: LiveKit or its callers may be gone, which is better known before the next one starts. */
    void (*suspect)(void *self, const char *sid, struct slice room);
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
    /* A call named an agent that the directory does not hold: it may be new. NULL: nobody can look. */
    void (*unknown_agent)(void *self);
    /* A call is over (none of those that never were one). The journal does not know it yet: what is told to others after
     * the next flush is told once. Borrowed for the call. NULL: nobody keeps a log of calls. */
    void (*on_ended)(void *self, const struct call_record *record);
    /* Told every event, decision and action as one line; NULL: nobody listens and no line is made. */
    void (*trace)(void *self, const char *sid, const char *line);
};

#endif
