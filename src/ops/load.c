/* The status' part on limits: how far they are used, whom they kept out, which agents are left alone, and which wait. */
#include <jansson.h>

#include "ops/load.h"

static json_t *use_json(size_t now, size_t most) {
    return json_pack("{s:I, s:I}", "now", (json_int_t)now, "max", (json_int_t)most);
}

static json_t *memory_json(const struct ops_memory *memory) {
    json_t *object = json_object();
    json_object_set_new(object, "now", memory->is_known ? json_real((double)memory->hundredths / 100) : json_null());
    json_object_set_new(object, "max", json_integer(memory->max_percent));
    return object;
}

static json_t *refused_json(const struct bridge_counters *counters) {
    json_t *refused = json_object();
    for (enum limit limit = LIMIT_NONE + 1; limit < LIMIT_COUNT; limit++) {
        json_object_set_new(refused, limit_label(limit), json_integer((json_int_t)counters->limited[limit]));
    }
    return refused;
}

json_t *ops_limits_json(const struct ops *ops, mono_ms now) {
    struct bridge_load load = bridge_load(ops->bridge, now);
    json_t *limits = json_object();
    json_object_set_new(limits, "calls", use_json(load.served, load.max_served));
    json_object_set_new(limits, "starts", use_json(load.starts, load.max_starts));
    json_object_set_new(limits, "memory", memory_json(ops->memory));
    json_object_set_new(limits, "reached",
                        load.limit != LIMIT_NONE ? json_string(limit_label(load.limit)) : json_null());
    json_object_set_new(limits, "refused", refused_json(bridge_counters(ops->bridge)));
    return limits;
}

static void add_circuit(void *context, const struct bridge_circuit *circuit) {
    json_t *object = json_pack("{s:s, s:I, s:I}", "state", circuit->state, "failures", (json_int_t)circuit->failures,
                               "tried_in_ms", (json_int_t)circuit->tried_in_ms);
    json_object_set_new(context, circuit->agent, object);
}

json_t *ops_circuits_json(const struct ops *ops, mono_ms now) {
    json_t *circuits = json_object();
    bridge_each_circuit(ops->bridge, now, add_circuit, circuits);
    return circuits;
}

static void add_standbys(void *context, const struct pool_view *view) {
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "least", (json_int_t)view->least,
                  "most", (json_int_t)view->most, "wanted", (json_int_t)view->wanted, "starting",
                  (json_int_t)view->starting, "ready", (json_int_t)view->ready, "handed_over",
                  (json_int_t)view->handed_over, "missed", (json_int_t)view->missed, "lost", (json_int_t)view->lost,
                  "started", (json_int_t)view->started, "failed", (json_int_t)view->failed, "replaced",
                  (json_int_t)view->replaced, "retry_in_ms", (json_int_t)view->retry_in_ms);
    json_object_set_new(object, "fails", json_boolean(view->fails));
    json_object_set_new(object, "start_ms", view->start_ms > 0 ? json_integer(view->start_ms) : json_null());
    json_object_set_new(object, "error", view->reason[0] != '\0' ? json_string(view->reason) : json_null());
    json_object_set_new(context, view->agent[0] != '\0' ? view->agent : "SIP_AGENT_COMMAND", object);
}

json_t *ops_standbys_json(const struct ops *ops) {
    json_t *standbys = json_object();
    if (ops->pool != NULL) {
        pool_each(ops->pool, add_standbys, standbys);
    }
    return standbys;
}
