/* Signals as events: blocked in the process and read from a signalfd. Children must unblock them (spawner). */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include "loop/loop.h"

struct signals {
    void (*on_signal)(struct signals *self, int number);
    struct watcher watcher;
};

/* From here on SIGHUP and SIGUSR1 end the process no more: signals_start reports them. */
void signals_hold_requests(void);
/* Blocks SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 and reports them, and lets writes fail (below). Aborts if the kernel
 * refuses. Signals of one kind that come close together are reported once: that is what the kernel keeps. */
void signals_start(struct signals *signals, struct loop *loop);
/* Ignores SIGPIPE and SIGXFSZ for the process: a write to a socket that nobody reads (without MSG_NOSIGNAL), or to a file at its
 * limit (ulimit -f), fails instead. */
void signals_let_writes_fail(void);
/* Reports no more. The signals stay blocked: one that is pending must not end the process during its shutdown. */
void signals_stop(struct signals *signals);

#endif
