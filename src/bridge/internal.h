/* What the files of the bridge share; nobody else includes it. */
#ifndef BRIDGE_INTERNAL_H
#define BRIDGE_INTERNAL_H

#include "base/log.h"
#include "base/mem.h"
#include "bridge/bridge.h"
#include "calls/table.h"

/* What LiveKit said of the leg that the agent is chosen by: the first caller. Owned text, "" when not known. */
struct call_leg_text {
    char *called, *caller, *trunk_id, *rule_id, *attributes, *identity;
    uint64_t sid; /* its hash */
    bool known;
};

/* A leg by the hash of its sid. Owned text; NULL: an unused place. */
struct leg_identity {
    uint64_t sid;
    char *text;
};

struct agent_use;

struct bridge_call {
    struct call_entry entry; /* first: table entries are cast back by container_of */
    struct call_leg_text leg;
    struct leg_identity identities[CALL_LEGS]; /* of those who came last */
    unsigned next_identity;
    char *room_agent;      /* agent_name of the room's metadata, or NULL */
    struct ruleset *rules; /* held from the choice on: a call keeps the agent entry it began with */
    struct directory *directory;
    const struct agent *agent;
    const struct rule *rule;
    char *agent_name;      /* NULL until chosen */
    struct agent_use *use; /* counted against the agent's max; NULL when not */
    char instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    int64_t started_wall_ms;
    int64_t newest_s, finished_s; /* createdAt of its newest event, and of room_finished; 0: not known */
    int64_t before_s;             /* … and of the newest but one */
    int64_t listed_s;             /* since when the newest participant that LiveKit's list told of is there */
    mono_ms touched_at;           /* when something was last heard of it; what was asked before that says nothing new */
    mono_ms confirmed_at;         /* when LiveKit was last asked whether its callers are really there, and they were */
    unsigned starts;
    enum call_phase phase;
    enum call_end end;
    bool looked_at_metadata, killed, deleting, asked_number, asked_ready, asked_room, answered;
};

/* How many calls an agent has. */
struct agent_use {
    char *name;
    long calls;
    UT_hash_handle hh;
};

struct bridge {
    struct bridge_options options;
    struct bridge_ports ports;
    struct ruleset *rules;
    struct directory *directory;
    bool ready;
    struct call_table table;
    struct agent_use *uses;
    struct bridge_counters counters;
    struct log_limit refused_limit;
};

static inline struct bridge_call *call_of(struct call_entry *entry) {
    return entry != NULL ? container_of(entry, struct bridge_call, entry) : NULL;
}

/* bridge.c: the call of SID that is not over; NULL: none. */
struct bridge_call *bridge_live_call(const struct bridge *bridge, struct slice sid);
/* Whether ROOM's name begins with SIP_ROOM_PREFIX. */
bool bridge_is_ours(const struct bridge *bridge, struct slice room);
struct livekit_participant;
/* livekit_link.c: whether LISTED may be the agent of CALL: it has its identity, or the agent has a token of its own; and
 * it is not the one that is known to be gone. */
bool bridge_may_be_agent(const struct bridge *bridge, const struct bridge_call *call,
                         const struct livekit_participant *listed);
/* Whether IDENTITY is the one that the agent of the call SID has. */
bool bridge_is_agent_of(struct slice sid, struct slice identity);
/* bridge.c: notes EVENT and does what is wanted then. May free CALL (a room that was no call). */
void bridge_note(struct bridge *bridge, struct bridge_call *call, const struct call_event *event, mono_ms now);

/* act.c: does what WANT says. True when that brought a new fact: look again. */
bool bridge_act(struct bridge *bridge, struct bridge_call *call, const struct want *want, mono_ms now);

/* say.c */
void bridge_about(const struct bridge_call *call, struct log_about *ret_about);
/* The caller's attributes make the agent's line SIZE bytes long: too long. */
void bridge_warn_attributes(const struct bridge_call *call, size_t size);
void bridge_trace(const struct bridge *bridge, const struct bridge_call *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* choose.c */
void bridge_leg_forget(struct call_leg_text *leg);
/* Chooses the agent if that can be done yet (FINAL: go on without the number) and notes it. True when it did. */
bool bridge_choose(struct bridge *bridge, struct bridge_call *call, bool final, mono_ms now);
/* Whether the caller of EVENT must not be served, and why (for the log). */
bool bridge_vetoes(struct bridge *bridge, const struct bridge_call *call, const struct webhook_event *event,
                   const char **ret_why);
void bridge_use(struct bridge *bridge, struct bridge_call *call);
void bridge_unuse(struct bridge *bridge, struct bridge_call *call);
void bridge_uses_release(struct bridge *bridge);

/* identities.c: what LEG is called; NULL: not known any more. */
void bridge_keep_identity(struct bridge_call *call, uint64_t sid, struct slice identity);
const char *bridge_identity_of(const struct bridge_call *call, uint64_t sid);
void bridge_forget_identities(struct bridge_call *call);

/* job.c: builds the job of a new process of CALL and hands it to the engine. */
void bridge_start(struct bridge *bridge, struct bridge_call *call);

#endif
