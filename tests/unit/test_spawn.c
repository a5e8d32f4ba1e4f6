/* The local engine with real processes that misbehave. The agents are modes of this very program (see `modes`), so
 * nothing else need be installed; each says on its stdout what the test looks for in its output file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "scratch.h"
#include "spawner/local/ahead.h"
#include "spawner/local/child.h"
#include "spawner/local/local.h"

enum { DEADLINE_MS = 60000, EVENTS_MAX = 1024 };
#define SECRET "tok-0123456789"

static char self_path[4096];
static struct fence fence; /* of every world: all that is tested holds behind one, too */

/* ---- the agents ---- */

static void say(const char *text) {
    assert_true(write(STDOUT_FILENO, text, strlen(text)) >= 0);
}

static void wait_for_ever(void) {
    for (;;) {
        pause();
    }
}

static int agent_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.' && (int)strtol(entry->d_name, NULL, 10) != dirfd(dir)) {
            printf("fd %s\n", entry->d_name);
        }
    }
    closedir(dir);
    printf("session %d group %d\n", getsid(0) == getpid(), getpgrp() == getpid());
    return 0;
}

/* Without signals 32 and 33: they are glibc's own, and its posix_spawn leaves them ignored. */
static int agent_signals(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0) {
            printf("%.6s %llx\n", line, strtoull(line + 7, NULL, 16) & ~0x180000000ULL);
        }
    }
    fclose(status);
    return 0;
}

static int agent_environment(void) {
    for (char **var = environ; *var != NULL; var++) {
        puts(*var);
    }
    char *cwd = getcwd(NULL, 0);
    printf("cwd %s\n", cwd);
    free(cwd);
    return 0;
}

/* Reads its line, says how long it was, and that nothing more came until the end of file. */
static int agent_line(void) {
    static char text[65536];
    size_t length = 0;
    while (length == 0 || text[length - 1] != '\n') {
        ssize_t size = read(STDIN_FILENO, text + length, sizeof text - length);
        if (size <= 0) {
            return 9;
        }
        length += (size_t)size;
    }
    dprintf(STDOUT_FILENO, "line %zu %.20s\n", length, text);
    ssize_t more = read(STDIN_FILENO, text, 1);
    dprintf(STDOUT_FILENO, "end %zd\n", more);
    return 0;
}

static int agent_sleep(void) {
    say("up\n");
    wait_for_ever();
    return 0;
}

static int agent_deaf(void) {
    signal(SIGTERM, SIG_IGN);
    return agent_sleep();
}

/* Stopped by itself: only SIGCONT lets the SIGTERM through. */
static int agent_stopped(void) {
    say("up\n");
    raise(SIGSTOP);
    wait_for_ever();
    return 0;
}

static int agent_group(void) {
    if (fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        dprintf(STDOUT_FILENO, "child %d\n", getpid());
        wait_for_ever();
    }
    wait_for_ever();
    return 0;
}

/* Forks twice with a new session in between; MAIN gives what the grandchild does. */
static void daemonise(void (*main)(void)) {
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() == 0) {
            main();
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void daemon_main(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    dprintf(STDOUT_FILENO, "daemon %d\n", getpid());
    wait_for_ever();
}

static int agent_daemon(void) {
    daemonise(daemon_main);
    wait_for_ever();
    return 0;
}

/* A daemon with a child in a session of its own, which we become the parent of only when the daemon is killed. */
static void nested_main(void) {
    if (fork() == 0) {
        setsid();
        daemon_main();
    }
    daemon_main();
}

static int agent_nested(void) {
    daemonise(nested_main);
    wait_for_ever();
    return 0;
}

static int agent_daemon_and_exit(void) {
    daemonise(daemon_main);
    return 0;
}

static void hidden_main(void) {
    char *argv[] = {self_path, (char *)(uintptr_t) "hidden", NULL}, *env[] = {NULL};
    execve(self_path, argv, env);
}

static int agent_hiding(void) {
    daemonise(hidden_main);
    wait_for_ever();
    return 0;
}

static int agent_hidden(void) {
    daemon_main();
    return 0;
}

/* In the agent's session, but in a group of its own and without the environment. */
static int agent_sideways(void) {
    if (fork() == 0) {
        setpgid(0, 0);
        hidden_main();
    }
    wait_for_ever();
    return 0;
}

static void notify(const char *text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '@' ? 0 : 1));
    sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&address, size);
    close(fd);
}

static void notify_main(void) {
    notify("STATUS=loading\nREADY=1");
}

static int agent_notify(void) {
    daemonise(notify_main);
    wait_for_ever();
    return 0;
}

static int agent_notify_and_exit(void) {
    notify("READY=1\n");
    notify("READY=1\n");
    return 3;
}

static int agent_not_ready(void) {
    static char big[5000];
    notify("READY=0");
    notify("XREADY=1");
    notify("READY=11");
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "READY=1\n", 8);
    notify(big);
    return 0;
}

static int agent_flood(void) {
    for (int i = 0; i < 100000; i++) {
        printf("%07d %s\n", i, "....................................................................................");
    }
    return 0;
}

