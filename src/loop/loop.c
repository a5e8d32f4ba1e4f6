/* The loop. Epoll hands back pointers to watchers, so a watcher that is stopped while a batch is walked is struck
 * out of the rest of that batch: its memory may be gone or in use for another. Tasks wait in one queue and move
 * to a second one to be run, so tasks added by tasks wait for the next round. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"

#define BATCH 64

struct task_queue {
    struct task *first, **end;
};

struct loop {
    int epoll_fd;
    mono_ms now;
    struct heap timers;
    bool in_timers;
    struct task_queue added, running;
    struct epoll_event *batch; /* what is left of the batch being walked */
    int batch_left;
    uint64_t turns;
    struct histogram lag;
};

static void die(const char *what, int fd) {
    fprintf(stderr, "sipbridge: SIP %s of fd %d failed: %s\n", what, fd, strerror(errno));
    abort();
}

struct loop *loop_new(void) {
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        die("epoll_create1", -1);
    }
    loop->added.end = &loop->added.first;
    loop->running.end = &loop->running.first;
    loop->now = clock_mono_ms();
    histogram_init(&loop->lag, &buckets_quick);
    return loop;
}

void loop_free(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    close(loop->epoll_fd);
    heap_release(&loop->timers);
    free(loop);
}

int loop_fd(const struct loop *loop) {
    return loop->epoll_fd;
}

mono_ms loop_now(const struct loop *loop) {
    return loop->now;
}

void loop_refresh(struct loop *loop) {
    loop->now = clock_mono_ms();
}

int loop_wait_ms(const struct loop *loop, int limit) {
    if (loop->added.first != NULL || loop->running.first != NULL) {
        return 0;
    }
    const struct heap_item *first = heap_first(&loop->timers);
    if (first == NULL) {
        return limit;
    }
    mono_ms wait = first->due - clock_mono_ms();
    if (wait <= 0) {
        return 0;
    }
    return wait < limit ? (int)wait : limit;
}

static void run_tasks(struct loop *loop) {
    assert(loop->running.first == NULL);
    if (loop->added.first == NULL) {
        return;
    }
    loop->running.first = loop->added.first;
    loop->running.end = loop->added.end;
    loop->added.first = NULL;
    loop->added.end = &loop->added.first;
    while (loop->running.first != NULL) {
        struct task *task = loop->running.first;
        task_cancel(task);
        task->run(task);
    }
}

const struct histogram *loop_lag(const struct loop *loop) {
    return &loop->lag;
}

size_t loop_timers(const struct loop *loop) {
    return loop->timers.count;
}

static void run_timers(struct loop *loop) {
    struct heap_item *item = heap_first(&loop->timers);
    if (item == NULL || item->due > loop->now) {
        return;
    }
    histogram_add(&loop->lag, (clock_mono_ms() - item->due) * 1000);
    loop->in_timers = true;
    while ((item = heap_first(&loop->timers)) != NULL && item->due <= loop->now) {
        struct timer *timer = container_of(item, struct timer, item);
        timer_cancel(timer);
        timer->on_due(timer);
    }
    loop->in_timers = false;
}

static void run_watchers(struct loop *loop, int timeout_ms) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(loop->epoll_fd, events, BATCH, timeout_ms);
    loop_refresh(loop);
    if (count < 0 && errno != EINTR) {
        die("epoll_wait", loop->epoll_fd);
    }
    for (int i = 0; i < count; i++) {
        struct watcher *watcher = events[i].data.ptr;
        loop->batch = events + i + 1;
        loop->batch_left = count - i - 1;
        if (watcher != NULL) {
            watcher->on_ready(watcher, events[i].events);
        }
    }
    loop->batch_left = 0;
}

uint64_t loop_turns(const struct loop *loop) {
    return loop->turns;
}

void loop_turn(struct loop *loop, int timeout_ms) {
    loop->turns++;
    loop_refresh(loop);
    run_tasks(loop);
    run_watchers(loop, loop_wait_ms(loop, timeout_ms));
    run_timers(loop);
    run_tasks(loop);
}

void loop_run_due(struct loop *loop) {
    loop->turns++;
    loop_refresh(loop);
    run_tasks(loop);
    run_timers(loop);
    run_tasks(loop);
}

static void control(struct watcher *watcher, int operation) {
    struct epoll_event event = {.events = watcher->events, .data.ptr = watcher};
    if (epoll_ctl(watcher->loop->epoll_fd, operation, watcher->fd, &event) != 0) {
        die("epoll_ctl", watcher->fd);
    }
}

void watcher_start(struct watcher *watcher, struct loop *loop, int fd, uint32_t events) {
    assert(watcher->loop == NULL && watcher->on_ready != NULL);
    watcher->loop = loop;
    watcher->fd = fd;
    watcher->events = events;
    control(watcher, EPOLL_CTL_ADD);
}

void watcher_change(struct watcher *watcher, uint32_t events) {
    assert(watcher->loop != NULL);
    if (watcher->events != events) {
        watcher->events = events;
        control(watcher, EPOLL_CTL_MOD);
    }
}

void watcher_stop(struct watcher *watcher) {
    struct loop *loop = watcher->loop;
    if (loop == NULL) {
        return;
    }
    control(watcher, EPOLL_CTL_DEL);
    for (int i = 0; i < loop->batch_left; i++) {
        if (loop->batch[i].data.ptr == watcher) {
            loop->batch[i].data.ptr = NULL;
        }
    }
    watcher->loop = NULL;
}

void timer_start(struct timer *timer, struct loop *loop, int64_t delay_ms) {
    mono_ms now = clock_mono_ms(); /* not loop->now: outside a turn that is as old as the last one */
    timer_start_at(timer, loop, delay_ms < MONO_NEVER - now ? now + delay_ms : MONO_NEVER);
}

void timer_start_at(struct timer *timer, struct loop *loop, mono_ms due) {
    assert(timer->on_due != NULL && (timer->loop == NULL || timer->loop == loop));
    if (loop->in_timers && due <= loop->now) {
        due = loop->now + 1; /* not in this pass over the timers: it would never end */
    }
    timer->loop = loop;
    heap_set(&loop->timers, &timer->item, due);
}

void timer_cancel(struct timer *timer) {
    if (timer->loop != NULL) {
        heap_remove(&timer->loop->timers, &timer->item);
        timer->loop = NULL;
    }
}

void task_add(struct task *task, struct loop *loop) {
    if (task->loop != NULL) {
        return;
    }
    task->loop = loop;
    task->next = NULL;
    *loop->added.end = task;
    loop->added.end = &task->next;
}

static void remove_from(struct task_queue *queue, struct task *task) {
    for (struct task **at = &queue->first; *at != NULL; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            if (queue->end == &task->next) {
                queue->end = at;
            }
            return;
        }
    }
}

void task_cancel(struct task *task) {
    if (task->loop != NULL) {
        remove_from(&task->loop->running, task);
        remove_from(&task->loop->added, task);
        task->loop = NULL;
    }
}
