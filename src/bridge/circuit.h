/* Whether an agent may be started, by how its last processes fared: one that fails again and again, across calls, is
 * left alone for a while instead of costing every caller their patience; then one call tries it. Only processes that
 * never spoke, or that crashed soon after they did, count; the owner leaves out what is LiveKit's doing. Pure.
 *
 * closed --CIRCUIT_FAILURES in a row--> open (10 s, doubled each time to 5 min) --time--> one trial call
 *   ^-- an agent speaks -----------------------------------------------------------------'  '-- fails --> open */
#ifndef BRIDGE_CIRCUIT_H
#define BRIDGE_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
    CIRCUIT_FAILURES = 5,         /* one call alone makes four: its first try and three more */
    CIRCUIT_OPEN_MS = 10000,      /* the first time … */
    CIRCUIT_MAX_OPEN_MS = 300000, /* … and at most */
    CIRCUIT_FORGET_MS = 600000,   /* an opening so long ago does not lengthen the next */
    CIRCUIT_EARLY_MS = 10000,     /* a crash so soon after its first audio is a failure all the same */
};

/* Zero: closed, and nothing known against it. */
struct circuit {
    unsigned failures;  /* in a row */
    unsigned openings;  /* in a row: how long the next one lasts */
    mono_ms open_until; /* 0: closed */
    mono_ms opened_to;  /* open_until of the last opening, 0: there was none */
    bool trying;        /* a call tries it: the others wait for what comes of it */
};

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_TRIAL };
const char *circuit_state_name(enum circuit_state state); /* "closed", "open", "trial" */
/* CIRCUIT_TRIAL: its time is over, and the next call tries it or one does. */
enum circuit_state circuit_state(const struct circuit *circuit, mono_ms now);

/* Whether one more call may have this agent. */
bool circuit_lets(const struct circuit *circuit, mono_ms now);
/* A call was given it, as circuit_lets said. True: that call is the trial, and its outcome must be told. */
bool circuit_take(struct circuit *circuit);
/* The trial's call is over, or speaks no more for the agent: the next call tries it. */
void circuit_leave(struct circuit *circuit);
/* A process speaks: the circuit closes. How many failures in a row there were, for circuit_failed should it crash soon. */
unsigned circuit_spoke(struct circuit *circuit);
/* A process failed. BEFORE: what circuit_spoke said of it, 0 when it never spoke; IS_TRIAL: it is the trial's. True:
 * the circuit opened just now. Failures of others while it is open change nothing: their calls began before. */
bool circuit_failed(struct circuit *circuit, unsigned before, bool is_trial, mono_ms now);

#endif
