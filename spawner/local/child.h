/* One child process: started in a session and process group of its own, signalled, reaped. Knows no jobs. */
#ifndef SPAWNER_LOCAL_CHILD_H
#define SPAWNER_LOCAL_CHILD_H

#include "spawner/engine.h"
#include "spawner/local/fence.h"

struct child_spec {
    const char *path; /* the file to run */
    char *const *argv, *const *env;
    const char *cwd;           /* or NULL */
    int in, out;               /* become 0, and 1 and 2; nothing else is inherited */
    const struct fence *fence; /* or NULL */
    int cgroup;                /* the control group to start in; -1: ours */
};

struct child_exit {
    enum engine_exit_kind kind;
    int value; /* code or signal number */
};

/* Starts it with no signal blocked or ignored. False with DIAG when the kernel would not run the file (posix_spawn
 * tells errors of exec at once). */
bool child_spawn(const struct child_spec *spec, pid_t *ret_pid, struct diag *diag) __attribute__((warn_unused_result));
/* Why the kernel would not run SPEC's file: ERROR is an errno. Returns false. */
bool child_explain(struct diag *diag, const struct child_spec *spec, int error);
/* A connected pair of sockets for its stdin with LINE and a newline already in it (without, where LINE.p is NULL: it
 * comes by child_tell): *RET_OURS is kept open until it
 * exits (its end of file means "the bridge is gone"), *RET_THEIRS is for child_spec.in. */
bool child_stdin(struct slice line, int *ret_ours, int *ret_theirs, struct diag *diag)
    __attribute__((warn_unused_result));
/* LINE and a newline in one write to our end of its stdin. False with errno: nobody holds the other end any more. */
bool child_tell(int ours, struct slice line) __attribute__((warn_unused_result));
/* Whether somebody holds the other end. */
bool child_listens(int ours);
/* Whether something of what was written is not read yet, or never will be. */
bool child_left_line(int ours);
/* SIGTERM, and SIGCONT in case it is stopped, to the leader alone: it tells its own children. */
void child_terminate(int pidfd);
/* SIGKILL to it alone. */
void child_kill(int pidfd);
/* SIGKILL to all of its group. PID must be a child that was not reaped: the zombie pins the group's number. */
void child_kill_group(pid_t pid);
/* Whether it still runs, looking only. CHILD_LOST: not ours to reap, its numbers may belong to others by now. */
enum child_state { CHILD_RUNS, CHILD_ZOMBIE, CHILD_LOST };
enum child_state child_look(int pidfd);
/* Reaps it when it is a zombie; true with how it ended. EXIT_UNKNOWN when it was not ours to reap. */
bool child_reap(int pidfd, struct child_exit *ret_exit) __attribute__((warn_unused_result));

#endif
