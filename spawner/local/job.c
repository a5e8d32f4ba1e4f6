/* The life of one job. Everything but posix_spawn returns at once; posix_spawn waits only for the kernel's exec. */
#include "spawner/local/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/environ.h"
#include "spawner/local/expand.h"
#include "spawner/local/output.h"
#include "spawner/local/proc.h"
#include "spawner/local/resolve.h"

/* A process that is still there this long after SIGKILL waits in the kernel (a dead network file system …). */
enum { STUCK_MS = 5000 };

static struct log_about about(const struct job *job) {
    return (struct log_about){.call = slice_of(job->label), .agent = slice_of(job->agent), .pid = job->pid};
}

static void warn_left_out(const struct job *job, const struct buf *left_out) {
    if (left_out->len > 0) {
        struct log_about what = about(job);
        log_warning(&what,
                    "the arguments %s of agent %s would begin with '-' and are left out, so that a caller cannot pass "
                    "options; it starts without them",
                    left_out->p, job->agent);
    }
}

static bool check_names(const char *label, const char *instance, struct diag *diag) {
    if (!text_is_sid(slice_of(label))) {
        return diag_fail(diag, "label", "is no call sid: letters, digits and _ only, at most %d", ENGINE_LABEL_MAX);
    }
    if (strlen(instance) != ENGINE_INSTANCE_SIZE - 1) {
        return diag_fail(diag, "instance", "must be %d hex digits", ENGINE_INSTANCE_SIZE - 1);
    }
    return true;
}

bool job_check(const struct engine_job *order, struct diag *diag) {
    if (!check_names(order->label, order->instance, diag)) {
        return false;
    }
    if (order->line.n > ENGINE_LINE_MAX) {
        return diag_fail(diag, "stdin",
                         "the line has %zu bytes, at most %d are handed to an agent: shorten the metadata",
                         order->line.n, ENGINE_LINE_MAX);
    }
    return true;
}

static struct job *new_job(struct job_host *host, const char *label, const char *instance, const char *agent) {
    struct job *job = xcalloc(1, sizeof *job);
    job->host = host;
    job->in = job->notify.fd = -1;
    ladder_init(&job->ladder);
    snprintf(job->label, sizeof job->label, "%s", label);
    snprintf(job->instance, sizeof job->instance, "%s", instance);
    groups_name(job->group, label, instance);
    job->agent = xstrdup(agent != NULL ? agent : "");
    return job;
}

static void forget_command(struct job *job) {
    struct job_command *command = take_ptr(job->command);
    if (command != NULL) {
        strv_release(&command->argv);
        strv_release(&command->env);
        free(command->cwd);
        free(command);
    }
}

struct job *job_new(struct job_host *host, const struct engine_job *order, struct diag *diag) {
    cleanup_buf struct buf left_out = {0};
    if (!job_check(order, diag)) {
        return NULL;
    }
    struct job *job = new_job(host, order->label, order->instance, order->agent);
    struct job_command *command = job->command = xcalloc(1, sizeof *command);
    command->cwd = order->cwd != NULL ? xstrdup(order->cwd) : NULL;
    job->line = order->waits ? NULL : xmemdup(order->line.p, order->line.n);
    job->own_label = order->waits ? xstrdup(order->label) : NULL;
    job->line_state = order->waits ? LINE_AWAITED : LINE_GIVEN;
    job->secret = xmemdup(order->secret.p, order->secret.n);
    if (!expand_argv(&command->argv, order, &left_out, diag)) {
        job_free(job);
        return NULL;
    }
    warn_left_out(job, &left_out);
    environ_build(&command->env, &host->base_env, order, NULL);
    return job;
}

static void on_ready(struct notify *notify) {
    struct job *job = container_of(notify, struct job, notify);
    job->host->on_ready(job);
}

static void on_exit_seen(struct child_watch *watch) {
    job_reap(container_of(watch, struct job, exit));
}

/* Without a notify socket the agent still runs; readiness then shows in the call itself. */
static void start_notify(struct job *job) {
    struct diag diag = {0};
    job->notify.on_ready = on_ready;
    job->notify.sender = fence_uid(job->host->fence);
    if (notify_start(&job->notify, &job->host->ahead.notify, job->instance, &diag)) {
        strv_set(&job->command->env, "NOTIFY_SOCKET", slice_of(job->notify.name));
        return;
    }
    struct log_about what = about(job);
    log_warning(&what, "%s %s; the agent starts without it", diag.where, diag.what);
}

