/* The engine takes back processes that it did not start: real ones, orphaned by a parent that is gone, as those of a
 * daemon that was killed. They are modes of this very program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "loop/signals.h"
#include "scratch.h"
#include "spawner/local/entries.h"
#include "spawner/local/local.h"
#include "spawner/local/proc.h"

enum { DEADLINE_MS = 60000, EVENTS_MAX = 64 };

/* A mark of this run alone: two runs on one machine must not take each other's processes for strays. */
static char run_mark[17];
static char instances[16][33];

/* The instance whose first half ends in the hex DIGIT. */
static const char *instance_of(const char *digit) {
    char *instance = instances[strchr("0123456789abcdef", *digit) - "0123456789abcdef"];
    snprintf(instance, sizeof instances[0], "000000000000000%c%s", *digit, run_mark);
    return instance;
}
#define SECRET "tok-0123456789"

static char self_path[4096];

/* ---- the agents ---- */

static void wait_for_ever(void) {
    for (;;) {
        pause();
    }
}

static void run_deaf(void) {
    signal(SIGTERM, SIG_IGN);
    wait_for_ever();
}

/* With a child in its session that is in another group and shows no environment. */
static void run_with_hidden_child(void) {
    if (fork() == 0) {
        char *argv[] = {self_path, xstrdup("deaf"), NULL}, *env[] = {NULL};
        setpgid(0, 0);
        execve(self_path, argv, env);
    }
    wait_for_ever();
}

static void run_with_daemon(void) {
    if (fork() == 0) {
        setsid();
        run_deaf();
    }
    wait_for_ever();
}

static void run_with_child(void) {
    if (fork() == 0) {
        run_deaf();
    }
    wait_for_ever();
}

static void *run_thread(void *unused) {
    (void)unused;
    wait_for_ever();
    return NULL;
}

/* Its first thread ends at SIGUSR1, another goes on: to be seen as a zombie, and alive. */
static void run_without_first_thread(void) {
    pthread_t thread;
    sigset_t request;
    int number;
    sigemptyset(&request);
    sigaddset(&request, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &request, NULL);
    pthread_create(&thread, NULL, run_thread, NULL);
    sigwait(&request, &number);
    syscall(SYS_exit, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"sleep", wait_for_ever},    {"deaf", run_deaf},        {"hidden-child", run_with_hidden_child},
    {"daemon", run_with_daemon}, {"child", run_with_child}, {"thread", run_without_first_thread},
};

static _Noreturn void become(const char *mode, const char *instance) {
    cleanup_free char *variable = xasprintf("SIP_INSTANCE=%s", instance);
    char *argv[] = {self_path, xstrdup(mode), NULL};
    char *env[] = {variable, xstrdup("TOKEN=" SECRET), NULL};
    if (strcmp(mode, "deaf") == 0) {
        signal(SIGTERM, SIG_IGN); /* what is ignored stays so: it is deaf from its first moment on */
    }
    setsid();
    execve(self_path, argv, env);
    _exit(127);
}

/* ---- the world around the engine ---- */

struct world {
    char *root;
    struct loop *loop;
    struct signals signals;
    struct local *local;
    struct engine engine;
    struct engine_event events[EVENTS_MAX];
    size_t count, hooks, hooks_at_start;
    struct buf tail;
};

static mono_ms deadline;

/* Turns the loop, if there is one, until the next look of a loop that waits for something. */
static bool turn(struct world *world) {
    if (world->loop != NULL) {
        loop_turn(world->loop, 10);
    } else {
        poll(NULL, 0, 5);
    }
    return clock_mono_ms() < deadline;
}

#define WAIT_FOR(world, condition)                \
    do {                                          \
        deadline = clock_mono_ms() + DEADLINE_MS; \
        while (!(condition)) {                    \
            assert_true(turn(world));             \
        }                                         \
    } while (0)

