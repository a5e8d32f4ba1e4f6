/* Signals as events: blocked in the process and read from a signalfd. Children must unblock them (spawner). */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include "loop/loop.h"

struct signals {
    void (*on_signal)(struct signals *self, int number);
    struct watcher watcher;
};

/* Blocks SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 and reports them; ignores SIGPIPE. Aborts if the kernel
 * refuses. Signals of one kind that come close together are reported once: that is what the kernel keeps. */
void signals_start(struct signals *signals, struct loop *loop);
/* What signals_start does with SIGPIPE, for whoever writes to sockets without MSG_NOSIGNAL. */
void signals_ignore_pipe(void);
/* Reports no more. The signals stay blocked: one that is pending must not end the process during its shutdown. */
void signals_stop(struct signals *signals);

#endif
