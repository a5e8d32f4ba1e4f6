/* The stop ladder: two moments and the rung that was reached. */
#include "spawner/local/ladder.h"

void ladder_init(struct ladder *ladder) {
    *ladder = (struct ladder){.rung = LADDER_RUNNING, .term_at = MONO_NEVER, .kill_at = MONO_NEVER};
}

/* NOW + DELAY; a negative delay is none, an overflow is never. */
static mono_ms after(mono_ms now, int64_t delay_ms) {
    mono_ms sum;
    if (delay_ms <= 0) {
        return now;
    }
    return __builtin_add_overflow(now, delay_ms, &sum) ? MONO_NEVER : sum;
}

static mono_ms earlier(mono_ms a, mono_ms b) {
    return a < b ? a : b;
}

void ladder_stop(struct ladder *ladder, mono_ms now, const struct engine_stop *stop) {
    mono_ms term_at = stop->kill ? now : after(now, stop->after_ms);
    mono_ms kill_at = stop->kill ? now : after(term_at, stop->timeout_ms);
    ladder->term_at = earlier(ladder->term_at, term_at);
    ladder->kill_at = earlier(ladder->kill_at, kill_at);
    if (ladder->rung == LADDER_RUNNING) {
        ladder->rung = LADDER_AFTER_CALL;
    }
}

enum ladder_action ladder_next(struct ladder *ladder, mono_ms now) {
    if (ladder->rung == LADDER_RUNNING || ladder->rung == LADDER_KILLING) {
        return LADDER_WAIT;
    }
    if (now >= ladder->kill_at) {
        ladder->rung = LADDER_KILLING;
        return LADDER_KILL;
    }
    if (ladder->rung == LADDER_AFTER_CALL && now >= ladder->term_at) {
        ladder->rung = LADDER_TERMINATING;
        return LADDER_TERM;
    }
    return LADDER_WAIT;
}

mono_ms ladder_deadline(const struct ladder *ladder) {
    switch (ladder->rung) {
    case LADDER_AFTER_CALL: return ladder->term_at;
    case LADDER_TERMINATING: return ladder->kill_at;
    case LADDER_RUNNING:
    case LADDER_KILLING: break;
    }
    return MONO_NEVER;
}

const char *ladder_name(const struct ladder *ladder) {
    static const char *const names[] = {"running", "after-call", "terminating", "killing"};
    return names[ladder->rung];
}
