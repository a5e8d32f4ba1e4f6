/* A pidfd in the loop: it becomes readable, and stays so, when the process ends. */
#include "loop/child_watch.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/mem.h"

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct child_watch *watch = container_of(watcher, struct child_watch, watcher);
    (void)events;
    watcher_stop(watcher);
    watch->on_exit(watch);
}

/* 0 is taken to mean "none", and a daemon started without a stdin could be given it. */
static int above_zero(int fd) {
    if (fd != 0) {
        return fd;
    }
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return higher;
}

bool child_watch_start(struct child_watch *watch, struct loop *loop, pid_t pid) {
    assert(watch->on_exit != NULL && watch->pidfd <= 0);
    int fd = above_zero(pidfd_open(pid, 0));
    if (fd < 0) {
        return false;
    }
    watch->pidfd = fd;
    watch->watcher.on_ready = on_ready;
    watcher_start(&watch->watcher, loop, fd, EPOLLIN);
    return true;
}

void child_watch_stop(struct child_watch *watch) {
    watcher_stop(&watch->watcher);
    if (watch->pidfd > 0) {
        close(watch->pidfd);
    }
    watch->pidfd = 0;
}
