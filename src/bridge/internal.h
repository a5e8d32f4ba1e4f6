/* What the files of the bridge share; nobody else includes it. */
#ifndef BRIDGE_INTERNAL_H
#define BRIDGE_INTERNAL_H

#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "bridge/bridge.h"
#include "bridge/circuit.h"
#include "bridge/graves.h"
#include "calls/table.h"

/* What LiveKit said of the leg that the agent is chosen by: the first caller. One block for all texts, "" for what a
 * known one has not; NULL: not known. */
struct call_leg_text {
    char *block;
    const char *called, *caller, *trunk_id, *rule_id, *attributes, *identity; /* into it */
    uint64_t sid;                                                             /* its hash */
    bool known;
};

/* A leg by the hash of its sid. Owned text. */
struct leg_identity {
    uint64_t sid;
    char *text;
};

struct agent_use;

struct bridge_call {
    struct call_entry entry; /* first: table entries are cast back by container_of */
    struct call_leg_text leg;
    struct leg_identity *identities; /* of those who came last, at most CALL_LEGS: a ring once it is full */
    unsigned next_identity;          /* how many were ever kept */
    char *room_agent;                /* agent_name of the room's metadata, or NULL */
    struct directory *directory;     /* held from the choice on: a call keeps the agent entry it began with */
    const struct agent *agent; /* NULL until chosen, and of a restored call until a process of it is to be started */
    char *agent_name;          /* NULL until chosen */
    char *metadata;            /* of the rule that chose it, or NULL */
    int64_t after_call_ms, stop_timeout_ms; /* its entry's, for the end of its process */
    struct agent_use *use;                  /* counted against the agent's max; NULL when not */
    char instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    uint64_t birth; /* with the pid: which process that is */
    int64_t started_wall_ms;
    int64_t newest_s, finished_s; /* createdAt of its newest event, and of room_finished; 0: not known */
    int64_t before_s;             /* … and of the newest but one, while an event is noted */
    int64_t listed_s;             /* since when the newest participant that LiveKit's list told of is there */
    uint64_t room_event;          /* hash of the id of the last event of the room */
    mono_ms touched_at;           /* when something was last heard of it; what was asked before that says nothing new */
    mono_ms callers_at;           /* … of its callers, or of the room as a whole */
    mono_ms confirmed_at;         /* when LiveKit was last asked whether its callers are really there, and they were */
    mono_ms dismissed_at;         /* when the engine was first asked to stop this process */
    mono_ms restored_at;          /* 0: it began with this bridge */
    mono_ms rearmed_at;           /* its waits began anew then, after a restart */
    unsigned starts, kills;
    int64_t created_s;              /* createdAt of its first event; 0: not known */
    mono_ms ended_at;               /* when its end was known; 0: it lives, or that was not kept */
    mono_ms asked_at;               /* when the engine was asked for the process that is being started; 0: it is not */
    enum choice_reason chosen_by;   /* with agent_name */
    char *chosen_rule;              /* what `rules list` calls it, or NULL */
    struct call_policy *own_policy; /* what it began with, where that is no longer the bridge's; else NULL */
    enum call_phase phase;
    enum call_end end;
    enum limit limit;         /* which left no room for it when an agent was to be chosen */
    unsigned failures_before; /* of its agent, when the process spoke (circuit_spoke) */
    bool is_trial;            /* it tries an agent that failed again and again */
    bool warm;                /* its process is a standby that was handed the call */
    bool rings;               /* counted in bridge->ringing */
    unsigned lost;            /* standbys in a row that did not take it */
    bool noted_voice;         /* the circuit knows that this process spoke */
    bool looked_at_metadata, killed, deleting, asked_number, asked_ready, asked_room, answered;
    bool dirty;    /* in bridge->dirty */
    uint64_t kept; /* hash of what the journal has of it; 0: nothing */
    TAILQ_ENTRY(bridge_call) by_dirty;
};
TAILQ_HEAD(call_queue, bridge_call);

/* How many calls an agent has, and how its processes fare. Kept while there is something to remember. */
struct agent_use {
    char *name;
    long calls;
    struct circuit circuit;
    UT_hash_handle hh;
};

