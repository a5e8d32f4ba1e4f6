/* The world of one simulated call, shared by the files of this layer and nobody else: a virtual clock, what is due
 * to happen, LiveKit's rooms and who is in them, agent processes, and the production bridge in the middle. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/buf.h"
#include "base/heap.h"
#include "bridge/reconcile.h"
#include "pool/pool.h"
#include "sim/plan.h"
#include "sim/sim.h"

enum {
    WORLD_ROOMS = 96,
    WORLD_GUESTS = 320,
    WORLD_PROCESSES = 320,
    WORLD_WAITERS = 32,
    WORLD_ASKED = 64,  /* questions to LiveKit at once */
    WORLD_LISTED = 96, /* in one answer of it */
    WORLD_NOBODY = -1,
    WORLD_START_MS = 1000000,
    WORLD_RECONCILE_MS = 60000,
};

struct world;

/* Something that will happen. What SUBJECT (a place in one of the arrays) and DETAIL mean is the deed's business. */
struct happening {
    struct heap_item item;
    void (*deed)(struct world *world, const struct happening *happening);
    int subject, detail;
    enum event_kind kind; /* of a webhook on its way */
    mono_ms sent_at;      /* … */
    unsigned epoch;       /* of the server that sent it */
    bool of_api;          /* a question or an answer: not what keeps the world going */
};

/* A participant, ever. */
struct guest {
    char sid[24], identity[96];
    enum participant_kind kind;
    int room, process, caller;           /* places; WORLD_NOBODY: none */
    bool outbound, rival, here, audible; /* rival: another bridge's agent */
    bool listed, listed_audible;         /* so says the copy that ListParticipants shows */
    mono_ms leaves_at, joined_at, listed_at, silent_since;
    enum disconnect_reason reason;
    enum { TOLD_NOTHING, TOLD_HERE, TOLD_GONE } told; /* what webhooks have told the bridge */
};

struct room {
    char sid[24], name[64];
    bool open, stored; /* stored: it died with the server, which finds its sid again */
    mono_ms opened_at; /* for the first time */
    unsigned timer;    /* a time-out with another number is void */
    int process;       /* the last one started for it */
    struct head_count {
        int people, publishers;
    } shown, count; /* what ListRooms counts, and would if it did not lag since CHANGED_AT */
    mono_ms changed_at;
    mono_ms empty_since; /* no caller is in it, and LiveKit is there to tell; 0: one is, or it is away */
    mono_ms told_at;     /* the first webhook about it; 0: none */
    bool told_started, told_caller;
    bool visible;    /* the bridge has a call for it that is not over */
    mono_ms gone_at; /* since when the bridge has no live call for it; 0: it has, or never had */
    mono_ms over_by; /* when the bridge must know that it is over; MONO_NEVER: it is not */
    char agent[32];  /* the decision seen */
    bool handed_over, handed_over_now;
    bool never_again; /* its agent said so, and no caller came since */
    bool lost_start;  /* a process of it was about to be started when the bridge died, and is not */
    mono_ms lost_at;  /* another bridge's agent pushed out ours */
    enum call_end end;
    mono_ms begun_at;            /* since when the bridge has this call, or has it again */
    mono_ms ending_at, ended_at; /* since when it is ending, and when it was last seen to */
};

struct process {
    bool live, started, reconnecting, leaving, dismissed;
    bool adopted;    /* by a later bridge: how it ends is not known */
    unsigned ladder; /* of the engine that forgot its memory, others than the last are void */
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    enum plan_behaviour behaviour;
    bool ignores_term, stays, sales;
    int room, guest;
};

/* A process that waits for a call, or got one that it does not take (standbys.c). */
struct waiter {
    enum waiter_state { WAITER_GONE, WAITER_STARTING, WAITER_READY, WAITER_TOLD, WAITER_ENDING } state;
    enum waiter_habit {
        WAITER_GOOD,
        WAITER_NEVER_READY,
        WAITER_DIES_WAITING,
        WAITER_DIES_TOLD,
        WAITER_HANGS, /* reads nothing */
    } habit;
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    char call[ENGINE_LABEL_MAX + 1]; /* that it was told, or "" */
    mono_ms due;                     /* the next step of its state */
};

/* A question to LiveKit, and its answer on the way back. */
struct asked {
    bool waits; /* neither answered nor cancelled */
    int serial; /* a happening with another number is void */
    struct question question;
    char room[64], identity[96];
    mono_ms by; /* the client waits so long */
    unsigned tries;
    enum livekit_outcome outcome;
    size_t count;
    struct listed {
        int place;
        struct head_count count; /* of a room */
        bool audible;            /* a guest */
    } listed[WORLD_LISTED];
};

struct world {
    struct plan plan;
    struct dice dice;
    mono_ms now;
    uint64_t sequence; /* of happenings: equal times keep their order */
    struct heap due;
    struct bridge *bridge;
    struct livekit_link *link; /* NULL: LiveKit cannot be asked */
    struct reconcile *reconcile;
    struct pool *pool; /* NULL: no standbys in this plan */
    struct waiter waiters[WORLD_WAITERS];
    int waiter_count;
    struct dice waiter_dice; /* of their own, so that a plan without them is the same call */
    const struct sim_stock *stock;
    const struct sim_trace *trace;
    struct sim_result *result;
    struct room rooms[WORLD_ROOMS];
    struct guest guests[WORLD_GUESTS];
    struct process processes[WORLD_PROCESSES];
    struct buf journal[WORLD_ROOMS]; /* by the room's place; empty: nothing */
    struct asked asked[WORLD_ASKED];
    int room_count, guest_count, process_count, question_count;
    unsigned odd_lists;  /* lists of rooms to come that are odd */
    size_t pending;      /* happenings that are not of the API */
    mono_ms quiet_since; /* since when only the reconcile has something to do; 0: there is more */
    bool server_up;
    mono_ms server_back_at; /* when it will be, or was last */
    unsigned epoch, joins;
    int rules_given;   /* enum plan_rules; WORLD_NOBODY: none yet */
    bool memory_short; /* the machine's: new calls are refused where they can be hung up */
    mono_ms lost_memory_at;
    mono_ms last_arrival; /* of a webhook, where order is kept */
    uint64_t instances;
};

