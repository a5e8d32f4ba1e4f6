/* The two documents on a Redis server, kept up to date: read at once, read again when the server says they changed
 * (client-side caching) and every 30 s regardless, reconnected with back-off.
 *
 * It takes two connections. The subscriber listens on __redis__:invalidate; the tracker reads, and the server
 * remembers what it read and tells the subscriber of changes. They live and die together: a tracker whose
 * subscriber is gone would never hear of a change again. A server that has no tracking (before 6), or denies it to
 * our user, leaves the tracker alone and the slow reading. */
#ifndef SOURCE_REDIS_SOURCE_H
#define SOURCE_REDIS_SOURCE_H

#include "base/diag.h"
#include "source/key_reader.h"

/* The rules are a STRING, the agents a HASH of name -> entry. */
#define REDIS_RULES_KEY "sip_dispatch_rules"
#define REDIS_AGENTS_KEY "sip_agents"
enum redis_key { REDIS_RULES, REDIS_AGENTS, REDIS_KEYS };

struct redis_status {
    bool connected, tracking;
    char error[256];     /* why it is not connected; "" while it is, and until the first attempt ended */
    char untracked[160]; /* connected without tracking: the server's words */
    int64_t retry_ms;    /* not connected: the next attempt starts this long after the loss */
};

struct redis_times {
    int64_t connect_ms, reply_ms, reread_ms;
};
#define REDIS_TIMES ((struct redis_times){.connect_ms = 5000, .reply_ms = 5000, .reread_ms = 30000})

struct redis_source_options {
    struct loop *loop;
    const char *url;
    const char *keys[REDIS_KEYS]; /* NULL: not wanted */
    size_t max_bytes;             /* of one document */
    size_t max_fields;            /* of a HASH */
    struct redis_times times;
    struct histogram *latency; /* of the commands sent; borrowed, or NULL */
    /* Both from the loop only. A value is told whenever it was read, changed or not. */
    void (*on_value)(void *context, enum redis_key key, const struct key_value *value);
    void (*on_status)(void *context, const struct redis_status *status); /* connected, lost, failed again */
    void *context;
};

struct redis_source;

/* Copies what it keeps. NULL with DIAG for a bad URL. Never waits. */
struct redis_source *redis_source_start(const struct redis_source_options *options, struct diag *diag);
/* NULL is fine. Not inside its callbacks. */
void redis_source_free(struct redis_source *source);
/* "127.0.0.1:6379", "unix:/run/redis.sock"; without credentials. */
const char *redis_source_label(const struct redis_source *source);
/* Reads everything now; while it waits to connect again, connects now. */
void redis_source_refresh(struct redis_source *source);

#endif
