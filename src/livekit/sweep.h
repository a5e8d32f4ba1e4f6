/* Deletes rooms by the beginning of their names, and makes sure that they are gone: lists them, deletes those of the
 * prefix, lists again; what is still there is deleted again, a few times. Rooms that come meanwhile are left alone.
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
    size_t left;   /* of these, still there at the end; all of them when that could not be asked */
    bool is_known; /* LiveKit answered the first and the last question: count and left are what they say */
    char why[352]; /* why not, or "" */
};

struct sweep_options {
    struct livekit_api *api; /* borrowed; must outlive the sweep */
    struct loop *loop;
    struct slice prefix; /* copied; "" deletes every room: ask for it with is_every_room */
    bool is_every_room;
    enum livekit_urgency urgency;
    void (*on_progress)(void *context, const struct sweep_report *report); /* may be NULL */
    /* At most once, never before sweep_start returned, never after sweep_cancel. The sweep is gone when it begins;
     * REPORT lives until it returns. */
    void (*on_done)(void *context, const struct sweep_report *report);
    void *context;
};

/* An empty prefix without is_every_room is a bug of the caller. */
struct sweep *sweep_start(const struct sweep_options *options);
/* NULL is allowed. What was asked of LiveKit may still be done. */
void sweep_cancel(struct sweep *sweep);

/* Whether a room NAME is one of PREFIX: every room is, of an empty one. */
bool sweep_is_ours(struct slice name, struct slice prefix);

#endif
