/* The timer writes to an eventfd, its watcher pings and starts the timer again. */
#include "service/watchdog.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { PINGS = 3, MS_IN_US = 1000 };

static void on_due(struct timer *timer) {
    const struct watchdog *watchdog = container_of(timer, struct watchdog, timer);
    (void)eventfd_write(watchdog->watcher.fd, 1);
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct watchdog *watchdog = container_of(watcher, struct watchdog, watcher);
    eventfd_t count;
    (void)events;
    (void)eventfd_read(watcher->fd, &count);
    (void)manager_tell(watchdog->manager, "WATCHDOG=1\n"); /* one that was not taken is followed by the next */
    watchdog->pings++;
    timer_start(&watchdog->timer, watcher->loop, watchdog->every_ms);
}

void watchdog_start(struct watchdog *watchdog, struct loop *loop, const struct manager *manager) {
    if (manager->fd < 0 || manager->watchdog_us == 0) {
        return;
    }
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        log_warning(NULL, "the service manager's watchdog cannot be served (%m): it may end us");
        return;
    }
    int64_t every_ms = manager->watchdog_us / MS_IN_US / PINGS;
    *watchdog = (struct watchdog){.manager = manager, .every_ms = every_ms > 0 ? every_ms : 1};
    watchdog->timer.on_due = on_due;
    watchdog->watcher.on_ready = on_ready;
    watcher_start(&watchdog->watcher, loop, fd, EPOLLIN);
    timer_start(&watchdog->timer, loop, 0);
}

void watchdog_stop(struct watchdog *watchdog) {
    if (watchdog->watcher.loop == NULL) {
        return;
    }
    int fd = watchdog->watcher.fd;
    watcher_stop(&watchdog->watcher);
    timer_cancel(&watchdog->timer);
    close(fd);
}
