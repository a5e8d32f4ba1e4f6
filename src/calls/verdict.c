/* The two tables as functions: each row becomes one `if`. */
#include "calls/verdict.h"

/* Until when callers who may come back are waited for: the latest soft leave counts, hard ones not at all. */
static mono_ms rejoin_by(const struct call *c, const struct call_policy *p) {
    mono_ms by = 0;
    for (unsigned i = 0; i < c->leg_count; i++) {
        const struct leg *leg = call_leg_at(c, i);
        if (leg->state == LEG_LEFT_SOFT && leg->role == LEG_CALLER && leg->left_at + p->rejoin_ms > by) {
            by = leg->left_at + p->rejoin_ms;
        }
    }
    return by;
}

/* Until when callers whose own audio is still to come are waited for: a room deleted while livekit-sip joins or publishes
 * leaves the phone ringing until that times out (5 and 10 s), afterwards it is hung up at once. 0: there is none. */
static mono_ms arrived_by(const struct call *c, const struct call_policy *p) {
    mono_ms by = 0;
    for (unsigned i = 0; i < c->leg_count; i++) {
        const struct leg *leg = call_leg_at(c, i);
        bool waits = leg->arriving && (leg->state == LEG_HERE || leg->state == LEG_REJECTED);
        if (waits && leg->joined_at + p->arriving_ms > by) {
            by = leg->joined_at + p->arriving_ms;
        }
    }
    return by;
}

/* A room without a caller is asked about, but not for ever: an agent in it would outlive all answers. */
static mono_ms empty_by(const struct call *c, const struct call_policy *p) {
    return c->seen_at + p->caller_wait_ms + p->max_call_ms;
}

/* A room in which no phone was ever seen is not ours to delete. */
static bool is_deletable(const struct call *c, const struct call_policy *p) {
    return c->room == ROOM_OPEN && p->close_room && (c->had_caller || c->had_reject);
}

enum call_end call_end(const struct call *c, const struct call_policy *p, mono_ms now) {
    unsigned callers = call_here(c, LEG_CALLER);
#define X(reason, hang_up, text, when) \
    if (when) {                        \
        return END_##reason;           \
    }
    CALL_ENDS(X)
#undef X
    return END_NONE;
}

static const bool hangs_up[] = {
#define X(reason, hang_up, text, when) [END_##reason] = hang_up,
    CALL_ENDS(X)
#undef X
};

/* The deadlines of the reasons to end, which hold in every phase. */
static mono_ms end_deadline(const struct call *c, const struct call_policy *p) {
    if (!c->had_caller) {
        return c->seen_at + p->caller_wait_ms;
    }
    return call_here(c, LEG_CALLER) > 0 ? c->caller_at + p->max_call_ms : MONO_NEVER;
}

static struct want first_row(const struct call *c, const struct call_policy *p, mono_ms now, enum call_end end) {
    bool ended = end != END_NONE, hang_up = hangs_up[end], alive = c->process != PROCESS_NONE;
    unsigned callers = call_here(c, LEG_CALLER);
#define X(phase, label, text, when, agent, ask, room, until)                                    \
    if (when) {                                                                                 \
        return (struct want){PHASE_##phase, AGENT_##agent, ASK_##ask, ROOM_##room, end, until}; \
    }
    CALL_PHASES(X)
#undef X
    return (struct want){.next = MONO_NEVER}; /* not reached: the last row always holds */
}

struct want call_want(const struct call *call, const struct call_policy *policy, mono_ms now) {
    enum call_end end = call_end(call, policy, now);
    struct want want = first_row(call, policy, now, end);
    if (want.next <= now) {
        want.next = MONO_NEVER;
    }
    mono_ms deadline = end == END_NONE ? end_deadline(call, policy) : MONO_NEVER;
    want.next = deadline > now && deadline < want.next ? deadline : want.next;
    return want;
}

const char *call_phase_label(enum call_phase phase) {
    static const char *const labels[] = {
#define X(phase, label, text, when, agent, ask, room, until) [PHASE_##phase] = label,
        CALL_PHASES(X)
#undef X
    };
    return labels[phase];
}

static const struct {
    const char *label, *text;
} end_names[] = {[END_NONE] = {"", ""},
#define X(reason, hang_up, text, when) [END_##reason] = {#reason, text},
                 CALL_ENDS(X)
#undef X
};

const char *call_end_label(enum call_end end) {
    return end_names[end].label;
}

const char *call_end_text(enum call_end end) {
    return end_names[end].text;
}