struct bridge {
    struct bridge_options options;
    struct bridge_ports ports;
    struct ruleset *rules;
    struct directory *directory;
    bool ready;
    struct call_table table;
    struct graves graves; /* of calls that are over and need nothing more for now */
    struct agent_use *uses;
    struct bridge_counters counters;
    struct bridge_times times;
    struct limits limits;
    size_t ringing; /* calls whose agent's process is there and does not speak yet */
    struct log_limit refused_limit, full_limit;
    bool presumed_away;      /* it is not known yet whether LiveKit is there */
    struct call_queue dirty; /* what the journal has of them is old */
    bool unkept;             /* and could not be renewed */
};

static inline struct bridge_call *call_of(struct call_entry *entry) {
    return entry != NULL ? container_of(entry, struct bridge_call, entry) : NULL;
}

/* The policy that CALL began with, and what is known of LiveKit now. */
static inline const struct call_policy *bridge_policy(const struct bridge *bridge, const struct bridge_call *call) {
    if (call->own_policy == NULL) {
        return &bridge->options.policy;
    }
    call->own_policy->livekit_away = bridge->options.policy.livekit_away;
    return call->own_policy;
}

/* bridge.c: the call of SID that is not over; NULL: none. */
struct bridge_call *bridge_live_call(const struct bridge *bridge, struct slice sid);
/* Whether the call of SID is over because another bridge's agent took its place. */
bool bridge_was_taken(struct bridge *bridge, struct slice sid);
/* Forgets such a call, so that whoever is in its room makes a call anew. */
void bridge_forget_taken(struct bridge *bridge, struct slice sid);
/* rest.c: the call of SID, also one that is over: its grave is opened then. NULL: none. */
struct bridge_call *bridge_find(struct bridge *bridge, struct slice sid);
/* Whether there is one. */
bool bridge_knows(const struct bridge *bridge, struct slice sid);
/* The call whose sid is the newest of ROOM, likewise. */
struct bridge_call *bridge_find_room(struct bridge *bridge, struct slice room);
/* Adds CALL as the newest of its room's name. */
void bridge_add(struct bridge *bridge, struct bridge_call *call);
/* Buries CALL if it is over and kept as it is; nobody touches it afterwards. */
void bridge_rest(struct bridge *bridge, struct bridge_call *call);
/* Without a journal: buries all that are over. */
void bridge_rest_all(struct bridge *bridge);
/* The call that is to be forgotten at NOW, for it is over for long enough or there are too many; NULL: none. */
struct bridge_call *bridge_expired(struct bridge *bridge, mono_ms now);
/* When there is one. */
mono_ms bridge_expiry(const struct bridge *bridge);
/* Opens all graves. */
void bridge_wake_all(struct bridge *bridge);
/* Opens the grave of the call that is over for longest; NULL: there is none. */
struct bridge_call *bridge_oldest(struct bridge *bridge);

/* events.c: whether ROOM's name begins with SIP_ROOM_PREFIX. */
bool bridge_is_ours(const struct bridge *bridge, struct slice room);
/* The identity that the agent of the call SID has; owned. */
char *bridge_agent_identity(struct slice sid);
/* Whether IDENTITY is that. */
bool bridge_is_agent_of(struct slice sid, struct slice identity);
struct livekit_participant;
/* livekit_link.c: whether LISTED may be the agent of CALL: it has its identity, or the agent has a token of its own; and
 * it is not the one that is known to be gone. */
bool bridge_may_be_agent(const struct bridge *bridge, const struct bridge_call *call,
                         const struct livekit_participant *listed);
/* bridge.c: notes EVENT and does what is wanted then. May free CALL (a room that was no call). */
void bridge_note(struct bridge *bridge, struct bridge_call *call, const struct call_event *event, mono_ms now);

/* act.c: does what WANT says. True when that brought a new fact: look again. */
bool bridge_act(struct bridge *bridge, struct bridge_call *call, const struct want *want, mono_ms now);

