/* The table of exits and its few effects. */
#include "calls/exit.h"

#include <string.h>

#include "calls/verdict.h"

static int64_t apart(mono_ms a, mono_ms b) {
    return a > b ? a - b : b - a;
}

/* Its participant was pushed out by another one of its identity, and it ended for that. One that crashed had its own
 * reasons; one that stayed, or left the room itself after that, had reconnected. */
static bool pushed_out(const struct call *c, const struct call_policy *p) {
    return c->pushed_out_at != 0 && c->exit != EXIT_CRASHED && apart(c->pushed_out_at, c->exit_at) <= p->parting_ms;
}

/* It left the room of its own will at the time its process ended, with status 0 or (adopted) an unknown one. */
static bool left_on_purpose(const struct call *c, const struct call_policy *p) {
    return c->voice_left_at != 0 && c->left_client && apart(c->voice_left_at, c->exit_at) <= p->parting_ms;
}

/* A caller came after the agent had gone, or at most MARGIN_MS before, but then while it spoke: whoever it answered is
 * no new caller, however short its announcement. */
static bool caller_since(const struct call *c, mono_ms now, int64_t margin_ms) {
    mono_ms gone = c->voice_left_at != 0 && c->voice_left_at < c->exit_at ? c->voice_left_at : c->exit_at;
    for (unsigned i = 0; i < c->leg_count; i++) {
        const struct leg *leg = call_leg_at(c, i);
        if (leg->state == LEG_HERE && leg->role == LEG_CALLER && leg->joined_at >= gone - margin_ms &&
            leg->joined_at <= now && (leg->joined_at >= gone || leg->joined_at >= c->spoke_at)) {
            return true;
        }
    }
    return false;
}

static bool others_here(const struct call *c) {
    return call_here(c, LEG_OUTBOUND) + call_here(c, LEG_OTHER) > 0;
}

static bool callers_away(const struct call *c) {
    return c->had_caller && call_here(c, LEG_CALLER) == 0;
}

enum exit_meaning exit_meaning(const struct call *c, const struct call_policy *p, mono_ms now) {
#define X(meaning, effect, text, when) \
    if (when) {                        \
        return EXIT_IS_##meaning;      \
    }
    EXIT_MEANINGS(X)
#undef X
    return EXIT_IS_EXPECTED;
}

enum effect { NOTHING, WAIT, GIVE_UP, LET_GO, COUNT_START, COUNT_CRASH, HAND_OVER, END_CALL };

static const enum effect effects[] = {
#define X(meaning, effect, text, when) [EXIT_IS_##meaning] = effect,
    EXIT_MEANINGS(X)
#undef X
};

static void count_start(struct call *call, mono_ms now) {
    if (call->failed_starts >= CALL_REPLACEMENTS) {
        call->gave_up = true;
        return;
    }
    call->failed_starts++;
    call->retry_at = now;
}

/* Replaced at once, then after 1 and 2 s; the fourth crash within the window is one too many. */
static void count_crash(struct call *call, const struct call_policy *policy, mono_ms now) {
    int64_t recent = 0;
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        recent += call->crash_at[i] != 0 && now - call->crash_at[i] < policy->crash_window_ms;
    }
    if (recent >= CALL_REPLACEMENTS) {
        call->gave_up = true;
        return;
    }
    memmove(call->crash_at, call->crash_at + 1, sizeof call->crash_at - sizeof call->crash_at[0]);
    call->crash_at[CALL_REPLACEMENTS - 1] = now;
    call->retry_at = now + recent * 1000;
}

void exit_judge(struct call *call, const struct call_policy *policy, mono_ms now) {
    if (!call->exit_open) {
        return;
    }
    enum effect effect = effects[exit_meaning(call, policy, now)];
    call->exit_open = effect == WAIT;
    switch (effect) {
    case NOTHING:
    case WAIT: break;
    case GIVE_UP: call->gave_up = true; break;
    case LET_GO: call->taken = true; break;
    case COUNT_START: count_start(call, now); break;
    case COUNT_CRASH: count_crash(call, policy, now); break;
    case HAND_OVER: call->handed_over = true; break;
    case END_CALL: call->agent_done = true; break;
    }
}
