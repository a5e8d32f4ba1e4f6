/* The engine of local processes: jobs, the queue of starts, what the listener is told, slow chores. A start is a task
 * of the loop, so ensure returns at once; SPAWNS_A_TURN keeps turns short when a hundred calls arrive together. */
#include "spawner/local/local.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/environ.h"
#include "spawner/local/groups.h"
#include "spawner/local/hand_over.h"
#include "spawner/local/local_parts.h"
#include "spawner/local/output.h"

enum { SPAWNS_A_TURN = 8, REAPS_A_TURN = 256, REAP_MS = 5 };

static struct local *local_of(const struct job *job) {
    return container_of(job->host, struct local, host);
}

static void remove_job(struct local *local, struct job *job) {
    if (job->line_state == LINE_QUEUED) { /* told to stop, it was gone before it was told its job */
        STAILQ_REMOVE(&local->hand_overs, job, job, waiting);
    }
    jobs_remove(&local->jobs, job);
    job_free(job);
}

static void on_job_ready(struct job *job) {
    teller_add(&local_of(job)->teller, job, ENGINE_READY);
}

static void on_job_over(struct job *job) {
    struct local *local = local_of(job);
    bool is_dealt_with = groups_job_over(&local->groups, job->label, job->group, job->pid);
    if (job->adopted) {
        strays_job_over(&local->strays, job->label, job->pid, job->birth);
    } else if (is_dealt_with) {
        orphans_remember(&local->orphans, job->label, job->instance, job->pid);
    } else {
        orphans_job_over(&local->orphans, job->label, job->instance, job->pid);
    }
}

/* JOB's process was handed its job and never had it: whoever asked for it is told, and it is nobody's from now on. */
static void lose(struct local *local, struct job *job) {
    struct told *told = teller_add(&local->teller, job, ENGINE_NOT_TAKEN);
    diag_fail(&told->event.diag, "standby", "was gone before it read its line, or did not read it");
    jobs_relabel(&local->jobs, job, job->own_label);
    if (job->line_state == LINE_QUEUED) {
        STAILQ_REMOVE(&local->hand_overs, job, job, waiting);
    }
    job->line_state = LINE_GIVEN;
}

static void on_job_not_taken(struct job *job) {
    lose(local_of(job), job);
    job_stop(job, &(struct engine_stop){.kill = true});
}

/* Of one that was told to go and never had anything to do nobody wants to read. */
static void tidy_output(const struct local *local, const struct job *job) {
    if (job->line_state == LINE_AWAITED && job->ladder.rung != LADDER_RUNNING && !job->hangs) {
        output_remove(local->host.output_dir, job->label);
    }
}

static void on_job_exit(struct job *job, const struct child_exit *how) {
    struct local *local = local_of(job);
    if (hand_over_is_lost(job)) {
        lose(local, job);
    }
    tidy_output(local, job);
    struct told *told = teller_add(&local->teller, job, ENGINE_EXITED);
    told->event.exit_kind = how->kind;
    told->event.exit_value = how->value;
    told->secret = take_ptr(job->secret);
    told->output_at = job->output_at;
    local->host.counters.exited++;
    upkeep_trim(&local->upkeep, job);
    remove_job(local, job);
}

static void fail(struct local *local, const struct job *job, const struct diag *diag) {
    teller_add(&local->teller, job, ENGINE_START_FAILED)->event.diag = *diag;
    local->host.counters.failed++;
}

static void start_job(struct local *local, struct job *job) {
    struct diag diag = {0};
    if (!job_start(job, &diag)) {
        (void)groups_job_over(&local->groups, job->label, job->group, 0);
        fail(local, job, &diag);
        remove_job(local, job);
        return;
    }
    jobs_add_pid(&local->jobs, job);
    local->host.counters.started++;
    teller_add(&local->teller, job, ENGINE_STARTED);
    upkeep_watch(&local->upkeep);
}

/* One that was told to stop meanwhile goes without. */
static void tell_job(struct local *local, struct job *job) {
    if (job->ladder.rung != LADDER_RUNNING) {
        job->line_state = LINE_GIVEN;
    } else if (hand_over_tell(job)) {
        local->host.counters.handed_over++;
        teller_add(&local->teller, job, ENGINE_STARTED);
    } else {
        on_job_not_taken(job);
    }
}