static int agent_crash(void) {
    say("my token is " SECRET "\nabout to fail\n");
    raise(SIGKILL);
    return 0;
}

static int agent_limits(void) {
    struct rlimit nofile, core;
    getrlimit(RLIMIT_NOFILE, &nofile);
    getrlimit(RLIMIT_CORE, &core);
    printf("nofile %ju %ju core %ju %ju\n", (uintmax_t)nofile.rlim_cur, (uintmax_t)nofile.rlim_max,
           (uintmax_t)core.rlim_cur, (uintmax_t)core.rlim_max);
    return 0;
}

static int agent_code(void) {
    return 125;
}

static const struct {
    const char *name;
    int (*run)(void);
} modes[] = {
    {"fds", agent_fds},
    {"signals", agent_signals},
    {"environment", agent_environment},
    {"line", agent_line},
    {"sleep", agent_sleep},
    {"deaf", agent_deaf},
    {"stopped", agent_stopped},
    {"group", agent_group},
    {"daemon", agent_daemon},
    {"nested", agent_nested},
    {"daemon-and-exit", agent_daemon_and_exit},
    {"hiding", agent_hiding},
    {"hidden", agent_hidden},
    {"sideways", agent_sideways},
    {"notify", agent_notify},
    {"notify-and-exit", agent_notify_and_exit},
    {"not-ready", agent_not_ready},
    {"flood", agent_flood},
    {"crash", agent_crash},
    {"code", agent_code},
    {"limits", agent_limits},
};

/* ---- the world around the engine ---- */

struct world {
    char *root;
    struct loop *loop;
    struct signals signals;
    struct local *local;
    struct engine engine;
    struct engine_event events[EVENTS_MAX];
    size_t count;
    bool in_engine, want_again; /* told from inside an operation; ensure "again" from the listener */
    struct buf tail;
};

static void on_signal(struct signals *signals, int number) {
    struct world *world = container_of(signals, struct world, signals);
    if (number == SIGCHLD) {
        local_reap(world->local);
    }
}

static void add_line(void *context, const char *line) {
    buf_addf(context, "%s\n", line);
}

static void order(struct world *world, const char *label, const char *mode);

static void on_event(void *context, const struct engine_event *event) {
    struct world *world = context;
    assert_false(world->in_engine);
    assert_true(world->count < EVENTS_MAX);
    world->events[world->count++] = *event;
    if (event->kind == ENGINE_EXITED) {
        buf_clear(&world->tail);
        local_tail(world->local, event->label, 20, add_line, &world->tail);
        buf_adds(&world->tail, "");
    }
    if (world->want_again && event->kind == ENGINE_EXITED) {
        world->want_again = false;
        order(world, event->label, "sleep");
    }
}

static struct world *world_with(const struct local_options *wanted) {
    struct world *world = xcalloc(1, sizeof *world);
    world->root = scratch_new();
    world->loop = loop_new();
    world->signals.on_signal = on_signal;
    signals_start(&world->signals, world->loop);
    struct local_options options = *wanted;
    options.loop = world->loop;
    options.output_dir = options.output_dir != NULL ? options.output_dir : world->root;
    options.notify_dir = options.notify_dir != NULL ? options.notify_dir : world->root;
    options.fence = &fence;
    options.on_event = on_event;
    options.context = world;
    world->local = local_new(&options);
    world->engine = local_engine(world->local);
    return world;
}

static struct world *world_new(void) {
    return world_with(&(struct local_options){0});
}

static bool until(struct world *world, bool (*condition)(struct world *world, const void *what), const void *what) {
    mono_ms deadline = clock_mono_ms() + DEADLINE_MS;
    while (!condition(world, what)) {
        if (clock_mono_ms() > deadline) {
            return false;
        }
        loop_turn(world->loop, 20);
    }
    return true;
}

