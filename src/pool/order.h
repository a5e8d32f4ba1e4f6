/* How a process of an agent is started ahead of its call: what of a job is known then. Owns its text. */
#ifndef POOL_ORDER_H
#define POOL_ORDER_H

#include "rules/directory.h"
#include "spawner/engine.h"

/* Where LiveKit is, and its credentials for agents that get them; borrowed. */
struct order_access {
    const char *livekit_url, *api_key, *api_secret;
};

struct order {
    char *agent; /* "": one command for every name */
    char **command, **env;
    char *cwd, *id, *url;
    char *key, *secret; /* "" for agents with a token */
};

enum { ORDER_PLACES = 3, ORDER_ENV = 5 };
struct order_parts {
    struct engine_pair places[ORDER_PLACES], env[ORDER_ENV];
};

void order_init(struct order *order, const struct agent *agent, const struct order_access *access);
void order_release(struct order *order);
/* The job of a process that waits; LABEL, INSTANCE and RET_PARTS are borrowed by it. */
struct engine_job order_job(const struct order *order, const char *label, const char *instance,
                            struct order_parts *ret_parts);
/* Whether a process so started is the one that JOB would start, but for what only its call brings. */
bool order_fits(const struct order *order, const struct engine_job *job);

#endif
