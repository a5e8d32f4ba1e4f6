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
    struct happening *next_spare;
};

/* A participant, ever. */
struct guest {
    char sid[24], identity[96];
    enum participant_kind kind;
    int room, process, caller;           /* places; WORLD_NOBODY: none */
    bool outbound, rival, here, audible; /* rival: another bridge's agent */
    bool listed, listed_audible;         /* so says the copy that ListParticipants shows */
    mono_ms leaves_at, joined_at, spoke_at, left_at, listed_at, silent_since;
    enum disconnect_reason reason;
    enum { TOLD_NOTHING, TOLD_HERE, TOLD_GONE } told, told_before; /* what webhooks have told the bridge */
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
    struct room_told {
        mono_ms at; /* the first webhook about it; 0: none */
        bool started, caller;
        bool cut;         /* it was finished with a caller in it */
        bool never_again; /* its agent said so, and no caller came since */
        mono_ms back_by;  /* until when callers whose line was lost are waited for */
        mono_ms over_by;  /* when the bridge must know that it is over; MONO_NEVER: it is not */
    } told, told_before;
    bool visible;    /* the bridge has a call for it that is not over */
    mono_ms gone_at; /* since when the bridge has no live call for it; 0: it has, or never had */
    char agent[32];  /* the decision seen */
    bool handed_over, handed_over_now;
    bool lost_start; /* a process of it was about to be started when the bridge died, and is not */
    mono_ms lost_at; /* another bridge's agent pushed out ours */
    enum call_end end;
    mono_ms begun_at;            /* since when the bridge has this call, or has it again */
    mono_ms next_by;             /* another agent must be started by then; 0: it need not be */
    mono_ms crossed_at;          /* a caller came in the moment in which its agent ended it; 0: none */
    mono_ms done_at;             /* its agent ended it then; 0: it did not */
    int done_for;                /* … or another one must be started: for this caller, who was there before */
    mono_ms parting_since;       /* what its agent's exit means is waited for; 0: it is not */
    mono_ms ending_at, ended_at; /* since when it is ending, and when it was last seen to */
};

/* A process that waits for a call. */
struct waiter {
    enum waiter_state {
        WAITER_GONE,
        WAITER_STARTING,
        WAITER_READY,
        WAITER_QUEUED, /* it is about to be told its call, in this step */
        WAITER_DEAD,   /* which the engine will tell */
        WAITER_ENDING, /* told to go */
        WAITER_LEFT,   /* its bridge is dead: it sees the end of file */
    } state;
    enum waiter_habit {
        WAITER_GOOD,
        WAITER_NO_START,
        WAITER_NEVER_READY,
        WAITER_DIES_WAITING,
        WAITER_DIES_TOLD,
        WAITER_HANGS, /* reads nothing */
    } habit;
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE], call[ENGINE_LABEL_MAX + 1];
    mono_ms due; /* the next step of its state */
    bool noted;  /* for a successor, who would end it */
};

struct process {
    bool live, started, reconnecting, leaving, dismissed;
    bool warm;               /* it was a standby … */
    enum waiter_habit habit; /* … of this kind … */
    bool untaken;            /* … and did not take the call */
    bool adopted;            /* by a later bridge: how it ends is not known */
    bool owned;              /* the bridge that there is started or adopted it */
    bool told_end;           /* a bridge was told that it ended */
    mono_ms crashed_at;      /* after it had spoken; 0: it did not */
    mono_ms ended_at;        /* when a bridge was told that it ended; 0: not yet */
    unsigned ladder;         /* of the engine that forgot its memory, others than the last are void */
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    enum plan_behaviour behaviour;
    bool ignores_term, stays, sales;
    int room, guest;
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
    int confirmed; /* who was asked for, and is there; WORLD_NOBODY: nobody */
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
    struct happening *spare; /* that happened: for those to come */
    struct bridge *bridge;
    struct livekit_link *link; /* NULL: LiveKit cannot be asked */
    struct reconcile *reconcile;
    struct pool *pool; /* NULL: no standbys in this plan */
    struct waiter waiters[WORLD_WAITERS];
    int waiter_count;
    struct dice waiter_dice; /* of their own, so that a call without them stays the same */
    const struct sim_stock *stock;
    const struct call_policy *policy;
    const struct sim_trace *trace;
    struct sim_result *result;
    struct room rooms[WORLD_ROOMS];
    struct guest guests[WORLD_GUESTS];
    struct process processes[WORLD_PROCESSES];
    struct buf journal[WORLD_ROOMS]; /* by the room's place; empty: nothing */
    struct asked asked[WORLD_ASKED];
    int room_count, guest_count, process_count, question_count;
    int untaken;         /* processes that were no start of a call: standbys that did not take it */
    unsigned odd_lists;  /* lists of rooms to come that are odd */
    size_t pending;      /* happenings that are not of the API */
    mono_ms quiet_since; /* since when only the reconcile has something to do; 0: there is more */
    bool server_up;
    mono_ms server_back_at; /* when it will be, or was last */
    unsigned epoch, joins;
    int rules_given;   /* enum plan_rules; WORLD_NOBODY: none yet */
    bool memory_short; /* the machine's: new calls are refused where they can be hung up */
    mono_ms lost_memory_at;
    unsigned losses;
    int ports_left;       /* the bridge dies at its port operation after so many; WORLD_NOBODY: not in this step */
    bool dead;            /* it did: what it does still is not done */
    mono_ms last_arrival; /* of a webhook, where order is kept */
    uint64_t instances;
};

