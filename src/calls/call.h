/* One call as facts: what is known, never what to do. Events only set facts (call_note: idempotent, in any order);
 * what is wanted follows from the facts by the tables in calls/verdict.h. Pure: no clock, and a copy of the struct is a
 * checkpoint, but where more than CALL_LEGS_NEAR legs are known of a call: those are on the heap, for few have so many.
 *
 * Participants are told apart by their sid, legs by the hash of it (identities repeat, sids do not). */
#ifndef CALLS_CALL_H
#define CALLS_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Times and limits from the settings, and what the ports can do. */
struct call_policy {
    int64_t number_wait_ms;  /* SIP_NUMBER_WAIT: then the agent is chosen without the number */
    int64_t ready_ms;        /* SIP_READY_TIMEOUT: from start to the agent's audio */
    int64_t rejoin_ms;       /* SIP_REJOIN_GRACE */
    int64_t max_call_ms;     /* SIP_MAX_CALL */
    int64_t caller_wait_ms;  /* a room without a caller for so long is not a call: 10 s */
    int64_t parting_ms;      /* between an agent's exit and LiveKit's word that it left: 2 s */
    int64_t crash_window_ms; /* CALL_REPLACEMENTS crashes within it are too many: 1 min */
    int64_t arriving_ms;     /* from a caller's joining to their own audio: 3 s, or it is not waited for */
    bool close_room;         /* rooms can be deleted (a LiveKit client is there) and shall be */
    bool livekit_away;       /* as things are: nothing is started, counted or given up for its sake (rule 6) */
};
extern const struct call_policy call_policy_default;

/* CALL_GHOSTS: LiveKit shows who crashed for 20 s, and may have so many of one call. */
enum { CALL_LEGS = 16, CALL_LEGS_NEAR = 3, CALL_REPLACEMENTS = 3, CALL_HANGS = 2, CALL_ABSENCES = 2, CALL_GHOSTS = 8 };

enum leg_role {
    LEG_CALLER,   /* kind SIP with sip.ruleID: the call is theirs */
    LEG_OUTBOUND, /* kind SIP without: a human the agent dialled, to whom the caller may be handed over */
    LEG_OTHER,    /* an ordinary participant: the same, or an agent with a token of its own */
};
enum leg_state { LEG_NONE, LEG_HERE, LEG_LEFT_SOFT, LEG_LEFT_HARD, LEG_REJECTED };

struct leg {
    uint64_t sid, identity; /* hashes */
    mono_ms joined_at, left_at;
    uint8_t role, state;
    uint8_t absences; /* of LiveKit's answers in a row, those that do not list it */
    bool only_listed; /* only LiveKit's list told of it: what else says that it is gone may be older */
    bool arriving;    /* a caller whose own audio is still to come: livekit-sip cannot be hung up at once before that */
};

enum room_fact { ROOM_UNSEEN, ROOM_OPEN, ROOM_FINISHED };
enum choice_fact { CHOSEN_NOT, CHOSEN_AGENT, CHOSEN_NOBODY };
enum process_fact { PROCESS_NONE, PROCESS_STARTING, PROCESS_RUNNING };
enum voice_fact { VOICE_NONE, VOICE_JOINED, VOICE_SPEAKS }; /* the agent as a participant of the room */
enum exit_fact { EXIT_CLEAN, EXIT_CRASHED, EXIT_NEVER_AGAIN, EXIT_NOT_KNOWN }; /* 0; not 0; 125; adopted: no status */

struct call {
    uint8_t room, choice, process, voice, exit;
    uint8_t leg_count;
    uint8_t failed_starts, hangs, delete_tries;
    uint8_t absences, voice_absences; /* of LiveKit's answers in a row, those without the room, without the agent */
    bool nobody_there : 1;            /* no caller came, and LiveKit (or nobody who could be asked) says otherwise */
    bool any_agent : 1;               /* api credentials: whoever is of kind AGENT, or speaks, is ours */
    bool had_caller : 1;
    bool had_reject : 1;
    bool spoke : 1;       /* this agent process's audio was heard of */
    bool room_again : 1;  /* room_started came again since this agent joined: LiveKit restarted */
    bool exit_open : 1;   /* the process is gone and it is not yet known what that means */
    bool left_client : 1; /* the agent's participant left of its own will (CLIENT_INITIATED) */
    bool confirmed : 1;   /* not ready in time, and nobody who could know says otherwise */
    bool dismissed : 1;   /* the engine was asked to stop this process */
    bool overloaded : 1;  /* nobody was chosen because the limits of this machine are reached */
    bool crowded : 1;     /* more callers at once than CALL_LEGS: not all are known, until the room is finished */
    bool stopped : 1, superseded : 1, taken : 1, gave_up : 1, agent_done : 1, handed_over : 1;
    uint64_t voice_sid, ghost_sid; /* the agent's participant; that of a process already gone */
    uint64_t audio_sid;            /* who published audio and is not known yet: their joined comes later */
    mono_ms seen_at;               /* the first event of this sid */
    mono_ms room_at;               /* the last room_started; 0: none yet, or the room was finished since */
    mono_ms caller_at;             /* since when callers are here without a break */
    mono_ms started_at;            /* ready time-out counts from here: process start, or re-armed */
    mono_ms spoke_at;              /* the first audio of this agent process; only while `spoke` */
    mono_ms answered_at;           /* the first audio of an agent; 0: not yet */
    mono_ms voice_left_at;         /* 0: it is not known to have left */
    mono_ms pushed_out_at;         /* LiveKit threw it out for another participant of its identity; 0: it did not */
    mono_ms exit_at, retry_at;
    mono_ms delete_at; /* DeleteRoom failed: not again before */
    mono_ms crash_at[CALL_REPLACEMENTS];
    uint64_t older_ghosts[CALL_GHOSTS - 1]; /* of the processes before that of ghost_sid, the last one first */
    struct leg legs[CALL_LEGS_NEAR];        /* by call_leg_at */
    struct leg *more;                       /* the other ones, room for all; NULL: there are none */
};

