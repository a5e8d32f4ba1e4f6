/* The engine of local processes: jobs, the queue of starts, what the listener is told, slow chores. A start is a task
 * of the loop, so ensure returns at once; SPAWNS_A_TURN keeps turns short when a hundred calls arrive together. */
#include "spawner/local/local.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/environ.h"
#include "spawner/local/jobs.h"
#include "spawner/local/orphans.h"
#include "spawner/local/output.h"
#include "spawner/local/reader.h"
#include "spawner/local/resolve.h"

enum { SPAWNS_A_TURN = 8, REAPS_A_TURN = 256, REAP_MS = 5, TRIM_MS = 1000, EXPIRE_MS = 3600 * 1000 };

struct told {
    STAILQ_ENTRY(told) next;
    struct engine_event event;
    char *secret; /* of a job that exited */
};

struct local {
    struct local_options options;
    struct job_host host;
    struct orphans orphans;
    struct jobs jobs;
    STAILQ_HEAD(, job) queue;
    STAILQ_HEAD(, told) events;
    struct task spawn_task, tell_task;
    uint64_t spawn_turn; /* the turn in which there were so many spawns */
    int spawns;
    struct timer spawn_timer, trim_timer, expire_timer, reap_timer;
    bool trim_failed;
    char *last_label, *last_secret; /* of the job that exited last: its listener asks for the tail */
};

static struct local *local_of(const struct job *job) {
    return container_of(job->host, struct local, host);
}

static struct told *tell(struct local *local, const struct job *job, enum engine_event_kind kind) {
    struct told *told = xcalloc(1, sizeof *told);
    told->event.kind = kind;
    told->event.pid = job->pid;
    told->event.exit_kind = EXIT_UNKNOWN;
    memcpy(told->event.label, job->label, sizeof told->event.label);
    memcpy(told->event.instance, job->instance, sizeof told->event.instance);
    STAILQ_INSERT_TAIL(&local->events, told, next);
    task_add(&local->tell_task, local->options.loop);
    return told;
}

static void free_told(struct told *told) {
    free(told->secret);
    free(told);
}

static void remember_secret(struct local *local, struct told *told) {
    if (told->event.kind != ENGINE_EXITED || told->secret == NULL) {
        return;
    }
    free(local->last_label);
    free(local->last_secret);
    local->last_label = xstrdup(told->event.label);
    local->last_secret = take_ptr(told->secret);
}

/* Tells what was queued when the turn came; what the listener causes is told in its own turn. */
static void on_tell(struct task *task) {
    struct local *local = container_of(task, struct local, tell_task);
    STAILQ_HEAD(, told) events = STAILQ_HEAD_INITIALIZER(events);
    STAILQ_CONCAT(&events, &local->events);
    while (!STAILQ_EMPTY(&events)) {
        struct told *told = STAILQ_FIRST(&events);
        STAILQ_REMOVE_HEAD(&events, next);
        remember_secret(local, told);
        local->options.on_event(local->options.context, &told->event);
        free_told(told);
    }
}

static void remove_job(struct local *local, struct job *job) {
    jobs_remove(&local->jobs, job);
    job_free(job);
}

static void on_job_ready(struct job *job) {
    tell(local_of(job), job, ENGINE_READY);
}

static void on_job_over(struct job *job) {
    orphans_job_over(&local_of(job)->orphans, job->label, job->instance, job->pid);
}

static void trim(struct local *local, const struct job *job) {
    if (local->options.max_output == 0 || output_trim(local->host.output_dir, job->label, local->options.max_output)) {
        return;
    }
    if (!local->trim_failed) {
        local->trim_failed = true;
        log_warning(NULL,
                    "%s: this file system cannot cut files (%m): output grows past SIP_LOG_MAX; use ext4, xfs or tmpfs",
                    local->host.output_dir);
    }
}

static void on_job_exit(struct job *job, const struct child_exit *how) {
    struct local *local = local_of(job);
    struct told *told = tell(local, job, ENGINE_EXITED);
    told->event.exit_kind = how->kind;
    told->event.exit_value = how->value;
    told->secret = take_ptr(job->secret);
    local->host.counters.exited++;
    trim(local, job);
    remove_job(local, job);
}

static void fail(struct local *local, const struct job *job, const struct diag *diag) {
    tell(local, job, ENGINE_START_FAILED)->event.diag = *diag;
    local->host.counters.failed++;
}

