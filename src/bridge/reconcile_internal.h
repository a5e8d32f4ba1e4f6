/* What reconcile.c (rounds and rooms) and reconcile_room.c (one room in doubt) share. */
#ifndef BRIDGE_RECONCILE_INTERNAL_H
#define BRIDGE_RECONCILE_INTERNAL_H

#include "bridge/internal.h"
#include "bridge/reconcile.h"

/* One room in doubt: who is in it? */
struct check {
    struct reconcile *reconcile;
    char sid[CALL_SID_MAX + 1];
    struct slice room;   /* owned */
    bool stale;          /* to be deleted if nobody is in it */
    bool suspected;      /* its agent ended: who is absent is looked for again at once */
    bool agent_is_ghost; /* the agent that is listed cannot be asked for */
    unsigned answers;
    mono_ms sent_at, again_at; /* again_at: MONO_NEVER, or when who is in the room is asked next */
    uint64_t leg;              /* whose absence is asked to be confirmed */
    void *asked;
    struct check *prev, *next;
};

struct reconcile {
    struct reconcile_options options;
    void *asked; /* the round under way */
    mono_ms sent_at, due, soon_after;
    mono_ms failing_since, heard_at; /* 0: it answers; never */
    unsigned failures, looks;
    size_t left_over; /* the place in the list where the next round goes on; 0: nothing is left over */
    int64_t began_wall_ms;
    unsigned served_looks; /* in a row that found a room which somebody else serves */
    bool served;
    struct check *checks;
    struct reconcile_view view;
};

/* Rounds come at least so far apart, and so soon after one that raised a doubt. */
enum {
    SUSPECT_MS = 20,
    SUSPECT_AGAIN_MS = 1000,
    LEAST_APART_MS = 1000,
    DOUBT_MS = 5000,
    UNHEARD_MS = 2000,
    SERVED_LOOKS = 6
};

/* Another round at the latest in DELAY_MS. */
void reconcile_again(struct reconcile *reconcile, int64_t delay_ms);

/* A check of the room SID, NAME, to be begun by check_ask_who or at its again_at; the answer is acted on. */
struct check *check_new(struct reconcile *reconcile, struct slice sid, struct slice name);
void check_ask_who(struct check *check);
void check_tick(struct reconcile *reconcile, mono_ms now);
mono_ms check_next_due(const struct reconcile *reconcile);
void check_cancel_all(struct reconcile *reconcile);
bool check_is_running(const struct reconcile *reconcile, struct slice sid);

#endif
