/* The pool as status shows it. */
#include "pool/shelf.h"

void pool_each(const struct pool *pool, void (*each)(void *context, const struct pool_view *view), void *context) {
    mono_ms now = pool_now(pool);
    for (const struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        struct pool_view view = shelf->counters;
        view.agent = shelf->order.agent;
        view.least = shelf->policy.least;
        view.most = shelf->policy.most;
        view.wanted = shelf_wanted(shelf, now);
        view.starting = shelf_count(shelf, STANDBY_STARTING);
        view.ready = shelf_count(shelf, STANDBY_READY);
        view.start_ms = shelf->policy.start_ms;
        view.retry_in_ms = shelf->policy.retry_at > now ? shelf->policy.retry_at - now : 0;
        view.fails = shelf_fails(shelf);
        view.reason = shelf->policy.failures > 0 ? shelf->reason : "";
        each(context, &view);
    }
}

bool pool_fails(const struct pool *pool) {
    for (const struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        if (shelf_fails(shelf)) {
            return true;
        }
    }
    return false;
}