/* A process in MODE whose parent is gone. */
static pid_t launch(struct world *world, const char *mode, const char *instance) {
    int pipes[2];
    pid_t pid = 0;
    char shown[ENGINE_INSTANCE_SIZE];
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0); /* else we would become its parent */
    assert_int_equal(pipe(pipes), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid = fork();
        if (pid == 0) {
            become(mode, instance);
        }
        _exit(write(pipes[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    }
    assert_int_equal(read(pipes[0], &pid, sizeof pid), sizeof pid);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    close(pipes[0]);
    close(pipes[1]);
    WAIT_FOR(world, proc_instance(pid, shown));
    return pid;
}

/* The first child of PID; 0: it has none. */
static pid_t child_of(pid_t pid) {
    cleanup_buf struct buf text = {0};
    cleanup_free char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    proc_read(path, &text);
    return text.len > 0 ? (pid_t)strtol(text.p, NULL, 10) : 0;
}

static uint64_t birth_of(pid_t pid) {
    struct proc_stat stat = {0};
    assert_true(proc_stat(pid, &stat));
    return stat.birth;
}

static void add_line(void *context, const char *line) {
    buf_addf(context, "%s\n", line);
}

static void on_event(void *context, const struct engine_event *event) {
    struct world *world = context;
    assert_true(world->count < EVENTS_MAX);
    world->events[world->count++] = *event;
    if (event->kind == ENGINE_STARTED) {
        world->hooks_at_start = world->hooks;
    }
    if (event->kind == ENGINE_EXITED) {
        buf_clear(&world->tail);
        local_tail(world->local, event->label, 20, add_line, &world->tail);
    }
}

static void before_start(void *context) {
    struct world *world = context;
    world->hooks++;
}

static void on_signal(struct signals *signals, int number) {
    struct world *world = container_of(signals, struct world, signals);
    if (number == SIGCHLD) {
        local_reap(world->local);
    }
}

static void open_engine(struct world *world) {
    world->root = scratch_new();
    world->loop = loop_new();
    world->signals.on_signal = on_signal;
    signals_start(&world->signals, world->loop);
    world->local = local_new(&(struct local_options){.loop = world->loop,
                                                     .output_dir = world->root,
                                                     .notify_dir = world->root,
                                                     .mark = run_mark,
                                                     .on_event = on_event,
                                                     .before_start = before_start,
                                                     .context = world});
    world->engine = local_engine(world->local);
}

static void close_engine(struct world *world) {
    WAIT_FOR(world, local_is_idle(world->local));
    local_free(world->local);
    signals_stop(&world->signals);
    loop_free(world->loop);
    buf_release(&world->tail);
    scratch_free(world->root);
}

static void adopt(struct world *world, const char *instance, pid_t pid, uint64_t birth) {
    struct engine_adoption adoption = {
        .label = "RM_1", .instance = instance, .agent = "tester", .pid = pid, .birth = birth, .secret_name = "TOKEN"};
    world->engine.adopt(world->engine.self, &adoption);
}

static void stop(struct world *world, struct engine_stop how) {
    world->engine.stop(world->engine.self, "RM_1", &how);
}

static const struct engine_event *last_event(const struct world *world) {
    return world->count > 0 ? &world->events[world->count - 1] : &world->events[0];
}

static bool has_exited(const struct world *world) {
    const struct engine_event *event = last_event(world);
    return world->count > 0 && event->kind == ENGINE_EXITED && event->exit_kind == EXIT_UNKNOWN;
}

static void see(void *context, const struct engine_view *view) {
    buf_addf(context, "%s %d %s;", view->label, (int)view->pid, view->state);
}

static void list_is(struct world *world, const char *wanted) {
    cleanup_buf struct buf seen = {0};
    world->engine.list(world->engine.self, see, &seen);
    assert_string_equal(seen.len > 0 ? seen.p : "", wanted);
}

/* ---- the tests ---- */

static void test_process_is_taken_back(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "sleep", instance_of("1"));
    open_engine(&world);
    adopt(&world, instance_of("1"), pid, birth_of(pid));
    cleanup_free char *wanted = xasprintf("RM_1 %d running;", (int)pid);
    list_is(&world, wanted);
    assert_int_equal(local_counters(world.local)->adopted, 1);
    for (int i = 0; i < 20; i++) { /* the look for strays comes and goes */
        loop_turn(world.loop, 10);
    }
    assert_int_equal(world.count, 0);
    assert_false(proc_is_gone(pid));
    kill(pid, SIGKILL);
    WAIT_FOR(&world, has_exited(&world));
    list_is(&world, "");
    close_engine(&world);
}

static void count_one(void *context, int directory, const char *name) {
    (void)directory;
    (void)name;
    ++*(size_t *)context;
}

static size_t threads_of(pid_t pid) {
    size_t count = 0;
    cleanup_free char *path = xasprintf("/proc/%d/task", (int)pid);
    entries_each(path, count_one, &count);
    return count;
}

static char state_of(pid_t pid) {
    struct proc_stat stat = {0};
    (void)proc_stat(pid, &stat);
    return stat.state;
}

static pid_t launch_without_first_thread(struct world *world, const char *instance) {
    pid_t pid = launch(world, "thread", instance);
    WAIT_FOR(world, threads_of(pid) == 2);
    WAIT_FOR(world, kill(pid, SIGUSR1) == 0 && state_of(pid) == 'Z');
    return pid;
}

static void test_process_whose_first_thread_is_gone(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch_without_first_thread(&world, instance_of("1"));
    open_engine(&world);
    adopt(&world, instance_of("1"), pid, birth_of(pid));
    assert_int_equal(local_counters(world.local)->adopted, 1);
    assert_false(proc_is_gone(pid));
    stop(&world, (struct engine_stop){.timeout_ms = 10000});
    WAIT_FOR(&world, has_exited(&world));
    assert_true(proc_is_gone(pid));
    close_engine(&world);
}

static void test_second_job_of_its_label_is_not_started(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "sleep", instance_of("2"));
    open_engine(&world);
    adopt(&world, instance_of("2"), pid, birth_of(pid));
    adopt(&world, instance_of("3"), pid, birth_of(pid));
    const char *const command[] = {"/bin/true", NULL};
    struct engine_job job = {.label = "RM_1", .instance = instance_of("3"), .command = command, .line = SLICE("{}")};
    world.engine.ensure(world.engine.self, &job);
    assert_int_equal(local_count(world.local), 1);
    stop(&world, (struct engine_stop){.timeout_ms = 10000});
    WAIT_FOR(&world, has_exited(&world));
    assert_int_equal(world.count, 1);
    close_engine(&world);
}

