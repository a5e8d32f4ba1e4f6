/* The local engine and processes that wait: relabelled, told by one write, found out when they do not read. The agents are
 * modes of this program. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/log.h"
#include "loop/signals.h"
#include "scratch.h"
#include "spawner/local/hand_over.h"
#include "spawner/local/local.h"
#include "turn_until.h"

#define SECRET "tok-0123456789"
#define WAITER ENGINE_WAITER_PREFIX "1"

enum { EVENTS_MAX = 64, LONG_LINE = 32000 };
static char self_path[4096];
/* Of this run alone: whoever else runs on this machine must not take its processes for their own. */
static char own_instance[ENGINE_INSTANCE_SIZE], other_instance[ENGINE_INSTANCE_SIZE];

/* ---- the agents ---- */

/* Says how many reads its line took, and how long it was. */
static int agent_waits(void) {
    static char text[65536];
    size_t length = 0, reads = 0;
    dprintf(STDOUT_FILENO, "waiting\n");
    while (length == 0 || text[length - 1] != '\n') {
        ssize_t size = read(STDIN_FILENO, text + length, sizeof text - length);
        if (size <= 0) {
            return 0;
        }
        length += (size_t)size;
        reads++;
    }
    dprintf(STDOUT_FILENO, "line %zu in %zu " SECRET "\n", length, reads);
    pause();
    return 0;
}

static int agent_hangs(void) {
    dprintf(STDOUT_FILENO, "waiting\n");
    pause();
    return 0;
}

static int agent_closes(void) {
    close(STDIN_FILENO);
    dprintf(STDOUT_FILENO, "waiting\n");
    pause();
    return 0;
}

/* ---- the scene ---- */

struct scene {
    char *root;
    struct loop *loop;
    struct signals signals;
    struct local *local;
    struct engine engine;
    struct engine_waiters waiters;
    struct engine_event events[EVENTS_MAX];
    size_t count;
    unsigned flushes; /* before_start */
    struct buf tail;
};

static void on_signal(struct signals *signals, int number) {
    struct scene *scene = container_of(signals, struct scene, signals);
    if (number == SIGCHLD) {
        local_reap(scene->local);
    }
}

static void add_line(void *context, const char *line) {
    buf_addf(context, "%s\n", line);
}

static void on_event(void *context, const struct engine_event *event) {
    struct scene *scene = context;
    assert_true(scene->count < EVENTS_MAX);
    scene->events[scene->count++] = *event;
    if (event->kind == ENGINE_EXITED) {
        buf_clear(&scene->tail);
        local_tail(scene->local, event->label, 20, add_line, &scene->tail);
        buf_adds(&scene->tail, "");
    }
}

static void before_start(void *context) {
    ((struct scene *)context)->flushes++;
}

static int open_scene(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->root = scratch_new();
    scene->loop = loop_new();
    scene->signals.on_signal = on_signal;
    signals_start(&scene->signals, scene->loop);
    const struct local_options options = {.loop = scene->loop,
                                          .output_dir = scene->root,
                                          .notify_dir = scene->root,
                                          .on_event = on_event,
                                          .before_start = before_start,
                                          .context = scene};
    scene->local = local_new(&options);
    scene->engine = local_engine(scene->local);
    scene->waiters = local_waiters(scene->local);
    *state = scene;
    return 0;
}

static void kill_each(void *context, const struct engine_view *view) {
    struct scene *scene = context;
    scene->engine.stop(scene->engine.self, view->label, &(struct engine_stop){.kill = true});
}

static int close_scene(void **state) {
    struct scene *scene = *state;
    scene->engine.list(scene->engine.self, kill_each, scene);
    TURN_UNTIL(scene->loop, local_count(scene->local) == 0);
    local_free(scene->local);
    signals_stop(&scene->signals);
    loop_free(scene->loop);
    buf_release(&scene->tail);
    scratch_free(scene->root);
    free(scene);
    return 0;
}

static const struct engine_event *told(const struct scene *scene, const char *label, enum engine_event_kind kind) {
    for (size_t i = 0; i < scene->count; i++) {
        if (scene->events[i].kind == kind && strcmp(scene->events[i].label, label) == 0) {
            return &scene->events[i];
        }
    }
    return NULL;
}