/* X(symbol): what can be told about a call. Comments name the fields of struct call_event they use. */
#define CALL_EVENTS(X)                                                                                 \
    X(ROOM_STARTED) /* again */                                                                        \
    X(ROOM_FINISHED)                                                                                   \
    X(LEG_JOINED)      /* sid, identity, role, audible, listed */                                      \
    X(LEG_REJECTED)    /* sid, identity, audible: a caller who must not be served */                   \
    X(LEG_LEFT)        /* sid, hard */                                                                 \
    X(LEG_ABSENT)      /* sid: LiveKit does not list it; the second time running it has left */        \
    X(ROOM_ABSENT)     /* LiveKit does not list the room; the second time running it is finished */    \
    X(ROOM_LISTED)     /* it does */                                                                   \
    X(NO_CALLER)       /* past the wait for a caller, and whoever could know does not say otherwise */ \
    X(AGENT_JOINED)    /* sid */                                                                       \
    X(AUDIO_PUBLISHED) /* sid: of whomever; only the agent's means something */                        \
    X(AGENT_LEFT)      /* sid, client, duplicate */                                                    \
    X(AGENT_ABSENT)    /* LiveKit does not list it; the second time running it has left */             \
    X(CHOSEN)          /* any_agent: an agent is chosen */                                             \
    X(NOBODY)          /* no agent can be had */                                                       \
    X(CHOICE_LOST)     /* the chosen agent is no longer known: choose again */                         \
    X(OVERLOAD)        /* the limits of this machine are reached: no agent for this call */            \
    X(PROCESS_ASKED)   /* the engine was asked to start one */                                         \
    X(PROCESS_STARTED)                                                                                 \
    X(PROCESS_FAILED) /* it could not be started */                                                    \
    X(PROCESS_EXITED) /* exit */                                                                       \
    X(PROCESS_LOST)   /* the standby that was to be it never took the call: as if none was asked */    \
    X(DISMISSED)      /* the engine was asked to stop it */                                            \
    X(NOT_READY)      /* past the ready time-out, and whoever could know does not say otherwise */     \
    X(ROOM_DELETED)   /* DeleteRoom done, or the room is not found */                                  \
    X(DELETE_FAILED)  /* … no answer or an error: again later */                                     \
    X(AGAIN)          /* it was over, and a caller is about to make a call of it again */              \
    X(STOP)           /* the operator's word */                                                        \
    X(SUPERSEDED)     /* the room's name has a new sid */                                              \
    X(TICK)           /* time passed */
enum call_event_kind {
#define X(symbol) CALL_##symbol,
    CALL_EVENTS(X)
#undef X
        CALL_EVENT_COUNT
};
const char *call_event_name(enum call_event_kind kind);
/* Whether KIND is LiveKit's word of a change in the room. What its lists say is no change, and what an agent's process
 * does says nothing of the room: it may crash again and again for a call that is gone. */
bool call_event_is_word(enum call_event_kind kind);

struct call_event {
    enum call_event_kind kind;
    uint64_t sid, identity; /* hashes of the participant's */
    enum leg_role role;
    enum exit_fact exit;
    bool again;     /* the room was there before: LiveKit began anew */
    bool hard;      /* the leg is gone for good */
    bool audible;   /* the leg's audio is published */
    bool listed;    /* so LiveKit's list says */
    bool client;    /* CLIENT_INITIATED */
    bool duplicate; /* DUPLICATE_IDENTITY */
    bool any_agent;
};

/* Whether EVENT is LiveKit's word of CALL's callers, or of the room that all are in. Others come and go without them: an
 * agent that is replaced is no sign of their life. */
bool call_event_tells_of_callers(const struct call *call, const struct call_event *event);

/* A new call, first heard of NOW. */
void call_init(struct call *call, mono_ms now);
/* Notes EVENT. Idempotent: what is already known changes nothing. */
void call_note(struct call *call, const struct call_event *event, const struct call_policy *policy, mono_ms now);

/* Frees what is on the heap; the facts mean nothing afterwards. */
void call_release(struct call *call);
/* FACTS with legs of their own. */
struct call call_copy(const struct call *facts);
/* The leg at PLACE, which is below leg_count. */
struct leg *call_leg_at(const struct call *call, unsigned place);
/* How many legs of ROLE are in the room; callers who could not be told apart any more count as one. */
unsigned call_here(const struct call *call, enum leg_role role);
/* The leg of that participant, here or gone; NULL: not known. */
const struct leg *call_leg(const struct call *call, uint64_t sid);
/* Whether nothing new can be told of that participant's joining: it is known, and not as one that only a list told of
 * and that is gone by what may be older than the list. */
bool call_knows(const struct call *call, uint64_t sid);
/* Whether that participant belonged to a process of the agent that is gone. */
bool call_is_ghost(const struct call *call, uint64_t sid);

#endif
