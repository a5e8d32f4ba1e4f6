/* The life of a pool, and which agents have a shelf in it. */
#include "base/mem.h"
#include "pool/shelf.h"

static const char *text(const char *text_or_null) {
    return text_or_null != NULL ? text_or_null : "";
}

/* The former options' text is there still, and is not looked at any more afterwards. */
static void take_options(struct pool *pool, const struct pool_options *options) {
    struct order_access *access = &pool->access;
    const char *key = text(options->api_key), *secret = text(options->api_secret);
    bool other = strcmp(text(access->api_key), key) != 0 || strcmp(text(access->api_secret), secret) != 0;
    pool->options = *options;
    *access = (struct order_access){text(options->livekit_url), key, secret, access->generation + other};
}

struct pool *pool_new(const struct pool_options *options, const struct pool_ports *ports) {
    struct pool *pool = xcalloc(1, sizeof *pool);
    pool->ports = *ports;
    pool->due = MONO_NEVER;
    take_options(pool, options);
    return pool;
}

void pool_free(struct pool *pool) {
    if (pool == NULL) {
        return;
    }
    struct shelf *shelf, *next;
    HASH_ITER(hh, pool->shelves, shelf, next) {
        HASH_DEL(pool->shelves, shelf);
        shelf_free(shelf);
    }
    directory_release(pool->directory);
    free(pool);
}

static struct shelf *add_shelf(struct pool *pool, struct order *order) {
    struct shelf *shelf = xcalloc(1, sizeof *shelf);
    shelf->pool = pool;
    shelf->order = *order;
    *order = (struct order){0};
    TAILQ_INIT(&shelf->standbys);
    HASH_ADD_KEYPTR(hh, pool->shelves, shelf->order.agent, strlen(shelf->order.agent), shelf);
    return shelf;
}

/* Those that were started by the former entry get no call any more; the shelf's name, which is its key, stays. */
static void change_order(struct shelf *shelf, struct order *order, mono_ms now) {
    char *agent = shelf->order.agent;
    shelf->order.agent = NULL;
    order_release(&shelf->order);
    free(order->agent);
    shelf->order = *order;
    shelf->order.agent = agent;
    *order = (struct order){0};
    shelf->stamp = 0;
    shelf->lost_in_row = 0;
    policy_worked(&shelf->policy);
    shelf_dismiss_all(shelf, now);
    log_info(&(struct log_about){.agent = slice_of(agent)}, "its entry changed: its standbys are replaced");
}

static long least_of(long a, long b) {
    return b > 0 && b < a ? b : a;
}

static void set_limits(struct shelf *shelf, const struct agent *agent) {
    long most = least_of(least_of(agent->standby.most, agent->max), (long)shelf->pool->options.max_calls);
    shelf->gone = false;
    shelf->limits = agent->standby;
    shelf->stop_timeout_ms = agent->stop_timeout_ms;
    shelf->policy.most = (unsigned)most;
    shelf->policy.least = (unsigned)(agent->standby.least < most ? agent->standby.least : most);
}

static void take_agent(struct pool *pool, const struct agent *agent, mono_ms now) {
    struct shelf *shelf = NULL;
    struct order_parts parts;
    struct order order;
    if (agent->broken != NULL || agent->standby.least == 0) {
        return;
    }
    order_init(&order, agent, &pool->access);
    const struct engine_job job = order_job(&order, "", "", &parts);
    HASH_FIND_STR(pool->shelves, agent->name, shelf);
    if (shelf == NULL) {
        shelf = add_shelf(pool, &order);
    } else if (!order_fits(&shelf->order, &job)) {
        change_order(shelf, &order, now);
    }
    order_release(&order);
    set_limits(shelf, agent);
}

void pool_tidy(struct pool *pool, struct shelf *shelf) {
    if (shelf->gone && TAILQ_EMPTY(&shelf->standbys)) {
        HASH_DEL(pool->shelves, shelf);
        shelf_free(shelf);
    }
}

void pool_tidy_all(struct pool *pool) {
    struct shelf *shelf, *next;
    HASH_ITER(hh, pool->shelves, shelf, next) {
        pool_tidy(pool, shelf);
    }
}

static void refresh(struct pool *pool) {
    const struct directory *directory = pool->directory;
    const struct agent *template = directory != NULL ? directory_template(directory) : NULL;
    mono_ms now = pool_now(pool);
    struct shelf *shelf;
    for (shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        shelf->gone = true;
    }
    if (template != NULL) {
        take_agent(pool, template, now);
    }
    for (size_t i = 0; directory != NULL && i < directory_count(directory); i++) {
        take_agent(pool, directory_at(directory, i), now);
    }
    for (shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        if (shelf->gone) {
            shelf_dismiss_all(shelf, now);
        }
    }
    pool_tidy_all(pool);
    pool->dirty = true;
}

void pool_set_directory(struct pool *pool, struct directory *directory) {
    struct directory *former = pool->directory;
    pool->directory = directory != NULL ? directory_hold(directory) : NULL;
    directory_release(former);
    if (!pool->closed) {
        refresh(pool);
    }
}

void pool_set_options(struct pool *pool, const struct pool_options *options) {
    take_options(pool, options);
    if (!pool->closed) {
        refresh(pool);
    }
}

void pool_renew(struct pool *pool) {
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        struct standby *standby;
        shelf->lost_in_row = 0;
        policy_worked(&shelf->policy);
        TAILQ_FOREACH(standby, &shelf->standbys, next) {
            standby->stale = true;
        }
    }
    pool->dirty = true;
}

void pool_hold(struct pool *pool, bool memory_short) {
    pool->memory_short = memory_short;
    pool->dirty = true;
}

void pool_close(struct pool *pool) {
    mono_ms now = pool_now(pool);
    pool->closed = true;
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        shelf_dismiss_all(shelf, now);
    }
}
