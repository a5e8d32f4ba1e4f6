/* The loop alone: watchers stopped in the middle of a batch, timers in order, tasks in rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"

#define MOST 100

struct signalled {
    struct watcher watcher;
    int fd;
    unsigned calls;
    struct signalled *stops; /* what its callback stops and frees */
};

static struct loop *loop;

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

static void stop_and_free(struct signalled *it) {
    watcher_stop(&it->watcher);
    close(it->fd);
    free(it);
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct signalled *it = container_of(watcher, struct signalled, watcher);
    assert_true(events & EPOLLIN);
    it->calls++;
    if (it->stops != NULL) {
        struct signalled *other = it->stops;
        it->stops = NULL;
        stop_and_free(other);
    }
}

static struct signalled *signalled_new(void) {
    struct signalled *it = xcalloc(1, sizeof *it);
    it->fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    it->watcher.on_ready = on_ready;
    watcher_start(&it->watcher, loop, it->fd, EPOLLIN);
    return it;
}

static void test_watcher_is_called_while_ready(void **state) {
    (void)state;
    struct signalled *it = signalled_new();
    loop_turn(loop, 1000);
    loop_turn(loop, 1000);
    assert_int_equal(it->calls, 2);
    watcher_change(&it->watcher, 0);
    loop_turn(loop, 0);
    assert_int_equal(it->calls, 2);
    watcher_change(&it->watcher, EPOLLIN);
    loop_turn(loop, 1000);
    assert_int_equal(it->calls, 3);
    stop_and_free(it);
    loop_turn(loop, 0);
}

/* Two are ready; whichever comes first frees the other, whose memory must not be touched (ASan looks on). */
static void test_watcher_freed_in_the_middle_of_a_batch(void **state) {
    (void)state;
    struct signalled *a = signalled_new();
    struct signalled *b = signalled_new();
    struct signalled *freed_by_a = b, *freed_by_b = a;
    a->stops = freed_by_a;
    b->stops = freed_by_b;
    loop_turn(loop, 1000);
    struct signalled *left = a->stops == NULL ? a : b; /* epoll gives them in order of readiness: a first */
    assert_ptr_equal(left, a);
    assert_int_equal(left->calls, 1);
    stop_and_free(left);
}

/* A watcher that is stopped and at once started for another fd in the same batch must not get the old event. */
static struct signalled *moved;
static int moved_to;

static void on_ready_move_other(struct watcher *watcher, uint32_t events) {
    (void)events;
    watcher_stop(watcher);
    watcher_stop(&moved->watcher);
    watcher_start(&moved->watcher, loop, moved_to, EPOLLIN);
}

static void test_watcher_started_again_in_the_batch_gets_no_stale_event(void **state) {
    (void)state;
    struct signalled *first = signalled_new();
    moved = signalled_new();
    moved_to = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); /* never ready */
    first->watcher.on_ready = on_ready_move_other;
    loop_turn(loop, 1000);
    loop_turn(loop, 0);
    assert_int_equal(moved->calls, 0);
    stop_and_free(first);
    stop_and_free(moved);
    close(moved_to);
}

struct ticking {
    struct timer timer;
    mono_ms wanted;
    unsigned calls;
    bool again;
};

static mono_ms last_due;
static unsigned fired;

static void on_due(struct timer *timer) {
    struct ticking *it = container_of(timer, struct ticking, timer);
    it->calls++;
    fired++;
    assert_true(loop_now(loop) >= it->wanted);
    assert_true(it->wanted >= last_due);
    last_due = it->wanted;
    if (it->again) {
        timer_start(timer, loop, 0);
    }
}

static void test_timers_fire_in_order_and_never_early(void **state) {
    (void)state;
    struct ticking timers[MOST];
    uint32_t seed = 1;
    memset(timers, 0, sizeof timers);
    last_due = 0;
    fired = 0;
    mono_ms now = clock_mono_ms();
    for (size_t i = 0; i < MOST; i++) {
        seed = seed * 1664525 + 1013904223;
        timers[i].timer.on_due = on_due;
        timers[i].wanted = now + (seed >> 16) % 50;
        timer_start_at(&timers[i].timer, loop, timers[i].wanted);
    }
    for (size_t i = 0; i < MOST; i += 3) {
        timer_cancel(&timers[i].timer);
        timer_cancel(&timers[i].timer);
    }
    while (loop_wait_ms(loop, 1000) < 1000) {
        loop_turn(loop, 1000);
    }
    for (size_t i = 0; i < MOST; i++) {
        assert_int_equal(timers[i].calls, i % 3 == 0 ? 0 : 1);
    }
}

static void test_started_timer_moves(void **state) {
    (void)state;
    struct ticking it = {.timer.on_due = on_due};
    last_due = 0;
    fired = 0;
    timer_start(&it.timer, loop, 0);
    timer_start(&it.timer, loop, 3600000);
    loop_turn(loop, 0);
    assert_int_equal(it.calls, 0);
    assert_in_range(loop_wait_ms(loop, 7200000), 3000000, 3600000);
    assert_int_equal(loop_wait_ms(loop, 5), 5);
    timer_start(&it.timer, loop, INT64_MAX); /* never, and no overflow */
    assert_int_equal(loop_wait_ms(loop, 7), 7);
    timer_cancel(&it.timer);
}

