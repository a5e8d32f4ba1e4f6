/* Which agents the running bridge leaves alone because they failed again and again, for those who tell what it would
 * decide. */
#ifndef CLI_RESTING_H
#define CLI_RESTING_H

#include <stdbool.h>

#include "base/slice.h"

struct settings;
struct json_t;

struct resting {
    struct json_t *status; /* NULL: the bridge does not run here, or does not tell us */
};

/* Asks the bridge at the first address of SIP_ADMIN_LISTEN; one that does not answer leaves no agent alone. */
void resting_load(struct resting *resting, const struct settings *settings);
void resting_release(struct resting *resting);
#define cleanup_resting __attribute__((cleanup(resting_release)))
/* The is_resting of a struct decide_input; CONTEXT is a struct resting. */
bool resting_has(void *context, struct slice name);

#endif
