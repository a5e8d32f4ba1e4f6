/* Is it well? The first thing that is wrong, by weight. */
#include "base/json_text.h"
#include "base/mem.h"
#include "base/text.h"
#include "ops/health_table.h"
#include "ops/ops.h"

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

static const struct ops_state health_states[] = {
#define X(health, message, remedy, when) {HEALTH_##health, message, remedy},
    HEALTH_ROWS(X)
#undef X
};

const struct ops_state *ops_state(const struct ops *ops) {
    const struct source *s = ops->source;
    const struct ops_state *state = health_states;
#define X(health, message, remedy, when) \
    if (when) {                          \
        return state;                    \
    }                                    \
    state++;
    HEALTH_ROWS(X)
#undef X
    return state - 1;
}

size_t ops_state_count(void) {
    return ARRAY_LEN(health_states);
}

const struct ops_state *ops_state_at(size_t place) {
    return &health_states[place];
}

static const struct ops_unready unready_states[] = {
#define X(answer, remedy, when) {answer, remedy},
    READY_ROWS(X)
#undef X
};

const char *ops_unready(const struct ops *ops) {
#define X(answer, remedy, when) \
    if (when) {                 \
        return answer;          \
    }
    READY_ROWS(X)
#undef X
    return NULL;
}

size_t ops_unready_count(void) {
    return ARRAY_LEN(unready_states);
}

const struct ops_unready *ops_unready_at(size_t place) {
    return &unready_states[place];
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
    const struct ops_state *state = ops_state(ops);
    buf_addc(out, '{');
    json_add_field(out, "status", slice_of(health_words[state->health].status));
    json_add_field(out, "sip_bridge", slice_of(health_words[state->health].bridge));
    json_add_field(out, "message", slice_of(state->message));
    buf_adds(out, "}\n");
}

static void add_pool(void *context, const struct pool_view *view) {
    struct buf *out = context;
    buf_adds(out, out->p[out->len - 1] == '[' ? "{" : ",{");
    json_add_field(out, "agent", view->agent[0] != '\0' ? slice_of(view->agent) : SLICE("every agent"));
    buf_addf(out, ",\"ready\":%u,\"wanted\":%u,\"starting\":%u,\"handed_over\":%llu,\"missed\":%llu}", view->ready,
             view->wanted, view->starting, (unsigned long long)view->handed_over, (unsigned long long)view->missed);
}

static void add_unless_empty(struct buf *out, const char *name, const char *text) {
    if (text[0] != '\0') {
        json_add_field(out, name, slice_of(text));
    }
}

/* The board shows no numbers, whatever the log does. */
static void add_masked(struct buf *out, const char *name, const char *text) {
    cleanup_buf struct buf masked = {0};
    text_mask_numbers(&masked, slice_of(text));
    add_unless_empty(out, name, masked.len > 0 ? masked.p : "");
}

static void add_error(struct buf *out, const struct ops_error *error, bool is_next) {
    buf_addf(out, "%s{\"at_ms\":%lld", is_next ? "," : "", (long long)error->wall_ms);
    add_masked(out, "text", error->text);
    add_unless_empty(out, "call", error->call);
    add_unless_empty(out, "agent", error->agent);
    add_masked(out, "room", error->room);
    buf_addc(out, '}');
}

void ops_board_health(void *context, struct buf *out) {
    const struct ops *ops = context;
    const struct ops_errors *errors = ops->errors;
    const struct ops_state *state = ops_state(ops);
    buf_adds(out, "\"status\":");
    json_add_string(out, slice_of(health_words[state->health].status));
    json_add_field(out, "message", slice_of(state->message));
    json_add_field(out, "remedy", slice_of(state->remedy));
    json_add_raw(out, "errors", SLICE("["));
    uint64_t most = errors->count < OPS_ERRORS ? errors->count : OPS_ERRORS;
    for (uint64_t i = 0; i < most; i++) {
        add_error(out, &errors->list[(errors->count - 1 - i) % OPS_ERRORS], i > 0);
    }
    buf_addc(out, ']');
    json_add_raw(out, "pools", SLICE("["));
    if (ops->pool != NULL) {
        pool_each(ops->pool, add_pool, out);
    }
    buf_addc(out, ']');
}