static void test_timer_that_restarts_itself_does_not_starve_watchers(void **state) {
    (void)state;
    struct ticking it = {.timer.on_due = on_due, .again = true};
    struct signalled *watched = signalled_new();
    last_due = 0;
    timer_start(&it.timer, loop, 0);
    while (it.calls < 5) {
        unsigned before = it.calls;
        loop_turn(loop, 1000);
        assert_true(it.calls <= before + 1);
    }
    assert_true(watched->calls >= 5);
    timer_cancel(&it.timer);
    stop_and_free(watched);
}

struct working {
    struct task task;
    struct working *adds, *cancels;
    unsigned calls;
};

static char order[16];

static void run_task(struct task *task) {
    struct working *it = container_of(task, struct working, task);
    size_t length = strlen(order);
    it->calls++;
    order[length] = (char)('0' + it->calls);
    if (it->adds != NULL) {
        task_add(&it->adds->task, loop);
        task_add(&it->adds->task, loop); /* twice is once */
    }
    if (it->cancels != NULL) {
        task_cancel(&it->cancels->task);
    }
}

static void test_task_that_adds_itself_runs_once_a_round(void **state) {
    (void)state;
    struct working it = {.task.run = run_task};
    memset(order, 0, sizeof order);
    it.adds = &it;
    task_add(&it.task, loop);
    assert_int_equal(loop_wait_ms(loop, 1000), 0);
    loop_run_due(loop);
    assert_int_equal(it.calls, 2); /* before and after the timers */
    it.adds = NULL;
    loop_run_due(loop);
    assert_int_equal(it.calls, 3);
    assert_int_equal(loop_wait_ms(loop, 1000), 1000);
}

static void test_task_cancelled_by_another(void **state) {
    (void)state;
    struct working a = {.task.run = run_task}, b = {.task.run = run_task}, c = {.task.run = run_task};
    memset(order, 0, sizeof order);
    a.cancels = &c; /* the last of the queue */
    task_add(&a.task, loop);
    task_add(&b.task, loop);
    task_add(&c.task, loop);
    loop_run_due(loop);
    assert_int_equal(a.calls + b.calls + c.calls, 2);
    assert_int_equal(c.calls, 0);
    task_add(&c.task, loop); /* the queue is still whole */
    task_add(&a.task, loop);
    a.cancels = NULL;
    loop_run_due(loop);
    assert_int_equal(c.calls, 1);
    assert_int_equal(a.calls, 2);
}

static void test_task_cancelled_before_its_turn(void **state) {
    (void)state;
    struct working a = {.task.run = run_task}, b = {.task.run = run_task}, c = {.task.run = run_task};
    memset(order, 0, sizeof order);
    task_add(&a.task, loop);
    task_add(&b.task, loop);
    task_cancel(&b.task); /* the last of the queue; the next one must find its place */
    task_cancel(&b.task);
    task_add(&c.task, loop);
    loop_run_due(loop);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 1);
}

static void test_run_due_leaves_watchers_alone(void **state) {
    (void)state;
    struct signalled *it = signalled_new();
    loop_run_due(loop);
    assert_int_equal(it->calls, 0);
    stop_and_free(it);
}

static void on_alarm(int number) {
    (void)number;
}

static void test_interrupted_wait_is_an_empty_turn(void **state) {
    (void)state;
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}}, never = {0};
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, &before);
    mono_ms start = clock_mono_ms();
    setitimer(ITIMER_REAL, &soon, NULL);
    loop_turn(loop, 3600000); /* the first signal may come before the wait, the next one does not */
    setitimer(ITIMER_REAL, &never, NULL);
    assert_true(loop_now(loop) >= start + 10);
    sigaction(SIGALRM, &before, NULL);
}

static void test_fd_is_readable_when_a_watcher_is(void **state) {
    (void)state;
    int outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(outer, EPOLL_CTL_ADD, loop_fd(loop), &event);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    struct signalled *it = signalled_new();
    assert_int_equal(epoll_wait(outer, &event, 1, 1000), 1);
    stop_and_free(it);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    close(outer);
}

static void test_refresh_moves_now(void **state) {
    (void)state;
    mono_ms before = loop_now(loop);
    while (clock_mono_ms() < before + 3) {
    }
    assert_int_equal(loop_now(loop), before);
    loop_refresh(loop);
    assert_true(loop_now(loop) >= before + 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_watcher_is_called_while_ready),
        TEST(test_watcher_freed_in_the_middle_of_a_batch),
        TEST(test_watcher_started_again_in_the_batch_gets_no_stale_event),
        TEST(test_timers_fire_in_order_and_never_early),
        TEST(test_started_timer_moves),
        TEST(test_timer_that_restarts_itself_does_not_starve_watchers),
        TEST(test_task_that_adds_itself_runs_once_a_round),
        TEST(test_task_cancelled_by_another),
        TEST(test_task_cancelled_before_its_turn),
        TEST(test_run_due_leaves_watchers_alone),
        TEST(test_interrupted_wait_is_an_empty_turn),
        TEST(test_fd_is_readable_when_a_watcher_is),
        TEST(test_refresh_moves_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