static bool no_children(struct world *world, const void *what) {
    siginfo_t info = {0};
    (void)what;
    local_reap(world->local);
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

static void kill_each(void *context, const struct engine_view *view) {
    struct world *world = context;
    world->engine.stop(world->engine.self, view->label, &(struct engine_stop){.kill = true});
}

static void world_free(struct world *world) {
    world->engine.list(world->engine.self, kill_each, world);
    assert_true(until(world, no_children, NULL));
    assert_int_equal(local_count(world->local), 0);
    local_free(world->local);
    signals_stop(&world->signals);
    loop_free(world->loop);
    buf_release(&world->tail);
    scratch_free(world->root);
    free(world);
}

static void ensure(struct world *world, const struct engine_job *job) {
    world->in_engine = true;
    world->engine.ensure(world->engine.self, job);
    world->in_engine = false;
}

static void stop(struct world *world, const char *label, struct engine_stop how) {
    world->in_engine = true;
    world->engine.stop(world->engine.self, label, &how);
    world->in_engine = false;
}

/* A job of this program in MODE. Its instance is new every time. */
static struct engine_job job_of(const char *label, const char *const *command) {
    static char instances[16][ENGINE_INSTANCE_SIZE];
    static unsigned next;
    char *instance = instances[next % 16];
    snprintf(instance, ENGINE_INSTANCE_SIZE, "%08x%08x%016x", ++next, (unsigned)getpid(), 0U);
    return (struct engine_job){.label = label,
                               .instance = instance,
                               .command = command,
                               .line = SLICE("{\"v\":1}"),
                               .secret = SLICE(SECRET),
                               .agent = "tester"};
}

static void order(struct world *world, const char *label, const char *mode) {
    const char *const command[3] = {self_path, mode, NULL};
    struct engine_job job = job_of(label, command);
    ensure(world, &job);
}

struct wanted {
    const char *label;
    enum engine_event_kind kind;
};

static const struct engine_event *find_event(const struct world *world, const char *label,
                                             enum engine_event_kind kind) {
    for (size_t i = world->count; i > 0; i--) {
        if (world->events[i - 1].kind == kind && strcmp(world->events[i - 1].label, label) == 0) {
            return &world->events[i - 1];
        }
    }
    return NULL;
}

static bool has_event(struct world *world, const void *what) {
    const struct wanted *wanted = what;
    return find_event(world, wanted->label, wanted->kind) != NULL;
}

static const struct engine_event *wait_event(struct world *world, const char *label, enum engine_event_kind kind) {
    if (!until(world, has_event, &(struct wanted){label, kind})) {
        fail_msg("%s: event %d did not come", label, (int)kind);
    }
    return find_event(world, label, kind);
}

static char *read_output(const struct world *world, const char *label) {
    cleanup_free char *path = xasprintf("%s/%s.log", world->root, label);
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t size = 1; fd >= 0 && size > 0;) {
        size = read(fd, buf_reserve(&text, 65536), 65536);
        text.len += size > 0 ? (size_t)size : 0;
    }
    buf_adds(&text, "");
    if (fd >= 0) {
        close(fd);
    }
    return buf_take(&text);
}

struct text_wanted {
    const char *label, *text;
    unsigned times;
};

static bool has_output(struct world *world, const void *what) {
    const struct text_wanted *wanted = what;
    cleanup_free char *output = read_output(world, wanted->label);
    unsigned times = 0;
    for (const char *at = output; (at = strstr(at, wanted->text)) != NULL && strchr(at, '\n') != NULL; at++) {
        times++;
    }
    return times >= wanted->times;
}

static void wait_output(struct world *world, const char *label, const char *text, unsigned times) {
    if (!until(world, has_output, &(struct text_wanted){label, text, times})) {
        fail_msg("%s did not say %s", label, text);
    }
}

/* The pid that LABEL's output names after TEXT. */
static pid_t said_pid(const struct world *world, const char *label, const char *text) {
    cleanup_free char *output = read_output(world, label);
    const char *at = strstr(output, text);
    assert_non_null(at);
    return (pid_t)strtol(at + strlen(text), NULL, 10);
}

static bool is_gone(struct world *world, const void *what) {
    (void)world;
    return kill(*(const pid_t *)what, 0) != 0 && errno == ESRCH;
}

static void run_to_end(struct world *world, const char *label, const char *mode) {
    order(world, label, mode);
    wait_event(world, label, ENGINE_EXITED);
}

static const struct engine_stop softly = {.after_ms = 0, .timeout_ms = DEADLINE_MS};
static const struct engine_stop hard = {.after_ms = 0, .timeout_ms = 100};

/* ---- the tests ---- */

static void test_start_and_exit(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "code");
    assert_int_equal(world->count, 0);
    assert_int_equal(local_count(world->local), 1);
    const struct engine_event *exit = wait_event(world, "RM_a", ENGINE_EXITED);
    assert_true(exit->exit_kind == EXIT_CODE && exit->exit_value == 125);
    assert_int_equal(world->count, 2);
    assert_int_equal(world->events[0].kind, ENGINE_STARTED);
    assert_true(world->events[0].pid > 0 && world->events[0].pid == exit->pid);
    assert_string_equal(world->events[0].instance, exit->instance);
    assert_int_equal(local_count(world->local), 0);
    assert_int_equal(local_counters(world->local)->started, 1);
    assert_int_equal(local_counters(world->local)->exited, 1);
    world_free(world);
}

static void test_inherits_only_three_fds(void **state) {
    struct world *world = world_new();
    int leaky = dup(STDERR_FILENO); /* without close-on-exec, as a careless library would */
    (void)state;
    run_to_end(world, "RM_a", "fds");
    cleanup_free char *output = read_output(world, "RM_a");
    assert_string_equal(output, "fd 0\nfd 1\nfd 2\nsession 1 group 1\n");
    close(leaky);
    world_free(world);
}

static void test_inherits_no_signal_state(void **state) {
    struct world *world = world_new();
    (void)state;
    run_to_end(world, "RM_a", "signals");
    cleanup_free char *output = read_output(world, "RM_a");
    assert_string_equal(output, "SigBlk 0\nSigIgn 0\n");
    order(world, "RM_b", "sleep");
    wait_output(world, "RM_b", "up", 1);
    stop(world, "RM_b", softly);
    const struct engine_event *exit = wait_event(world, "RM_b", ENGINE_EXITED);
    assert_true(exit->exit_kind == EXIT_SIGNAL && exit->exit_value == SIGTERM);
    assert_int_equal(local_counters(world->local)->killed, 0);
    world_free(world);
}

