/* The table's samples. */
#include "ops/metrics.h"

#include "base/mem.h"
#include "ops/metrics_table.h"
#include "ops/self.h"
#include "ops/sheet.h"

static bool is_healthy(const struct ops *ops) {
    return ops_state(ops)->health == HEALTH_HEALTHY;
}

/* A limit of 0 is none. */
static void count_above_zero(struct sheet *s, size_t value) {
    if (value > 0) {
        sheet_count(s, value);
    }
}

static void known(struct sheet *s, int64_t value) {
    if (value >= 0) {
        sheet_count(s, (uint64_t)value);
    }
}

static void give_phases(struct sheet *s, const struct ops *ops) {
    size_t counts[CALL_PHASE_COUNT];
    bridge_phases(ops->bridge, counts);
    for (unsigned i = 0; i < CALL_PHASE_COUNT; i++) {
        if (i != PHASE_OVER) {
            sheet_count_of(s, "phase", call_phase_label((enum call_phase)i), counts[i]);
        }
    }
}

static void give_ends(struct sheet *s, const struct bridge_counters *b) {
    for (unsigned i = END_NONE + 1; i < CALL_END_COUNT; i++) {
        sheet_count_of(s, "reason", call_end_label((enum call_end)i), b->ends[i]);
    }
}

static void give_limited(struct sheet *s, const struct bridge_counters *b) {
    for (unsigned i = LIMIT_NONE + 1; i < LIMIT_COUNT; i++) {
        sheet_count_of(s, "limit", limit_label((enum limit)i), b->limited[i]);
    }
}

static void give_agent_count(struct sheet *s, const struct ops *ops) {
    const struct directory *directory = ops->source != NULL ? source_directory(ops->source) : NULL;
    if (ops->source != NULL) {
        sheet_count(s, directory != NULL ? directory_count(directory) : 0);
    }
}

static void give_rule_count(struct sheet *s, const struct ops *ops) {
    if (ops->source != NULL) {
        sheet_count(s, source_rules_state(ops->source)->count);
    }
}

static void give_documents(struct sheet *s, const struct ops *ops) {
    if (ops->source != NULL) {
        sheet_count_of(s, "document", "agents", source_directory_state(ops->source)->error[0] != '\0');
        sheet_count_of(s, "document", "rules", source_rules_state(ops->source)->error[0] != '\0');
    }
}

/* Samples by agent: so many are named, the others are one. */
struct by_agent {
    struct sheet *sheet;
    size_t named;
    uint64_t others;
    bool has_others;
};

static void add_by_agent(struct by_agent *by, const char *agent, uint64_t value) {
    if (by->named < METRICS_MOST_AGENTS) {
        by->named++;
        sheet_count_of(by->sheet, "agent", agent, value);
    } else {
        by->has_others = true;
        by->others += value;
    }
}

static void end_by_agent(const struct by_agent *by) {
    if (by->has_others) {
        sheet_count_of(by->sheet, "agent", "(other)", by->others);
    }
}

static void add_agent_calls(void *context, const struct bridge_agent *agent) {
    add_by_agent(context, agent->name, agent->calls);
}

static void add_agent_resting(void *context, const struct bridge_agent *agent) {
    add_by_agent(context, agent->name, agent->is_resting);
}

static void give_agent_calls(struct sheet *s, const struct ops *ops, mono_ms now) {
    struct by_agent by = {.sheet = s};
    bridge_each_agent(ops->bridge, now, add_agent_calls, &by);
    end_by_agent(&by);
}

static void give_agent_resting(struct sheet *s, const struct ops *ops, mono_ms now) {
    struct by_agent by = {.sheet = s};
    bridge_each_agent(ops->bridge, now, add_agent_resting, &by);
    end_by_agent(&by);
}

static void give_process_count(struct sheet *s, const struct ops *ops) {
    if (ops->local != NULL) {
        sheet_count(s, local_count(ops->local));
    }
}

/* X(field): of struct pool_view; each makes add_standby_FIELD. */
#define STANDBYS(X) \
    X(wanted)       \
    X(ready)        \
    X(starting)     \
    X(handed_over)  \
    X(missed)
#define X(field)                                                                   \
    static void add_standby_##field(void *context, const struct pool_view *view) { \
        add_by_agent(context, view->agent, view->field);                           \
    }
STANDBYS(X)
#undef X

static void give_standby(struct sheet *s, const struct ops *ops,
                         void (*add)(void *context, const struct pool_view *view)) {
    struct by_agent by = {.sheet = s};
    if (ops->pool != NULL) {
        pool_each(ops->pool, add, &by);
        end_by_agent(&by);
    }
}
#define STANDBY(field) give_standby(s, o, add_standby_##field)

