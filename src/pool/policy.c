/* Arithmetic of the pool. */
#include "pool/policy.h"

#include <string.h>

enum { MINUTE_MS = 60000, RECENT_MINUTES = 2, DEVIATIONS = 2 };

/* Forgets what is older than the ring. */
static void turn_to(struct policy *policy, int64_t minute) {
    if (minute - policy->minute >= POLICY_MINUTES) {
        memset(policy->calls, 0, sizeof policy->calls);
        policy->minute = minute;
    }
    while (policy->minute < minute) {
        policy->minute++;
        policy->calls[policy->minute % POLICY_MINUTES] = 0;
    }
}

void policy_call(struct policy *policy, mono_ms now) {
    turn_to(policy, now / MINUTE_MS);
    policy->calls[policy->minute % POLICY_MINUTES]++;
}

void policy_ready(struct policy *policy, int64_t took_ms) {
    int64_t known = took_ms > 0 ? took_ms : 1;
    policy->start_ms = policy->start_ms == 0 ? known : policy->start_ms + (known - policy->start_ms) / 4;
}

void policy_failed(struct policy *policy, mono_ms now) {
    if (policy->failures > 0 && now < policy->retry_at) {
        return;
    }
    int64_t wait_ms = POLICY_RETRY_MS;
    for (unsigned i = 0; i < policy->failures && wait_ms < POLICY_MAX_RETRY_MS; i++) {
        wait_ms *= 2;
    }
    policy->failures++;
    policy->retry_at = now + (wait_ms < POLICY_MAX_RETRY_MS ? wait_ms : POLICY_MAX_RETRY_MS);
}

void policy_killed(struct policy *policy, mono_ms now) {
    mono_ms at = now + POLICY_RETRY_MS;
    policy->retry_at = at > policy->retry_at ? at : policy->retry_at;
}

void policy_worked(struct policy *policy) {
    policy->failures = 0;
    policy->retry_at = 0;
}

/* Calls a millisecond: CALLS of the last MINUTES, of which the newest has only begun. */
static double rate(uint64_t calls, int minutes, mono_ms now) {
    return (double)calls / (double)((int64_t)(minutes - 1) * MINUTE_MS + now % MINUTE_MS);
}

static double higher(double a, double b) {
    return a > b ? a : b;
}

unsigned policy_wanted(const struct policy *policy, mono_ms now) {
    if (policy->start_ms == 0 || policy->least >= policy->most) {
        return policy->least;
    }
    uint64_t calls = 0, recent = 0;
    for (int back = 0; back < POLICY_MINUTES; back++) {
        int64_t at = now / MINUTE_MS - back;
        bool known = at >= 0 && at <= policy->minute && policy->minute - at < POLICY_MINUTES;
        calls += known ? policy->calls[at % POLICY_MINUTES] : 0;
        recent = back < RECENT_MINUTES ? calls : recent;
    }
    if (calls == 0) {
        return policy->least;
    }
    double most = higher(rate(recent, RECENT_MINUTES, now), rate(calls, POLICY_MINUTES, now));
    double missing = most * (double)policy->start_ms;
    unsigned wanted = policy->least;
    while (wanted < policy->most) {
        double above = (double)wanted - missing;
        if (above >= 0 && above * above >= DEVIATIONS * DEVIATIONS * missing) {
            break;
        }
        wanted++;
    }
    return wanted;
}

bool policy_may_start(const struct policy *policy, unsigned starting, mono_ms now) {
    return now >= policy->retry_at && (policy->failures == 0 || starting == 0);
}

bool policy_shrinks(struct policy *policy, unsigned more, mono_ms now) {
    if (more == 0) {
        policy->shrink_at = 0;
        return false;
    }
    if (policy->shrink_at == 0) {
        policy->shrink_at = now;
    }
    if (now - policy->shrink_at < POLICY_SHRINK_MS) {
        return false;
    }
    policy->shrink_at = now;
    return true;
}
