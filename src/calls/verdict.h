/* What is wanted of a call now: the reasons to end are judged first, then the first phase whose row holds.
 * These two tables are the product's behaviour (design: "During and ending a call"); phase and reason names are
 * those of logs, status and metrics. Pure. */
#ifndef CALLS_VERDICT_H
#define CALLS_VERDICT_H

#include "calls/call.h"

/* X(reason, hang_up, text, when): why the call is over. hang_up: the room is deleted so that the caller is not left
 * in silence; else it is left alone. `c` the call, `p` the policy, `callers` how many are in the room. */
#define CALL_ENDS(X)                                                                                     \
    X(SUPERSEDED, false, "its room name came back as another call", c->superseded)                       \
    X(TAKEN, false, "another bridge's agent took its identity", c->taken)                                \
    X(ROOM_FINISHED, false, "the room is finished", c->room == ROOM_FINISHED)                            \
    X(OPERATOR, true, "the operator stopped it", c->stopped)                                             \
    X(CALLER_LEFT, true, "the last caller left", c->had_caller &&callers == 0 && now >= rejoin_by(c, p)) \
    X(REJECTED, true, "the caller is rejected", c->had_reject && !c->had_caller)                         \
    X(OVERLOAD, true, "the bridge is at its limits", c->overloaded && c->had_caller)                     \
    X(NO_AGENT, true, "no agent can be had", c->choice == CHOSEN_NOBODY && c->had_caller)                \
    X(AGENT_FAILED, true, "the agent failed too often", c->gave_up && c->had_caller)                     \
    X(AGENT_DONE, true, "the agent ended the call", c->agent_done)                                       \
    X(TOO_LONG, true, "it lasted SIP_MAX_CALL", callers > 0 && now >= c->caller_at + p->max_call_ms)     \
    X(NOT_A_CALL, false, "no caller came", c->nobody_there || (!c->had_caller && now >= empty_by(c, p)))
enum call_end {
    END_NONE,
#define X(reason, hang_up, text, when) END_##reason,
    CALL_ENDS(X)
#undef X
        CALL_END_COUNT
};

/* X(phase, label, text, when, agent, ask, room, until): the first row that holds. Times in the past mean "only when
 * something happens". */
#define CALL_PHASES(X)                                                                                                 \
    X(ARRIVING, "arriving", "over, but LiveKit is still letting its caller in",                                        \
      hang_up &&is_deletable(c, p) && now < arrived_by(c, p), STOP, NOTHING, KEEP, arrived_by(c, p))                   \
    X(HANGING_UP, "hanging-up", "over: LiveKit is told to delete the room, again and again",                           \
      hang_up &&is_deletable(c, p), STOP, NOTHING, DELETE, c->delete_at)                                               \
    X(STOPPING, "stopping", "over: its agent is given its time to end", ended &&alive, STOP, NOTHING, KEEP,            \
      MONO_NEVER)                                                                                                      \
    X(OVER, "over", "nothing of it is left; remembered for late webhooks", ended, LEAVE, NOTHING, KEEP, MONO_NEVER)    \
    X(REPLACING, "replacing", "its agent is of no more use", alive && (c->dismissed || c->confirmed), KILL, NOTHING,   \
      KEEP, MONO_NEVER)                                                                                                \
    X(EMPTY, "empty", "no caller came yet: is one there?", !c->had_caller && now >= c->seen_at + p->caller_wait_ms,    \
      LEAVE, ROOM, KEEP, empty_by(c, p))                                                                               \
    X(GRACE, "grace", "the line broke: the caller may come back", c->had_caller &&callers == 0, LEAVE, ROOM, KEEP,     \
      rejoin_by(c, p))                                                                                                 \
    X(DECIDING, "deciding", "the agent is not chosen: who was called?", c->choice == CHOSEN_NOT, LEAVE, NUMBER, KEEP,  \
      c->seen_at + p->number_wait_ms)                                                                                  \
    X(WAITING, "waiting", "no agent can be had, and no caller to be told",                                             \
      !c->had_caller && (c->gave_up || c->choice == CHOSEN_NOBODY), LEAVE, NOTHING, KEEP, MONO_NEVER)                  \
    X(PARTING, "parting", "the agent has gone: what that means is not known yet", c->exit_open, LEAVE, NOTHING, KEEP,  \
      c->exit_at + p->parting_ms)                                                                                      \
    X(HANDED_OVER, "handed-over", "the agent left its caller with another person", c->handed_over, LEAVE, NOTHING,     \
      KEEP, MONO_NEVER)                                                                                                \
    X(LIVEKIT_AWAY, "livekit-away", "no agent could join now", !alive && p->livekit_away, LEAVE, NOTHING, KEEP,        \
      MONO_NEVER)                                                                                                      \
    X(BACKING_OFF, "backing-off", "the next agent starts a little later", !alive && now < c->retry_at, LEAVE, NOTHING, \
      KEEP, c->retry_at)                                                                                               \
    X(STARTING, "starting", "its agent is being started", c->process != PROCESS_RUNNING, RUN, NOTHING, KEEP,           \
      MONO_NEVER)                                                                                                      \
    X(TALKING, "talking", "the agent's audio is there: answered", c->voice == VOICE_SPEAKS, LEAVE, NOTHING, KEEP,      \
      MONO_NEVER)                                                                                                      \
    X(NOT_READY, "not-ready", "no audio for too long: does the agent speak after all?",                                \
      now >= c->started_at + p->ready_ms, LEAVE, READY, KEEP, MONO_NEVER)                                              \
    X(JOINED, "joined", "the agent is in the room, without audio", c->voice == VOICE_JOINED, LEAVE, NOTHING, KEEP,     \
      c->started_at + p->ready_ms)                                                                                     \
    X(JOINING, "joining", "the agent's process is there", true, LEAVE, NOTHING, KEEP, c->started_at + p->ready_ms)
enum call_phase {
#define X(phase, label, text, when, agent, ask, room, until) PHASE_##phase,
    CALL_PHASES(X)
#undef X
        CALL_PHASE_COUNT
};

enum want_agent { AGENT_LEAVE, AGENT_RUN, AGENT_STOP, AGENT_KILL };
enum want_ask {
    ASK_NOTHING,
    ASK_NUMBER, /* who was called: then the agent is chosen */
    ASK_ROOM,   /* is a caller there, or still there? */
    ASK_READY   /* does the agent speak after all? */
};
enum want_room { ROOM_KEEP, ROOM_DELETE };

struct want {
    enum call_phase phase;
    enum want_agent agent;
    enum want_ask ask;
    enum want_room room;
    enum call_end end; /* END_NONE while the call lives */
    mono_ms next;      /* look again then at the latest; MONO_NEVER: only when something happens */
};

enum call_end call_end(const struct call *call, const struct call_policy *policy, mono_ms now);
struct want call_want(const struct call *call, const struct call_policy *policy, mono_ms now);

const char *call_phase_label(enum call_phase phase);
const char *call_end_label(enum call_end end); /* "CALLER_LEFT" */
const char *call_end_text(enum call_end end);

/* The two tables as diagrams (Mermaid), for doc/architecture.md. */
struct buf;
void call_describe_life(struct buf *out);

#endif
