/* Starting a process behind a fence, or in a control group. The child has a copy of our memory, not a share (as vfork gives): the kernel marks
 * the memory of whoever changes its user, and that must not be ours. Between the fork and execve it makes system calls
 * only; those for the user are made directly, since the C library's tell all threads of a process that is not there.
 *
 * From the change of its user on, processes of that user may signal the child, and stop it: hence START_MS. */
#include "spawner/local/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/child.h"

enum { START_MS = 2000, REPORT_FD = STDERR_FILENO + 1, STATUS_FAILED = 127 };

/* In the order in which the child goes through them. */
enum step { STEP_GROUP, STEP_FDS, STEP_LIMITS, STEP_USER, STEP_CWD, STEP_PROGRAM };

struct report {
    enum step step;
    int error;
};

static bool check_limit(const struct process_limit *limit, struct diag *diag) {
    struct rlimit now;
    bool fits = getrlimit((__rlimit_resource_t)limit->resource, &now) == 0 && limit->value <= now.rlim_max;
    struct rlimit raised = {limit->value, limit->value};
    if (fits) {
        return true;
    }
    /* With CAP_SYS_RESOURCE it may be raised: tried on ourselves, and taken back. */
    if (setrlimit((__rlimit_resource_t)limit->resource, &raised) == 0) {
        return setrlimit((__rlimit_resource_t)limit->resource, &now) == 0 ||
               diag_fail(diag, "SIP_AGENT_LIMITS", "%s: our own limit cannot be set back: %m", limit->name);
    }
    return diag_fail(diag, "SIP_AGENT_LIMITS", "%s=%llu is above our own hard limit, %llu: raise that first",
                     limit->name, (unsigned long long)limit->value, (unsigned long long)now.rlim_max);
}

static bool add_limit(struct fence *fence, const char *text, struct diag *diag) {
    struct process_limit limit;
    if (!limit_parse(text, &limit, diag) || !check_limit(&limit, diag)) {
        return false;
    }
    for (size_t i = 0; i < fence->limit_count; i++) {
        if (fence->limits[i].resource == limit.resource) {
            return diag_fail(diag, "SIP_AGENT_LIMITS", "has %s twice", limit.name);
        }
    }
    fence->limits[fence->limit_count++] = limit;
    return true;
}

bool fence_make(struct fence *ret_fence, const char *user, char *const *limits, struct diag *diag) {
    *ret_fence = (struct fence){0};
    for (size_t i = 0; limits != NULL && limits[i] != NULL; i++) {
        if (!add_limit(ret_fence, limits[i], diag)) {
            return false;
        }
    }
    if (user == NULL) {
        return true;
    }
    if (!account_find(user, &ret_fence->account, diag)) {
        return false;
    }
    ret_fence->has_account = ret_fence->account.uid != geteuid();
    if (!ret_fence->has_account) {
        return true;
    }
    if (!account_can_be_used(&ret_fence->account, diag)) {
        return false;
    }
    if (!account_can_be_seen()) {
        log_warning(NULL, "without CAP_SYS_PTRACE the environments of the agents' user cannot be read: a process that "
                          "leaves its agent's session is not found when the agent ends");
    }
    return true;
}

void fence_release(struct fence *fence) {
    account_release(&fence->account);
    *fence = (struct fence){0};
}

bool fence_is_needed(const struct fence *fence) {
    return fence != NULL && (fence->has_account || fence->limit_count > 0);
}

uid_t fence_uid(const struct fence *fence) {
    return fence != NULL && fence->has_account ? fence->account.uid : geteuid();
}

void fence_environment(const struct fence *fence, struct strv *env) {
    if (fence == NULL || !fence->has_account) {
        return;
    }
    strv_set(env, "HOME", slice_of(fence->account.home));
    if (fence->account.name != NULL) {
        strv_set(env, "USER", slice_of(fence->account.name));
        strv_set(env, "LOGNAME", slice_of(fence->account.name));
    }
}

void fence_lend(const struct fence *fence, int fd) {
    if (fence != NULL && fence->has_account && fchown(fd, (uid_t)-1, fence->account.gid) == 0) {
        fchmod(fd, 0660);
    }
}

/* ---- in the child ---- */

static bool enter_group(int group) {
    int fd = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, "0", 1) == 1 && close(fd) == 0;
}

static bool set_fds(const struct child_spec *spec, int report) {
    return dup2(spec->in, STDIN_FILENO) >= 0 && dup2(spec->out, STDOUT_FILENO) >= 0 &&
           dup2(spec->out, STDERR_FILENO) >= 0 && (report == REPORT_FD || dup3(report, REPORT_FD, O_CLOEXEC) >= 0) &&
           close_range(REPORT_FD + 1, ~0U, 0) == 0;
}

