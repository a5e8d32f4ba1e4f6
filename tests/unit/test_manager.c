/* The service manager's protocol: what the environment says, what is told, and the watchdog's way through the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "service/watchdog.h"

enum { ENOUGH_TURNS = 1000 };

static struct manager manager;
static struct diag diag;
static char own[32];

static int set_up(void **state) {
    (void)state;
    manager = (struct manager){.fd = -1};
    diag = (struct diag){0};
    snprintf(own, sizeof own, "LISTEN_PID=%d", (int)getpid());
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    manager_close(&manager);
    return 0;
}

static bool open_with(char *const *environment) {
    return manager_open(&manager, environment, &diag);
}

/* A place in a list of open files that begins at MANAGER_FIRST_FD. */
static void put_socket(int place) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (fd != MANAGER_FIRST_FD + place) {
        assert_int_equal(dup2(fd, MANAGER_FIRST_FD + place), MANAGER_FIRST_FD + place);
        close(fd);
    }
}

/* The test program itself may have files there: they are put back. */
static int kept[2];
static void keep_places(void) {
    for (int i = 0; i < 2; i++) {
        kept[i] = fcntl(MANAGER_FIRST_FD + i, F_DUPFD_CLOEXEC, 64);
        put_socket(i);
    }
}
static void put_back_places(void) {
    for (int i = 0; i < 2; i++) {
        close(MANAGER_FIRST_FD + i);
        if (kept[i] >= 0) {
            dup2(kept[i], MANAGER_FIRST_FD + i);
            close(kept[i]);
        }
    }
}

static void test_without_a_manager(void **state) {
    (void)state;
    assert_true(open_with((char *[]){"HOME=/", NULL}));
    assert_int_equal(manager.fd, -1);
    assert_int_equal(manager.socket_count, 0);
    assert_int_equal(manager.watchdog_us, 0);
    assert_true(manager_tell(&manager, "READY=1\n"));
    assert_true(open_with((char *[]){"NOTIFY_SOCKET=", "NOTIFY_SOCKETS=/x", NULL}));
    assert_int_equal(manager.fd, -1);
}

static void test_sockets_and_their_names(void **state) {
    (void)state;
    keep_places();
    assert_true(open_with((char *[]){own, "LISTEN_FDS=2", "LISTEN_FDNAMES=public:admin", NULL}));
    assert_int_equal(manager.socket_count, 2);
    assert_string_equal(manager.sockets[0].name, "public");
    assert_string_equal(manager.sockets[1].name, "admin");
    assert_string_equal(manager.sockets[1].address, "fd:4");
    assert_true((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(4, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(open_with((char *[]){own, "LISTEN_FDS=2", "LISTEN_FDNAMES=public", NULL}));
    assert_string_equal(manager.sockets[1].name, "");
    assert_true(open_with((char *[]){own, "LISTEN_FDS=2", NULL}));
    assert_string_equal(manager.sockets[0].name, "");
    char longer[200] = "LISTEN_FDNAMES=";
    memset(longer + strlen(longer), 'x', 150);
    assert_true(open_with((char *[]){own, "LISTEN_FDS=2", longer, NULL}));
    assert_string_equal(manager.sockets[0].name, "");
    put_back_places();
}

static void test_what_is_for_another_process(void **state) {
    (void)state;
    assert_true(open_with((char *[]){"LISTEN_PID=1", "LISTEN_FDS=5", "WATCHDOG_PID=1", "WATCHDOG_USEC=5", NULL}));
    assert_int_equal(manager.socket_count, 0);
    assert_int_equal(manager.watchdog_us, 0);
    assert_true(open_with((char *[]){"LISTEN_FDS=5", "WATCHDOG_USEC=7000000", NULL}));
    assert_int_equal(manager.socket_count, 0);
    assert_int_equal(manager.watchdog_us, 7000000);
}

static void test_what_cannot_be_understood(void **state) {
    (void)state;
    char path[200] = "NOTIFY_SOCKET=/";
    memset(path + strlen(path), 'x', 120);
    static const char *const wrong[] = {"NOTIFY_SOCKET=x", "LISTEN_FDS=-1",    "LISTEN_FDS=x",
                                        "LISTEN_FDS=17",   "WATCHDOG_USEC=-3", "WATCHDOG_USEC=1s"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        diag = (struct diag){0};
        assert_false(open_with((char *[]){own, (char *)wrong[i], NULL}));
        assert_memory_equal(diag.where, wrong[i], strlen(diag.where));
        manager_close(&manager);
    }
    assert_false(open_with((char *[]){path, NULL}));
}

static void test_sockets_that_are_not_open(void **state) {
    (void)state;
    keep_places();
    close(4);
    assert_false(open_with((char *[]){own, "LISTEN_FDS=2", NULL}));
    assert_string_equal(diag.where, "LISTEN_FDS");
    assert_non_null(strstr(diag.what, "fd 4"));
    put_socket(1);
    put_back_places();
}

/* A manager that hears, at an abstract address. */
static int hear(char *ret_variable, size_t size) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int length = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "test-manager-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)length),
                     0);
    snprintf(ret_variable, size, "NOTIFY_SOCKET=@%s", at.sun_path + 1);
    return fd;
}

static void test_what_is_told(void **state) {
    (void)state;
    char variable[160], text[64] = "";
    int heard = hear(variable, sizeof variable);
    assert_true(open_with((char *[]){variable, NULL}));
    assert_true((fcntl(manager.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(manager_tell(&manager, "READY=1\nSTATUS=x\n"));
    assert_int_equal(recv(heard, text, sizeof text, 0), 17);
    assert_string_equal(text, "READY=1\nSTATUS=x\n");
    while (manager_tell(&manager, "x")) {
    }
    assert_int_equal(errno, EAGAIN); /* full, and we did not wait */
    close(heard);
    assert_false(manager_tell(&manager, "x"));
}

static void test_watchdog_pings_as_the_loop_turns(void **state) {
    (void)state;
    char variable[160], text[64];
    int heard = hear(variable, sizeof variable);
    assert_true(open_with((char *[]){variable, "WATCHDOG_USEC=30000", NULL}));
    struct loop *loop = loop_new();
    struct watchdog watchdog = {0};
    watchdog_start(&watchdog, loop, &manager);
    assert_int_equal(watchdog.every_ms, 10);
    for (int i = 0; i < ENOUGH_TURNS && watchdog.pings < 3; i++) {
        loop_turn(loop, 100);
    }
    assert_int_equal(watchdog.pings, 3);
    assert_int_equal(recv(heard, text, sizeof text, 0), 11);
    assert_memory_equal(text, "WATCHDOG=1\n", 11);
    for (int i = 0; i < 20; i++) { /* timers alone are not enough: the watchers must be looked at */
        timer_start(&watchdog.timer, loop, 0);
        loop_run_due(loop);
    }
    assert_int_equal(watchdog.pings, 3);
    loop_turn(loop, 100);
    assert_int_equal(watchdog.pings, 4);
    watchdog_stop(&watchdog);
    watchdog_stop(&watchdog);
    loop_free(loop);
    close(heard);
}

static void test_no_watchdog_is_wanted(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watchdog watchdog = {0};
    assert_true(open_with((char *[]){"WATCHDOG_USEC=30000", NULL}));
    watchdog_start(&watchdog, loop, &manager); /* wanted, but nobody to tell */
    assert_null(watchdog.timer.loop);
    watchdog_stop(&watchdog);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_a_manager, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sockets_and_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_for_another_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sockets_that_are_not_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_watchdog_pings_as_the_loop_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_watchdog_is_wanted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
