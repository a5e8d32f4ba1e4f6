/* What reconcile.c (rounds and rooms) and reconcile_room.c (one room in doubt) share. */
#ifndef BRIDGE_RECONCILE_INTERNAL_H
#define BRIDGE_RECONCILE_INTERNAL_H

#include "bridge/internal.h"
#include "bridge/reconcile.h"

/* One room in doubt: who is in it? */
struct check {
    struct reconcile *reconcile;
    char sid[CALL_SID_MAX + 1];
    struct slice room; /* owned */
    int64_t created_s;
    bool stale; /* to be deleted if nobody is in it */
    mono_ms sent_at;
    uint64_t leg; /* whose absence is asked to be confirmed */
    void *asked;
    struct check *prev, *next;
};

struct reconcile {
    struct reconcile_options options;
    void *asked; /* the round under way */
    mono_ms sent_at, due, soon_after;
    mono_ms failing_since, heard_at; /* 0: it answers; never */
    unsigned failures, looks;
    int64_t began_wall_ms;
    unsigned served_looks; /* in a row that found a room which somebody else serves */
    bool served;
    struct check *checks;
    struct reconcile_view view;
};

/* Rounds come at least so far apart, and so soon after one that raised a doubt. */
enum { LEAST_APART_MS = 1000, DOUBT_MS = 5000, UNHEARD_MS = 2000, SERVED_LOOKS = 6 };

/* Another round at the latest in DELAY_MS. */
void reconcile_again(struct reconcile *reconcile, int64_t delay_ms);

/* Begins a check of ROOM; the answer is acted on. */
void check_room(struct reconcile *reconcile, const struct livekit_room *room, bool stale);
void check_cancel_all(struct reconcile *reconcile);
bool check_is_running(const struct reconcile *reconcile, struct slice sid);

#endif