static void test_ladder(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "deaf", instance_of("4"));
    open_engine(&world);
    adopt(&world, instance_of("4"), pid, birth_of(pid));
    stop(&world, (struct engine_stop){.timeout_ms = 50});
    WAIT_FOR(&world, has_exited(&world));
    assert_true(proc_is_gone(pid));
    assert_int_equal(local_counters(world.local)->killed, 1);
    close_engine(&world);
}

/* Strangers with the number of an agent: by its birth, or by what they were started with. */
static void test_reused_pid_is_not_touched(void **state) {
    (void)state;
    const struct {
        const char *instance, *kept;
        uint64_t later;
    } cases[] = {{"0000000000000005aaaaaaaaaaaaaaaa", "0000000000000005aaaaaaaaaaaaaaaa", 1},
                 {"0000000000000006aaaaaaaaaaaaaaaa", instance_of("6"), 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world = {0};
        pid_t pid = launch(&world, "sleep", cases[i].instance);
        open_engine(&world);
        adopt(&world, cases[i].kept, pid, birth_of(pid) - cases[i].later);
        stop(&world, (struct engine_stop){.kill = true});
        WAIT_FOR(&world, has_exited(&world));
        WAIT_FOR(&world, local_is_idle(world.local));
        assert_false(proc_is_gone(pid));
        kill(pid, SIGKILL);
        close_engine(&world);
    }
}

/* Its birth could not be noted, or it could not be looked at: its SIP_INSTANCE tells that it is the one, or is not. */
static void test_birth_that_is_not_known(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "sleep", instance_of("e"));
    open_engine(&world);
    adopt(&world, instance_of("e"), pid, 0);
    assert_int_equal(local_counters(world.local)->adopted, 1);
    stop(&world, (struct engine_stop){.kill = true});
    WAIT_FOR(&world, has_exited(&world));
    close_engine(&world);
    struct world other = {0};
    pid_t stranger = launch(&other, "sleep", "0000000000000005aaaaaaaaaaaaaaaa");
    open_engine(&other);
    adopt(&other, instance_of("f"), stranger, 0);
    WAIT_FOR(&other, has_exited(&other));
    assert_false(proc_is_gone(stranger));
    kill(stranger, SIGKILL);
    close_engine(&other);
}