static void start_job(struct local *local, struct job *job) {
    struct diag diag = {0};
    if (!job_start(job, &diag)) {
        fail(local, job, &diag);
        remove_job(local, job);
        return;
    }
    jobs_add_pid(&local->jobs, job);
    local->host.counters.started++;
    tell(local, job, ENGINE_STARTED);
    if (local->trim_timer.loop == NULL) {
        timer_start(&local->trim_timer, local->options.loop, TRIM_MS);
    }
}

/* A start may take so long that the timer is due before the turn is over, hence the count. */
static void spawn_some(struct local *local) {
    if (local->spawn_turn != loop_turns(local->options.loop)) {
        local->spawn_turn = loop_turns(local->options.loop);
        local->spawns = 0;
    }
    for (; local->spawns < SPAWNS_A_TURN && !STAILQ_EMPTY(&local->queue); local->spawns++) {
        struct job *job = STAILQ_FIRST(&local->queue);
        STAILQ_REMOVE_HEAD(&local->queue, waiting);
        start_job(local, job);
    }
    if (!STAILQ_EMPTY(&local->queue)) {
        timer_start(&local->spawn_timer, local->options.loop, 1);
    }
}

static void on_spawn_task(struct task *task) {
    spawn_some(container_of(task, struct local, spawn_task));
}

static void on_spawn_timer(struct timer *timer) {
    spawn_some(container_of(timer, struct local, spawn_timer));
}

static void ensure(void *self, const struct engine_job *order) {
    struct local *local = self;
    struct diag diag = {0};
    if (jobs_find(&local->jobs, order->label) != NULL) {
        return;
    }
    struct job *job = job_new(&local->host, order, &diag);
    if (job == NULL) {
        struct job refused = {0};
        snprintf(refused.label, sizeof refused.label, "%s", order->label);
        snprintf(refused.instance, sizeof refused.instance, "%s", order->instance);
        fail(local, &refused, &diag);
        return;
    }
    jobs_add(&local->jobs, job);
    STAILQ_INSERT_TAIL(&local->queue, job, waiting);
    task_add(&local->spawn_task, local->options.loop);
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    struct local *local = self;
    struct job *job = jobs_find(&local->jobs, label);
    if (job == NULL) {
        return;
    }
    if (job->pid != 0) {
        job_stop(job, how);
        return;
    }
    STAILQ_REMOVE(&local->queue, job, job, waiting);
    tell(local, job, ENGINE_EXITED);
    remove_job(local, job);
}

struct viewer {
    void (*each)(void *context, const struct engine_view *view);
    void *context;
};

static bool view(struct job *job, void *context) {
    const struct viewer *viewer = context;
    struct engine_view seen = {job->label, job->instance, job->pid, job_state(job)};
    viewer->each(viewer->context, &seen);
    return true;
}

static void list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    struct local *local = self;
    jobs_each(&local->jobs, view, &(struct viewer){each, context});
}

struct engine local_engine(struct local *local) {
    return (struct engine){.self = local, .ensure = ensure, .stop = stop, .list = list};
}

static bool trim_one(struct job *job, void *context) {
    if (job->pid != 0) {
        trim(context, job);
    }
    return true;
}

static void on_trim(struct timer *timer) {
    struct local *local = container_of(timer, struct local, trim_timer);
    jobs_each(&local->jobs, trim_one, local);
    if (local->jobs.count > 0) {
        timer_start(timer, local->options.loop, TRIM_MS);
    }
}

static void on_expire(struct timer *timer) {
    struct local *local = container_of(timer, struct local, expire_timer);
    unsigned removed = output_expire(local->host.output_dir, local->options.keep_output_ms, clock_wall_ms());
    if (removed > 0) {
        log_info(NULL, "removed %u output files of agents older than SIP_LOG_KEEP", removed);
    }
    timer_start(timer, local->options.loop, EXPIRE_MS);
}

static bool is_leader(struct orphans *orphans, pid_t pid) {
    return jobs_find_pid(&container_of(orphans, struct local, orphans)->jobs, pid) != NULL;
}

struct instance_query {
    const char *instance;
    bool found;
};

static bool same_instance(struct job *job, void *context) {
    struct instance_query *query = context;
    query->found = strcmp(job->instance, query->instance) == 0;
    return !query->found;
}

static bool is_alive(struct orphans *orphans, const char *instance) {
    struct instance_query query = {.instance = instance};
    jobs_each(&container_of(orphans, struct local, orphans)->jobs, same_instance, &query);
    return query.found;
}