static void give_webhook(struct sheet *s, const char *verdict, const char *reason, uint64_t count) {
    const struct sheet_label labels[] = {{"verdict", verdict}, {"reason", reason}};
    sheet_count_by(s, labels, count);
}

static void give_webhooks(struct sheet *s, const struct receiver_counters *w) {
    uint64_t other = w->ignored + w->duplicate + w->invalid + w->refused;
    give_webhook(s, "accepted", "", w->verified > other ? w->verified - other : 0); /* one without keys ignores all */
    give_webhook(s, "ignored", "", w->ignored);
    give_webhook(s, "repeated", "", w->duplicate);
    give_webhook(s, "invalid", "", w->invalid);
    give_webhook(s, "refused", "", w->refused);
    give_webhook(s, "bad_method", "", w->bad_method);
    for (unsigned i = VERIFY_OK + 1; i < VERIFY_REASON_COUNT; i++) {
        give_webhook(s, "rejected", verify_reason_label((enum verify_reason)i), w->rejected[i]);
    }
}

static void give_livekit_state(struct sheet *s, const struct contact *contact) {
    static const char *const states[] = {
#define X(name, text) text,
        CONTACT_STATES(X)
#undef X
    };
    for (unsigned i = 0; contact != NULL && i < ARRAY_LEN(states); i++) {
        sheet_count_of(s, "state", states[i], contact->state == (enum contact_state)i);
    }
}

static void give_corrections(struct sheet *s, const struct reconcile_view *view) {
    sheet_count_of(s, "what", "call_begun", view->started);
    sheet_count_of(s, "what", "call_ended", view->ended);
    sheet_count_of(s, "what", "caller_gone", view->left);
    sheet_count_of(s, "what", "room_deleted", view->deleted);
}

static void redis_connected(struct sheet *s, const struct source_redis_state *redis) {
    sheet_count(s, redis->connected);
}

static void redis_tracking(struct sheet *s, const struct source_redis_state *redis) {
    sheet_count(s, redis->tracking);
}

static void redis_latency(struct sheet *s, const struct source_redis_state *redis) {
    sheet_histogram(s, &redis->latency);
}

static void give_redis(struct sheet *s, const struct ops *ops,
                       void (*give)(struct sheet *s, const struct source_redis_state *redis)) {
    if (ops->source != NULL && source_redis(ops->source)->configured) {
        give(s, source_redis(ops->source));
    }
}

static void give_stimm(struct sheet *s, const struct ops *ops) {
    static const char *const states[] = {
#define X(name, text) text,
        STIMM_STATES(X)
#undef X
    };
    bool is_used = ops->source != NULL && source_stimm(ops->source)->configured;
    for (unsigned i = 0; is_used && i < ARRAY_LEN(states); i++) {
        sheet_count_of(s, "state", states[i], source_stimm(ops->source)->status.state == (enum stimm_state)i);
    }
}

static void give_http_refused(struct sheet *s, const struct http_counters *h) {
    sheet_count_of(s, "reason", "too_large", h->too_large);
    sheet_count_of(s, "reason", "too_slow", h->too_slow);
    sheet_count_of(s, "reason", "over_limit", h->over_limit);
    sheet_count_of(s, "reason", "not_http", h->bad);
}

void metrics_write(const struct ops *ops, mono_ms now, struct buf *out) {
    struct sheet sheet = {.out = out, .most = METRICS_MOST_BYTES}, *s = &sheet;
    const struct ops *o = ops;
    const struct bridge_counters *b = bridge_counters(o->bridge);
    const struct bridge_times *t = bridge_times(o->bridge);
    const struct bridge_load load = bridge_load(o->bridge, now);
    const struct contact *l = o->livekit;
    const struct reconcile_view r = o->reconcile != NULL ? reconcile_view(o->reconcile) : (struct reconcile_view){0};
    const struct http_counters *h = o->http;
    const struct receiver_counters *w = receiver_counters(o->receiver);
    const struct call_log_state *c = o->call_log;
    const struct local_counters *p = o->local != NULL ? local_counters(o->local) : NULL;
    struct self self;
    self_look(&self);
#define X(symbol, name, type, unit, labels, help, give) \
    sheet_begin(s, name, SHEET_##type, help);           \
    give;                                               \
    sheet_end(s);
    METRICS(X)
#undef X
}

void metrics_describe(struct buf *out) {
    static const struct {
        const char *name, *unit, *labels, *help;
        enum sheet_type type;
    } rows[] = {
#define X(symbol, name, type, unit, labels, help, give) {name, unit, labels, help, SHEET_##type},
        METRICS(X)
#undef X
    };
    buf_adds(out, "| Metric | Type | Unit | Labels | Meaning |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_addf(out, "| `%s` | %s | %s | %s | %s |\n", rows[i].name, sheet_type_name(rows[i].type), rows[i].unit,
                 rows[i].labels, rows[i].help);
    }
}
