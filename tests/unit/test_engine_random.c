/* The local engine under operations in random order, with real processes, their deaths and restarts of the engine: whatever
 * happens, each process is told of once, and none is left. A failure names its seed:  test_engine_random SEED */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/signals.h"
#include "scratch.h"
#include "spawner/local/local.h"
#include "turn_until.h"

enum { STEPS = 300, RUNS = 6, ITEMS = 12, MISSES = 64, LONGEST_MS = 40, SOME_MS = 5 };

static char mark[17]; /* of this run alone: an engine ends whatever has its mark and is not its own */

/* A process as its owner knows it. */
struct item {
    bool used, waits, started, handed;
    bool said, ready;                                            /* READY=1 was sent in its name; it was told of */
    char own[ENGINE_LABEL_MAX + 1], label[ENGINE_LABEL_MAX + 1]; /* label: own, or its call's once it was handed over */
    char instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    uint64_t birth;
};

struct scene {
    unsigned seed, number; /* of the next label */
    char *root;
    struct loop *loop;
    struct signals signals;
    struct local *local;
    struct item items[ITEMS];
    char misses[MISSES][ENGINE_LABEL_MAX + 1]; /* calls that hand_over refused: one event each */
    size_t miss_count;
};

static unsigned dice(struct scene *scene, unsigned sides) {
    return (unsigned)rand_r(&scene->seed) % sides;
}

/* ---- what is told ---- */

static struct item *item_of(struct scene *scene, const struct engine_event *event) {
    for (struct item *item = scene->items; item < scene->items + ITEMS; item++) {
        if (item->used && strcmp(item->label, event->label) == 0 && strcmp(item->instance, event->instance) == 0) {
            return item;
        }
    }
    return NULL;
}

/* What waited to be told when its process was handed over still has the former label. */
static struct item *item_before(struct scene *scene, const struct engine_event *event) {
    for (struct item *item = scene->items; item < scene->items + ITEMS; item++) {
        if (item->used && strcmp(item->own, event->label) == 0 && strcmp(item->instance, event->instance) == 0) {
            return item;
        }
    }
    return NULL;
}

static void on_ready(struct scene *scene, const struct engine_event *event) {
    struct item *item = item_of(scene, event);
    item = item != NULL ? item : item_before(scene, event);
    assert_true(item != NULL && item->said && !item->ready);
    item->ready = true;
}

static bool was_miss(struct scene *scene, const char *label) {
    for (size_t i = 0; i < scene->miss_count; i++) {
        if (strcmp(scene->misses[i], label) == 0) {
            memcpy(scene->misses[i], scene->misses[--scene->miss_count], sizeof scene->misses[i]);
            return true;
        }
    }
    return false;
}

static void on_event(void *context, const struct engine_event *event) {
    struct scene *scene = context;
    struct item *item = item_of(scene, event);
    if (event->kind == ENGINE_READY) {
        on_ready(scene, event);
        return;
    }
    if (item == NULL) {
        assert_true(event->kind == ENGINE_NOT_TAKEN && was_miss(scene, event->label));
        return;
    }
    switch (event->kind) {
    case ENGINE_READY: break; /* on_ready */
    case ENGINE_STARTED:
        assert_false(item->started);
        assert_true(event->pid > 0 && (item->pid == 0 || item->pid == event->pid));
        item->started = true;
        item->pid = event->pid;
        item->birth = event->birth;
        break;
    case ENGINE_NOT_TAKEN: /* it is on its own again, until its end */
        assert_true(item->handed);
        item->handed = false;
        item->started = true;
        memcpy(item->label, item->own, sizeof item->label);
        break;
    case ENGINE_START_FAILED:
        assert_false(item->started || item->handed);
        item->used = false;
        break;
    case ENGINE_EXITED: item->used = false; break;
    }
}

static void on_signal(struct signals *signals, int number) {
    if (number == SIGCHLD) {
        local_reap(container_of(signals, struct scene, signals)->local);
    }
}

/* ---- what is done ---- */

static struct item *some_item(struct scene *scene) {
    struct item *item = &scene->items[dice(scene, ITEMS)];
    return item->used ? item : NULL;
}

static void set_label(struct scene *scene, char *label, const char *prefix) {
    snprintf(label, ENGINE_LABEL_MAX + 1, "%s%u", prefix, ++scene->number);
}