/* ended.c: the call is over: told to the log, the call log and the counters; its end is known, and why. */
void bridge_tell_ended(struct bridge *bridge, const struct bridge_call *call, mono_ms now);
void bridge_say_end(const struct bridge_call *call, enum call_end end);
/* How many of its agent's processes took the place of another one. */
unsigned bridge_restarts(const struct bridge_call *call);

/* say.c */
void bridge_about(const struct bridge_call *call, struct log_about *ret_about);
/* The caller's attributes make the agent's line SIZE bytes long: too long. */
void bridge_warn_attributes(const struct bridge_call *call, size_t size);
void bridge_trace(const struct bridge *bridge, const struct bridge_call *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* choose.c: LEG is the one that WORDS are of. */
struct journal_leg;
void bridge_leg_keep(struct call_leg_text *leg, const struct journal_leg *words);
/* Notes whom the room's metadata name, if that is a name that an agent can have. */
void bridge_read_metadata(struct bridge_call *call, struct slice metadata);
struct journal_leg bridge_leg_words(const struct call_leg_text *leg);
void bridge_leg_forget(struct call_leg_text *leg);
/* Chooses the agent if that can be done yet (FINAL: go on without the number) and notes it. True when it did. */
bool bridge_choose(struct bridge *bridge, struct bridge_call *call, bool final, mono_ms now);
/* Whether the caller of EVENT must not be served, and why (for the log). */
bool bridge_vetoes(struct bridge *bridge, const struct bridge_call *call, const struct webhook_event *event,
                   const char **ret_why);

/* uses.c: counts CALL against its agent's max and SIP_MAX_CALLS, once; bridge_unuse takes that back. */
void bridge_use(struct bridge *bridge, struct bridge_call *call);
void bridge_unuse(struct bridge *bridge, struct bridge_call *call);
/* Whether CALL is one that rings for its agent may have changed; OVER: it is none any more. */
void bridge_count_ringing(struct bridge *bridge, struct bridge_call *call, bool over);
/* The agent of that NAME; NULL: nothing is known of it. */
struct agent_use *bridge_use_of(const struct bridge *bridge, struct slice name);
void bridge_uses_release(struct bridge *bridge);
/* CALL was given its agent: it may be the one that tries it. */
void bridge_try(struct bridge_call *call);
/* The agent's process of CALL may have begun to speak. */
void bridge_note_voice(struct bridge *bridge, struct bridge_call *call);
/* The agent's process of CALL could not be started, or ended with EXIT, which is not noted yet. */
void bridge_note_failure(struct bridge *bridge, struct bridge_call *call, enum exit_fact exit, mono_ms now);
/* What was held against agents is forgotten: it may have been LiveKit's doing, or they may be mended. */
void bridge_forgive(struct bridge *bridge);

/* identities.c: what LEG is called; NULL: not known any more. */
void bridge_keep_identity(struct bridge_call *call, uint64_t sid, struct slice identity);
const char *bridge_identity_of(const struct bridge_call *call, uint64_t sid);
void bridge_forget_identities(struct bridge_call *call);
/* How many are known. */
unsigned bridge_identity_count(const struct bridge_call *call);

/* record.c: whether there is a journal. */
bool bridge_keeps_journal(const struct bridge *bridge);
/* CALL changed, so that it is kept at the next flush; not any more; is forgotten in the journal. */
void bridge_mark(struct bridge *bridge, struct bridge_call *call);
void bridge_unmark(struct bridge *bridge, struct bridge_call *call);
void bridge_drop(struct bridge *bridge, struct bridge_call *call);

/* restore.c: until when CALL waits for the first rules. */
mono_ms bridge_rules_by(const struct bridge *bridge, const struct bridge_call *call);
/* The agent's entry for a restored call whose agent is to be started: found in the directory, or noted as lost, so
 * that the call chooses again. False when the directory must be waited for. */
bool bridge_regain(struct bridge *bridge, struct bridge_call *call, mono_ms now);

/* job.c: builds the job of CALL's next process, of a standby if the engine has one, and hands it to the engine. */
void bridge_start(struct bridge *bridge, struct bridge_call *call);

#endif
