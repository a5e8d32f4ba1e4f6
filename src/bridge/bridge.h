/* Where calls meet rules, the engine and LiveKit: notes events as facts, asks the tables what is wanted, and closes
 * the gap through the ports. Knows no sockets, no loop and no clock: time is handed in, so that the whole product
 * runs in a test or a simulation as it runs in production. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "base/histogram.h"
#include "bridge/limits.h"
#include "bridge/ports.h"
#include "rules/decide.h"
#include "webhooks/event.h"

struct bridge_options {
    struct call_policy policy;
    const char *room_prefix;   /* SIP_ROOM_PREFIX; "": any room, then only by its caller */
    bool room_names_called;    /* SIP_ROOM_NUMBER: the number in a room's name is the called one */
    const char *default_agent; /* DEFAULT_SIP_AGENT; "" when not set */
    const char *livekit_url;
    const char *api_key, *api_secret; /* only for agents with "credentials":"api" */
    bool require_trunk;               /* SIP_REQUIRE_TRUNK */
    int64_t rules_wait_ms;            /* a first start without rules: calls ring so long for the first load (8 s) */
    int64_t tombstone_ms;             /* calls that are over are remembered so long (2 min) … */
    size_t max_tombstones; /* … and so many (4,096): LiveKit's last word of a call comes within 45 s (30 s in its
                                       * queue, 15 s of repeats), in which that many end at 91 a second */
    size_t max_calls;      /* a stop for runaway memory, not a licence: more rooms are refused (100,000) */
    size_t max_served;     /* SIP_MAX_CALLS: with an agent at once; 0: as many as come */
    size_t max_starts;     /* SIP_MAX_STARTS: processes within a second; 0: as many as come */
    uint64_t seed;         /* of the hashes; where there is a journal, the same after every restart */
    const char *boot;      /* the kernel's boot id: what mono_ms and pids mean; "" in tests */
};
extern const struct bridge_options bridge_options_default;

struct bridge_counters {
    uint64_t calls, ended, answered, refused, rejected_legs, ignored_events;
    uint64_t starts, failed_starts, exits, restarts;
    uint64_t warm, lost; /* of the starts: handed to a standby; of those: not taken, and asked for again */
    uint64_t stops;      /* processes told to end */
    uint64_t restored;   /* calls taken back from the journal */
    uint64_t ends[CALL_END_COUNT];
    uint64_t limited[LIMIT_COUNT]; /* calls hung up for a limit (END_OVERLOAD), by which */
};

/* How long things took. */
struct bridge_times {
    struct histogram ring;     /* from the first event of a call to its agent's audio */
    struct histogram decision; /* … to the choice of its agent */
    struct histogram start;    /* from the wish for a process to its being there */
};

struct bridge;

/* OPTIONS' strings are borrowed while the bridge lives. */
struct bridge *bridge_new(const struct bridge_options *options, const struct bridge_ports *ports);
/* Frees all calls; touches no process and leaves the journal as it is. */
void bridge_free(struct bridge *bridge);

/* Other options, for calls that begin from now on (callers who join and agents that start find the new key, prefix and
 * veto); the seed stays. Strings of the former ones are not looked at any more. */
void bridge_set_options(struct bridge *bridge, const struct bridge_options *options);
/* Takes back a call of a former bridge, with its agent's process if it has one; those that are not `named` first, and
 * of those that are over the oldest first. False with DIAG when it is not taken back: it is of another boot of the
 * machine (its process is gone, and its times mean nothing), or known already. */
struct journal_entry;
bool bridge_restore(struct bridge *bridge, const struct journal_entry *entry, mono_ms now, struct diag *diag)
    __attribute__((warn_unused_result));
/* Keeps in the journal what changed since the last flush. False when something could not be kept: whoever called tries
 * again. */
bool bridge_flush(struct bridge *bridge);
/* Whether the last flush was such a one. */
bool bridge_is_unkept(const struct bridge *bridge);

/* The rules and agents for calls from now on (it holds them); READY: there is something to decide with. */
void bridge_set_rules(struct bridge *bridge, struct ruleset *rules, struct directory *directory, bool ready,
                      mono_ms now);