static bool set_limits(const struct fence *fence) {
    for (size_t i = 0; fence != NULL && i < fence->limit_count; i++) {
        struct rlimit limit = {fence->limits[i].value, fence->limits[i].value};
        if (setrlimit((__rlimit_resource_t)fence->limits[i].resource, &limit) != 0) {
            return false;
        }
    }
    return true;
}

/* Of our capabilities the program has none: what it would inherit is empty since rights_keep. */
static bool set_user(const struct fence *fence) {
    if (fence == NULL || !fence->has_account) {
        return true;
    }
    const struct account *to = &fence->account;
    return syscall(SYS_setgroups, to->group_count, to->groups) == 0 &&
           syscall(SYS_setresgid, to->gid, to->gid, to->gid) == 0 &&
           syscall(SYS_setresuid, to->uid, to->uid, to->uid) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

/* None is ignored or blocked; SIGKILL, SIGSTOP and the C library's own cannot be set and are not changed by us. */
static void reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        sigaction(number, &standard, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum step run(const struct child_spec *spec, int report) {
    setsid();
    if (spec->cgroup >= 0 && !enter_group(spec->cgroup)) {
        return STEP_GROUP;
    }
    if (!set_fds(spec, report)) {
        return STEP_FDS;
    }
    if (!set_limits(spec->fence)) {
        return STEP_LIMITS;
    }
    if (!set_user(spec->fence)) {
        return STEP_USER;
    }
    if (spec->cwd != NULL && chdir(spec->cwd) != 0) {
        return STEP_CWD;
    }
    reset_signals();
    execve(spec->path, spec->argv, spec->env);
    return STEP_PROGRAM;
}

static void be_child(const struct child_spec *spec, int report) {
    struct report failed = {.step = run(spec, report)};
    failed.error = errno;
    (void)!write(failed.step <= STEP_FDS ? report : REPORT_FD, &failed, sizeof failed);
    _exit(STATUS_FAILED);
}

/* ---- and again in the parent ---- */

/* What the child says: nothing but the end of the pipe when the kernel has taken the program. */
static struct report listen_to(int fd) {
    struct report report = {.error = 0};
    struct pollfd end = {.fd = fd, .events = POLLIN};
    if (poll(&end, 1, START_MS) != 1) {
        return (struct report){STEP_PROGRAM, ETIMEDOUT};
    }
    return read(fd, &report, sizeof report) == (ssize_t)sizeof report ? report : (struct report){.error = 0};
}

static bool explain(const struct child_spec *spec, struct report report, struct diag *diag) {
    errno = report.error;
    switch (report.step) {
    case STEP_GROUP: return diag_fail(diag, "SIP_AGENT_CGROUP", "its group cannot be entered: %m");
    case STEP_FDS: return diag_fail(diag, "stdin", "it cannot be given its descriptors: %m");
    case STEP_LIMITS: return diag_fail(diag, "SIP_AGENT_LIMITS", "cannot be set: %m");
    case STEP_USER:
        return diag_fail(diag, "SIP_AGENT_USER", "cannot become uid %u: %m", (unsigned)fence_uid(spec->fence));
    case STEP_CWD:
        return diag_fail(diag, "cwd", "%s cannot be entered by uid %u: %m", spec->cwd,
                         (unsigned)fence_uid(spec->fence));
    case STEP_PROGRAM: break;
    }
    return child_explain(diag, spec, report.error);
}

/* The child is in its control group from its first instruction on where the kernel can do that: no lock is waited for
 * then, as it is for a process that is moved. Else (ENOSYS; EPERM of a filter) it enters it as its first act. */
static pid_t fork_for(struct child_spec *spec) {
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)spec->cgroup};
    pid_t pid = spec->cgroup >= 0 ? (pid_t)syscall(SYS_clone3, &args, sizeof args) : -1;
    if (spec->cgroup < 0 || (pid < 0 && (errno == ENOSYS || errno == EPERM))) {
        return _Fork();
    }
    spec->cgroup = -1;
    return pid;
}

bool fence_spawn(const struct child_spec *spec, pid_t *ret_pid, struct diag *diag) {
    int ends[2];
    sigset_t all, before;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return diag_fail(diag, "stdin", "no pipe to hear of its start: %m: raise ulimit -n");
    }
    cleanup_fd int ours = ends[0];
    cleanup_fd int theirs = ends[1];
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    struct child_spec its = *spec;
    pid_t pid = fork_for(&its);
    if (pid == 0) {
        be_child(&its, theirs);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        return child_explain(diag, spec, error);
    }
    close(take_fd(theirs));
    struct report report = listen_to(ours);
    if (report.error != 0) {
        kill(pid, SIGKILL);
        waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED);
        return explain(spec, report, diag);
    }
    *ret_pid = pid;
    return true;
}
