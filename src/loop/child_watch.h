/* Tells when a process is gone, by pidfd: no SIGCHLD, no races with reused PIDs. */
#ifndef LOOP_CHILD_WATCH_H
#define LOOP_CHILD_WATCH_H

#include <sys/types.h>

#include "loop/loop.h"

struct child_watch {
    void (*on_exit)(struct child_watch *self); /* the process is a zombie or gone; it was not reaped: that is the owner's */
    int pidfd;
    struct watcher watcher;
};

/* Opens a pidfd of PID. False with errno when there is no such process or no fd left. */
bool child_watch_start(struct child_watch *watch, struct loop *loop, pid_t pid) __attribute__((warn_unused_result));
/* Closes the pidfd. */
void child_watch_stop(struct child_watch *watch);

#endif
