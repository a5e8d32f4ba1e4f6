/* sipbridge calls: the list against a server of the test's own, the logs from a state directory, followed while a
 * real process writes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "answer_server.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "run_cli.h"
#include "scratch.h"
#include "spawner/local/output.h"

static const struct cli_command *const commands[] = {&cli_calls, NULL};

struct state_dir {
    char *root, *calls, *setting;
};

static struct state_dir state_dir_new(void) {
    struct state_dir dir = {.root = scratch_new()};
    dir.calls = xasprintf("%s/calls", dir.root);
    dir.setting = xasprintf("SIP_STATE_DIR=%s", dir.root);
    assert_int_equal(mkdir(dir.calls, 0700), 0);
    return dir;
}

static void state_dir_free(struct state_dir *dir) {
    scratch_free(dir->root);
    free(dir->calls);
    free(dir->setting);
}

static struct ran logs(const struct state_dir *dir, const char *sid, const char *option) {
    char *environment[] = {dir->setting, NULL};
    return run_cli(commands, environment,
                   (char *[]){(char *)"calls", (char *)"logs", (char *)sid, (char *)option, NULL});
}

static void test_logs(void **state) {
    struct state_dir dir = state_dir_new();
    (void)state;
    free(scratch_file(dir.calls, "RM_a.log", "one\n\033[2Jtwo eyJh.eyJi.c2ln\nunfinished", 0600));
    cleanup_ran struct ran ran = logs(&dir, "RM_a", NULL);
    assert_int_equal(ran.code, CLI_OK);
    assert_string_equal(ran.out.p, "one\n\\x1b[2Jtwo [token]\nunfinished\n");
    cleanup_ran struct ran followed = logs(&dir, "RM_a", "-f");
    assert_int_equal(followed.code, CLI_OK);
    assert_string_equal(followed.out.p, ran.out.p);
    state_dir_free(&dir);
}

static void test_logs_refused(void **state) {
    static const struct {
        const char *sid, *says;
        int code;
    } cases[] = {
        {"RM_none", "RM_none: no output is kept of that call", CLI_FAILED},
        {"RM_link", "is a symbolic link", CLI_FAILED},
        {"../RM_a", "is no call sid", CLI_USAGE},
        {"", "is no call sid", CLI_USAGE},
    };
    struct state_dir dir = state_dir_new();
    cleanup_free char *link = xasprintf("%s/RM_link.log", dir.calls);
    (void)state;
    assert_int_equal(symlink("/etc/passwd", link), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_ran struct ran ran = logs(&dir, cases[i].sid, NULL);
        assert_int_equal(ran.code, cases[i].code);
        if (strstr(ran.err.p, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].sid, ran.err.p);
        }
    }
    state_dir_free(&dir);
}

/* The process PID waits for a change of a file. */
static bool has_inotify_watch(pid_t pid) {
    bool found = false;
    cleanup_free char *path = xasprintf("/proc/%d/fdinfo", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
        char text[1024];
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = '\0';
        found = size > 0 && strstr(text, "inotify wd:") != NULL;
        close(fd);
    }
    closedir(dir);
    return found;
}

/* An agent that writes its second line only when somebody follows the first. */
static void write_while_followed(int fd) {
    mono_ms deadline = clock_mono_ms() + 60000;
    while (!has_inotify_watch(getppid()) && clock_mono_ms() < deadline) {
    }
    bool good = write(fd, "second\n", 7) == 7;
    _exit(good && clock_mono_ms() < deadline ? 0 : 1);
}

static void test_follow(void **state) {
    struct state_dir dir = state_dir_new();
    int status, fd = output_open(dir.calls, "RM_a", NULL);
    (void)state;
    assert_int_equal(write(fd, "first\n", 6), 6);
    pid_t writer = fork();
    if (writer == 0) {
        write_while_followed(fd);
    }
    close(fd);
    cleanup_ran struct ran ran = logs(&dir, "RM_a", "--follow");
    assert_int_equal(ran.code, CLI_OK);
    assert_string_equal(ran.out.p, "first\nsecond\n");
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    state_dir_free(&dir);
}

static struct ran list(const char *listen, const char *option) {
    char *environment[] = {(char *)listen, NULL};
    return run_cli(commands, environment, (char *[]){(char *)"calls", (char *)"list", (char *)option, NULL});
}

static void test_list(void **state) {
    static const char status[] = "{\"calls\":[{\"sid\":\"RM_1\",\"room\":\"r\",\"state\":\"TALKING\",\"agent\":\"a\","
                                 "\"called\":\"+1\",\"caller\":\"+2\",\"pid\":42,\"started_at\":\"x\",\"ring_ms\":1,"
                                 "\"restarts\":0}]}";
    static const struct {
        const char *name, *body, *option, *out;
        int code;
    } cases[] = {
        {"table", status, NULL,
         "1 call in progress\n"
         "CALL  STATE    AGENT  CALLED  CALLER  RING ms  RESTARTS  AGE  PID  ROOM\n"
         "RM_1  TALKING  a      +1      +2      1        0         -    42   r\n",
         CLI_OK},
        {"none", "{\"calls\":[]}", NULL, "0 calls in progress\n", CLI_OK},
        {"json", "{\"calls\":[]}", "--json", "[]\n", CLI_OK},
        {"not a status", "{}", NULL, "", CLI_FAILED},
        {"not JSON", "<html>", NULL, "", CLI_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server server;
        server_start(&server, 200, cases[i].body);
        cleanup_free char *listen = xasprintf("SIP_ADMIN_LISTEN=127.0.0.1:%d", server.port);
        cleanup_ran struct ran ran = list(listen, cases[i].option);
        if (ran.code != cases[i].code || strcmp(ran.out.p, cases[i].out) != 0) {
            fail_msg("%s: %d, %s%s", cases[i].name, ran.code, ran.out.p, ran.err.p);
        }
        server_stop(&server);
    }
    cleanup_ran struct ran refused = list("SIP_ADMIN_LISTEN=unix:/nonexistent/socket", NULL);
    assert_int_equal(refused.code, CLI_FAILED);
    cleanup_ran struct ran nowhere = list("SIP_ADMIN_LISTEN=", NULL);
    assert_int_equal(nowhere.code, CLI_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_logs_refused),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
