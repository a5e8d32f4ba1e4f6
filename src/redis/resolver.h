/* Turns a host name into addresses without ever blocking the loop: getaddrinfo(3) runs on a thread of its own.
 *
 * A name server that does not answer holds getaddrinfo for half a minute and nothing can interrupt it. So the
 * thread is never waited for: a start that gives up leaves it running, the next start of the same name listens
 * to it again, and there is never a second thread in flight. Addresses ("127.0.0.1", "::1") need no thread. */
#ifndef REDIS_RESOLVER_H
#define REDIS_RESOLVER_H

#include "loop/loop.h"
#include "redis/address.h"

struct resolver_request {
    const char *host; /* copied */
    unsigned port;
    int64_t timeout_ms;
    /* Once, from the loop, never from inside start. COUNT addresses in the resolver's order; 0 with WHY. Both are
     * borrowed for the call. */
    void (*on_done)(void *context, const struct address *addresses, size_t count, const char *why);
    void *context;
};

struct resolver;

struct resolver *resolver_new(struct loop *loop);
/* NULL is fine. A thread in flight frees what is left when it ends. */
void resolver_free(struct resolver *resolver);
/* One at a time: starting again cancels the one before. */
void resolver_start(struct resolver *resolver, const struct resolver_request *request);
void resolver_cancel(struct resolver *resolver);

#endif