static char *output_of(const struct scene *scene, const char *name) {
    static char text[8192];
    cleanup_free char *path = xasprintf("%s/%s", scene->root, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[size > 0 ? size : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

#define TURN_UNTIL_WRITTEN(scene, name, what) TURN_UNTIL((scene)->loop, strstr(output_of(scene, name), what) != NULL)
#define TURN_UNTIL_TOLD(scene, label, kind) TURN_UNTIL((scene)->loop, told(scene, label, kind) != NULL)

static void start_waiter(struct scene *scene, const char *mode) {
    const char *const command[] = {self_path, mode, NULL};
    const struct engine_job job = {
        .label = WAITER, .instance = own_instance, .command = command, .agent = "tester", .waits = true};
    scene->engine.ensure(scene->engine.self, &job);
    TURN_UNTIL_WRITTEN(scene, WAITER ".log", "waiting");
}

static bool hand_over(struct scene *scene, const char *label, struct slice line) {
    const struct engine_job job = {
        .label = label, .instance = own_instance, .line = line, .secret = SLICE(SECRET), .agent = "tester"};
    return scene->waiters.hand_over(scene->waiters.self, WAITER, &job);
}

static bool is_there(const struct scene *scene) {
    return scene->waiters.is_there(scene->waiters.self, WAITER);
}

static void test_becomes_the_calls(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "waits");
    const struct engine_event *started = told(scene, WAITER, ENGINE_STARTED);
    assert_true(is_there(scene) && scene->waiters.memory(scene->waiters.self, WAITER) > 4096);
    unsigned flushes = scene->flushes;
    assert_true(hand_over(scene, "RM_1", SLICE("{\"v\":1}")));
    assert_null(told(scene, "RM_1", ENGINE_STARTED)); /* never from inside */
    assert_false(is_there(scene));
    TURN_UNTIL_WRITTEN(scene, "RM_1.log", "line 8 in 1");
    assert_int_equal(scene->flushes, flushes + 1); /* the journal came first */
    const struct engine_event *handed = told(scene, "RM_1", ENGINE_STARTED);
    assert_true(handed->pid == started->pid && handed->birth == started->birth && handed->birth != 0);
    assert_string_equal(handed->instance, own_instance);
    assert_int_equal(local_counters(scene->local)->handed_over, 1);
    kill(started->pid, SIGKILL);
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_EXITED);
    assert_string_equal(scene->tail.p, "waiting\nline 8 in 1 [secret]\n");
    assert_null(told(scene, WAITER, ENGINE_EXITED));
}

static void test_long_line_is_one_write(void **state) {
    struct scene *scene = *state;
    cleanup_free char *line = xmalloc(LONG_LINE);
    memset(line, 'x', LONG_LINE);
    start_waiter(scene, "waits");
    assert_true(hand_over(scene, "RM_1", (struct slice){line, LONG_LINE}));
    TURN_UNTIL_WRITTEN(scene, "RM_1.log", "line 32001 in 1");
}

static void test_too_long_line(void **state) {
    struct scene *scene = *state;
    cleanup_free char *line = xmalloc(ENGINE_LINE_MAX + 1);
    memset(line, 'x', ENGINE_LINE_MAX + 1);
    start_waiter(scene, "waits");
    assert_false(hand_over(scene, "RM_1", (struct slice){line, ENGINE_LINE_MAX + 1}));
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_START_FAILED);
    assert_true(is_there(scene));
}

static void test_label_that_has_one(void **state) {
    struct scene *scene = *state;
    const char *const command[] = {self_path, "hangs", NULL};
    const struct engine_job cold = {.label = "RM_1", .instance = other_instance, .command = command};
    scene->engine.ensure(scene->engine.self, &cold);
    start_waiter(scene, "waits");
    assert_false(hand_over(scene, "RM_1", SLICE("{}")));
    assert_true(is_there(scene));
}

static void test_gone_before(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "waits");
    kill(told(scene, WAITER, ENGINE_STARTED)->pid, SIGKILL);
    mono_ms end = clock_mono_ms() + TURN_DEADLINE_MS;
    while (is_there(scene) && clock_mono_ms() < end) {
    }
    assert_false(is_there(scene)); /* seen before the loop tells */
    assert_false(hand_over(scene, "RM_1", SLICE("{}")));
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_NOT_TAKEN);
    TURN_UNTIL_TOLD(scene, WAITER, ENGINE_EXITED);
}

static void test_killed_while_queued(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "hangs");
    pid_t pid = told(scene, WAITER, ENGINE_STARTED)->pid;
    assert_true(hand_over(scene, "RM_1", SLICE("{}")));
    kill(pid, SIGKILL);
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_NOT_TAKEN);
    assert_null(told(scene, "RM_1", ENGINE_EXITED));
    TURN_UNTIL(scene->loop, local_count(scene->local) == 0);
}

static void test_dies_with_its_line_unread(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "hangs");
    pid_t pid = told(scene, WAITER, ENGINE_STARTED)->pid;
    assert_true(hand_over(scene, "RM_1", SLICE("{}")));
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_STARTED);
    kill(pid, SIGKILL);
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_NOT_TAKEN);
    assert_null(told(scene, "RM_1", ENGINE_EXITED));
}