/* Notes a verified webhook. EVENT is borrowed for the call. */
void bridge_webhook(struct bridge *bridge, const struct webhook_event *event, mono_ms now);
/* Whether EVENT would begin a call (a bridge that drains leaves those to its successor). */
bool bridge_is_new_call(const struct bridge *bridge, const struct webhook_event *event);
/* What came of an operation of the engine. */
void bridge_engine(struct bridge *bridge, const struct engine_event *event, mono_ms now);
/* What came of delete_room: DONE (or not found), else it failed. */
void bridge_room_deleted(struct bridge *bridge, const char *sid, mono_ms now);
void bridge_delete_failed(struct bridge *bridge, const char *sid, mono_ms now);
/* What came of ask(ASK_READY) when LiveKit says that the agent is not there, or does not speak. */
void bridge_not_ready(struct bridge *bridge, const char *sid, mono_ms now);
/* What came of ask(ASK_ROOM) when LiveKit says that no caller is in the room. */
void bridge_no_caller(struct bridge *bridge, const char *sid, mono_ms now);
/* A pending trunk_number can be had now, or is known to be none. */
void bridge_trunks_known(struct bridge *bridge, mono_ms now);
/* LiveKit does not answer, and no webhook comes either; or it is back. */
void bridge_livekit_away(struct bridge *bridge, bool away, mono_ms now);
/* Memory is short, or no more: new calls are hung up until then. */
void bridge_memory_short(struct bridge *bridge, bool is_short);
/* Before calls are taken back, where bridge_livekit_away will be told: what the former bridge knew of that is lost, so
 * no agent is started until the first word of it. What agents do counts, or a bridge that dies often counted nothing. */
void bridge_presume_away(struct bridge *bridge);
/* The operator's word: ends the call. False when there is no such live call. */
bool bridge_stop(struct bridge *bridge, const char *sid, mono_ms now);
void bridge_stop_all(struct bridge *bridge, mono_ms now);
/* Does what is due. */
void bridge_tick(struct bridge *bridge, mono_ms now);
/* When bridge_tick has to be called next; MONO_NEVER: only when something happens. */
mono_ms bridge_next_due(const struct bridge *bridge);

/* Whether SID is a call that is not over; and whether its room is to be deleted. */
bool bridge_is_live(const struct bridge *bridge, const char *sid);
bool bridge_is_hanging_up(const struct bridge *bridge, const char *sid);
/* Calls that are not over; and those of them that have nothing left here but a room that LiveKit did not delete when
 * it was asked to. */
size_t bridge_live(const struct bridge *bridge);
size_t bridge_undeleted(const struct bridge *bridge);
const struct bridge_counters *bridge_counters(const struct bridge *bridge);
const struct bridge_times *bridge_times(const struct bridge *bridge);
/* How many calls that are over are remembered. */
size_t bridge_tombstones(const struct bridge *bridge);
/* Fills how many calls that are not over are in each phase. */
void bridge_phases(const struct bridge *bridge, size_t ret_counts[CALL_PHASE_COUNT]);

/* An agent of the directory, or one that has a call or whose processes failed of late; borrowed for the call of EACH. */
struct bridge_agent {
    const char *name;
    size_t calls;
    bool is_resting; /* it failed again and again and is left alone for a while */
};
void bridge_each_agent(const struct bridge *bridge, mono_ms now,
                       void (*each)(void *context, const struct bridge_agent *agent), void *context);

/* Calls whose agent's process is there and does not speak yet: what the machine's CPU is for now. */
size_t bridge_ringing(const struct bridge *bridge);

/* The limits, and how far they are used. */
struct bridge_load {
    size_t served, max_served; /* calls with an agent */
    size_t starts, max_starts; /* within the last second */
    enum limit limit;          /* that would keep a new call from its agent now */
};
struct bridge_load bridge_load(const struct bridge *bridge, mono_ms now);

/* An agent whose processes failed of late; borrowed for the call of EACH. */
struct bridge_circuit {
    const char *agent, *state; /* "closed", "open", "trial" */
    bool is_open;              /* or on trial: most calls get their next choice */
    unsigned failures;         /* in a row */
    int64_t tried_in_ms;       /* until one call tries it again; 0: it is not open, or that call may come */
};
void bridge_each_circuit(const struct bridge *bridge, mono_ms now,
                         void (*each)(void *context, const struct bridge_circuit *circuit), void *context);
/* Whether there is one that is open or on trial. */
bool bridge_is_resting(const struct bridge *bridge);

/* A call as status shows it; borrowed for the call of EACH. */
struct bridge_view {
    const char *sid;
    struct slice room, called, caller;
    const char *agent;       /* "" until chosen */
    const char *phase, *why; /* why: the reason it ends, or "" */
    pid_t pid;               /* 0: none */
    int64_t started_wall_ms;
    int64_t ring_ms; /* until the agent's audio, or so far; -1: it never spoke and the call is ending */
    unsigned restarts;
    const struct call *facts;
};
void bridge_each(const struct bridge *bridge, mono_ms now, void (*each)(void *context, const struct bridge_view *view),
                 void *context);

#endif
