/* What the log says of rules, agents, Redis and Stimm: cause, consequence, what happens next. */
#ifndef SOURCE_REPORT_H
#define SOURCE_REPORT_H

#include "source/redis_source.h"
#include "source/snapshot.h"
#include "source/stimm_source.h"

/* "rules" or "agents". */
const char *report_noun(const struct snapshot *snapshot);
/* A new document is in use; FROM says where it was: a path, or Redis' label. Also what is odd in it. */
void report_new(const struct snapshot *snapshot, const char *from);
/* A newer one is not used: state.error. */
void report_kept(const struct snapshot *snapshot, const char *from);

/* A server that stays away is said at every step of the back-off, then once a minute. */
struct report_peer {
    char error[256];
    char untracked[160]; /* Redis only */
    int64_t retry_ms;
    mono_ms said_at;
};
struct report_peer_now {
    const char *peer, *label; /* "Redis", "127.0.0.1:6379" */
    mono_ms now;
    bool ready; /* there is something to decide with */
};
void report_redis(struct report_peer *last, const struct redis_status *status, const struct report_peer_now *now);
void report_stimm(struct report_peer *last, const struct stimm_status *status, const struct report_peer_now *now);

#endif
