/* What reconcile.c (rounds and rooms), reconcile_missing.c (calls that are not listed), reconcile_room.c (one room in
 * doubt), reconcile_untold.c (callers of whom no webhook told) and reconcile_doubt.c (people who may not be there) share. */
#ifndef BRIDGE_RECONCILE_INTERNAL_H
#define BRIDGE_RECONCILE_INTERNAL_H

#include "bridge/internal.h"
#include "bridge/reconcile.h"

enum check_how {
    CHECK_LIST,     /* who is listed is there */
    CHECK_THOROUGH, /* … or may be a ghost */
    CHECK_STALE,    /* the room is deleted if nobody is there */
    CHECK_TAKEN,    /* another bridge is thought to serve it */
};

/* Somebody in a room of whom a list does not tell for sure. Owned text. */
struct doubt {
    uint64_t leg; /* its hash; 0: the call's agent */
    char *identity;
    struct livekit_participant *untold; /* a caller whom nothing told of; or NULL */
};

/* One room in doubt: who is in it? */
struct check {
    struct reconcile *reconcile;
    char sid[CALL_SID_MAX + 1];
    struct slice room; /* owned */
    enum check_how how;
    bool suspected; /* its agent ended: who is absent is looked for again at once */
    unsigned answers;
    mono_ms sent_at, again_at; /* again_at: MONO_NEVER, or when who is in the room is asked next */
    struct doubt doubts[CALL_LEGS + 1];
    unsigned doubt_count, doubt_next;
    int64_t people; /* so many does LiveKit count */
    bool is_ghost;  /* the agent listed there, though we run none */
    bool any_there; /* of those in doubt; or it is not known */
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
    SERVED_LOOKS = 6,
    UNSERVED_AGAIN_MS = 5000, /* an agent that crashed has a successor by then */
    MOST_CHECKS = 200,        /* a round; the others are looked at in the next */
};

static inline mono_ms reconcile_now(const struct reconcile *reconcile) {
    return reconcile->options.now(reconcile->options.context);
}

/* Another round at the latest in DELAY_MS. */
void reconcile_again(struct reconcile *reconcile, int64_t delay_ms);

/* reconcile_room.c. Begins a check of ROOM; the answer is acted on. */
void check_room(struct reconcile *reconcile, const struct livekit_room *room, enum check_how how);
/* The agent of the call SID in ROOM ended: a check in a moment. */
void check_suspect(struct reconcile *reconcile, const char *sid, struct slice room);
void check_tick(struct reconcile *reconcile, mono_ms now);
mono_ms check_next_due(const struct reconcile *reconcile);
/* Asks for the callers of CALL one by one, and not who else is listed. False when there is nobody to ask for. */
bool check_callers(struct reconcile *reconcile, const struct bridge_call *call);
void check_cancel_all(struct reconcile *reconcile);
bool check_is_running(const struct reconcile *reconcile, struct slice sid);
void check_free(struct check *check);
mono_ms check_now(const struct check *check);
void check_ask(struct check *check, enum question_kind kind, struct slice identity,
               void (*on_done)(void *context, const struct livekit_result *result));
/* The call, if nothing was heard of it since LiveKit was asked that could contradict what is said of LEG, or of the agent
 * (0): of a caller only what was heard of callers matters, else an agent that crashes again and again would keep them
 * there for ever. */
struct bridge_call *check_call_of(const struct check *check, uint64_t leg);

/* reconcile_missing.c. Ends calls that ANSWER, LiveKit's rooms, lacks the second time running. */
void missing_judge(struct reconcile *reconcile, const struct livekit_answer *answer);

/* reconcile_untold.c */
/* Whether LISTED is a caller whom nothing told of. */
bool untold_is(const struct check *check, const struct livekit_participant *listed);
/* Asks for all of those in ANSWER; who is there is told of. */
void untold_confirm(struct check *check, const struct livekit_answer *answer);
/* What came of asking for one of them otherwise. */
void untold_answered(struct check *check, const struct livekit_participant *listed, enum livekit_outcome outcome);

/* reconcile_doubt.c */
/* LEG, or the agent (0), is not listed, or not there. */
void doubt_absent(struct check *check, uint64_t leg);
/* Whether LEG, or the agent, is there shall be asked (doubt_ask). */
void doubt_add(struct check *check, uint64_t leg, struct slice identity);
/* The same of all people in a room that may be stale. */
void doubt_people(struct check *check, const struct livekit_answer *answer);
/* Asks for all of them, one after the other, then acts on a room that is stale, and frees CHECK unless it waits to
 * look again. */
void doubt_ask(struct check *check);

#endif