/* It is killed, and its label is free for another at once. */
static void test_hangs(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "hangs");
    pid_t pid = told(scene, WAITER, ENGINE_STARTED)->pid;
    assert_true(hand_over(scene, "RM_1", SLICE("{}")));
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_NOT_TAKEN);
    const char *const command[] = {self_path, "waits", NULL};
    const struct engine_job cold = {
        .label = "RM_1", .instance = other_instance, .command = command, .line = SLICE("{}"), .secret = SLICE(SECRET)};
    scene->engine.ensure(scene->engine.self, &cold);
    TURN_UNTIL_TOLD(scene, WAITER, ENGINE_EXITED);
    assert_int_equal(told(scene, WAITER, ENGINE_EXITED)->pid, pid);
    TURN_UNTIL_WRITTEN(scene, "RM_1.log", "line 3 in 1");
    assert_null(told(scene, "RM_1", ENGINE_EXITED));
}

static void test_closed_its_input(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "closes");
    TURN_UNTIL(scene->loop, !is_there(scene));
    assert_false(hand_over(scene, "RM_1", SLICE("{}")));
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_NOT_TAKEN);
}

/* Told to go before it is told its call: it goes without, as any process of that call. */
static void test_stopped_while_queued(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "waits");
    assert_true(hand_over(scene, "RM_1", SLICE("{}")));
    scene->engine.stop(scene->engine.self, "RM_1", &(struct engine_stop){.timeout_ms = 5000});
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_EXITED);
    assert_null(told(scene, "RM_1", ENGINE_NOT_TAKEN));
    assert_string_equal(output_of(scene, WAITER ".log"), "waiting\n");
}

/* It is gone before its turn to be told comes. */
static void test_stopped_while_queued_and_gone(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "waits");
    pid_t pid = told(scene, WAITER, ENGINE_STARTED)->pid;
    siginfo_t info = {0};
    assert_true(hand_over(scene, "RM_1", SLICE("{}")));
    scene->engine.stop(scene->engine.self, "RM_1", &(struct engine_stop){.timeout_ms = 5000});
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    local_reap(scene->local);
    TURN_UNTIL_TOLD(scene, "RM_1", ENGINE_EXITED);
    assert_null(told(scene, "RM_1", ENGINE_NOT_TAKEN));
    assert_int_equal(local_count(scene->local), 0);
    start_waiter(scene, "waits");
    TURN_UNTIL(scene->loop, is_there(scene));
    assert_true(hand_over(scene, "RM_2", SLICE("{}")));
    TURN_UNTIL_WRITTEN(scene, "RM_2.log", "line 3 in 1");
}

static void test_end_of_file_ends_it(void **state) {
    struct scene *scene = *state;
    start_waiter(scene, "waits");
    pid_t pid = told(scene, WAITER, ENGINE_STARTED)->pid;
    local_free(scene->local); /* as when the daemon dies */
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    const struct local_options options = {.loop = scene->loop,
                                          .output_dir = scene->root,
                                          .notify_dir = scene->root,
                                          .on_event = on_event,
                                          .context = scene};
    scene->local = local_new(&options);
    scene->engine = local_engine(scene->local);
}

static void test_output_of_one_that_only_waited(void **state) {
    struct scene *scene = *state;
    cleanup_free char *path = xasprintf("%s/" WAITER ".log", scene->root);
    start_waiter(scene, "waits");
    scene->engine.stop(scene->engine.self, WAITER, &(struct engine_stop){.timeout_ms = 5000});
    TURN_UNTIL_TOLD(scene, WAITER, ENGINE_EXITED);
    assert_int_not_equal(access(path, F_OK), 0); /* told to go: nobody wants to read it */
    scene->count = 0;
    start_waiter(scene, "hangs");
    scene->engine.stop(scene->engine.self, WAITER, &(struct engine_stop){.kill = true});
    TURN_UNTIL_TOLD(scene, WAITER, ENGINE_EXITED);
    assert_int_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(test_becomes_the_calls),
        TEST(test_long_line_is_one_write),
        TEST(test_too_long_line),
        TEST(test_label_that_has_one),
        TEST(test_gone_before),
        TEST(test_killed_while_queued),
        TEST(test_dies_with_its_line_unread),
        TEST(test_hangs),
        TEST(test_closed_its_input),
        TEST(test_stopped_while_queued),
        TEST(test_stopped_while_queued_and_gone),
        TEST(test_end_of_file_ends_it),
        TEST(test_output_of_one_that_only_waited),
    };
    ssize_t length = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    if (length <= 0) {
        return 98;
    }
    if (argc > 1) {
        return strcmp(argv[1], "waits") == 0    ? agent_waits()
               : strcmp(argv[1], "closes") == 0 ? agent_closes()
                                                : agent_hangs();
    }
    if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS) {
        fputs("not run: no pidfd_open here (valgrind 3.19 does not know it, Linux does since 5.3)\n", stderr);
        return 77;
    }
    snprintf(own_instance, sizeof own_instance, "%016x%016llx", (unsigned)getpid(),
             (unsigned long long)clock_mono_us());
    snprintf(other_instance, sizeof other_instance, "f%s", own_instance + 1);
    log_init(&(struct log_options){.fd = STDERR_FILENO, .level = LOG_ERROR});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
