/* The world of one simulated call, shared by the files of this layer and nobody else: a virtual clock, what is due
 * to happen, LiveKit's rooms and who is in them, agent processes, and the production bridge in the middle. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/buf.h"
#include "base/heap.h"
#include "bridge/bridge.h"
#include "sim/plan.h"
#include "sim/sim.h"

enum { WORLD_ROOMS = 24, WORLD_GUESTS = 320, WORLD_PROCESSES = 320, WORLD_NOBODY = -1, WORLD_START_MS = 1000000 };

struct world;

/* Something that will happen. What SUBJECT (a place in one of the arrays) and DETAIL mean is the deed's business. */
struct happening {
    struct heap_item item;
    void (*deed)(struct world *world, const struct happening *happening);
    int subject, detail;
    enum event_kind kind; /* of a webhook on its way */
    unsigned epoch;       /* of the server that sent it */
};

/* A participant, ever. */
struct guest {
    char sid[24], identity[96];
    enum participant_kind kind;
    int room, process, caller;           /* places; WORLD_NOBODY: none */
    bool outbound, rival, here, audible; /* rival: another bridge's agent */
    mono_ms leaves_at, silent_since;
    enum disconnect_reason reason;
    enum { TOLD_NOTHING, TOLD_HERE, TOLD_GONE } told; /* what webhooks have told the bridge */
};

struct room {
    char sid[24], name[64];
    bool open, stored; /* stored: it died with the server, which finds its sid again */
    unsigned timer;    /* a time-out with another number is void */
    int process;       /* the last one started for it */
    mono_ms told_at;   /* the first webhook about it; 0: none */
    bool told_started, told_caller;
    bool visible;    /* the bridge has a call for it that is not over */
    mono_ms gone_at; /* since when the bridge has no live call for it; 0: it has, or never had */
    mono_ms over_by; /* when the bridge must know that it is over; MONO_NEVER: it is not */
    char agent[32];  /* the decision seen */
    bool handed_over, handed_over_now;
    bool never_again; /* its agent said so, and no caller came since */
    mono_ms lost_at;  /* another bridge's agent pushed out ours */
    enum call_end end;
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

struct world {
    struct plan plan;
    struct dice dice;
    mono_ms now;
    uint64_t sequence; /* of happenings: equal times keep their order */
    struct heap due;
    struct bridge *bridge;
    const struct sim_stock *stock;
    const struct sim_trace *trace;
    struct sim_result *result;
    struct room rooms[WORLD_ROOMS];
    struct guest guests[WORLD_GUESTS];
    struct process processes[WORLD_PROCESSES];
    struct buf journal[WORLD_ROOMS]; /* by the room's place; empty: nothing */
    int room_count, guest_count, process_count;
    bool server_up;
    unsigned epoch, joins;
    int rules_given; /* enum plan_rules; WORLD_NOBODY: none yet */
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
struct bridge *sim_bridge(struct world *world);
void sim_add_counters(struct bridge_counters *sum, const struct bridge_counters *one);

/* memory.c: the bridge loses all but its journal. */
struct journal_port memory_port(struct world *world);
void memory_lose(struct world *world);
void memory_release(struct world *world);

/* network.c: the way of a webhook to the bridge. GUEST may be WORLD_NOBODY. */
void network_send(struct world *world, enum event_kind kind, int room, int guest);

/* server.c: LiveKit. */
int server_open(struct world *world, const char *name);
/* The open room of that name; WORLD_NOBODY: none. */
int server_find(const struct world *world, const char *name);
/* GUEST is copied; its place, or WORLD_NOBODY when the room is not open. Pushes out whoever has its identity. */
int server_join(struct world *world, int room, const struct guest *guest);
void server_speak(struct world *world, int guest);
void server_leave(struct world *world, int place, enum disconnect_reason reason);
void server_delete(struct world *world, int room);
void server_restart(struct world *world);
unsigned server_callers(const struct world *world, int room);

/* people.c: callers and all else that befalls. */
void people_begin(struct world *world);
/* The caller that was GUEST lost its place in a restart: it joins ROOM. */
void people_rejoin(struct world *world, int guest, int room);

/* processes.c: the engine, and what agents do. */
struct engine processes_engine(struct world *world);
void processes_disconnected(struct world *world, int place);
/* The last caller of ROOM left. */
void processes_alone(struct world *world, int room);
bool processes_any_live(const struct world *world);

/* livekit.c: the API. */
struct livekit_port livekit_fake(struct world *world);

/* check.c: what must always hold. */
/* Another room of ROOM's name is known: ROOM is over for good; the operator ended ROOM. */
void check_ended(struct world *world, int room);
/* The bridge starts an agent for the room at PLACE, kills the process at PLACE, deletes the room at PLACE. */
void check_start(struct world *world, int place);
void check_kill(struct world *world, int place);
void check_delete(struct world *world, int place);
void check_told(struct world *world, enum event_kind kind, int place, int guest);
/* The bridge lost its memory: waits begin anew. */
void check_lost(struct world *world);
/* Time has passed, nothing else yet. */
void check_silence(struct world *world);
void check_step(struct world *world);
void check_end(struct world *world);

#endif
