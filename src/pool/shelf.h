/* The processes of one agent that wait, and how they fared. The pool owns them; nobody else includes this. */
#ifndef POOL_SHELF_H
#define POOL_SHELF_H

#include <sys/queue.h>

#include "base/hash.h"
#include "base/log.h"
#include "pool/order.h"
#include "pool/policy.h"
#include "pool/pool.h"

enum {
    SHELF_FAILS = 3, /* so many failures in a row are told of */
    SHELF_LOST = 2,  /* after so many calls in a row that were not taken, one waits on trial, and no more */
};

enum standby_state {
    STANDBY_STARTING, /* until it says READY=1 */
    STANDBY_READY,
    STANDBY_RESERVED, /* it is about to get a call */
    STANDBY_HANDED,   /* it got one: remembered until that is known to be taken */
    STANDBY_LEAVING,  /* told to go */
};

struct standby {
    TAILQ_ENTRY(standby) next; /* the oldest first */
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    enum standby_state state;
    bool stale;   /* to be replaced */
    bool settled; /* it was ready for POLICY_SETTLED_MS */
    pid_t pid;
    uint64_t birth;
    mono_ms since; /* of this state */
};

struct shelf {
    UT_hash_handle hh;
    struct pool *pool;
    struct order order;
    struct agent_standby limits;
    int64_t stop_timeout_ms;
    struct policy policy;
    TAILQ_HEAD(, standby) standbys;
    uint64_t stamp;       /* of the program; 0: not looked at yet */
    unsigned lost_in_row; /* calls that were not taken since one was */
    bool gone;            /* no agent's any more: goes with its last process */
    struct pool_view counters;
    char reason[POOL_REASON_SIZE];
};

struct pool {
    struct pool_ports ports;
    struct pool_options options; /* but for its text */
    struct order_access access;  /* … which is here */
    struct directory *directory;
    struct shelf *shelves; /* by the agent's name */
    struct standby *reserved;
    struct shelf *reserved_of;
    bool memory_short, closed;
    bool dirty;         /* something happened since the last tick */
    mono_ms held_since; /* a start waits for calls to be answered; 0: none does */
    mono_ms due;        /* as of the last tick */
    mono_ms last_start_at, look_at;
};

static inline mono_ms pool_now(const struct pool *pool) {
    return pool->ports.now(pool->ports.self);
}

static inline mono_ms pool_earlier(mono_ms a, mono_ms b) {
    return a < b ? a : b;
}

/* How many are in STATE; of those how many are to be replaced. */
unsigned shelf_count(const struct shelf *shelf, enum standby_state state);
unsigned shelf_stale(const struct shelf *shelf, enum standby_state state);
/* How many shall wait. */
unsigned shelf_wanted(const struct shelf *shelf, mono_ms now);
/* None waits, and the last ones failed again and again; or they do not take their calls. */
bool shelf_fails(const struct shelf *shelf);
/* The one that gets the next call: the oldest that is not to be replaced, else the oldest; NULL: none waits. */
struct standby *shelf_pick(struct shelf *shelf);
struct standby *shelf_find(struct shelf *shelf, const char *label);
struct standby *shelf_find_instance(struct shelf *shelf, const char *instance);
void shelf_remove(struct shelf *shelf, struct standby *standby);

void shelf_set_state(struct standby *standby, enum standby_state state, mono_ms now);
void shelf_start(struct shelf *shelf, mono_ms now);
/* Tells STANDBY to go. */
void shelf_dismiss(struct shelf *shelf, struct standby *standby, mono_ms now);
void shelf_dismiss_all(struct shelf *shelf, mono_ms now);
/* One of its processes failed. LABEL: whose output tells more, or NULL. */
void shelf_failed(struct shelf *shelf, const char *label, const char *reason, mono_ms now);
/* Does what time brought, but for starting. */
void shelf_tick(struct shelf *shelf, mono_ms now);
/* Looks at the memory of those that wait, and at their program. */
void shelf_look(struct shelf *shelf);
/* When shelf_tick has something to do. */
mono_ms shelf_next_due(const struct shelf *shelf, mono_ms now);
void shelf_free(struct shelf *shelf);

/* entries.c: removes SHELF if nothing of it is left and it is no agent's any more. */
void pool_tidy(struct pool *pool, struct shelf *shelf);
void pool_tidy_all(struct pool *pool);

#endif
