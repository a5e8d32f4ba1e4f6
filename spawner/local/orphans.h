/* What agents leave behind. We are a child subreaper, so every process whose parent died becomes our child: a
 * daemonised grandchild left its agent's group and session, but not the environment it was started with. Those
 * that belong to a job that is over are killed; those of a living job are left alone; what cannot be attributed is
 * reported once and left alone. */
#ifndef SPAWNER_LOCAL_ORPHANS_H
#define SPAWNER_LOCAL_ORPHANS_H

#include <sys/types.h>

#include "loop/loop.h"
#include "spawner/engine.h"

/* ORPHANS_REMEMBERED: more than may end within the time that the descendants of their orphans take to appear. */
enum { ORPHANS_REMEMBERED = 4096, ORPHANS_REPORTED = 1024 };

struct orphans_over {
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    pid_t leader;
};

struct orphans {
    struct loop *loop;
    /* PID is the leader of a job: not an orphan. */
    bool (*is_leader)(struct orphans *self, pid_t pid);
    /* The job of INSTANCE is alive. */
    bool (*is_alive)(struct orphans *self, const char *instance);
    /* PID is in the control group of a job, which sees to it. */
    bool (*is_grouped)(struct orphans *self, pid_t pid);
    struct timer again;
    unsigned rounds;                              /* sweeps since the last job was over */
    struct orphans_over over[ORPHANS_REMEMBERED]; /* a ring: the jobs that were over last */
    size_t over_next;
    pid_t reported[ORPHANS_REPORTED];
    size_t reported_next;
};

void orphans_init(struct orphans *orphans, struct loop *loop);
/* The job of LABEL is over; its leader PID is a zombie that was not reaped. Kills what is left of its
 * session at once; what moved out of that soon, again and again while something is found. */
void orphans_job_over(struct orphans *orphans, const char *label, const char *instance, pid_t pid);
/* The same where all that was left of it was killed with its control group: only looks for what had moved out of that. */
void orphans_remember(struct orphans *orphans, const char *label, const char *instance, pid_t pid);
/* An orphan was reaped: its children are ours now. Looks soon. */
void orphans_look_soon(struct orphans *orphans);
/* A look is still to come. */
bool orphans_is_looking(const struct orphans *orphans);
void orphans_release(struct orphans *orphans);

#endif