static void ensure(struct scene *scene, struct item *item) {
    static const char *const agents[][4] = {
        {"cat"},           /* leaves when its input ends */
        {"head", "-n1"},   /* leaves after its line */
        {"sleep", "1000"}, /* reads nothing */
        {"env", "--ignore-signal=TERM", "sleep", "1000"},
        {"setsid", "-f", "sleep", "1000"}, /* leaves another behind */
        {"true"},
        {"false"},
        {"/nowhere/agent"},
    };
    const char *command[ARRAY_LEN(agents[0]) + 1] = {NULL};
    memcpy(command, agents[dice(scene, ARRAY_LEN(agents))], sizeof agents[0]);
    const struct engine_job job = {.label = item->label,
                                   .instance = item->instance,
                                   .command = command,
                                   .line = SLICE("{}"),
                                   .secret = SLICE("secret"),
                                   .agent = "tester",
                                   .waits = item->waits};
    const struct engine engine = local_engine(scene->local);
    engine.ensure(engine.self, &job);
    if (dice(scene, 8) == 0) {
        engine.ensure(engine.self, &job); /* again: nothing */
    }
}

static void start(struct scene *scene) {
    struct item *item = &scene->items[dice(scene, ITEMS)];
    if (item->used) {
        return;
    }
    *item = (struct item){.used = true, .waits = dice(scene, 2) == 0};
    set_label(scene, item->own, item->waits ? ENGINE_WAITER_PREFIX : "RM_");
    memcpy(item->label, item->own, sizeof item->label);
    snprintf(item->instance, sizeof item->instance, "%016x%s", scene->number, mark);
    ensure(scene, item);
}

static void hand_over(struct scene *scene) {
    struct item *item = some_item(scene);
    char call[ENGINE_LABEL_MAX + 1];
    if (item == NULL || !item->waits || strcmp(item->label, item->own) != 0 || scene->miss_count == MISSES) {
        return;
    }
    set_label(scene, call, "RM_");
    const struct engine_job job = {
        .label = call, .instance = item->instance, .line = SLICE("{}"), .secret = SLICE("secret"), .agent = "tester"};
    const struct engine_waiters waiters = local_waiters(scene->local);
    if (waiters.hand_over(waiters.self, item->own, &job)) {
        assert_true(item->started);
        item->handed = true;
        item->started = false;
        memcpy(item->label, call, sizeof item->label);
    } else {
        memcpy(scene->misses[scene->miss_count++], call, sizeof call);
    }
}

static void stop_one(struct scene *scene, const char *label, bool kill) {
    const struct engine_stop how = {.after_ms = dice(scene, 2) == 0 ? 0 : dice(scene, LONGEST_MS),
                                    .timeout_ms = dice(scene, LONGEST_MS),
                                    .kill = kill};
    const struct engine engine = local_engine(scene->local);
    engine.stop(engine.self, label, &how);
}

/* SIGCHLD may come in the very turn of what was asked before. */
static void see_its_end(const struct scene *scene, pid_t pid) {
    siginfo_t info;
    (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    local_reap(scene->local);
}

static void stop(struct scene *scene) {
    const struct item *item = some_item(scene);
    bool kill = dice(scene, 2) == 0;
    stop_one(scene, item != NULL ? item->label : "RM_unknown", kill);
    if (item != NULL && kill && item->pid > 0 && dice(scene, 2) == 0) {
        see_its_end(scene, item->pid);
    }
}

/* It dies by itself. */
static void strike(struct scene *scene) {
    const struct item *item = some_item(scene);
    if (item != NULL && item->pid > 0) {
        kill(item->pid, dice(scene, 2) == 0 ? SIGKILL : SIGTERM); /* ours until we reap it: nobody else's number */
        local_reap(scene->local);
    }
}

/* With a descriptor, as whoever hands over a store of them does. */
static bool send_to(int fd, const struct sockaddr_un *address, struct slice text, bool with_fd) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {0};
    struct iovec part = {(char *)text.p, text.n};
    struct msghdr message = {.msg_name = (void *)address,
                             .msg_namelen = sizeof *address,
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    if (with_fd) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        *CMSG_FIRSTHDR(&message) =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)text.n;
}

