/* The end of real children, seen through pidfds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/child_watch.h"

struct watched {
    struct child_watch watch;
    unsigned exits;
};

static void on_exit_seen(struct child_watch *watch) {
    container_of(watch, struct watched, watch)->exits++;
}

/* A child that lives until it is killed, or this test ends. */
static pid_t start_child(void) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            pause();
        }
    }
    return pid;
}

static void test_exit_is_seen_once_and_not_reaped(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watched it = {.watch.on_exit = on_exit_seen};
    pid_t pid = start_child();
    assert_true(child_watch_start(&it.watch, loop, pid));
    loop_turn(loop, 0);
    assert_int_equal(it.exits, 0);
    kill(pid, SIGKILL);
    mono_ms deadline = clock_mono_ms() + 60000;
    while (it.exits == 0 && clock_mono_ms() < deadline) {
        loop_turn(loop, 100);
    }
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    assert_int_equal(it.exits, 1);
    siginfo_t info = {0};
    assert_int_equal(waitid(P_PIDFD, (id_t)it.watch.pidfd, &info, WEXITED), 0);
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(info.si_status, SIGKILL);
    int fd = it.watch.pidfd;
    child_watch_stop(&it.watch);
    child_watch_stop(&it.watch);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    loop_free(loop);
}

static void test_no_such_process(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watched it = {.watch.on_exit = on_exit_seen};
    pid_t pid = start_child();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(child_watch_start(&it.watch, loop, pid));
    assert_int_equal(errno, ESRCH);
    child_watch_stop(&it.watch); /* never started: nothing to close, least of all fd 0 */
    assert_int_not_equal(fcntl(0, F_GETFD), -1);
    loop_free(loop);
}

static void test_stopped_watch_is_silent(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watched it = {.watch.on_exit = on_exit_seen};
    pid_t pid = start_child();
    assert_true(child_watch_start(&it.watch, loop, pid));
    child_watch_stop(&it.watch);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    loop_turn(loop, 0);
    assert_int_equal(it.exits, 0);
    loop_free(loop);
}

static void test_daemon_without_stdin(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watched it = {.watch.on_exit = on_exit_seen};
    pid_t pid = start_child();
    int input = dup(0);
    close(0);
    bool started = child_watch_start(&it.watch, loop, pid); /* the kernel gives it fd 0 */
    bool above = it.watch.pidfd > 0;
    dup2(input, 0);
    close(input);
    assert_true(started);
    assert_true(above);
    child_watch_stop(&it.watch);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    loop_free(loop);
}

/* valgrind 3.19 does not know the call. */
static bool has_pidfd_open(void) {
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0 && errno == ENOSYS) {
        print_message("no pidfd_open here: nothing to test\n");
        return false;
    }
    close(fd);
    return true;
}

int main(void) {
    if (!has_pidfd_open()) {
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_is_seen_once_and_not_reaped),
        cmocka_unit_test(test_no_such_process),
        cmocka_unit_test(test_stopped_watch_is_silent),
        cmocka_unit_test(test_daemon_without_stdin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
