/* One agent's processes: their way from start to call, and what makes one go. */
#include "pool/shelf.h"

#include <stdio.h>

#include "base/mem.h"

static struct log_about about(const struct shelf *shelf, const struct standby *standby) {
    return (struct log_about){.agent = slice_of(shelf->order.agent), .pid = standby != NULL ? standby->pid : 0};
}

unsigned shelf_count(const struct shelf *shelf, enum standby_state state) {
    const struct standby *standby;
    unsigned count = 0;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        count += standby->state == state;
    }
    return count;
}

unsigned shelf_stale(const struct shelf *shelf, enum standby_state state) {
    const struct standby *standby;
    unsigned count = 0;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        count += standby->state == state && standby->stale;
    }
    return count;
}

unsigned shelf_wanted(const struct shelf *shelf, mono_ms now) {
    if (shelf->gone || shelf->pool->closed) {
        return 0;
    }
    return shelf->lost_in_row >= SHELF_LOST ? 1 : policy_wanted(&shelf->policy, now);
}

bool shelf_fails(const struct shelf *shelf) {
    bool none = shelf->policy.failures >= SHELF_FAILS && shelf_count(shelf, STANDBY_READY) == 0;
    return !shelf->gone && (none || shelf->lost_in_row >= SHELF_LOST);
}

/* The oldest that waits: of those to be replaced, or of the others. */
static struct standby *oldest(struct shelf *shelf, bool stale) {
    struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (standby->state == STANDBY_READY && standby->stale == stale) {
            break;
        }
    }
    return standby;
}

struct standby *shelf_pick(struct shelf *shelf) {
    struct standby *fresh = oldest(shelf, false);
    return fresh != NULL ? fresh : oldest(shelf, true);
}

struct standby *shelf_find(struct shelf *shelf, const char *label) {
    struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (strcmp(standby->label, label) == 0) {
            break;
        }
    }
    return standby;
}

struct standby *shelf_find_instance(struct shelf *shelf, const char *instance) {
    struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (strcmp(standby->instance, instance) == 0) {
            break;
        }
    }
    return standby;
}

void shelf_remove(struct shelf *shelf, struct standby *standby) {
    struct pool *pool = shelf->pool;
    pool->reserved = pool->reserved == standby ? NULL : pool->reserved;
    TAILQ_REMOVE(&shelf->standbys, standby, next);
    free(standby);
}

void shelf_set_state(struct standby *standby, enum standby_state state, mono_ms now) {
    standby->state = state;
    standby->since = now;
}

void shelf_start(struct shelf *shelf, mono_ms now) {
    struct pool *pool = shelf->pool;
    const struct pool_ports *ports = &pool->ports;
    struct standby *standby = xcalloc(1, sizeof *standby);
    struct order_parts parts;
    ports->new_instance(ports->self, standby->instance);
    snprintf(standby->label, sizeof standby->label, ENGINE_WAITER_PREFIX "%.16s", standby->instance);
    shelf_set_state(standby, STANDBY_STARTING, now);
    TAILQ_INSERT_TAIL(&shelf->standbys, standby, next);
    struct engine_job job = order_job(&shelf->order, standby->label, standby->instance, &parts);
    if (shelf->stamp == 0 && ports->stamp != NULL) {
        shelf->stamp = ports->stamp(ports->self, &job);
    }
    shelf->counters.started++;
    ports->engine.ensure(ports->engine.self, &job);
}

static void end(struct shelf *shelf, struct standby *standby, const struct engine_stop *how, mono_ms now) {
    const struct engine *engine = &shelf->pool->ports.engine;
    shelf_set_state(standby, STANDBY_LEAVING, now);
    engine->stop(engine->self, standby->label, how);
}

void shelf_dismiss(struct shelf *shelf, struct standby *standby, mono_ms now) {
    end(shelf, standby, &(struct engine_stop){.timeout_ms = shelf->stop_timeout_ms}, now);
}

void shelf_dismiss_all(struct shelf *shelf, mono_ms now) {
    struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (standby->state == STANDBY_STARTING || standby->state == STANDBY_READY) {
            shelf_dismiss(shelf, standby, now);
        }
    }
}

void shelf_failed(struct shelf *shelf, const char *label, const char *reason, mono_ms now) {
    const struct pool_ports *ports = &shelf->pool->ports;
    shelf->counters.failed++;
    policy_failed(&shelf->policy, now);
    snprintf(shelf->reason, sizeof shelf->reason, "%s", reason);
    struct log_about what = about(shelf, NULL);
    log_warning(&what,
                "a standby failed: it %s; the next one is started in %lld ms at the earliest (failures in a row: %u)",
                reason, (long long)(shelf->policy.retry_at - now), shelf->policy.failures);
    if (label != NULL && ports->show_output != NULL) {
        ports->show_output(ports->self, label);
    }
}

static void make_stale(struct shelf *shelf, struct standby *standby, const char *why) {
    if (!standby->stale) {
        struct log_about what = about(shelf, standby);
        log_info(&what, "a standby is replaced: %s", why);
        standby->stale = true;
        shelf->counters.replaced++;
    }
}

static bool is_too_old(const struct shelf *shelf, const struct standby *standby, mono_ms now) {
    return shelf->limits.max_age_ms > 0 && now - standby->since >= shelf->limits.max_age_ms;
}

