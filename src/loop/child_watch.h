/* Tells when a process is gone, by pidfd: no SIGCHLD, no races with reused PIDs. */
#ifndef LOOP_CHILD_WATCH_H
#define LOOP_CHILD_WATCH_H

#include <sys/types.h>

#include "loop/loop.h"

struct child_watch {
    /* The process is a zombie or gone; it was not reaped: that is the owner's, with waitid(P_PIDFD, self->pidfd).
     * Called once; the pidfd stays open until child_watch_stop. */
    void (*on_exit)(struct child_watch *self);
    int pidfd; /* 0 while stopped */
    struct watcher watcher;
};

/* Opens a pidfd of PID. False with errno when there is no such process or no fd left. */
bool child_watch_start(struct child_watch *watch, struct loop *loop, pid_t pid) __attribute__((warn_unused_result));
/* Closes the pidfd. */
void child_watch_stop(struct child_watch *watch);

#endif
