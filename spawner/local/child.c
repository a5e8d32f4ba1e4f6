/* posix_spawn and signals. posix_spawn rather than fork: from 1 GB of memory fork costs 16 ms, this 0.1 ms.
 * glibc 2.36: SETSIGDEF resets what it can and skips SIGKILL and SIGSTOP; addclosefrom_np acts on the child only. */
#include "spawner/local/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

/* A send buffer that holds ENGINE_LINE_MAX with the kernel's own overhead; the kernel doubles it again. */
enum { STDIN_BUFFER = 4 * ENGINE_LINE_MAX };

static void set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(attributes, flags);
}

static void set_actions(posix_spawn_file_actions_t *actions, const struct child_spec *spec) {
    posix_spawn_file_actions_adddup2(actions, spec->in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(actions, spec->out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions, spec->out, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    if (spec->cwd != NULL) {
        posix_spawn_file_actions_addchdir_np(actions, spec->cwd);
    }
}

bool child_explain(struct diag *diag, const struct child_spec *spec, int error) {
    static const struct {
        int error;
        const char *what;
    } hints[] = {
        {ENOENT, "the interpreter named in its first line (#!) or the working directory does not exist"},
        {ENOEXEC, "is no program and has no first line like #!/usr/bin/env python3"},
        {EACCES, "may not be executed or entered by us (or the user of SIP_AGENT_USER): check modes and owners, and "
                 "that its file system is not noexec"},
        {E2BIG, "its arguments and environment are too large for the kernel: shorten the entry's env or the metadata"},
        {EAGAIN,
         "no more processes are allowed: raise TasksMax of the service, ulimit -u, SIP_AGENT_PIDS_MAX, or nproc in "
         "SIP_AGENT_LIMITS"},
        {ENOMEM, "the machine has no memory left for another process"},
        {ETIMEDOUT, "was not started by the kernel in time, or was stopped by another process: it was killed"},
        {ENOTDIR, "the working directory is not a directory"},
    };
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, slice_of(spec->path), 150);
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (hints[i].error == error) {
            return diag_fail(diag, shown.p, "%s", hints[i].what);
        }
    }
    errno = error;
    return diag_fail(diag, shown.p, "cannot be started: %m");
}

bool child_spawn(const struct child_spec *spec, pid_t *ret_pid, struct diag *diag) {
    if (fence_is_needed(spec->fence) || spec->cgroup >= 0) {
        return fence_spawn(spec, ret_pid, diag);
    }
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    set_attributes(&attributes);
    set_actions(&actions, spec);
    int error = posix_spawn(ret_pid, spec->path, &actions, &attributes, spec->argv, spec->env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error == 0 || child_explain(diag, spec, error);
}

/* Moves FD out of 0, 1 and 2, which the child's dup2 calls write to; -1 when there is no fd left. */
static int above_standard(int fd) {
    if (fd > STDERR_FILENO) {
        return fd;
    }
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return moved;
}

bool child_tell(int ours, struct slice line) {
    cleanup_buf struct buf text = {0};
    buf_add_slice(&text, line);
    buf_addc(&text, '\n');
    return send(ours, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text.len;
}

bool child_listens(int ours) {
    struct pollfd look = {.fd = ours};
    return poll(&look, 1, 0) >= 0 && (look.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

/* What is in the other socket's queue counts as not sent until it is read; a socket that is closed with something in its
 * queue resets the connection (unix(7), net/unix/af_unix.c: unix_release_sock). */
bool child_left_line(int ours) {
    int unread = 0, error = 0;
    socklen_t size = sizeof error;
    return (ioctl(ours, SIOCOUTQ, &unread) == 0 && unread > 0) ||
           (getsockopt(ours, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNRESET);
}

bool child_stdin(struct slice line, int *ret_ours, int *ret_theirs, struct diag *diag) {
    int pair[2];
    if (line.n > ENGINE_LINE_MAX) {
        return diag_fail(diag, "stdin",
                         "the line has %zu bytes, at most %d are handed to an agent: shorten the metadata", line.n,
                         ENGINE_LINE_MAX);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return diag_fail(diag, "stdin", "no socket pair for it: %m");
    }
    cleanup_fd int ours = pair[0];
    cleanup_fd int theirs = above_standard(pair[1]);
    int size = STDIN_BUFFER;
    setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (theirs < 0 || (line.p != NULL && !child_tell(ours, line))) {
        return diag_fail(diag, "stdin", "its line could not be written: %m");
    }
    *ret_ours = take_fd(ours);
    *ret_theirs = take_fd(theirs);
    return true;
}

void child_terminate(int pidfd) {
    pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
    pidfd_send_signal(pidfd, SIGCONT, NULL, 0);
}

void child_kill(int pidfd) {
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

void child_kill_group(pid_t pid) {
    killpg(pid, SIGKILL);
}

enum child_state child_look(int pidfd) {
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return CHILD_LOST;
    }
    return info.si_pid != 0 ? CHILD_ZOMBIE : CHILD_RUNS;
}

bool child_reap(int pidfd, struct child_exit *ret_exit) {
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0) {
        *ret_exit = (struct child_exit){.kind = EXIT_UNKNOWN};
        return errno == ECHILD;
    }
    if (info.si_pid == 0) {
        return false;
    }
    *ret_exit = (struct child_exit){info.si_code == CLD_EXITED ? EXIT_CODE : EXIT_SIGNAL, info.si_status};
    return true;
}
