/* "We are well", said to the service manager again and again while the loop turns: each ping goes once through a timer
 * and once through the watchers, so it stops when either does. */
#ifndef SERVICE_WATCHDOG_H
#define SERVICE_WATCHDOG_H

#include "loop/loop.h"
#include "service/manager.h"

struct watchdog {
    const struct manager *manager;
    struct timer timer;
    struct watcher watcher;
    int64_t every_ms;
    uint64_t pings;
};

/* Three pings in the time after which the manager ends us. Nothing where it does not want any. MANAGER is borrowed. */
void watchdog_start(struct watchdog *watchdog, struct loop *loop, const struct manager *manager);
void watchdog_stop(struct watchdog *watchdog);

#endif
