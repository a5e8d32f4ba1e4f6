/* A signalfd in the loop. Read one record at a time: a callback may stop the signals. */
#include "loop/signals.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1};

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct signals *signals = container_of(watcher, struct signals, watcher);
    struct signalfd_siginfo info;
    (void)events;
    if (read(watcher->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        signals->on_signal(signals, (int)info.ssi_signo);
    }
}

void signals_let_writes_fail(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

void signals_hold_requests(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void signals_start(struct signals *signals, struct loop *loop) {
    assert(signals->on_signal != NULL);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        sigaddset(&set, numbers[i]);
    }
    signals_let_writes_fail();
    int fd = sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
    if (fd < 0) {
        perror("sipbridge: SIP signalfd");
        abort();
    }
    signals->watcher.on_ready = on_ready;
    watcher_start(&signals->watcher, loop, fd, EPOLLIN);
}

void signals_stop(struct signals *signals) {
    if (signals->watcher.loop == NULL) {
        return;
    }
    int fd = signals->watcher.fd;
    watcher_stop(&signals->watcher);
    close(fd);
}