static void look_at_ready(struct shelf *shelf, struct standby *standby, mono_ms now) {
    if (!standby->settled && now - standby->since >= POLICY_SETTLED_MS) {
        standby->settled = true;
        if (shelf->lost_in_row == 0) {
            policy_worked(&shelf->policy);
        }
    }
    if (is_too_old(shelf, standby, now)) {
        make_stale(shelf, standby, "it has waited for standby_max_age");
    }
}

static void time_passed(struct shelf *shelf, struct standby *standby, mono_ms now) {
    int64_t age_ms = now - standby->since;
    char reason[POOL_REASON_SIZE];
    switch (standby->state) {
    case STANDBY_STARTING:
        if (age_ms >= shelf->pool->options.ready_ms) {
            snprintf(reason, sizeof reason,
                     "did not say READY=1 on its NOTIFY_SOCKET within %lld ms (SIP_STANDBY_TIMEOUT)",
                     (long long)shelf->pool->options.ready_ms);
            end(shelf, standby, &(struct engine_stop){.kill = true}, now); /* it hangs */
            shelf_failed(shelf, standby->label, reason, now);
        }
        break;
    case STANDBY_READY: look_at_ready(shelf, standby, now); break;
    case STANDBY_HANDED:
        if (age_ms >= POOL_TAKEN_MS) {
            policy_worked(&shelf->policy);
            shelf->lost_in_row = 0;
            shelf_remove(shelf, standby);
        }
        break;
    case STANDBY_RESERVED:
    case STANDBY_LEAVING: break;
    }
}

static void look_at_memory(struct shelf *shelf) {
    const struct engine_waiters *waiters = &shelf->pool->ports.waiters;
    struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (shelf->limits.max_rss > 0 && standby->state == STANDBY_READY &&
            waiters->memory(waiters->self, standby->label) > shelf->limits.max_rss) {
            make_stale(shelf, standby, "it has more memory resident than standby_max_rss");
        }
    }
}

static void look_at_program(struct shelf *shelf) {
    const struct pool_ports *ports = &shelf->pool->ports;
    if (ports->stamp == NULL || shelf->stamp == 0) {
        return;
    }
    struct order_parts parts;
    struct engine_job job = order_job(&shelf->order, "", "", &parts);
    uint64_t stamp = ports->stamp(ports->self, &job);
    struct standby *standby;
    if (stamp == shelf->stamp) {
        return;
    }
    shelf->stamp = stamp;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        if (standby->state == STANDBY_READY || standby->state == STANDBY_STARTING) {
            make_stale(shelf, standby, "its program changed");
        }
    }
}

/* Those to be replaced go as others are ready in their stead; of the others one a minute, but never more than `most` stay. */
static void let_go(struct shelf *shelf, mono_ms now) {
    unsigned wanted = shelf_wanted(shelf, now), stale = shelf_stale(shelf, STANDBY_READY);
    unsigned fresh = shelf_count(shelf, STANDBY_READY) - stale;
    for (; stale > 0 && fresh + stale > wanted; stale--) {
        shelf_dismiss(shelf, oldest(shelf, true), now);
    }
    unsigned most = shelf->lost_in_row >= SHELF_LOST ? wanted : shelf->policy.most;
    for (; fresh > most; fresh--) {
        shelf_dismiss(shelf, oldest(shelf, false), now);
    }
    if (policy_shrinks(&shelf->policy, fresh > wanted ? fresh - wanted : 0, now)) {
        shelf_dismiss(shelf, oldest(shelf, false), now);
    }
}

void shelf_tick(struct shelf *shelf, mono_ms now) {
    for (struct standby *standby = TAILQ_FIRST(&shelf->standbys), *next; standby != NULL; standby = next) {
        next = TAILQ_NEXT(standby, next);
        time_passed(shelf, standby, now);
    }
    let_go(shelf, now);
}

void shelf_look(struct shelf *shelf) {
    if (!shelf->gone) {
        look_at_memory(shelf);
        look_at_program(shelf);
    }
}

static mono_ms due_of(const struct shelf *shelf, const struct standby *standby) {
    mono_ms due = MONO_NEVER;
    switch (standby->state) {
    case STANDBY_STARTING: return standby->since + shelf->pool->options.ready_ms;
    case STANDBY_HANDED: return standby->since + POOL_TAKEN_MS;
    case STANDBY_READY:
        due = !standby->settled ? standby->since + POLICY_SETTLED_MS : due;
        return shelf->limits.max_age_ms > 0 && !standby->stale
                   ? pool_earlier(due, standby->since + shelf->limits.max_age_ms)
                   : due;
    case STANDBY_RESERVED:
    case STANDBY_LEAVING: break;
    }
    return due;
}

mono_ms shelf_next_due(const struct shelf *shelf, mono_ms now) {
    mono_ms due = shelf->policy.shrink_at != 0 ? shelf->policy.shrink_at + POLICY_SHRINK_MS : MONO_NEVER;
    const struct standby *standby;
    TAILQ_FOREACH(standby, &shelf->standbys, next) {
        due = pool_earlier(due, due_of(shelf, standby));
    }
    return shelf->policy.retry_at > now ? pool_earlier(due, shelf->policy.retry_at) : due;
}

void shelf_free(struct shelf *shelf) {
    while (!TAILQ_EMPTY(&shelf->standbys)) {
        shelf_remove(shelf, TAILQ_FIRST(&shelf->standbys));
    }
    order_release(&shelf->order);
    free(shelf);
}
