/* Counts, and a window of one second over the last starts. */
#include "bridge/limits.h"

#include "base/mem.h"

enum { WINDOW_MS = 1000 };

const char *limit_label(enum limit limit) {
    static const char *const labels[] = {
        [LIMIT_NONE] = "",
#define X(symbol, label, text) [LIMIT_##symbol] = label,
        LIMITS(X)
#undef X
    };
    return labels[limit];
}

const char *limit_text(enum limit limit) {
    static const char *const texts[] = {
        [LIMIT_NONE] = "",
#define X(symbol, label, text) [LIMIT_##symbol] = text,
        LIMITS(X)
#undef X
    };
    return texts[limit];
}

void limits_init(struct limits *limits, size_t max_calls, size_t max_starts) {
    *limits = (struct limits){.max_calls = max_calls, .max_starts = max_starts};
    if (max_starts > LIMITS_MAX_STARTS) {
        limits->max_starts = LIMITS_MAX_STARTS;
    }
    if (limits->max_starts > 0) {
        limits->starts = xcalloc(limits->max_starts, sizeof *limits->starts);
    }
}

void limits_release(struct limits *limits) {
    free(limits->starts);
    limits->starts = NULL;
}

void limits_change(struct limits *limits, size_t max_calls, size_t max_starts) {
    struct limits former = *limits;
    limits_init(limits, max_calls, max_starts);
    limits->calls = former.calls;
    limits->memory_short = former.memory_short;
    for (size_t i = 0; i < former.max_starts; i++) {
        limits_started(limits, former.starts[(former.next + i) % former.max_starts]);
    }
    limits_release(&former);
}

/* A place of the ring that was never used holds 0. */
static bool is_recent(mono_ms at, mono_ms now) {
    return at != 0 && now - at < WINDOW_MS;
}

enum limit limits_reached(const struct limits *limits, mono_ms now) {
    if (limits->max_calls > 0 && limits->calls >= limits->max_calls) {
        return LIMIT_CALLS;
    }
    if (limits->starts != NULL && is_recent(limits->starts[limits->next], now)) {
        return LIMIT_STARTS;
    }
    return limits->memory_short ? LIMIT_MEMORY : LIMIT_NONE;
}

void limits_started(struct limits *limits, mono_ms now) {
    if (limits->starts != NULL) {
        limits->starts[limits->next] = now;
        limits->next = (limits->next + 1) % limits->max_starts;
    }
}

size_t limits_recent_starts(const struct limits *limits, mono_ms now) {
    size_t count = 0;
    for (size_t i = 0; i < limits->max_starts; i++) {
        count += is_recent(limits->starts[i], now);
    }
    return count;
}
