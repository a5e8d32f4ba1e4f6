/* What the end of an agent's process means (design, rule 5): one table, judged while an exit is open. Pure. */
#ifndef CALLS_EXIT_H
#define CALLS_EXIT_H

#include "calls/call.h"

/* X(meaning, effect, text, when): the first row that holds. `c` is the call; the helpers are in exit.c. */
#define EXIT_MEANINGS(X)                                                                              \
    X(EXPECTED, NOTHING, "we asked for it", c->dismissed)                                             \
    X(NEVER_AGAIN, GIVE_UP, "125: do not start me again", c->exit == EXIT_NEVER_AGAIN)                \
    X(PUSHED_OUT, WAIT, "another one of its identity came: whose?",                                   \
      pushed_out(c, p) && now < c->exit_at + p->parting_ms)                                           \
    X(TAKEN, LET_GO, "another bridge's agent is in its place", pushed_out(c, p))                      \
    X(NEEDLESS, NOTHING, "the call is over", call_end(c, p, now) != END_NONE)                         \
    X(SERVER_AWAY, NOTHING, "LiveKit is away: nothing can be held against it", p->livekit_away)       \
    X(FAILED_START, COUNT_START, "it never spoke, whatever its status", !c->spoke)                    \
    X(SERVER_RESTARTED, NOTHING, "LiveKit restarted under it", c->room_again)                         \
    X(NEW_CALLER, NOTHING, "a caller came whom it did not serve", caller_since(c, now, 0))            \
    X(CALLERS_AWAY, NOTHING, "no caller is there whom it could have left", callers_away(c))           \
    X(CRASHED, COUNT_CRASH, "any other status than 0", c->exit == EXIT_CRASHED)                       \
    X(CROSSED, COUNT_CRASH, "it left properly just as a caller came",                                 \
      left_on_purpose(c, p) && caller_since(c, now, p->parting_ms))                                   \
    X(HANDED_OVER, HAND_OVER, "it left properly, and another person is there",                        \
      left_on_purpose(c, p) && others_here(c))                                                        \
    X(ENDED_CALL, END_CALL, "it left properly", left_on_purpose(c, p))                                \
    X(THROWN_OUT, COUNT_CRASH, "it left the room, but not of its own will", c->voice_left_at != 0)    \
    X(UNTOLD, WAIT, "LiveKit's word of its leaving may still come", now < c->exit_at + p->parting_ms) \
    X(VANISHED, COUNT_CRASH, "it went without a word", true)
enum exit_meaning {
#define X(meaning, effect, text, when) EXIT_IS_##meaning,
    EXIT_MEANINGS(X)
#undef X
};

/* Which row holds now; only while call->exit_open. */
enum exit_meaning exit_meaning(const struct call *call, const struct call_policy *policy, mono_ms now);
/* Applies the row's effect, once per exit; does nothing while none is open or the row says wait. */
void exit_judge(struct call *call, const struct call_policy *policy, mono_ms now);
/* The table as a diagram (Mermaid), for doc/architecture.md. */
struct buf;
void exit_describe(struct buf *out);

#endif
