/* The status' members "limits", "circuits" and "standbys". */
#ifndef OPS_LOAD_H
#define OPS_LOAD_H

#include "ops/ops.h"

struct json_t;

/* {"calls":{"now","max"}, "starts":…, "memory":…, "reached": label or null, "refused":{label: count}}; a max of 0: no
 * limit; memory in percent, now null where it cannot be read. */
struct json_t *ops_limits_json(const struct ops *ops, mono_ms now);
/* {agent: {"state","failures","tried_in_ms"}} of those whose processes failed of late. */
struct json_t *ops_circuits_json(const struct ops *ops, mono_ms now);

/* {agent: {"least","most","wanted","starting","ready","handed_over","missed","lost","started","failed","replaced",
 * "retry_in_ms","fails","start_ms","error"}} of those that have standbys; start_ms null while it is not known, error the reason
 * of the last failure while they fail, or null. */
struct json_t *ops_standbys_json(const struct ops *ops);

#endif
