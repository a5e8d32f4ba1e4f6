/* What shall happen in one simulated call, drawn from its seed: who calls and how long, what the network does to
 * webhooks, how agents behave, and what else befalls. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim/dice.h"

/* X(symbol): what becomes of webhooks. */
#define PLAN_NETWORKS(X)                                                           \
    X(GOOD)       /* in order, within 20 ms */                                     \
    X(SLOW)       /* in order, up to 3 s late */                                   \
    X(LOSSY)      /* in order, some never arrive */                                \
    X(DEAD)       /* none ever arrives */                                          \
    X(REPEATING)  /* some arrive twice, past the receiver's memory of event ids */ \
    X(REORDERING) /* up to 300 ms late, each by itself: what several LiveKit nodes may do */
enum plan_network {
#define X(symbol) NETWORK_##symbol,
    PLAN_NETWORKS(X)
#undef X
        NETWORK_COUNT
};

/* X(symbol): what one agent process does. */
#define PLAN_BEHAVIOURS(X)                                    \
    X(GOOD)                                                   \
    X(NO_START)       /* it cannot be started */              \
    X(CRASHES_EARLY)  /* before it joins */                   \
    X(CRASHES_JOINED) /* joined, and gone before it speaks */ \
    X(QUITS_EARLY)    /* exit 0 before it joins */            \
    X(NEVER_JOINS)                                            \
    X(NEVER_SPEAKS)                                           \
    X(CRASHES)     /* in the call */                          \
    X(QUITS)       /* exit 0 in the call: it ends it */       \
    X(NEVER_AGAIN) /* exit 125 in the call */                 \
    X(RECONNECTS)  /* in the call, with a new participant */  \
    X(REMOVED)     /* from the call, by somebody who is not asked why */
enum plan_behaviour {
#define X(symbol) BEHAVES_##symbol,
    PLAN_BEHAVIOURS(X)
#undef X
        BEHAVIOUR_COUNT
};

/* X(symbol): what there is to decide with. */
enum plan_rules { RULES_NONE, RULES_BY_NUMBER, RULES_CERTAIN, RULES_COUNT };

enum { PLAN_CALLERS = 4, PLAN_NEVER = -1 };

struct plan_caller {
    int64_t at_ms, stays_ms;
    int64_t back_after_ms; /* after a lost connection; PLAN_NEVER: it hangs up instead */
    enum plan_trunk {
        TRUNK_OF_NUMBER, /* its trunk has only the number that it calls */
        TRUNK_OF_MANY,
        TRUNK_UNKNOWN,
    } trunk;
    bool hidden;  /* its numbers are not told */
    bool spam;    /* it came through no trunk */
    bool blocked; /* a reject rule is for its number */
    bool sales;   /* it calls the number of the other agent */
    bool nobodys; /* it calls a number whose agent does not exist */
};

struct plan {
    enum plan_network network;
    enum plan_rules rules;
    bool healthy;              /* every agent process behaves */
    bool stubborn;             /* all of them misbehave alike */
    enum plan_behaviour habit; /* … so */
    bool hasty;                /* what goes wrong in the call does so at once */
    bool can_ask;              /* there is a LiveKit client: rooms are deleted, legs rejected, readiness asked for */
    unsigned api_fails_percent;
    unsigned loss_percent; /* of the steps after which the bridge loses its memory, all but the journal … */
    bool loses_within;     /* … or in which, between any two port operations */
    bool standbys;         /* processes of one agent are started ahead */
    int64_t lag_ms;        /* ListRooms counts people so late */
    unsigned odd_lists;    /* so many lists of rooms in a row are odd … */
    bool odd_is_half;      /* … half of it is missing, else all */
    bool shared_room, own_rooms, no_caller;
    unsigned callers;
    struct plan_caller caller[PLAN_CALLERS];
    int64_t back_after_ms; /* LiveKit, from a restart … */
    bool forgets;          /* … without its Redis: names come back with new sids */
    int64_t redis_away_ms; /* Redis, from its stop: the rules that come meanwhile come later */
    /* When it happens, in ms; PLAN_NEVER: not. */
    int64_t redis_stops_at, begins_at, odd_list_at, restart_at, other_bridge_at, operator_at, outbound_at, egress_at,
        rules_at, new_rules_at;
};

void plan_draw(struct plan *plan, struct dice *dice);
const char *plan_network_name(enum plan_network network);
const char *plan_behaviour_name(enum plan_behaviour behaviour);

#endif
