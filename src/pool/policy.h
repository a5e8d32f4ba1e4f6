/* How many processes of one agent shall wait for calls, and when the next may be started. Pure: time is handed in.
 *
 * A process that is handed a call is missed for as long as its successor takes to become ready: W. With calls coming at
 * the rate L, m = L * W of them are missing at any time (Little's law), and as calls come by chance more than m + 2 sqrt(m)
 * seldom are (one time in forty). So many are wanted, at least `least` and at most `most`. L is that of the last one to
 * two minutes or that of the last four to five, whichever is higher: it rises at once and falls slowly. W is measured. */
#ifndef POOL_POLICY_H
#define POOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
    POLICY_MINUTES = 5,
    POLICY_SHRINK_MS = 60000,     /* one that is too many goes every so often */
    POLICY_RETRY_MS = 1000,       /* after a failure; doubled with each that follows … */
    POLICY_MAX_RETRY_MS = 300000, /* … up to this */
    POLICY_SETTLED_MS = 10000,    /* a process that was ready for so long did not fail when it ends */
};

struct policy {
    unsigned least, most;
    uint32_t calls[POLICY_MINUTES]; /* by minute, a ring */
    int64_t minute;                 /* the newest in it */
    int64_t start_ms;               /* W, smoothed; 0: not known yet */
    unsigned failures;              /* in a row */
    mono_ms retry_at;               /* not before; 0: at once */
    mono_ms shrink_at;              /* since when there are too many, and one went last; 0: there are not */
};

/* A call came for the agent, whether one waited or not. */
void policy_call(struct policy *policy, mono_ms now);
/* A process took so long from its start until it was ready. */
void policy_ready(struct policy *policy, int64_t took_ms);
/* One failed: could not be started, was not ready in time, ended too soon, did not take its call. What fails within the
 * pause that an earlier failure brought counts with that. */
void policy_failed(struct policy *policy, mono_ms now);
/* One that was ready was killed by somebody else: no failure, however often, but a rest, for that may go on. */
void policy_killed(struct policy *policy, mono_ms now);
/* One proved that they work: it waited for long, or took its call. */
void policy_worked(struct policy *policy);

/* How many shall wait. */
unsigned policy_wanted(const struct policy *policy, mono_ms now);
/* Whether one more may be started while so many are STARTING: after a failure one at a time tries. */
bool policy_may_start(const struct policy *policy, unsigned starting, mono_ms now);
/* There are so many MORE than wanted: whether one of them goes now. */
bool policy_shrinks(struct policy *policy, unsigned more, mono_ms now);

#endif
