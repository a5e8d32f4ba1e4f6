/* Deletes rooms by the beginning of their names, and makes sure that they are gone: lists them, deletes those of the
 * prefix, looks until they are gone; what is still there after a second is deleted again, twice. Rooms that come
 * meanwhile are left alone.
 *
 * Two who delete one room at the same time do harm: the DeleteRoom that comes while LiveKit closes the room makes it
 * anew for a moment, with a room_started that an agent would be started for (seen with v1.13.5). Hence `skips` for rooms
 * that somebody else in this process deletes, and `patience_ms` for a process that was told to.
 *
 * Asynchronous, as livekit/api.h is: the daemon runs it beside its calls, a command turns the loop until it is over. */
#ifndef LIVEKIT_SWEEP_H
#define LIVEKIT_SWEEP_H

#include "livekit/api.h"

struct sweep;

struct sweep_room {
    char *name, *sid;
    bool is_gone; /* no longer listed */
    char *why;    /* why the last DeleteRoom failed, or NULL */
};

struct sweep_report {
    struct sweep_room *rooms; /* those that were there at the beginning, by sid */
    size_t count;
    size_t done;   /* of these, asked to be deleted and answered for in this round (for a progress line) */
    size_t left;   /* of these, still there when LiveKit was last asked */
    bool is_known; /* LiveKit answered the last question: count and left are the truth */
    char why[352]; /* why it did not, or "" */
};

struct sweep_options {
    struct livekit_api *api; /* borrowed; must outlive the sweep */
    struct loop *loop;
    struct slice prefix; /* copied; "" deletes every room: ask for it with is_every_room */
    bool is_every_room;
    enum livekit_urgency urgency;
    /* What LiveKit listed before somebody else was told to delete rooms; borrowed for the call of sweep_start. NULL: the
     * sweep lists by itself. */
    const struct livekit_answer *listed;
    int64_t patience_ms; /* so long it only looks whether they go by themselves */
    bool (*skips)(void *context, const struct livekit_room *room);         /* leaves it alone; may be NULL: none */
    void (*on_progress)(void *context, const struct sweep_report *report); /* must not cancel it; may be NULL */
    /* At most once, never before sweep_start returned, never after sweep_cancel. The sweep is gone when it begins;
     * REPORT lives until it returns. */
    void (*on_done)(void *context, const struct sweep_report *report);
    void *context;
};

/* An empty prefix without is_every_room is a bug of the caller. */
struct sweep *sweep_start(const struct sweep_options *options);
/* NULL is allowed. What was asked of LiveKit may still be done. */
void sweep_cancel(struct sweep *sweep);

#endif
