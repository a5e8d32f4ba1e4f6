/* Addresses as people write them, and the sockets they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "http/listen.h"
#include "scratch.h"

static mode_t born_with; /* the mode of the last unix socket's file right after its bind() */

/* In libc's place. */
int bind(int fd, const struct sockaddr *address, socklen_t size) {
    int result = (int)syscall(SYS_bind, fd, address, size);
    struct stat found;
    if (result == 0 && address->sa_family == AF_UNIX &&
        lstat(((const struct sockaddr_un *)(const void *)address)->sun_path, &found) == 0) {
        born_with = found.st_mode & 0777;
    }
    return result;
}

static const struct listen_access closed = {.mode = 0600, .group = NULL};
static size_t group_size; /* of the only group of this machine, with all its members */

/* Takes the place of the C library's. */
int getgrnam_r(const char *name, struct group *entry, char *bytes, size_t size, struct group **ret_entry) {
    *ret_entry = NULL;
    if (size < group_size) {
        return ERANGE;
    }
    if (strcmp(name, "callers") == 0) {
        snprintf(bytes, size, "%s", name);
        *entry = (struct group){.gr_name = bytes, .gr_gid = getgid()};
        *ret_entry = entry;
    }
    return 0;
}

static void test_parse(void **state) {
    static const struct {
        const char *text;
        int family, port;
        const char *host;
        bool any;
    } cases[] = {
        {"127.0.0.1:8790", AF_INET, 8790, "127.0.0.1", false},
        {"0.0.0.0:0", AF_INET, 0, "0.0.0.0", false},
        {"[::1]:8790", AF_INET6, 8790, "::1", false},
        {"[::]:80", AF_INET6, 80, "::", false},
        {":8790", AF_INET6, 8790, "::", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listen_address address;
        char host[INET6_ADDRSTRLEN];
        assert_true(listen_parse(cases[i].text, &address, NULL));
        assert_int_equal(address.kind, LISTEN_TCP);
        assert_int_equal(address.at.base.sa_family, cases[i].family);
        bool is_v4 = cases[i].family == AF_INET;
        inet_ntop(cases[i].family, is_v4 ? (void *)&address.at.v4.sin_addr : (void *)&address.at.v6.sin6_addr, host,
                  sizeof host);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(ntohs(is_v4 ? address.at.v4.sin_port : address.at.v6.sin6_port), cases[i].port);
        assert_int_equal(address.any, cases[i].any);
    }
}

static void test_parse_others(void **state) {
    struct listen_address address;
    (void)state;
    assert_true(listen_parse("unix:/run/x.sock", &address, NULL));
    assert_int_equal(address.kind, LISTEN_UNIX);
    assert_string_equal(address.at.local.sun_path, "/run/x.sock");
    assert_true(listen_parse("fd:3", &address, NULL));
    assert_int_equal(address.kind, LISTEN_FD);
    assert_int_equal(address.fd, 3);
}

static void test_parse_refuses(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not an address"},
        {"8790", "not an address"},
        {"127.0.0.1", "not an address"},
        {"127.0.0.1:", "port from 0 to 65535"},
        {"127.0.0.1:65536", "port from 0 to 65535"},
        {"127.0.0.1:-1", "port from 0 to 65535"},
        {"127.0.0.1:-0", "port from 0 to 65535"},
        {"127.0.0.1:http", "port from 0 to 65535"},
        {"example.com:80", "not a name"},
        {"localhost:80", "not a name"},
        {"::1:8790", "not a name"},
        {"[::1:8790", "not a name"},
        {"[]:8790", "not a name"},
        {"[127.0.0.1]:8790", "not a name"},
        {"[fe80::1%eth0]:8790", "not a name"},
        {"256.0.0.1:80", "not a name"},
        {"[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9]:80", "not a name"},
        {"[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9]:80",
         "not an address"},
        {"unix:", "must begin with /"},
        {"unix:x.sock", "must begin with /"},
        {"unix:/"
         "23456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
         "at most 107"},
        {"fd:", "such as fd:3"},
        {"fd:x", "such as fd:3"},
        {"fd:-1", "such as fd:3"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listen_address address;
        struct diag diag = {0};
        if (listen_parse(cases[i].text, &address, &diag) || strstr(diag.what, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].text, diag.what);
        }
    }
}

