/* What the end of an agent's process means (design, rule 5): one table, judged while an exit is open. Pure. */
#ifndef CALLS_EXIT_H
#define CALLS_EXIT_H

#include "calls/call.h"

/* X(meaning, effect, when): the first row that holds. `c` is the call; the helpers are in exit.c. */
#define EXIT_MEANINGS(X)                                                                                   \
    X(EXPECTED, NOTHING, c->dismissed || is_over(c, p, now)) /* we asked for it, or the call is over */    \
    X(NEVER_AGAIN, GIVE_UP, c->exit == EXIT_NEVER_AGAIN)     /* 125: do not restart me */                  \
    X(PUSHED_OUT, WAIT, pushed_out(c, p) && now < c->exit_at + p->parting_ms) /* by itself, or by whom? */ \
    X(TAKEN, LET_GO, pushed_out(c, p))              /* another bridge's agent is in its place */           \
    X(SERVER_AWAY, NOTHING, p->livekit_away)        /* nothing can be held against it */                   \
    X(FAILED_START, COUNT_START, !c->spoke)         /* 0 included */                                       \
    X(SERVER_RESTARTED, NOTHING, c->room_again)     /* told "disconnected" by LiveKit's end */             \
    X(NEW_CALLER, NOTHING, caller_since(c, now, 0)) /* somebody else than whom it served */                \
    X(CALLERS_AWAY, NOTHING, callers_away(c))       /* it may wait for them no more */                     \
    X(CRASHED, COUNT_CRASH, c->exit == EXIT_CRASHED)                                                       \
    X(CROSSED, COUNT_CRASH,                                                                                \
      left_on_purpose(c, p) && caller_since(c, now, p->parting_ms)) /* a caller came as it left */         \
    X(HANDED_OVER, HAND_OVER, left_on_purpose(c, p) && others_here(c))                                     \
    X(ENDED_CALL, END_CALL, left_on_purpose(c, p))                                                         \
    X(THROWN_OUT, COUNT_CRASH, c->voice_left_at != 0) /* it left, but not of its own will */               \
    X(UNTOLD, WAIT, now < c->exit_at + p->parting_ms) /* LiveKit's word may still come */                  \
    X(VANISHED, COUNT_CRASH, true)
enum exit_meaning {
#define X(meaning, effect, when) EXIT_IS_##meaning,
    EXIT_MEANINGS(X)
#undef X
};

/* Which row holds now; only while call->exit_open. */
enum exit_meaning exit_meaning(const struct call *call, const struct call_policy *policy, mono_ms now);
/* Applies the row's effect, once per exit; does nothing while none is open or the row says wait. */
void exit_judge(struct call *call, const struct call_policy *policy, mono_ms now);

#endif