/* What fits of TEXT, where snprintf would take ten times as long. */
static inline void world_copy(char *to, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    memcpy(to, text, length);
    to[length] = '\0';
}

/* NUMBER's hex digits, as many as there is room for in DIGITS places. */
static inline void world_hex(char *to, size_t digits, uint64_t number) {
    for (size_t i = digits; i-- > 0; number >>= 4) {
        to[i] = "0123456789abcdef"[number & 15];
    }
}

/* The place of the room with that sid. */
static inline int world_place(const char *sid) {
    int place = 0;
    for (const char *digit = sid + sizeof "RM_" - 1; *digit != '\0'; digit++) {
        place = place * 10 + (*digit - '0');
    }
    return place;
}

/* world.c */
/* DEED happens in DELAY_MS. The copy returned is the world's; its kind and epoch may be set. */
struct happening *world_plan(struct world *world, int64_t delay_ms,
                             void (*deed)(struct world *, const struct happening *), int subject, int detail);
/* An invariant does not hold; the first one counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_say(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_run(struct world *world);
void world_release(struct world *world);
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
/* A port operation of the bridge: false when it died before it. */
bool memory_passes(struct world *world);
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

/* processes.c: the engine. */
struct engine processes_engine(struct world *world);
enum process_ending { ENDS_CLEAN, ENDS_CRASHED, ENDS_KILLED, ENDS_NEVER_AGAIN, ENDS_DROPPED };
/* It is gone; the bridge is told a moment later. */
void processes_end(struct world *world, int place, enum process_ending how);
bool processes_any_live(const struct world *world);
/* The place of a new process; WORLD_NOBODY: a promise is broken. */
int processes_add(struct world *world, const char *label, const char *instance, const char *agent);
/* It runs already. */
void processes_begin_warm(struct world *world, int place);
/* Its line is unread, and it is gone, or is killed where it hangs. Nobody looks whether one that was told to go, or was
 * taken back by a later bridge, reads. */
void processes_lose(struct world *world, int place);
/* Their bridge died; the next one has adopted what it knows of. */
void processes_disown(struct world *world);
void processes_orphans(struct world *world);

/* agents.c: what agents do. */
enum plan_behaviour agents_draw(struct world *world);
/* The process at PLACE runs. */
void agents_begin(struct world *world, int place);
/* It leaves the room, and ends soon after or just before that. */
void agents_quit(struct world *world, int place, enum process_ending how);
/* The next step of the process at PLACE. */
void agents_plan(struct world *world, int place, int64_t least, int64_t most,
                 void (*deed)(struct world *, const struct happening *), int detail);
/* Thrown out, or the server is gone. */
void agents_disconnected(struct world *world, int place);
/* The last caller of ROOM left. */
void agents_alone(struct world *world, int room);
/* A human whom the agent of ROOM dialled is in it: it leaves soon. */
void agents_hand_over(struct world *world, int room);
/* The agent of ROOM leaves of its own will within MOST_MS. */
void agents_leave(struct world *world, int room, int64_t most_ms);

/* standbys.c: the engine, with a pool around it where the plan has one, built with each bridge. */
struct engine standbys_engine(struct world *world);
/* The directory that came with the rules. */
void standbys_give(struct world *world);
void standbys_take_apart(struct world *world);
/* The one of INSTANCE did not take its call, which is told; its end will be. */
void standbys_lost(struct world *world, const char *instance);
/* What is due; at the end of a step those who were handed a call are told, once the journal has that. */
void standbys_tick(struct world *world);
void standbys_tell(struct world *world);
/* The earlier of DUE and what falls due there; they keep no world going by themselves. */
mono_ms standbys_due_before(const struct world *world, mono_ms due);
void standbys_check(struct world *world);
void standbys_check_end(struct world *world);

/* livekit.c: the API. */
struct asker livekit_asker(struct world *world);

/* told.c: what the bridge was told by webhooks. */
unsigned told_callers(const struct world *world, int room);
void told(struct world *world, enum event_kind kind, int place, int guest);
/* GUEST is really there, says LiveKit's API. */
void told_confirmed(struct world *world, int guest);
/* Another room of ROOM's name is known: ROOM is over for good; the operator ended ROOM. */
void told_ended(struct world *world, int room);
/* The bridge lost its memory: waits begin anew. */
void told_lost(struct world *world);
/* What it was told of by now, of all or of ROOM; and that it died before it could keep what it was told since. */
void told_keep(struct world *world);
void told_keep_room(struct world *world, int room);
void told_forget(struct world *world);

/* ending.c: what must hold of a call that ends. Whether its room may be deleted; whether a phone is about to join that
 * would not notice; after a step, whether all is done that must be. */
bool judge_may_delete(const struct world *world, int place);
bool judge_rings_on(const struct world *world, int place);
void judge_ending(struct world *world, int place);
/* An agent is about to be started; what status says of PLACE. */
void judge_back_off(struct world *world, int place);
void judge_phase(struct world *world, int place, const char *phase);

/* parting.c: what must follow the end of an agent's process. The bridge is about to be told that the one at PLACE ended; an
 * agent is about to be started in the room at PLACE; after a step. */
void parting_told(struct world *world, int place, enum process_ending how);
void parting_start(struct world *world, int place);
void parting_check(struct world *world, int place);

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