static void test_environment(void **state) {
    setenv("TEST_PASSED_ON", "yes", 1);
    setenv("TEST_KEPT", "no", 1);
    char *pass[] = {(char *)(uintptr_t) "TEST_PASS*", NULL};
    struct world *world = world_with(&(struct local_options){.pass_env = pass});
    const char *const command[3] = {self_path, "environment", NULL};
    const struct engine_pair call_env[] = {{"SIP_ROOM_NAME", SLICE("r\nm")}, {"A", SLICE("call")}};
    struct engine_job job = job_of("RM_a", command);
    (void)state;
    job.cwd = "/";
    job.env = (const char *const[]){"A=entry", "B=entry", NULL};
    job.call_env = call_env;
    job.call_env_count = ARRAY_LEN(call_env);
    ensure(world, &job);
    wait_event(world, "RM_a", ENGINE_EXITED);
    cleanup_free char *output = read_output(world, "RM_a");
    cleanup_free char *instance = xasprintf("SIP_INSTANCE=%s\n", job.instance);
    const char *const expected[] = {
        "TEST_PASSED_ON=yes\n", "A=call\n", "B=entry\n", "SIP_ROOM_NAME=r\nm\n", "PYTHONUNBUFFERED=1\n", "cwd /\n",
        "NOTIFY_SOCKET=/",      "PATH=",    instance};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (strstr(output, expected[i]) == NULL) {
            fail_msg("%s is missing in %s", expected[i], output);
        }
    }
    assert_null(strstr(output, "TEST_KEPT"));
    world_free(world);
}

static void test_line(void **state) {
    struct world *world = world_new();
    const char *const command[3] = {self_path, "line", NULL};
    struct engine_job job = job_of("RM_a", command);
    cleanup_free char *line = xmalloc(ENGINE_LINE_MAX + 1);
    (void)state;
    memset(line, 'x', ENGINE_LINE_MAX + 1);
    job.line = (struct slice){line, ENGINE_LINE_MAX};
    ensure(world, &job);
    wait_output(world, "RM_a", "line 32769 xxxxxxxxxxxxxxxxxxxx", 1);
    assert_null(find_event(world, "RM_a", ENGINE_EXITED));
    job = job_of("RM_b", command);
    job.line = (struct slice){line, ENGINE_LINE_MAX + 1};
    ensure(world, &job);
    assert_non_null(strstr(wait_event(world, "RM_b", ENGINE_START_FAILED)->diag.what, "at most 32768"));
    world_free(world);
}

static void test_who_does_not_read_holds_nobody_up(void **state) {
    int ours = -1, theirs = -1;
    struct diag diag = {0};
    cleanup_free char *line = xmalloc(ENGINE_LINE_MAX);
    unsigned told = 0;
    (void)state;
    memset(line, 'x', ENGINE_LINE_MAX);
    assert_true(child_stdin((struct slice){0}, &ours, &theirs, &diag));
    alarm(60);
    while (told < 1000 && child_tell(ours, (struct slice){line, ENGINE_LINE_MAX})) {
        told++;
    }
    alarm(0);
    assert_in_range(told, 1, 999);
    close(ours);
    close(theirs);
}

/* The bridge goes, the agent stays: it sees the end of its stdin and finishes the call. */
static void test_free_leaves_processes(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "line");
    wait_output(world, "RM_a", "line 8", 1);
    local_free(world->local);
    world->local = local_new(&(struct local_options){.loop = world->loop,
                                                     .output_dir = world->root,
                                                     .notify_dir = world->root,
                                                     .on_event = on_event,
                                                     .context = world});
    world->engine = local_engine(world->local);
    wait_output(world, "RM_a", "end 0", 1);
    assert_true(until(world, no_children, NULL));
    assert_null(find_event(world, "RM_a", ENGINE_EXITED));
    world_free(world);
}

static void test_ensure_is_idempotent(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "sleep");
    order(world, "RM_a", "sleep");
    wait_output(world, "RM_a", "up", 1);
    order(world, "RM_a", "sleep");
    assert_int_equal(local_count(world->local), 1);
    world->want_again = true;
    stop(world, "RM_a", softly);
    stop(world, "RM_a", softly);
    stop(world, "RM_unknown", softly);
    wait_output(world, "RM_a", "up", 2);
    assert_int_equal(local_counters(world->local)->started, 2);
    world_free(world);
}

static void count_state(void *context, const struct engine_view *view) {
    buf_addf(context, "%s %s %s\n", view->label, view->state, view->pid > 0 ? "pid" : "-");
}

static void expect_list(struct world *world, const char *expected) {
    cleanup_buf struct buf text = {0};
    world->engine.list(world->engine.self, count_state, &text);
    buf_adds(&text, "");
    assert_string_equal(text.p, expected);
}