static void refuse(const char *text, const struct listen_access *access, const char *says) {
    struct listen_socket got = {.fd = -7};
    struct diag diag = {0};
    if (listen_open(text, access, &got, &diag) || strstr(diag.what, says) == NULL) {
        fail_msg("%s: %s", text, diag.what);
    }
    assert_int_equal(got.fd, -7); /* untouched */
    assert_string_equal(diag.where, text);
}

/* The connected fd, or -1. */
static int connect_to(int family, const char *host, int port) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};
    bool is_v4 = family == AF_INET;
    inet_pton(family, host, is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result =
        is_v4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4) : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (result != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A connection that our side closed first: the port is not quite free for a minute. */
static void leave_time_wait(const struct listen_socket *listening) {
    char byte;
    int there = connect_to(AF_INET, "127.0.0.1", listening->port);
    int here = accept(listening->fd, NULL, NULL);
    assert_true(there >= 0 && here >= 0);
    close(here);
    assert_int_equal(read(there, &byte, 1), 0);
    close(there);
}

static void test_tcp(void **state) {
    struct listen_socket first, again;
    (void)state;
    assert_true(listen_open("127.0.0.1:0", &closed, &first, NULL));
    assert_true(first.port > 0);
    assert_true(fcntl(first.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(first.fd, F_GETFD) & FD_CLOEXEC);
    cleanup_free char *taken = xasprintf("127.0.0.1:%d", first.port);
    cleanup_free char *by = xasprintf("in use by pid %d (", (int)getpid());
    refuse(taken, &closed, by);
    leave_time_wait(&first);
    listen_close(&first);
    assert_int_equal(first.fd, -1);
    assert_true(listen_open(taken, &closed, &again, NULL)); /* at once all the same */
    listen_close(&again);
    listen_close(&again);
    refuse("192.0.2.1:0", &closed, "no such address");
}

/* "[::]" is IPv6 only, so that IPv4 fits beside it: unless another process has just that port. */
static bool fits_beside(void) {
    struct listen_socket any, beside;
    for (unsigned tries = 0; tries < 20; tries++) {
        if (!listen_open("[::]:0", &closed, &any, NULL)) {
            return true; /* a machine without IPv6 */
        }
        cleanup_free char *v4 = xasprintf("0.0.0.0:%d", any.port);
        bool fits = listen_open(v4, &closed, &beside, NULL);
        if (fits) {
            listen_close(&beside);
        }
        listen_close(&any);
        if (fits) {
            return true;
        }
    }
    return false;
}

static void test_every_address(void **state) {
    struct listen_socket any;
    (void)state;
    assert_true(listen_open(":0", &closed, &any, NULL));
    int fd = connect_to(AF_INET, "127.0.0.1", any.port);
    assert_true(fd >= 0);
    close(fd);
    if (access("/proc/net/if_inet6", F_OK) == 0) {
        fd = connect_to(AF_INET6, "::1", any.port);
        assert_true(fd >= 0);
        close(fd);
    }
    listen_close(&any);
    assert_true(fits_beside());
}

static void test_unix(void **state) {
    char *directory = scratch_new();
    cleanup_free char *address = xasprintf("unix:%s/s", directory);
    const char *path = address + 5;
    struct listen_access access = {.mode = 0660, .group = "callers"};
    struct listen_socket first, again;
    struct stat found;
    (void)state;
    mode_t before = umask(0);
    assert_true(listen_open(address, &access, &first, NULL));
    assert_int_equal(umask(before), 0); /* put back */
    assert_int_equal(born_with, 0600);  /* nobody could connect before it had its group */
    assert_int_equal(lstat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0660);
    assert_int_equal(found.st_gid, getgid());
    assert_true(first.local);
    cleanup_free char *by = xasprintf("in use by pid %d (", (int)getpid());
    refuse(address, &closed, by);
    close(first.fd); /* as if its process had died: the file stays, nobody serves it */
    first.fd = -1;
    assert_true(listen_open(address, &closed, &again, NULL));
    assert_int_equal(lstat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    listen_close(&first); /* the file is another's now */
    assert_int_equal(lstat(path, &found), 0);
    listen_close(&again);
    assert_int_equal(lstat(path, &found), -1);
    scratch_free(directory);
}

/* A group of thousands, as directories of a company have them. */
static void test_large_group(void **state) {
    char *directory = scratch_new();
    cleanup_free char *address = xasprintf("unix:%s/s", directory);
    struct listen_access access = {.mode = 0660, .group = "callers"};
    struct listen_socket socket;
    (void)state;
    group_size = 200000;
    assert_true(listen_open(address, &access, &socket, NULL));
    listen_close(&socket);
    group_size = SIZE_MAX;
    refuse(address, &access, "no group callers for the socket: Numerical result out of range");
    group_size = 0;
    scratch_free(directory);
}

static void test_unix_refuses(void **state) {
    char *directory = scratch_new();
    cleanup_free char *file = scratch_file(directory, "file", "precious", 0600);
    cleanup_free char *on_file = xasprintf("unix:%s", file);
    cleanup_free char *nowhere = xasprintf("unix:%s/missing/s", directory);
    cleanup_free char *good = xasprintf("unix:%s/s", directory);
    struct listen_access no_group = {.mode = 0660, .group = "no-such-group-here"};
    (void)state;
    refuse(on_file, &closed, "not a socket");
    assert_int_equal(access(file, F_OK), 0);
    refuse(nowhere, &closed, "No such file or directory");
    refuse(good, &no_group, "no group no-such-group-here");
    assert_int_equal(access(good + 5, F_OK), -1);
    scratch_free(directory);
}

static void test_handed_over(void **state) {
    struct listen_socket first, second;
    (void)state;
    assert_true(listen_open("127.0.0.1:0", &closed, &first, NULL));
    cleanup_free char *address = xasprintf("fd:%d", first.fd);
    assert_int_equal(fcntl(first.fd, F_SETFD, 0), 0);
    assert_int_equal(fcntl(first.fd, F_SETFL, 0), 0);
    assert_true(listen_open(address, &closed, &second, NULL));
    assert_int_equal(second.port, first.port);
    assert_true(fcntl(second.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(second.fd, F_GETFD) & FD_CLOEXEC);
    listen_close(&second);
    refuse("fd:9999", &closed, "Bad file descriptor");
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cleanup_free char *connected = xasprintf("fd:%d", pair[0]);
    refuse(connected, &closed, "not a listening");
    close(pair[0]);
    close(pair[1]);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_free char *no_socket = xasprintf("fd:%d", file);
    refuse(no_socket, &closed, "no socket was handed over");
    close(file);
}

/* Who reads status without a token must come from this machine: a socket that others can reach is none of that. */
static void test_whether_a_handed_over_one_is_local(void **state) {
    static const struct {
        const char *address;
        bool local;
    } cases[] = {
        {"127.0.0.1:0", true}, {"127.0.0.2:0", true}, {"0.0.0.0:0", false}, {"[::1]:0", true}, {"[::]:0", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listen_socket socket;
        if (!listen_open(cases[i].address, &closed, &socket, NULL)) {
            assert_int_equal(cases[i].address[0], '['); /* a machine without IPv6 */
            continue;
        }
        cleanup_free char *text = xasprintf("fd:%d", socket.fd);
        assert_int_equal(listen_fd_is_local(text), cases[i].local);
        listen_close(&socket);
        assert_false(listen_fd_is_local(text));
    }
    char *directory = scratch_new();
    cleanup_free char *path = xasprintf("unix:%s/socket", directory);
    struct listen_socket socket;
    assert_true(listen_open(path, &closed, &socket, NULL));
    cleanup_free char *text = xasprintf("fd:%d", socket.fd);
    assert_true(listen_fd_is_local(text));
    assert_false(listen_fd_is_local("127.0.0.1:8791"));
    listen_close(&socket);
    scratch_free(directory);
}

/* A process can call itself anything; that must not reach a terminal as it is. */
static void test_owner_with_a_hostile_name(void **state) {
    struct listen_socket first;
    (void)state;
    prctl(PR_SET_NAME, "\x1b[31m(x)\n");
    assert_true(listen_open("127.0.0.1:0", &closed, &first, NULL));
    cleanup_free char *taken = xasprintf("127.0.0.1:%d", first.port);
    refuse(taken, &closed, "(\\x1b[31m(x)");
    prctl(PR_SET_NAME, "test");
    listen_close(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_others),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_every_address),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_large_group),
        cmocka_unit_test(test_unix_refuses),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_whether_a_handed_over_one_is_local),
        cmocka_unit_test(test_owner_with_a_hostile_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
