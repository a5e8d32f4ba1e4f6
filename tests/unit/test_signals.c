/* Signals as events of the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/signals.h"

struct seen {
    struct signals signals;
    unsigned count[65];
    bool stop_at_first;
};

static void on_signal(struct signals *signals, int number) {
    struct seen *seen = container_of(signals, struct seen, signals);
    assert_in_range(number, 1, 64);
    seen->count[number]++;
    if (seen->stop_at_first) {
        signals_stop(signals);
    }
}

static void turn_until(struct loop *loop, const unsigned *count) {
    mono_ms deadline = clock_mono_ms() + 60000;
    while (*count == 0 && clock_mono_ms() < deadline) {
        loop_turn(loop, 100);
    }
    assert_int_equal(*count, 1);
}

static void test_each_signal_is_reported(void **state) {
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct loop *loop = loop_new();
    struct seen seen = {.signals.on_signal = on_signal};
    signals_start(&seen.signals, loop);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        kill(getpid(), numbers[i]);
        turn_until(loop, &seen.count[numbers[i]]);
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    turn_until(loop, &seen.count[SIGCHLD]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    signals_stop(&seen.signals);
    signals_stop(&seen.signals);
    loop_free(loop);
}

static void test_sigpipe_is_ignored(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1); /* and here we still are */
    close(fds[1]);
}

static void test_stopped_in_its_callback(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct seen seen = {.signals.on_signal = on_signal, .stop_at_first = true};
    signals_start(&seen.signals, loop);
    kill(getpid(), SIGTERM);
    turn_until(loop, &seen.count[SIGTERM]);
    kill(getpid(), SIGTERM); /* blocked still: it must not end the process */
    loop_turn(loop, 0);
    assert_int_equal(seen.count[SIGTERM], 1);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_signal_is_reported),
        cmocka_unit_test(test_sigpipe_is_ignored),
        cmocka_unit_test(test_stopped_in_its_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