/* world.c */
/* DEED happens in DELAY_MS. The copy returned is the world's; its kind and epoch may be set. */
struct happening *world_plan(struct world *world, int64_t delay_ms,
                             void (*deed)(struct world *, const struct happening *), int subject, int detail);
/* An invariant does not hold; the first one counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_say(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_run(struct world *world);
/* The rules that were given last, for a new bridge. */
void world_give_rules(struct world *world);

/* sim.c */
/* The bridge, its link to LiveKit and the reconcile, put together as src/app does. */
void sim_build(struct world *world);
/* Also what is being asked of LiveKit; what they did counts. */
void sim_take_apart(struct world *world);

/* memory.c: the bridge loses all but its journal. */
struct journal_port memory_port(struct world *world);
void memory_lose(struct world *world);
void memory_release(struct world *world);

/* network.c: the way of a webhook to the bridge. GUEST may be WORLD_NOBODY. */
void network_send(struct world *world, enum event_kind kind, int room, int guest);

/* server.c: LiveKit. */
/* The open room of that name; WORLD_NOBODY: none. */
int server_find(const struct world *world, const char *name);
/* The same, and else it is opened; WORLD_NOBODY: LiveKit is away. */
int server_enter(struct world *world, const char *name);
/* GUEST is copied; its place, or WORLD_NOBODY when the room is not open. Pushes out whoever has its identity. */
int server_join(struct world *world, int room, const struct guest *guest);
void server_speak(struct world *world, int guest);
void server_leave(struct world *world, int place, enum disconnect_reason reason);
/* Also of a room that is only stored. */
void server_delete(struct world *world, int room);
void server_restart(struct world *world);
unsigned server_callers(const struct world *world, int room);

/* store.c: what LiveKit keeps in Redis, which is what its lists show. */
bool store_is_listed(const struct room *room);
void store_opened(struct world *world, int room);
void store_joined(struct world *world, int place);
void store_spoke(struct world *world, int place);
/* Before it is not here any more. */
void store_left(struct world *world, int place);
void store_forget_room(struct world *world, int room);
/* LiveKit died; its Redis too (FORGETS), or not. */
void store_outlives(struct world *world, bool forgets);
/* Fill in what ASKED's answer shows. */
void store_list_rooms(struct world *world, struct asked *asked);
void store_list_guests(const struct world *world, struct asked *asked);

/* people.c: callers and all else that befalls. */
void people_begin(struct world *world);
/* The caller that was GUEST lost its place in a restart: it joins again, if it is still on the line. */
void people_rejoin(struct world *world, int guest);
/* What LiveKit tells of the phone of GUEST; empty: that it tells nothing. */
struct people_phone {
    struct slice called, caller, trunk, rule, attributes;
} people_phone(const struct world *world, const struct guest *guest);
/* The agent that the call of ROOM must have; NULL: that cannot be said so simply. */
const char *people_agent(const struct world *world, int room);

/* processes.c: the engine, and what agents do. */
struct engine processes_engine(struct world *world);
void processes_disconnected(struct world *world, int place);
/* The last caller of ROOM left. */
void processes_alone(struct world *world, int room);
bool processes_any_live(const struct world *world);

/* What JOB asks for is a standby that takes it. */
void processes_hand_over(struct world *world, const struct engine_job *job);

/* standbys.c: the engine with a pool around it where the plan has one, built with each bridge; what falls due in it. */
struct engine standbys_engine(struct world *world);
void standbys_take_apart(struct world *world);
void standbys_tick(struct world *world);
/* The earlier of DUE and what falls due there; they keep no world going by themselves. */
mono_ms standbys_due_before(const struct world *world, mono_ms due);
/* One has a call (that of LABEL; NULL: whichever) and does not take it. */
bool standbys_any_live(const struct world *world, const char *label);

/* livekit.c: the API. */
struct asker livekit_asker(struct world *world);

/* told.c: what the bridge was told by webhooks. */
unsigned told_callers(const struct world *world, int room);
void told(struct world *world, enum event_kind kind, int place, int guest);
/* Another room of ROOM's name is known: ROOM is over for good; the operator ended ROOM. */
void told_ended(struct world *world, int room);
/* The bridge lost its memory: waits begin anew. */
void told_lost(struct world *world);

/* check.c: what must always hold. */
/* The bridge starts an agent for the room at PLACE, kills the process at PLACE, deletes the room at PLACE (URGENT: for
 * a call of its own, else as a stale one). */
void check_start(struct world *world, int place, const char *agent);
void check_kill(struct world *world, int place);
void check_delete(struct world *world, int place, bool urgent);
/* Time has passed, nothing else yet. */
void check_silence(struct world *world);
void check_step(struct world *world);
void check_end(struct world *world);

#endif