static void test_list_and_ladder(void **state) {
    struct world *world = world_new();
    (void)state;
    expect_list(world, "");
    order(world, "RM_a", "deaf");
    expect_list(world, "RM_a queued -\n");
    wait_output(world, "RM_a", "up", 1);
    expect_list(world, "RM_a running pid\n");
    stop(world, "RM_a", (struct engine_stop){.after_ms = DEADLINE_MS, .timeout_ms = DEADLINE_MS});
    expect_list(world, "RM_a after-call pid\n");
    stop(world, "RM_a", softly);
    expect_list(world, "RM_a terminating pid\n");
    stop(world, "RM_a", hard);
    expect_list(world, "RM_a terminating pid\n");
    const struct engine_event *exit = wait_event(world, "RM_a", ENGINE_EXITED);
    assert_true(exit->exit_kind == EXIT_SIGNAL && exit->exit_value == SIGKILL);
    assert_int_equal(local_counters(world->local)->killed, 1);
    world_free(world);
}

static void test_stop_while_queued(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "sleep");
    stop(world, "RM_a", softly);
    assert_int_equal(local_count(world->local), 0);
    const struct engine_event *exit = wait_event(world, "RM_a", ENGINE_EXITED);
    assert_int_equal(exit->exit_kind, EXIT_UNKNOWN);
    assert_int_equal(world->count, 1);
    assert_int_equal(local_counters(world->local)->started, 0);
    world_free(world);
}

static void test_stopped_process_is_woken(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "stopped");
    wait_output(world, "RM_a", "up", 1);
    stop(world, "RM_a", softly);
    assert_int_equal(wait_event(world, "RM_a", ENGINE_EXITED)->exit_value, SIGTERM);
    world_free(world);
}

/* The leader dies of SIGTERM; a child in its group that ignores it goes with the group. */
static void test_group_dies_with_leader(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "group");
    wait_output(world, "RM_a", "child ", 1);
    pid_t child = said_pid(world, "RM_a", "child ");
    stop(world, "RM_a", softly);
    wait_event(world, "RM_a", ENGINE_EXITED);
    assert_true(until(world, is_gone, &child));
    world_free(world);
}

/* What left the group and the session is found by its environment once the job is over, and not before. */
static void test_daemonised(void **state) {
    static const struct {
        const char *mode;
        unsigned daemons;
    } cases[] = {{"daemon", 1}, {"nested", 2}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        order(world, "RM_other", "daemon");
        order(world, "RM_a", cases[i].mode);
        wait_output(world, "RM_other", "daemon ", 1);
        wait_output(world, "RM_a", "daemon ", cases[i].daemons);
        pid_t daemon = said_pid(world, "RM_a", "daemon "), other = said_pid(world, "RM_other", "daemon ");
        stop(world, "RM_a", softly);
        wait_event(world, "RM_a", ENGINE_EXITED);
        assert_true(until(world, is_gone, &daemon));
        assert_int_equal(kill(other, 0), 0);
        stop(world, "RM_other", softly);
        assert_true(until(world, no_children, NULL));
        assert_true(local_counters(world->local)->strangers >= 2);
        world_free(world);
    }
}

static void test_daemonised_at_once(void **state) {
    struct world *world = world_new();
    (void)state;
    run_to_end(world, "RM_a", "daemon-and-exit");
    assert_true(until(world, no_children, NULL));
    world_free(world);
}

static void note_warning(void *context, const struct log_heard *record) {
    buf_addf(context, "%s\n", record->message);
}

static bool was_reported(struct world *world, const void *warnings) {
    (void)world;
    const struct buf *text = warnings;
    return text->len > 0 && strstr(text->p, "left alone") != NULL;
}

/* Nothing tells whose it is: reported, never killed. */
static void test_unattributable_is_left_alone(void **state) {
    struct world *world = world_new();
    cleanup_buf struct buf warnings = {0};
    (void)state;
    log_listen(note_warning, &warnings);
    order(world, "RM_a", "hiding");
    wait_output(world, "RM_a", "daemon ", 1);
    pid_t daemon = said_pid(world, "RM_a", "daemon ");
    stop(world, "RM_a", softly);
    wait_event(world, "RM_a", ENGINE_EXITED);
    bool reported = until(world, was_reported, &warnings);
    run_to_end(world, "RM_b", "code");
    bool lives = kill(daemon, 0) == 0;
    kill(daemon, SIGKILL); /* before anything can fail */
    assert_true(reported && lives);
    const char *first = strstr(warnings.p, "left alone");
    assert_null(strstr(first + 1, "left alone"));
    assert_true(until(world, no_children, NULL));
    log_listen(NULL, NULL);
    world_free(world);
}

static void test_session_attributes(void **state) {
    struct world *world = world_new();
    (void)state;
    order(world, "RM_a", "sideways");
    wait_output(world, "RM_a", "daemon ", 1);
    stop(world, "RM_a", softly);
    assert_true(until(world, no_children, NULL));
    world_free(world);
}

