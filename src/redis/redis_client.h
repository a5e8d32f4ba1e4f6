/* One Redis connection for a command that a person runs: where REDIS_URL says, logged in, its database chosen, and
 * then a question at a time, each waited for. Not for the daemon, which never waits: that is redis/redis.h. */
#ifndef REDIS_REDIS_CLIENT_H
#define REDIS_REDIS_CLIENT_H

#include "base/diag.h"
#include "redis/redis.h"

struct redis_client;

struct redis_client_options {
    struct loop *loop; /* turned while it waits; borrowed */
    const char *url;
    int64_t timeout_ms; /* for a name, for a connection, for an answer: each */
    size_t max_bytes;   /* of one answer */
    size_t max_elements;
};

/* NULL with DIAG (where: the server's label) for a bad URL, a server that is away or refuses user, password or
 * database. */
struct redis_client *redis_client_open(const struct redis_client_options *options, struct diag *diag)
    __attribute__((warn_unused_result));
/* Sends COMMAND and waits until its on_answer has been called. False with DIAG when the connection is lost first:
 * what a command that changes something did is not known then. */
bool redis_client_ask(struct redis_client *client, const struct redis_command *command, struct diag *diag)
    __attribute__((warn_unused_result));
/* "127.0.0.1:6379", "unix:/run/redis.sock"; without credentials. */
const char *redis_client_label(const struct redis_client *client);
/* NULL is fine. */
void redis_client_free(struct redis_client *client);

#endif