/* A caller matters more than a log: where the file cannot be had the output goes nowhere, and this is said. */
static int open_output(struct job *job) {
    struct diag diag = {0};
    int ready = ahead_output(&job->host->ahead, job->label);
    int fd = ready >= 0 ? ready : output_open(job->host->output_dir, job->label, &diag);
    if (fd >= 0) {
        job->output_at = lseek(fd, 0, SEEK_END);
        fence_lend(job->host->fence, fd);
        return fd;
    }
    struct log_about what = about(job);
    log_error(&what, "no file for the agent's output: %s %s; it starts and its output is lost", diag.where, diag.what);
    cleanup_fd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return null >= 0 ? fcntl(null, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
}

/* Without limits a caller matters more than a group, which then is missed when the agent is over. False with DIAG. */
static bool open_group(const struct job *job, int *ret_fd, struct diag *diag) {
    const struct cgroup *cgroup = job->host->cgroup;
    *ret_fd = -1;
    if (!cgroup_is_used(cgroup)) {
        return true;
    }
    *ret_fd = cgroup_make(cgroup, job->group, diag);
    if (*ret_fd >= 0 || cgroup_is_limited(cgroup)) {
        return *ret_fd >= 0;
    }
    struct log_about what = about(job);
    log_warning(&what, "%s %s; the agent starts in ours", diag->where, diag->what);
    return true;
}

static bool spawn(struct job *job, const char *path, struct diag *diag) {
    cleanup_fd int theirs = -1;
    if (!child_stdin(slice_of(job->line), &job->in, &theirs, diag)) {
        return false;
    }
    cleanup_fd int out = open_output(job);
    if (out < 0) {
        return diag_fail(diag, "stdout", "no file descriptor for it: %m: raise ulimit -n");
    }
    cleanup_fd int group = -1;
    if (!open_group(job, &group, diag)) {
        return false;
    }
    struct child_spec spec = {
        path, job->command->argv.p, job->command->env.p, job->command->cwd, theirs, out, job->host->fence, group};
    return child_spawn(&spec, &job->pid, diag);
}

bool job_start(struct job *job, struct diag *diag) {
    const struct job_command *command = job->command;
    const char *path = strv_value((const char *const *)command->env.p, "PATH");
    cleanup_free char *file = resolve_command(command->argv.p[0], path, command->cwd, diag);
    if (file == NULL) {
        return false;
    }
    start_notify(job);
    if (!spawn(job, file, diag)) {
        return false;
    }
    ahead_refill(&job->host->ahead);
    job->exit.on_exit = on_exit_seen;
    if (!child_watch_start(&job->exit, job->host->loop, job->pid)) {
        diag_fail(diag, "pidfd_open", "%m: the process was ended again, since its end could not be seen");
        child_kill_group(job->pid); /* reaped by the sweep for strangers */
        job->pid = 0;
        return false;
    }
    struct proc_stat stat = {0};
    job->birth = proc_stat(job->pid, &stat) ? stat.birth : 0; /* 0: no descriptor is left to read it */
    free(take_ptr(job->line));
    forget_command(job);
    return true;
}

static void climb(struct job *job);

static void on_timer(struct timer *timer) {
    struct job *job = container_of(timer, struct job, timer);
    if (job->ladder.rung == LADDER_KILLING) {
        struct log_about what = about(job);
        log_error(&what,
                  "agent %s is still there %d s after SIGKILL: it waits in the kernel; nothing more can be done, "
                  "its end is told when the kernel lets go of it",
                  job->agent, STUCK_MS / 1000);
        return;
    }
    climb(job);
}

/* Its control group, if it has one. */
static void kill_all(const struct job *job) {
    if (cgroup_is_used(job->host->cgroup)) {
        (void)cgroup_kill(job->host->cgroup, job->group);
    }
}

static void kill_now(struct job *job) {
    struct log_about what = about(job);
    log_info(&what, "agent %s did not stop in time: SIGKILL to its process group", job->agent);
    job->host->counters.killed++;
    if (job->adopted) {
        child_kill(
            job->exit.pidfd); /* its group's number is not pinned by us: what else is in it is killed as strays */
    } else {
        child_kill_group(job->pid);
    }
    kill_all(job);
    timer_start(&job->timer, job->host->loop, STUCK_MS);
}

static void climb(struct job *job) {
    mono_ms now = clock_mono_ms();
    switch (ladder_next(&job->ladder, now)) {
    case LADDER_KILL: kill_now(job); return;
    case LADDER_TERM: child_terminate(job->exit.pidfd); break;
    case LADDER_WAIT: break;
    }
    mono_ms deadline = ladder_deadline(&job->ladder);
    if (deadline != MONO_NEVER) {
        timer_start_at(&job->timer, job->host->loop, deadline);
    }
}

void job_stop(struct job *job, const struct engine_stop *stop) {
    job->timer.on_due = on_timer;
    job->hangs = job->hangs || stop->kill;
    if (job->ladder.rung != LADDER_KILLING) {
        ladder_stop(&job->ladder, clock_mono_ms(), stop);
        if (job->pid != 0) {
            climb(job);
        }
    }
}

struct job *job_of_predecessor(struct job_host *host, const struct engine_adoption *adoption, struct diag *diag) {
    if (!check_names(adoption->label, adoption->instance, diag)) {
        return NULL;
    }
    struct job *job = new_job(host, adoption->label, adoption->instance, adoption->agent);
    job->adopted = true;
    job->secret_name = adoption->secret_name != NULL ? xstrdup(adoption->secret_name) : NULL;
    return job;
}

struct member {
    pid_t pid;
    bool is_there;
};

static void look_for(void *context, pid_t pid) {
    struct member *member = context;
    member->is_there = member->is_there || pid == member->pid;
}

/* In the group of its instance there is nobody but the agent and what it started. */
static bool is_in_group(const struct job *job, pid_t pid) {
    struct member member = {.pid = pid};
    if (cgroup_is_used(job->host->cgroup)) {
        cgroup_each(job->host->cgroup, job->group, look_for, &member);
    }
    return member.is_there;
}

/* Where /proc hides it (hidepid of proc(5)) its group tells. */
static enum job_taken judge_hidden(const struct job *job, pid_t pid) {
    if (kill(pid, 0) != 0 && errno == ESRCH) {
        return JOB_GONE;
    }
    return is_in_group(job, pid) ? JOB_TAKEN : JOB_UNSEEN;
}

/* Looked at when its pidfd is open: what is found true then is true of whom the pidfd means. */
static enum job_taken judge(const struct job *job, pid_t pid, uint64_t birth, uint64_t *ret_birth) {
    char instance[ENGINE_INSTANCE_SIZE];
    struct proc_stat stat;
    if (!proc_stat(pid, &stat)) {
        return judge_hidden(job, pid);
    }
    if (proc_is_over(&stat) || (birth != 0 && stat.birth != birth)) {
        return JOB_GONE;
    }
    *ret_birth = stat.birth;
    if (proc_instance(pid, instance)) {
        return strcmp(instance, job->instance) == 0 ? JOB_TAKEN : JOB_GONE;
    }
    return birth != 0 ? JOB_TAKEN : JOB_UNSEEN;
}

/* A standby that got its call has the group of its former label, which nobody kept. */
static void find_group(struct job *job) {
    if (cgroup_is_used(job->host->cgroup)) {
        groups_find(job->host->cgroup, job->instance, job->group);
        cgroup_limit(job->host->cgroup, job->group);
    }
}

enum job_taken job_adopt(struct job *job, pid_t pid, uint64_t birth) {
    job->exit.on_exit = on_exit_seen;
    if (!child_watch_start(&job->exit, job->host->loop, pid)) {
        return errno == ESRCH ? JOB_GONE : JOB_UNSEEN;
    }
    find_group(job);
    enum job_taken taken = judge(job, pid, birth, &job->birth);
    if (taken != JOB_TAKEN) {
        child_watch_stop(&job->exit);
        return taken;
    }
    job->pid = pid;
    job->secret = job->secret_name != NULL ? proc_variable(pid, job->secret_name) : NULL;
    if (job->ladder.rung != LADDER_RUNNING) {
        climb(job);
    }
    return JOB_TAKEN;
}

void job_reap(struct job *job) {
    enum child_state state = child_look(job->exit.pidfd);
    if (state == CHILD_RUNS) {
        return;
    }
    notify_drain(&job->notify);
    if (state == CHILD_ZOMBIE) {
        child_kill_group(job->pid);
    }
    if (state == CHILD_ZOMBIE || job->adopted) {
        job->host->on_over(job);
    }
    struct child_exit how;
    if (child_reap(job->exit.pidfd, &how)) {
        job->host->on_exit(job, &how);
    }
}

const char *job_state(const struct job *job) {
    return job->pid != 0 ? ladder_name(&job->ladder) : job->adopted ? "sought" : "queued";
}

void job_free(struct job *job) {
    if (job == NULL) {
        return;
    }
    child_watch_stop(&job->exit);
    timer_cancel(&job->timer);
    timer_cancel(&job->take_timer);
    notify_stop(&job->notify, &job->host->ahead.notify_spares);
    if (job->in >= 0) {
        close(job->in);
    }
    forget_command(job);
    free(job->agent);
    free(job->own_label);
    free(job->line);
    free(job->secret);
    free(job->secret_name);
    free(job);
}