static void test_notify(void **state) {
    char *deep = scratch_new();
    cleanup_free char *long_dir = xasprintf("%s/%0100d", deep, 0);
    assert_int_equal(mkdir(long_dir, 0700), 0);
    const char *const directories[] = {NULL, long_dir};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        struct world *world = world_with(&(struct local_options){.notify_dir = directories[i]});
        order(world, "RM_a", "notify");
        wait_event(world, "RM_a", ENGINE_READY);
        run_to_end(world, "RM_b", "notify-and-exit");
        assert_int_equal(world->count, 5);
        assert_int_equal(world->events[3].kind, ENGINE_READY);
        assert_int_equal(world->events[4].exit_value, 3);
        run_to_end(world, "RM_c", "not-ready");
        assert_null(find_event(world, "RM_c", ENGINE_READY));
        world_free(world);
    }
    scratch_free(deep);
}

static void test_notify_sockets_are_removed(void **state) {
    struct world *world = world_new();
    cleanup_free char *stale = xasprintf("%s/0123456789abcdef", world->root);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", stale);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    run_to_end(world, "RM_a", "code");
    local_free(local_new(&(struct local_options){.loop = world->loop, .output_dir = "/", .notify_dir = world->root}));
    size_t sockets = 0;
    DIR *dir = opendir(world->root);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        sockets += entry->d_type == DT_SOCK;
    }
    closedir(dir);
    assert_in_range(sockets, 1, NOTIFY_SPARES); /* they wait for the next process (ahead.h) */
    assert_int_not_equal(access(stale, F_OK), 0);
    world_free(world);
}

static void test_flood(void **state) {
    enum { MAX = 1024 * 1024 };
    struct world *world = world_with(&(struct local_options){.max_output = MAX});
    struct stat st;
    (void)state;
    run_to_end(world, "RM_a", "flood");
    cleanup_free char *path = xasprintf("%s/RM_a.log", world->root);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 100000L * 93);
    assert_true(st.st_blocks * 512 <= MAX);
    assert_non_null(strstr(world->tail.p, "0099999 "));
    world_free(world);
}

/* One that never stops talking is cut while it runs, not only when it is over. */
static bool was_cut(struct world *world, const void *what) {
    struct stat st;
    cleanup_free char *path = xasprintf("%s/RM_a.log", world->root);
    (void)what;
    return stat(path, &st) == 0 && st.st_size > 1000000 && st.st_blocks * 512 < st.st_size / 2;
}

static void test_cut_while_running(void **state) {
    struct world *world = world_with(&(struct local_options){.max_output = 65536});
    const char *const command[4] = {"sh", "-c", "head -c 2000000 /dev/zero | tr '\\0' x; exec sleep 600", NULL};
    struct engine_job job = job_of("RM_a", command);
    (void)state;
    ensure(world, &job);
    assert_true(until(world, was_cut, NULL));
    assert_null(find_event(world, "RM_a", ENGINE_EXITED));
    world_free(world);
}

static void test_crash_and_tail(void **state) {
    struct world *world = world_new();
    (void)state;
    run_to_end(world, "RM_a", "crash");
    assert_string_equal(world->tail.p, "my token is [secret]\nabout to fail\n");
    local_tail(world->local, "RM_none", 20, add_line, &world->tail);
    local_tail(world->local, "../RM_a", 20, add_line, &world->tail);
    assert_string_equal(world->tail.p, "my token is [secret]\nabout to fail\n");
    run_to_end(world, "RM_a", "crash"); /* the file goes on, the tail is that of the new process alone */
    assert_string_equal(world->tail.p, "my token is [secret]\nabout to fail\n");
    world_free(world);
}

