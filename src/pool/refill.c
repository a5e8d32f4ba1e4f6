/* What is started next, and when. */
#include "pool/shelf.h"

/* How many more of SHELF should be starting. */
static unsigned need_of(const struct shelf *shelf, mono_ms now) {
    unsigned starting = shelf_count(shelf, STANDBY_STARTING), wanted = shelf_wanted(shelf, now);
    unsigned coming = starting + shelf_count(shelf, STANDBY_READY) - shelf_stale(shelf, STANDBY_STARTING) -
                      shelf_stale(shelf, STANDBY_READY);
    return policy_may_start(&shelf->policy, starting, now) && wanted > coming ? wanted - coming : 0;
}

static unsigned waiting(const struct shelf *shelf) {
    return shelf_count(shelf, STANDBY_READY);
}

/* The shelf that gets the next process: of those in need the one where fewest wait. NULL: none is in need. */
static struct shelf *neediest(const struct pool *pool, mono_ms now) {
    struct shelf *best = NULL;
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        if (need_of(shelf, now) > 0 && (best == NULL || waiting(shelf) < waiting(best))) {
            best = shelf;
        }
    }
    return best;
}

struct totals {
    size_t starting, waiting;
};

static struct totals count_all(const struct pool *pool) {
    struct totals totals = {0};
    for (const struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        totals.starting += shelf_count(shelf, STANDBY_STARTING);
        totals.waiting += waiting(shelf);
    }
    return totals;
}

static bool is_full(const struct pool *pool) {
    struct totals totals = count_all(pool);
    size_t most = pool->options.max_waiting;
    return totals.starting >= pool->options.starts_at_once || (most > 0 && totals.starting + totals.waiting >= most);
}

static mono_ms later(mono_ms a, mono_ms b) {
    return a > b ? a : b;
}

/* When the next start may be, for the sake of SIP_MAX_STARTS and of calls that ring. */
static mono_ms start_after(struct pool *pool, mono_ms now) {
    mono_ms after = pool->last_start_at;
    if (pool->last_start_at != 0 && pool->options.max_starts > 0) {
        after += (int64_t)(1000 / pool->options.max_starts);
    }
    if (pool->ports.is_busy == NULL || !pool->ports.is_busy(pool->ports.self)) {
        pool->held_since = 0;
        return after;
    }
    pool->held_since = pool->held_since != 0 ? pool->held_since : now;
    return later(after, pool->held_since + POOL_HELD_MS);
}

/* Starts what is needed; until when it must wait with the rest. */
static mono_ms start_some(struct pool *pool, mono_ms now) {
    struct shelf *shelf;
    while (!pool->closed && !pool->memory_short && (shelf = neediest(pool, now)) != NULL && !is_full(pool)) {
        mono_ms after = start_after(pool, now);
        if (now < after) {
            return after;
        }
        pool->last_start_at = now;
        pool->held_since = 0;
        shelf_start(shelf, now);
    }
    pool->held_since = 0;
    return MONO_NEVER;
}

void pool_tick(struct pool *pool) {
    mono_ms now = pool_now(pool);
    bool freed = pool->held_since != 0 && !pool->ports.is_busy(pool->ports.self);
    if (!pool->dirty && !freed && now < pool->due) {
        return;
    }
    bool looks = now >= pool->look_at;
    pool->dirty = false;
    pool->look_at = looks ? now + POOL_LOOK_MS : pool->look_at;
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        if (looks) {
            shelf_look(shelf);
        }
        shelf_tick(shelf, now);
    }
    pool_tidy_all(pool);
    pool->due = start_some(pool, now);
    for (const struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        pool->due = pool_earlier(pool->due, pool_earlier(shelf_next_due(shelf, now), pool->look_at));
    }
}

mono_ms pool_next_due(const struct pool *pool) {
    return pool->dirty ? pool_now(pool) : pool->due;
}