/* Reaps one zombie: a leader by its job, so that its group is dealt with first. False when there was none. */
static bool reap_one(struct local *local) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
        return false;
    }
    struct job *job = jobs_find_pid(&local->jobs, info.si_pid);
    if (job != NULL) {
        job_reap(job);
        return true;
    }
    waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    local->host.counters.strangers++;
    orphans_look_soon(&local->orphans);
    return true;
}

void local_reap(struct local *local) {
    mono_ms until = clock_mono_ms() + REAP_MS;
    for (int i = 0; i < REAPS_A_TURN && clock_mono_ms() <= until; i++) {
        if (!reap_one(local)) {
            return;
        }
    }
    timer_start(&local->reap_timer, local->options.loop, 1);
}

static void on_reap_timer(struct timer *timer) {
    local_reap(container_of(timer, struct local, reap_timer));
}

static void init_callbacks(struct local *local) {
    local->host.on_ready = on_job_ready;
    local->host.on_over = on_job_over;
    local->host.on_exit = on_job_exit;
    local->orphans.is_leader = is_leader;
    local->orphans.is_alive = is_alive;
    local->spawn_task.run = on_spawn_task;
    local->tell_task.run = on_tell;
    local->spawn_timer.on_due = on_spawn_timer;
    local->trim_timer.on_due = on_trim;
    local->expire_timer.on_due = on_expire;
    local->reap_timer.on_due = on_reap_timer;
}

struct local *local_new(const struct local_options *options) {
    struct local *local = xcalloc(1, sizeof *local);
    local->options = *options;
    local->options.pass_env = NULL; /* borrowed for this call only */
    local->host.loop = options->loop;
    local->host.output_dir = xstrdup(options->output_dir);
    local->host.notify_dir = xstrdup(options->notify_dir);
    local->host.fence = options->fence;
    environ_base(&local->host.base_env, environ, options->pass_env);
    fence_environment(options->fence, &local->host.base_env);
    jobs_init(&local->jobs);
    STAILQ_INIT(&local->queue);
    STAILQ_INIT(&local->events);
    init_callbacks(local);
    orphans_init(&local->orphans, options->loop);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        log_warning(NULL, "no child subreaper (%m): what a daemonised agent leaves behind cannot be found");
    }
    notify_clean(options->notify_dir);
    if (options->keep_output_ms > 0) {
        timer_start(&local->expire_timer, options->loop, 0);
    }
    return local;
}

size_t local_count(const struct local *local) {
    return local->jobs.count;
}

bool local_is_idle(const struct local *local) {
    return local->jobs.count == 0 && !orphans_is_looking(&local->orphans);
}

const struct local_counters *local_counters(const struct local *local) {
    return &local->host.counters;
}

static bool forget(struct job *job, void *context) {
    remove_job(context, job);
    return true;
}

void local_free(struct local *local) {
    if (local == NULL) {
        return;
    }
    jobs_each(&local->jobs, forget, local);
    while (!STAILQ_EMPTY(&local->events)) {
        struct told *told = STAILQ_FIRST(&local->events);
        STAILQ_REMOVE_HEAD(&local->events, next);
        free_told(told);
    }
    task_cancel(&local->spawn_task);
    task_cancel(&local->tell_task);
    timer_cancel(&local->spawn_timer);
    timer_cancel(&local->trim_timer);
    timer_cancel(&local->expire_timer);
    timer_cancel(&local->reap_timer);
    orphans_release(&local->orphans);
    strv_release(&local->host.base_env);
    free(local->host.output_dir);
    free(local->host.notify_dir);
    free(local->last_label);
    free(local->last_secret);
    free(local);
}

void local_tail(struct local *local, const char *label, unsigned count, void (*each)(void *context, const char *line),
                void *context) {
    cleanup_fd int fd = output_open_read(local->host.output_dir, label, NULL);
    if (fd < 0) {
        return;
    }
    const struct job *job = jobs_find(&local->jobs, label);
    const char *secret = job != NULL ? job->secret : NULL;
    if (local->last_label != NULL && strcmp(local->last_label, label) == 0) {
        secret = local->last_secret;
    }
    reader_tail(fd, count, slice_of(secret), each, context);
}

char *local_resolve(const char *command, const char *const *env, const char *cwd, struct diag *diag) {
    const char *path = strv_value(env, "PATH");
    if (path == NULL) {
        path = strv_value((const char *const *)environ, "PATH");
    }
    return resolve_command(command, path != NULL ? path : ENVIRON_DEFAULT_PATH, cwd, diag);
}