static void test_failed_starts(void **state) {
    struct world *world = world_new();
    cleanup_free char *no_interpreter = scratch_file(world->root, "no-interpreter", "#!/nonexistent/python\n", 0755);
    cleanup_free char *no_program = scratch_file(world->root, "no-program", "plain text\n", 0755);
    cleanup_free char *huge = xmalloc(200000);
    memset(huge, 'x', 199999);
    huge[199999] = '\0';
    const struct {
        const char *name, *label, *program, *cwd, *argument, *where, *what;
    } cases[] = {
        {"missing", "RM_a", "/nonexistent/bot", NULL, "", "command[0]", "does not exist"},
        {"not in PATH", "RM_b", "no-such-bot-here", NULL, "", "command[0]", "not in PATH"},
        {"no working directory", "RM_c", "/bin/true", "/nonexistent", "", "cwd", "give a directory that exists"},
        {"interpreter missing", "RM_d", no_interpreter, NULL, "", "no-interpreter", "#!"},
        {"not a program", "RM_e", no_program, NULL, "", "no-program", "#!/usr/bin/env"},
        {"an argument too long", "RM_f", "/bin/true", NULL, huge, "/bin/true", "too large"},
        {"a label that is no sid", "../RM_g", "/bin/true", NULL, "", "label", "no call sid"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const command[3] = {cases[i].program, cases[i].argument, NULL};
        struct engine_job job = job_of(cases[i].label, command);
        job.cwd = cases[i].cwd;
        ensure(world, &job);
        const struct engine_event *failed = wait_event(world, cases[i].label, ENGINE_START_FAILED);
        if (strstr(failed->diag.where, cases[i].where) == NULL || strstr(failed->diag.what, cases[i].what) == NULL) {
            fail_msg("%s: %s: %s", cases[i].name, failed->diag.where, failed->diag.what);
        }
        assert_string_equal(failed->instance, job.instance);
    }
    assert_int_equal(local_counters(world->local)->failed, ARRAY_LEN(cases));
    assert_int_equal(world->count, ARRAY_LEN(cases));
    world_free(world);
}

/* A directory that cannot be written costs the output, not the caller. */
static void test_output_not_writable(void **state) {
    struct world *world =
        world_with(&(struct local_options){.output_dir = "/nonexistent", .notify_dir = "/nonexistent"});
    cleanup_buf struct buf warnings = {0};
    (void)state;
    log_listen(note_warning, &warnings);
    run_to_end(world, "RM_a", "code");
    assert_int_equal(world->events[0].kind, ENGINE_STARTED);
    assert_non_null(strstr(warnings.p, "/nonexistent/RM_a.log"));
    log_listen(NULL, NULL);
    world_free(world);
}

static void test_option_by_value_is_left_out(void **state) {
    struct world *world = world_new();
    cleanup_buf struct buf warnings = {0};
    const char *const command[] = {"sh", "-c", "echo $# \"$1\"", "sh", "{room}", "{caller}", NULL};
    const struct engine_pair places[] = {{"caller", SLICE("--rcfile=/x")}, {"room", SLICE("$(id)")}};
    struct engine_job job = job_of("RM_a", command);
    (void)state;
    log_listen(note_warning, &warnings);
    job.places = places;
    job.place_count = ARRAY_LEN(places);
    ensure(world, &job);
    wait_event(world, "RM_a", ENGINE_EXITED);
    cleanup_free char *output = read_output(world, "RM_a");
    assert_string_equal(output, "1 $(id)\n");
    assert_non_null(strstr(warnings.p, "{caller}"));
    log_listen(NULL, NULL);
    world_free(world);
}

static size_t open_fds(void) {
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static bool all_over(struct world *world, const void *what) {
    (void)what;
    return local_count(world->local) == 0 && world->count > 0 &&
           local_counters(world->local)->exited + local_counters(world->local)->failed ==
               local_counters(world->local)->started + local_counters(world->local)->failed;
}

static void test_no_leaks_after_many(void **state) {
    struct world *world = world_new();
    const char *const commands[2][3] = {{"true", "", NULL}, {"/nonexistent", "", NULL}};
    size_t before = open_fds();
    (void)state;
    for (int i = 0; i < 200; i++) {
        cleanup_free char *label = xasprintf("RM_%d", i);
        struct engine_job job = job_of(label, commands[i % 10 == 0]);
        ensure(world, &job);
        if (i % 25 == 24) {
            assert_true(until(world, all_over, NULL));
        }
    }
    assert_true(until(world, no_children, NULL));
    loop_turn(world->loop, 0);
    assert_true(open_fds() <= before + NOTIFY_SPARES + AHEAD_COUNT); /* made ahead, or to be used again */
    assert_int_equal(world->count, 180 * 2 + 20);
    assert_int_equal(local_counters(world->local)->strangers, 0);
    world_free(world);
}

/* A hundred calls at once do not hold up the loop: at most eight starts a turn. */
static void test_starts_are_spread(void **state) {
    struct world *world = world_new();
    const char *const command[3] = {"true", "", NULL};
    uint64_t seen = 0;
    (void)state;
    for (int i = 0; i < 50; i++) {
        cleanup_free char *label = xasprintf("RM_%d", i);
        struct engine_job job = job_of(label, command);
        ensure(world, &job);
    }
    while (local_counters(world->local)->started < 50) {
        loop_turn(world->loop, 20);
        assert_true(local_counters(world->local)->started - seen <= 8);
        seen = local_counters(world->local)->started;
    }
    world_free(world);
}

/* Zombies that are nobody's job are reaped; a job's zombie seen by the sweep first still gets its exit told. */
static void test_reaping_order(void **state) {
    struct world *world = world_new();
    siginfo_t info = {0};
    (void)state;
    order(world, "RM_a", "sleep");
    wait_event(world, "RM_a", ENGINE_STARTED);
    assert_int_equal(kill(world->events[0].pid, SIGKILL), 0); /* no turn of the loop sees it before we do */
    pid_t stranger = fork();
    if (stranger == 0) {
        _exit(7);
    }
    kill(world->events[0].pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)stranger, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(waitid(P_PID, (id_t)world->events[0].pid, &info, WEXITED | WNOWAIT), 0);
    local_reap(world->local);
    assert_int_equal(local_counters(world->local)->strangers, 1);
    const struct engine_event *exit = wait_event(world, "RM_a", ENGINE_EXITED);
    assert_true(exit->exit_kind == EXIT_SIGNAL && exit->exit_value == SIGKILL);
    world_free(world);
}

static void test_limits(void **state) {
    struct rlimit ours;
    struct world *world = world_new();
    (void)state;
    run_to_end(world, "RM_a", "limits");
    cleanup_free char *output = read_output(world, "RM_a");
    assert_string_equal(output, "nofile 100 100 core 0 0\n");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
    assert_true(ours.rlim_max > 100);
    world_free(world);
}

static void test_fences_that_cannot_be(void **state) {
    static const struct {
        const char *user, *limit, *said;
    } cases[] = {
        {NULL, "nofile=9223372036854775807", "SIP_AGENT_LIMITS"},
        {NULL, "nproc=-1", "must be nproc=NUMBER"},
        {NULL, "as=1", "must be as=SIZE"},
        {NULL, "as", "must be as=SIZE"},
        {NULL, "files=3", "is no limit"},
        {"root", "core=0", "is root"},
        {"0", "core=0", "is root"},
        {"0:5", "core=0", "is root"},
        {"no such user", "core=0", "\"no such user\" is no user of this machine"},
        {"4294967295", "core=0", "is no user of this machine"},
        {"4294967295:1", "core=0", "is no user of this machine"},
        {"1:", "core=0", "is no user of this machine"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fence none;
        struct diag diag = {0};
        char *limits[] = {(char *)(uintptr_t)cases[i].limit, NULL}, text[600];
        assert_false(fence_make(&none, cases[i].user, limits, &diag));
        fence_release(&none);
        diag_text(&diag, text, sizeof text);
        if (strstr(text, cases[i].said) == NULL) {
            fail_msg("%s: %s is not in \"%s\"", cases[i].limit, cases[i].said, text);
        }
    }
    char *twice[] = {(char *)(uintptr_t) "core=0", (char *)(uintptr_t) "core=1", NULL};
    struct fence none;
    struct diag diag = {0};
    assert_false(fence_make(&none, NULL, twice, &diag));
    assert_string_equal(diag.what, "has core twice");
}

static void test_fenced_errors_tell_the_same(void **state) {
    struct child_spec spec = {
        .path = "/nonexistent", .in = STDIN_FILENO, .out = STDERR_FILENO, .fence = &fence, .cgroup = -1};
    char *argv[] = {(char *)(uintptr_t) "x", NULL}, *env[] = {NULL};
    struct diag fenced = {0}, plain = {0};
    pid_t pid = 0;
    (void)state;
    spec.argv = argv;
    spec.env = env;
    assert_false(child_spawn(&spec, &pid, &fenced));
    spec.fence = NULL;
    assert_false(child_spawn(&spec, &pid, &plain));
    assert_string_equal(fenced.where, plain.where);
    assert_string_equal(fenced.what, plain.what);
    spec.fence = &fence;
    spec.path = self_path;
    spec.cwd = "/nonexistent/directory";
    assert_false(child_spawn(&spec, &pid, &fenced));
    assert_non_null(strstr(fenced.what, "/nonexistent/directory cannot be entered"));
    assert_int_equal(pid, 0);
    assert_true(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD);
}

/* The whole of it again behind a fence, which takes another way to start a process. */
static int run_fenced(const struct CMUnitTest *tests, size_t count) {
    char *limits[] = {(char *)(uintptr_t) "nofile=100", (char *)(uintptr_t) "core=0", NULL};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_fences_that_cannot_be),
        cmocka_unit_test(test_fenced_errors_tell_the_same),
    };
    struct diag diag;
    if (!fence_make(&fence, NULL, limits, &diag)) {
        fprintf(stderr, "%s: %s\n", diag.where, diag.what);
        return 97;
    }
    int failed = _cmocka_run_group_tests("fenced", tests, count, NULL, NULL);
    failed += cmocka_run_group_tests(more, NULL, NULL);
    fence_release(&fence);
    return failed;
}

static int run_mode(const char *name) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (strcmp(modes[i].name, name) == 0) {
            return modes[i].run();
        }
    }
    return 99;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_exit),
        cmocka_unit_test(test_inherits_only_three_fds),
        cmocka_unit_test(test_inherits_no_signal_state),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_who_does_not_read_holds_nobody_up),
        cmocka_unit_test(test_free_leaves_processes),
        cmocka_unit_test(test_ensure_is_idempotent),
        cmocka_unit_test(test_list_and_ladder),
        cmocka_unit_test(test_stop_while_queued),
        cmocka_unit_test(test_stopped_process_is_woken),
        cmocka_unit_test(test_group_dies_with_leader),
        cmocka_unit_test(test_daemonised),
        cmocka_unit_test(test_daemonised_at_once),
        cmocka_unit_test(test_unattributable_is_left_alone),
        cmocka_unit_test(test_session_attributes),
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_notify_sockets_are_removed),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_cut_while_running),
        cmocka_unit_test(test_crash_and_tail),
        cmocka_unit_test(test_failed_starts),
        cmocka_unit_test(test_output_not_writable),
        cmocka_unit_test(test_option_by_value_is_left_out),
        cmocka_unit_test(test_no_leaks_after_many),
        cmocka_unit_test(test_starts_are_spread),
        cmocka_unit_test(test_reaping_order),
    };
    ssize_t length = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    if (length <= 0) {
        return 98;
    }
    if (argc > 1) {
        return run_mode(argv[1]);
    }
    if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS) {
        fputs("not run: no pidfd_open here (valgrind 3.19 does not know it, Linux does since 5.3)\n", stderr);
        return 77;
    }
    log_init(&(struct log_options){.fd = STDERR_FILENO, .level = LOG_WARNING});
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + run_fenced(tests, ARRAY_LEN(tests));
}