/* For the first look there is no descriptor left, for the second there is. */
static void test_no_descriptor_for_the_first_look(void **state) {
    (void)state;
    struct world world = {0};
    struct rlimit limit, none;
    pid_t pid = launch(&world, "sleep", instance_of("9"));
    uint64_t birth = birth_of(pid);
    open_engine(&world);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){0, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    adopt(&world, instance_of("9"), pid, birth);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    list_is(&world, "RM_1 0 sought;");
    WAIT_FOR(&world, world.count > 0);
    assert_int_equal(world.events[0].kind, ENGINE_STARTED);
    assert_int_equal(world.events[0].pid, pid);
    stop(&world, (struct engine_stop){.kill = true});
    WAIT_FOR(&world, has_exited(&world));
    close_engine(&world);
}

static void test_process_that_is_gone(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "sleep", instance_of("7"));
    uint64_t birth = birth_of(pid);
    kill(pid, SIGKILL);
    WAIT_FOR(&world, proc_is_gone(pid));
    open_engine(&world);
    adopt(&world, instance_of("7"), pid, birth);
    WAIT_FOR(&world, has_exited(&world));
    assert_int_equal(local_counters(world.local)->adopted, 0);
    close_engine(&world);
}

static void test_intent_is_sought_and_found(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid =
        launch(&world, "daemon", instance_of("8")); /* its daemon has the same instance, and a session as well */
    open_engine(&world);
    adopt(&world, instance_of("8"), 0, 0);
    list_is(&world, "RM_1 0 sought;");
    WAIT_FOR(&world, world.count > 0);
    assert_int_equal(world.events[0].kind, ENGINE_STARTED);
    assert_int_equal(world.events[0].pid, pid);
    assert_true(world.events[0].birth == birth_of(pid));
    stop(&world, (struct engine_stop){.timeout_ms = 10000});
    WAIT_FOR(&world, has_exited(&world));
    close_engine(&world);
}

static void test_intent_that_came_to_nothing(void **state) {
    (void)state;
    struct world world = {0};
    open_engine(&world);
    adopt(&world, instance_of("9"), 0, 0);
    WAIT_FOR(&world, has_exited(&world));
    assert_int_equal(world.count, 1);
    close_engine(&world);
}

/* The agent started and died, and what it had started lives: that is no agent. */
static void test_child_of_a_dead_agent_is_not_taken_for_it(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "child", instance_of("0")), child = 0;
    WAIT_FOR(&world, (child = child_of(pid)) != 0);
    kill(pid, SIGKILL);
    WAIT_FOR(&world, proc_is_gone(pid));
    open_engine(&world);
    adopt(&world, instance_of("0"), 0, 0);
    WAIT_FOR(&world, has_exited(&world));
    assert_int_equal(world.count, 1);
    WAIT_FOR(&world, proc_is_gone(child));
    close_engine(&world);
}

static void test_stop_waits_for_what_is_sought(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "deaf", instance_of("a"));
    open_engine(&world);
    adopt(&world, instance_of("a"), 0, 0);
    stop(&world, (struct engine_stop){.timeout_ms = 1});
    WAIT_FOR(&world, has_exited(&world));
    assert_int_equal(world.events[0].kind, ENGINE_STARTED);
    assert_true(proc_is_gone(pid));
    close_engine(&world);
}

static void test_strays_are_ended_and_others_left_alone(void **state) {
    (void)state;
    struct world world = {0};
    pid_t ours = launch(&world, "deaf", instance_of("b")),
          theirs = launch(&world, "sleep", "000000000000000baaaaaaaaaaaaaaaa");
    open_engine(&world);
    WAIT_FOR(&world, proc_is_gone(ours));
    WAIT_FOR(&world, local_is_idle(world.local));
    assert_false(proc_is_gone(theirs));
    kill(theirs, SIGKILL);
    close_engine(&world);
}

