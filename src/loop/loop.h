/* The event loop: one epoll fd with watchers, a heap of timers on CLOCK_MONOTONIC, and tasks for "right after
 * this batch". It can be run alone (tests, commands) or inside another loop, which watches loop_fd() for
 * readability, waits no longer than loop_wait_ms(), and then calls loop_turn(loop, 0) when the fd was readable
 * and loop_run_due(loop) when it was not.
 *
 * Watchers, timers and tasks are embedded in their owner's struct; the loop never allocates or frees them.
 * Stopping or cancelling one, from inside any callback, means its callback is never called again: a watcher
 * stopped while a batch is walked is skipped. Zeroed ones are valid and stopped. One thread only. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/histogram.h"

struct loop;

struct loop *loop_new(void);
/* What is still started is forgotten: its owners must not stop it afterwards. */
void loop_free(struct loop *loop);
int loop_fd(const struct loop *loop);
/* Milliseconds until the next timer (0 when a task waits), at most LIMIT. */
int loop_wait_ms(const struct loop *loop, int limit);
/* Waits at most TIMEOUT_MS for something to happen, then runs what is ready: tasks, at most one batch of
 * watchers, due timers, and the tasks that those added. EINTR is a turn without events. */
void loop_turn(struct loop *loop, int timeout_ms);
/* A turn that does not look at the watchers, and so makes no system call. */
void loop_run_due(struct loop *loop);
/* How many turns have begun: for those who do only so much a turn. */
uint64_t loop_turns(const struct loop *loop);
/* How many timers are started. */
size_t loop_timers(const struct loop *loop);
/* How late timers ran: one value for each turn in which some did, that of the first. */
const struct histogram *loop_lag(const struct loop *loop);
/* CLOCK_MONOTONIC as of this turn (refreshed at its start and after its wait): what callbacks use as `now`. */
mono_ms loop_now(const struct loop *loop);
/* Reads the clock anew. For callbacks of an outer loop, which run outside any turn. */
void loop_refresh(struct loop *loop);

/* Calls on_ready whenever FD has one of EVENTS (EPOLLIN …; EPOLLERR and EPOLLHUP always). The fd stays its
 * owner's: stop the watcher before closing it. Ends the process with a message where the kernel refuses (a
 * regular file cannot be watched). */
struct watcher {
    void (*on_ready)(struct watcher *self, uint32_t events);
    int fd;
    uint32_t events;
    struct loop *loop; /* NULL while stopped */
};
void watcher_start(struct watcher *watcher, struct loop *loop, int fd, uint32_t events);
void watcher_change(struct watcher *watcher, uint32_t events);
void watcher_stop(struct watcher *watcher);

/* Calls on_due once, DELAY_MS after the start (0: in this turn or the next). Starting a started timer moves it.
 * A timer that starts itself again without delay runs once a turn, so it cannot starve the rest. */
struct timer {
    void (*on_due)(struct timer *self);
    struct loop *loop; /* NULL while not started */
    struct heap_item item;
};
void timer_start(struct timer *timer, struct loop *loop, int64_t delay_ms);
void timer_start_at(struct timer *timer, struct loop *loop, mono_ms due);
void timer_cancel(struct timer *timer);

/* Calls run once, later in this turn or at the next, in the order added. Adding an added task does nothing. */
struct task {
    void (*run)(struct task *self);
    struct loop *loop; /* NULL while not added */
    struct task *next;
};
void task_add(struct task *task, struct loop *loop);
void task_cancel(struct task *task);

#endif