/* Somebody writes to the notify socket of a process, in its name. */
static void notify(struct scene *scene) {
    static const char long_text[5000] = "READY=1\n";
    static const struct {
        struct slice text;
        bool ready;
    } texts[] = {
        {SLICE("READY=1"), true},
        {SLICE("STATUS=a\nREADY=1\n"), true},
        {SLICE("READY=10\nXREADY=1"), false},
        {SLICE(""), false},
        {SLICE("\n\n"), false},
        {{long_text, sizeof long_text}, false},
        {SLICE("STATUS=x"), false},
    };
    struct item *item = some_item(scene);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (item == NULL) {
        return;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%.16s", scene->root, item->instance);
    cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (unsigned count = dice(scene, 20); count > 0; count--) {
        unsigned which = dice(scene, ARRAY_LEN(texts));
        bool sent = send_to(fd, &address, texts[which].text, dice(scene, 4) == 0);
        item->said = item->said || (sent && texts[which].ready);
    }
}

static void turn(struct scene *scene) {
    for (unsigned turns = dice(scene, 4); turns > 0; turns--) {
        loop_turn(scene->loop, (int)dice(scene, SOME_MS));
    }
}

static void change(struct scene *scene) {
    char *none[] = {NULL};
    local_change(scene->local, none, dice(scene, 2) * 4096, dice(scene, 2) * 1000);
}

static void open_engine(struct scene *scene) {
    const struct local_options options = {.loop = scene->loop,
                                          .output_dir = scene->root,
                                          .notify_dir = scene->root,
                                          .mark = mark,
                                          .on_event = on_event,
                                          .context = scene};
    scene->local = local_new(&options);
}

/* As when the daemon dies and comes back, with a journal that lacks one or the other: what is not taken back is a leftover. */
static void restart(struct scene *scene) {
    local_free(scene->local);
    open_engine(scene);
    scene->miss_count = 0;
    const struct engine engine = local_engine(scene->local);
    for (struct item *item = scene->items; item < scene->items + ITEMS; item++) {
        if (item->used && dice(scene, 8) == 0) {
            item->used = false;
        } else if (item->used) {
            if (dice(scene, 4) == 0) { /* found by its instance: the leader, or what it left behind */
                item->pid = 0;
            }
            const struct engine_adoption adoption = {.label = item->label,
                                                     .instance = item->instance,
                                                     .agent = "tester",
                                                     .pid = item->pid,
                                                     .birth = item->birth};
            item->started = item->pid != 0;
            item->waits = item->handed = item->said = false; /* nobody hears it any more */
            engine.adopt(engine.self, &adoption);
        }
    }
}

static void step(struct scene *scene) {
    unsigned what = dice(scene, 100);
    what < 30   ? start(scene)
    : what < 45 ? hand_over(scene)
    : what < 60 ? stop(scene)
    : what < 68 ? strike(scene)
    : what < 69 ? restart(scene)
    : what < 71 ? change(scene)
    : what < 76 ? notify(scene)
                : turn(scene);
}

/* ---- the end ---- */

static bool nothing_is_left(struct scene *scene) {
    siginfo_t info;
    bool any = scene->miss_count > 0;
    for (const struct item *item = scene->items; item < scene->items + ITEMS; item++) {
        any = any || item->used;
    }
    return !any && local_is_idle(scene->local) && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
           errno == ECHILD;
}

static void stop_all(struct scene *scene) {
    for (const struct item *item = scene->items; item < scene->items + ITEMS; item++) {
        if (item->used) {
            stop_one(scene, item->label, true);
        }
    }
}

static unsigned open_files(void) {
    unsigned count = 0;
    DIR *all = opendir("/proc/self/fd");
    while (readdir(all) != NULL) {
        count++;
    }
    closedir(all);
    return count;
}

static void run(unsigned seed) {
    unsigned files = open_files();
    struct scene scene = {.seed = seed, .root = scratch_new(), .loop = loop_new()};
    scene.signals.on_signal = on_signal;
    signals_start(&scene.signals, scene.loop);
    open_engine(&scene);
    for (int i = 0; i < STEPS; i++) {
        step(&scene);
    }
    stop_all(&scene);
    TURN_UNTIL(scene.loop, nothing_is_left(&scene));
    local_free(scene.local);
    signals_stop(&scene.signals);
    loop_free(scene.loop);
    scratch_free(scene.root);
    assert_int_equal(open_files(), files);
}

static unsigned first_seed, runs = RUNS;

static void test_any_order(void **state) {
    (void)state;
    for (unsigned seed = first_seed; seed < first_seed + runs; seed++) {
        print_message("seed %u\n", seed);
        run(seed);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_order)};
    if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS) {
        fputs("not run: no pidfd_open here (valgrind 3.19 does not know it, Linux does since 5.3)\n", stderr);
        return 77;
    }
    if (argc > 1) {
        first_seed = (unsigned)strtoul(argv[1], NULL, 10);
        runs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    }
    snprintf(mark, sizeof mark, "%08x%08x", (unsigned)getpid(), (unsigned)clock_mono_us());
    log_init(&(struct log_options){.fd = STDERR_FILENO, .level = LOG_ERROR});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
