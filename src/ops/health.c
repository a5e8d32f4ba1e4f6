/* Is it well? The first thing that is wrong, by weight. */
#include "base/json_text.h"
#include "ops/ops.h"

/* X(health, message, when): `s` the source. A stranger may read the message: no addresses, no reasons. */
#define HEALTH_ROWS(X)                                                                                                \
    X(DISABLED, "ENABLE_SIP_BRIDGE is false: webhooks are answered and ignored", !ops->enabled)                       \
    X(DEGRADED, "draining: no new calls, waiting for those in progress", ops->draining)                               \
    X(DEGRADED, "Redis cannot be reached and no rules were ever loaded: calls ring in vain",                          \
      redis_away(s) && !source_ready(s))                                                                              \
    X(DEGRADED, "Stimm gives no agents and none were ever loaded: calls ring in vain",                                \
      stimm_fails(s) && !source_ready(s))                                                                             \
    X(DEGRADED, "no rules and agents are loaded yet", !source_ready(s))                                               \
    X(DEGRADED, "Redis cannot be reached: the last known rules are in use", redis_away(s))                            \
    X(DEGRADED, "Stimm gives no agents: the last known agents are in use", stimm_fails(s))                            \
    X(DEGRADED, "the newest rules are not in use: they have a mistake", source_rules_state(s)->error[0] != '\0')      \
    X(DEGRADED, "the newest agents are not in use: they have a mistake", source_directory_state(s)->error[0] != '\0') \
    X(DEGRADED, "no agent can be had: none is known, or all are broken", !has_agent(s))                               \
    X(DEGRADED, "the journal of calls cannot be written: a crash now would end their agents",                         \
      bridge_is_unkept(ops->bridge))                                                                                  \
    X(DEGRADED, "LiveKit's API cannot be reached: calls go on, but none can be hung up",                              \
      livekit_is(ops, CONTACT_AWAY))                                                                                  \
    X(DEGRADED, "LiveKit's API refuses our key", livekit_is(ops, CONTACT_REFUSED))                                    \
    X(DEGRADED, "what answers at LIVEKIT_API_URL is not LiveKit", livekit_is(ops, CONTACT_ODD))                       \
    X(DEGRADED, "LiveKit's clock and ours are more than 30 s apart",                                                  \
      ops->livekit != NULL && contact_clock_is_off(ops->livekit))                                                     \
    X(DEGRADED, "webhooks do not arrive: LiveKit has calls that none told of; see `sipbridge doctor`",                \
      reconcile_of(ops).unheard)                                                                                      \
    X(DEGRADED, "LiveKit lists most calls no more: not believed, none is ended for it", reconcile_of(ops).refused)    \
    X(DEGRADED, "memory is short: new calls are hung up at once", limit_of(ops) == LIMIT_MEMORY)                      \
    X(DEGRADED, "as many calls as SIP_MAX_CALLS allows: new ones are hung up at once", limit_of(ops) == LIMIT_CALLS)  \
    X(DEGRADED, "the call log cannot be written: calls go on, its lines wait", call_log_fails(ops))                   \
    X(DEGRADED, "an agent fails again and again: its calls get their next choice; `sipbridge status` names it",       \
      bridge_is_resting(ops->bridge))                                                                                 \
    X(DEGRADED, "no standby of an agent is ready, they fail: its calls start a process; `sipbridge status` names it", \
      ops->pool != NULL && pool_fails(ops->pool))                                                                     \
    X(HEALTHY, "ready for calls", true)

static bool redis_away(const struct source *source) {
    const struct source_redis_state *redis = source_redis(source);
    return redis->configured && !redis->connected;
}

static bool stimm_fails(const struct source *source) {
    enum stimm_state state = source_stimm(source)->status.state;
    return state == STIMM_AWAY || state == STIMM_ODD;
}

static bool has_agent(const struct source *source) {
    const struct directory *directory = source_directory(source);
    return directory != NULL && directory_first(directory) != NULL;
}

static bool livekit_is(const struct ops *ops, enum contact_state state) {
    return ops->livekit != NULL && ops->livekit->state == state;
}

static struct reconcile_view reconcile_of(const struct ops *ops) {
    return ops->reconcile != NULL ? reconcile_view(ops->reconcile) : (struct reconcile_view){0};
}

static bool call_log_fails(const struct ops *ops) {
    return ops->call_log != NULL && ops->call_log->failing;
}

static enum limit limit_of(const struct ops *ops) {
    return bridge_load(ops->bridge, clock_mono_ms()).limit;
}

enum ops_health ops_health(const struct ops *ops, const char **ret_message) {
    const struct source *s = ops->source;
#define X(health, message, when) \
    if (when) {                  \
        *ret_message = message;  \
        return HEALTH_##health;  \
    }
    HEALTH_ROWS(X)
#undef X
    return HEALTH_HEALTHY;
}

static const struct {
    const char *status, *bridge;
} health_words[] = {
    [HEALTH_HEALTHY] = {"healthy", "running"},
    [HEALTH_DEGRADED] = {"degraded", "running"},
    [HEALTH_DISABLED] = {"disabled", "not_enabled"},
};

const char *ops_health_name(enum ops_health health) {
    return health_words[health].status;
}

void ops_health_json(const struct ops *ops, struct buf *out) {
    const char *message = "";
    enum ops_health health = ops_health(ops, &message);
    buf_addc(out, '{');
    json_add_field(out, "status", slice_of(health_words[health].status));
    json_add_field(out, "sip_bridge", slice_of(health_words[health].bridge));
    json_add_field(out, "message", slice_of(message));
    buf_adds(out, "}\n");
}

static void add_pool(void *context, const struct pool_view *view) {
    struct buf *out = context;
    buf_adds(out, out->p[out->len - 1] == '[' ? "{" : ",{");
    json_add_field(out, "agent", view->agent[0] != '\0' ? slice_of(view->agent) : SLICE("every agent"));
    buf_addf(out, ",\"ready\":%u,\"wanted\":%u,\"starting\":%u,\"handed_over\":%llu,\"missed\":%llu}", view->ready,
             view->wanted, view->starting, (unsigned long long)view->handed_over, (unsigned long long)view->missed);
}

void ops_board_health(void *context, struct buf *out) {
    const struct ops *ops = context;
    const struct ops_errors *errors = ops->errors;
    const char *message = "";
    enum ops_health health = ops_health(ops, &message);
    buf_adds(out, "\"status\":");
    json_add_string(out, slice_of(health_words[health].status));
    json_add_field(out, "message", slice_of(message));
    json_add_raw(out, "errors", SLICE("["));
    uint64_t most = errors->count < OPS_ERRORS ? errors->count : OPS_ERRORS;
    for (uint64_t i = 0; i < most; i++) {
        uint64_t place = (errors->count - 1 - i) % OPS_ERRORS;
        buf_addf(out, "%s{\"at_ms\":%lld", i > 0 ? "," : "", (long long)errors->list[place].wall_ms);
        json_add_field(out, "text", slice_of(errors->list[place].text));
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
    json_add_raw(out, "pools", SLICE("["));
    if (ops->pool != NULL) {
        pool_each(ops->pool, add_pool, out);
    }
    buf_addc(out, ']');
}
