/* How a process of an agent is started ahead of its call: what of a job is known then. Owns its text, but for LiveKit's
 * credentials, which stay where they are guarded. */
#ifndef POOL_ORDER_H
#define POOL_ORDER_H

#include "rules/directory.h"
#include "spawner/engine.h"

/* Where LiveKit is, and its credentials for agents that get them; borrowed text, never NULL. */
struct order_access {
    const char *livekit_url, *api_key, *api_secret;
    unsigned generation; /* another one for other credentials */
};

struct order {
    char *agent; /* "": one command for every name */
    char **command, **env;
    char *cwd, *id, *url;
    bool api;             /* it gets the credentials … */
    unsigned credentials; /* … of this generation */
    const struct order_access *access;
};

enum { ORDER_PLACES = 3, ORDER_ENV = 5 };
struct order_parts {
    struct engine_pair places[ORDER_PLACES], env[ORDER_ENV];
};

/* ACCESS outlives ORDER; what is in it may change. */
void order_init(struct order *order, const struct agent *agent, const struct order_access *access);
void order_release(struct order *order);
/* The job of a process that waits; LABEL, INSTANCE and RET_PARTS are borrowed by it. */
struct engine_job order_job(const struct order *order, const char *label, const char *instance,
                            struct order_parts *ret_parts);
/* Whether a process so started is the one that JOB would start, but for what only its call brings. */
bool order_fits(const struct order *order, const struct engine_job *job);

#endif
