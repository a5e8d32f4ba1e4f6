/* What this machine can bear, judged before an agent is chosen for a new call: calls with an agent at once, agents'
 * processes started within any one second, and memory. A call above a limit is told so at once, never queued. A process
 * that takes the place of another one of its call is counted but never refused. Pure: time is handed in. */
#ifndef BRIDGE_LIMITS_H
#define BRIDGE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* X(symbol, label, text): the limits in the order they are judged; labels are those of the status. */
#define LIMITS(X)                                                                               \
    X(CALLS, "calls", "as many calls as SIP_MAX_CALLS allows have an agent")                    \
    X(STARTS, "starts", "as many agents as SIP_MAX_STARTS allows were started within a second") \
    X(MEMORY, "memory", "memory is short (SIP_MAX_PRESSURE)")
enum limit {
    LIMIT_NONE, /* there is room */
#define X(symbol, label, text) LIMIT_##symbol,
    LIMITS(X)
#undef X
        LIMIT_COUNT
};
const char *limit_label(enum limit limit); /* "" for LIMIT_NONE */
const char *limit_text(enum limit limit);

enum { LIMITS_MAX_STARTS = 10000 };

struct limits {
    size_t max_calls, max_starts; /* 0: no limit */
    size_t calls;                 /* that have an agent now; the owner counts them */
    bool memory_short;
    mono_ms *starts; /* when the last max_starts processes were started, a ring; NULL without a limit */
    size_t next;     /* the oldest of them */
};

/* MAX_STARTS above LIMITS_MAX_STARTS counts as that. */
void limits_init(struct limits *limits, size_t max_calls, size_t max_starts);
void limits_release(struct limits *limits);
/* Other limits from now on: calls and memory count on, and so do the newest starts that the new limit has room for. */
void limits_change(struct limits *limits, size_t max_calls, size_t max_starts);
/* The first limit that leaves no room for one more call; LIMIT_NONE when there is room. */
enum limit limits_reached(const struct limits *limits, mono_ms now);
/* A process is being started. */
void limits_started(struct limits *limits, mono_ms now);
/* How many were started within the last second; 0 without a limit. */
size_t limits_recent_starts(const struct limits *limits, mono_ms now);

#endif
