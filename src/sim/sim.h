/* Simulated phone calls: one seed is one call, or a few, with the production bridge, its questions to LiveKit and the
 * reconcile between a virtual LiveKit that goes away and comes back, a network that repeats, delays, reorders and loses
 * webhooks, or all of them, and agent processes that misbehave. Thousands of calls a second, the
 * same ones for the same seeds on every machine. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "bridge/bridge.h"
#include "sim/tape.h"

/* What became of one call. */
struct sim_result {
    bool failed;
    char what[256];      /* the invariant that does not hold */
    const char *promise; /* the same for all failures of its kind */
    uint64_t events, webhooks, lost;
    uint64_t questions;                 /* asked of LiveKit */
    uint64_t found, ended, left, stale; /* by the reconcile: callers, calls and legs that are over, rooms deleted */
    struct bridge_counters counters;
};

/* Told all that happens, one line each. */
struct sim_trace {
    void (*line)(void *context, int64_t at_ms, const char *text);
    void *context;
};

struct sim;

/* With a bridge that has POLICY; what it promises is judged by call_policy_default, whatever that is. */
struct sim *sim_new(const struct call_policy *policy);
void sim_free(struct sim *sim);
/* Runs the call of SEED, and traces it where that is WANTED (not NULL). */
void sim_run(struct sim *sim, uint64_t seed, const struct sim_trace *wanted, struct sim_result *ret_result);
/* The same, and what came out by chance is written down. */
void sim_record(struct sim *sim, uint64_t seed, struct tape *ret_tape, struct sim_result *ret_result);
/* Runs what is written down. */
void sim_replay(struct sim *sim, const struct tape *tape, const struct sim_trace *wanted,
                struct sim_result *ret_result);
/* Makes TAPE, which breaks a promise, as short as it can be while it breaks the same one: fewer things out of the
 * ordinary, sooner and shorter. RET_RESULT is that of the tape then. False when it breaks none: TAPE is as it was. */
bool sim_shrink(struct sim *sim, struct tape *tape, struct sim_result *ret_result);
/* The fact of RESULT added to TOTAL's counters. */
void sim_add(struct sim_result *total, const struct sim_result *result);

#endif