static void test_what_it_leaves_behind_is_ended(void **state) {
    (void)state;
    static const char *const left[] = {"hidden-child", "daemon"};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        struct world world = {0};
        pid_t pid = launch(&world, left[i], instance_of("c")), child = 0;
        WAIT_FOR(&world, (child = child_of(pid)) != 0);
        WAIT_FOR(&world, getsid(child) == (i == 0 ? pid : child) && getpgid(child) == child);
        open_engine(&world);
        adopt(&world, instance_of("c"), pid, birth_of(pid));
        kill(pid, SIGKILL);
        WAIT_FOR(&world, has_exited(&world));
        WAIT_FOR(&world, proc_is_gone(child));
        close_engine(&world);
    }
}

static void test_last_lines_without_the_token(void **state) {
    (void)state;
    struct world world = {0};
    pid_t pid = launch(&world, "sleep", instance_of("d"));
    open_engine(&world);
    free(scratch_file(world.root, "RM_1.log", "my token is " SECRET "\n", 0600));
    adopt(&world, instance_of("d"), pid, birth_of(pid));
    kill(pid, SIGKILL);
    WAIT_FOR(&world, has_exited(&world));
    assert_null(strstr(world.tail.p, SECRET));
    assert_non_null(strstr(world.tail.p, "my token is "));
    close_engine(&world);
}

/* Whose process is gone has a token that nobody knows any more. */
static void test_last_lines_of_who_is_gone_are_not_shown(void **state) {
    (void)state;
    struct world world = {0};
    open_engine(&world);
    free(scratch_file(world.root, "RM_1.log", "my token is " SECRET "\n", 0600));
    adopt(&world, instance_of("e"), 0, 0);
    WAIT_FOR(&world, has_exited(&world));
    assert_null(strstr(world.tail.p, SECRET));
    assert_non_null(strstr(world.tail.p, "not shown"));
    close_engine(&world);
}

static void test_hook_comes_before_the_start(void **state) {
    (void)state;
    struct world world = {0};
    open_engine(&world);
    const char *const command[] = {"/bin/true", NULL};
    struct engine_job job = {.label = "RM_1", .instance = instance_of("f"), .command = command, .line = SLICE("{}")};
    world.engine.ensure(world.engine.self, &job);
    assert_int_equal(world.hooks, 0);
    WAIT_FOR(&world, world.count > 0);
    assert_int_equal(world.events[0].kind, ENGINE_STARTED);
    assert_true(world.events[0].birth > 0);
    assert_int_equal(world.hooks_at_start, 1);
    close_engine(&world);
}

int main(int argc, char **argv) {
    if (readlink("/proc/self/exe", self_path, sizeof self_path - 1) <= 0) {
        return 1;
    }
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(modes); i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
        }
    }
    if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS) {
        fputs("not run: no pidfd_open here (valgrind 3.19 does not know it, Linux does since 5.3)\n", stderr);
        return 77;
    }
    snprintf(run_mark, sizeof run_mark, "%08x%08x", (unsigned)getpid(), (unsigned)clock_mono_us());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_is_taken_back),
        cmocka_unit_test(test_process_whose_first_thread_is_gone),
        cmocka_unit_test(test_second_job_of_its_label_is_not_started),
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_reused_pid_is_not_touched),
        cmocka_unit_test(test_birth_that_is_not_known),
        cmocka_unit_test(test_no_descriptor_for_the_first_look),
        cmocka_unit_test(test_process_that_is_gone),
        cmocka_unit_test(test_intent_is_sought_and_found),
        cmocka_unit_test(test_intent_that_came_to_nothing),
        cmocka_unit_test(test_child_of_a_dead_agent_is_not_taken_for_it),
        cmocka_unit_test(test_stop_waits_for_what_is_sought),
        cmocka_unit_test(test_strays_are_ended_and_others_left_alone),
        cmocka_unit_test(test_what_it_leaves_behind_is_ended),
        cmocka_unit_test(test_last_lines_without_the_token),
        cmocka_unit_test(test_last_lines_of_who_is_gone_are_not_shown),
        cmocka_unit_test(test_hook_comes_before_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