static void tell_jobs(struct local *local) {
    while (!STAILQ_EMPTY(&local->hand_overs)) {
        struct job *job = STAILQ_FIRST(&local->hand_overs);
        STAILQ_REMOVE_HEAD(&local->hand_overs, waiting);
        tell_job(local, job);
    }
}

/* A start may take so long that the timer is due before the turn is over, hence the count. */
static void spawn_some(struct local *local) {
    if (local->spawn_turn != loop_turns(local->options.loop)) {
        local->spawn_turn = loop_turns(local->options.loop);
        local->spawns = 0;
    }
    bool any = !STAILQ_EMPTY(&local->queue) || !STAILQ_EMPTY(&local->hand_overs);
    if (any && local->options.before_start != NULL) {
        local->options.before_start(local->options.context);
    }
    tell_jobs(local);
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

struct engine_event *local_refuse(struct local *local, const struct engine_job *order, enum engine_event_kind kind) {
    struct job refused = {0};
    snprintf(refused.label, sizeof refused.label, "%s", order->label);
    snprintf(refused.instance, sizeof refused.instance, "%s", order->instance);
    return &teller_add(&local->teller, &refused, kind)->event;
}

static void ensure(void *self, const struct engine_job *order) {
    struct local *local = self;
    struct diag diag = {0};
    if (jobs_find(&local->jobs, order->label) != NULL) {
        return;
    }
    struct job *job = job_new(&local->host, order, &diag);
    if (job == NULL) {
        local_refuse(local, order, ENGINE_START_FAILED)->diag = diag;
        local->host.counters.failed++;
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
    if (job->pid != 0 || job->adopted) {
        job_stop(job, how);
        return;
    }
    STAILQ_REMOVE(&local->queue, job, job, waiting);
    teller_add(&local->teller, job, ENGINE_EXITED);
    remove_job(local, job);
}

static void on_missing(struct seeker *seeker, struct job *job) {
    struct local *local = container_of(seeker, struct local, seeker);
    teller_add(&local->teller, job, ENGINE_EXITED);
    local->host.counters.exited++;
    remove_job(local, job);
    strays_look_soon(&local->strays);
    groups_look_soon(&local->groups);
}

static void on_found(struct seeker *seeker, struct job *job) {
    struct local *local = container_of(seeker, struct local, seeker);
    jobs_add_pid(&local->jobs, job);
    local->host.counters.adopted++;
    upkeep_watch(&local->upkeep);
    teller_add(&local->teller, job, ENGINE_STARTED);
}

/* What cannot be taken back any more is over: whoever has that number now is not touched. */
static void adopt(void *self, const struct engine_adoption *adoption) {
    struct local *local = self;
    struct diag diag = {0};
    if (jobs_find(&local->jobs, adoption->label) != NULL) {
        return;
    }
    struct job *job = job_of_predecessor(&local->host, adoption, &diag);
    if (job == NULL) {
        log_error(NULL, "a process of a former start cannot be taken back: %s %s", diag.where, diag.what);
        return;
    }
    jobs_add(&local->jobs, job);
    enum job_taken taken = adoption->pid == 0 ? JOB_UNSEEN : job_adopt(job, adoption->pid, adoption->birth);
    if (taken == JOB_UNSEEN) {
        job->former_pid = adoption->pid;
        job->former_birth = adoption->birth;
        seeker_add(&local->seeker, job);
    } else if (taken == JOB_TAKEN) {
        jobs_add_pid(&local->jobs, job);
        local->host.counters.adopted++;
        upkeep_watch(&local->upkeep);
    } else {
        on_missing(&local->seeker, job);
    }
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
    return (struct engine){.self = local, .ensure = ensure, .stop = stop, .adopt = adopt, .list = list};
}

static bool is_leader(struct orphans *orphans, pid_t pid) {
    return jobs_find_pid(&container_of(orphans, struct local, orphans)->jobs, pid) != NULL;
}

static bool is_alive(struct orphans *orphans, const char *instance) {
    return jobs_has_instance(&container_of(orphans, struct local, orphans)->jobs, instance);
}

static bool is_known(struct strays *strays, const char *instance) {
    return jobs_has_instance(&container_of(strays, struct local, strays)->jobs, instance);
}

static bool has_job(struct groups *groups, const char *instance) {
    return jobs_has_instance(&container_of(groups, struct local, groups)->jobs, instance);
}

static bool is_grouped(struct orphans *orphans, pid_t pid) {
    const struct cgroup *cgroup = container_of(orphans, struct local, orphans)->host.cgroup;
    return cgroup_is_used(cgroup) && cgroup_has(cgroup, pid);
}

/* Reaps one zombie: a leader by its job, so that its group is dealt with first. False when there was none. */
static bool reap_one(struct local *local) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
        return false;
    }
    struct job *job = jobs_find_pid(&local->jobs, info.si_pid);
    if (job != NULL && child_look(job->exit.pidfd) == CHILD_ZOMBIE) { /* else it only had that number once */
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
    local->host.on_not_taken = on_job_not_taken;
    local->host.on_exit = on_job_exit;
    local->orphans.is_leader = is_leader;
    local->orphans.is_alive = is_alive;
    local->orphans.is_grouped = is_grouped;
    local->groups.is_alive = has_job;
    local->spawn_task.run = on_spawn_task;
    local->spawn_timer.on_due = on_spawn_timer;
    local->seeker.on_found = on_found;
    local->seeker.on_missing = on_missing;
    local->strays.is_alive = is_known;
    local->reap_timer.on_due = on_reap_timer;
}

struct local *local_new(const struct local_options *options) {
    struct local *local = xcalloc(1, sizeof *local);
    local->options = *options;
    local->options.pass_env = NULL; /* borrowed for this call only */
    local->host.loop = options->loop;
    local->host.output_dir = xstrdup(options->output_dir);
    local->host.notify_dir = xstrdup(options->notify_dir);
    ahead_init(&local->host.ahead, options->loop, local->host.output_dir, local->host.notify_dir);
    local->host.fence = options->fence;
    local->host.cgroup = options->cgroup;
    environ_base(&local->host.base_env, environ, options->pass_env);
    fence_environment(options->fence, &local->host.base_env);
    jobs_init(&local->jobs);
    STAILQ_INIT(&local->queue);
    STAILQ_INIT(&local->hand_overs);
    teller_init(&local->teller, options);
    init_callbacks(local);
    orphans_init(&local->orphans, options->loop);
    local->mark = options->mark != NULL ? xstrdup(options->mark) : NULL;
    strays_init(&local->strays, options->loop, local->mark);
    groups_init(&local->groups, options->cgroup, options->loop, local->mark);
    seeker_init(&local->seeker, options->loop, options->cgroup);
    local->upkeep = (struct upkeep){.loop = options->loop,
                                    .jobs = &local->jobs,
                                    .output_dir = local->host.output_dir,
                                    .max_output = options->max_output,
                                    .keep_output_ms = options->keep_output_ms};
    upkeep_start(&local->upkeep);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        log_warning(NULL, "no child subreaper (%m): what a daemonised agent leaves behind cannot be found");
    }
    notify_clean(options->notify_dir);
    if (local->mark != NULL) {
        strays_look_soon(&local->strays);
        groups_look_soon(&local->groups);
    }
    return local;
}

void local_change(struct local *local, char *const *pass_env, size_t max_output, int64_t keep_output_ms) {
    strv_release(&local->host.base_env);
    environ_base(&local->host.base_env, environ, pass_env);
    fence_environment(local->host.fence, &local->host.base_env);
    upkeep_change(&local->upkeep, max_output, keep_output_ms);
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
    teller_release(&local->teller);
    task_cancel(&local->spawn_task);
    timer_cancel(&local->spawn_timer);
    upkeep_release(&local->upkeep);
    seeker_release(&local->seeker);
    strays_release(&local->strays);
    groups_release(&local->groups);
    timer_cancel(&local->reap_timer);
    orphans_release(&local->orphans);
    strv_release(&local->host.base_env);
    ahead_release(&local->host.ahead);
    free(local->host.output_dir);
    free(local->host.notify_dir);
    free(local->mark);
    free(local);
}
