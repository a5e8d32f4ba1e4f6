/* One job: what ensure was given, then the process that runs it, until it is gone. It tells its host what happens;
 * the host (local.c) keeps the table, the queue and the listener. */
#ifndef SPAWNER_LOCAL_JOB_H
#define SPAWNER_LOCAL_JOB_H

#include <sys/queue.h>

#include "loop/child_watch.h"
#include "spawner/engine.h"
#include "spawner/local/ahead.h"
#include "spawner/local/child.h"
#include "spawner/local/groups.h"
#include "spawner/local/ladder.h"
#include "spawner/local/local.h"
#include "spawner/local/strv.h"

struct job;

struct job_host {
    struct loop *loop;
    char *output_dir, *notify_dir;
    struct ahead ahead;
    struct strv base_env;
    const struct fence *fence;
    const struct cgroup *cgroup; /* or NULL */
    struct local_counters counters;
    void (*on_ready)(struct job *job);
    /* JOB's group was killed; its leader is a zombie that pins the numbers of group and session. Of an adopted one the
     * leader is gone and the group was not touched. */
    void (*on_over)(struct job *job);
    /* JOB got its line and does not take it. */
    void (*on_not_taken)(struct job *job);
    /* The last word on JOB: the host frees it. */
    void (*on_exit)(struct job *job, const struct child_exit *how);
};

/* How far the line is on its way to a process that was started ahead (hand_over.h). */
enum job_line {
    LINE_GIVEN,   /* at its start, or it was taken */
    LINE_AWAITED, /* it waits for a job */
    LINE_QUEUED,  /* it has a job, and is told at the end of this turn */
    LINE_SENT,    /* not known yet whether it reads */
};

/* What is needed once. */
struct job_command {
    struct strv argv, env;
    char *cwd;
};

struct job {
    LIST_ENTRY(job) by_label, by_pid; /* the host's, as `waiting` is */
    STAILQ_ENTRY(job) waiting;
    struct job_host *host;
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    char group[GROUP_NAME_SIZE]; /* of its control group, if it has one: with the label that it was started as */
    char *agent, *line, *secret;
    char *secret_name;           /* adopted: the variable that has the secret */
    struct job_command *command; /* until it is started */
    pid_t pid;                   /* 0: queued, or sought */
    uint64_t birth;              /* of the process, by proc.h */
    off_t output_at;             /* where its output begins in the file of its label; adopted: 0 */
    enum job_line line_state;
    char *own_label;  /* what it was started as, ahead of its job: another than `label` after a hand-over; else NULL */
    bool hangs;       /* it was told to stop by SIGKILL alone */
    int in;           /* our end of its stdin; -1 while queued, and where a predecessor had it */
    bool adopted;     /* a predecessor started it: its end is seen, its status is not */
    unsigned looks;   /* adopted, without a pid yet: how often its process was looked for */
    pid_t former_pid; /* and which it was, or 0 */
    uint64_t former_birth;
    struct child_watch exit;
    struct notify notify;
    struct ladder ladder;
    struct timer timer, take_timer;
};

/* Whether ORDER's names and line can be those of a job. False with DIAG. */
bool job_check(const struct engine_job *order, struct diag *diag) __attribute__((warn_unused_result));
/* Copies what is needed of ORDER. NULL with DIAG when it can never be started. */
struct job *job_new(struct job_host *host, const struct engine_job *order, struct diag *diag);
/* Starts its process. False with DIAG. */
bool job_start(struct job *job, struct diag *diag) __attribute__((warn_unused_result));
/* A job that a predecessor started: without a process until job_adopt. NULL with DIAG. */
struct job *job_of_predecessor(struct job_host *host, const struct engine_adoption *adoption, struct diag *diag);
/* JOB_UNSEEN: for want of a descriptor or memory it cannot be told who it is. */
enum job_taken { JOB_TAKEN, JOB_GONE, JOB_UNSEEN };
/* Takes PID back as its process, and climbs on where it was told to stop. JOB_GONE when it is another one by its birth or
 * its SIP_INSTANCE, or none. A BIRTH of 0 is not known: then the SIP_INSTANCE must be there. */
enum job_taken job_adopt(struct job *job, pid_t pid, uint64_t birth) __attribute__((warn_unused_result));
/* Climbs the ladder of a started or adopted job; of one without a process as soon as it has one. */
void job_stop(struct job *job, const struct engine_stop *stop);
/* Its process is a zombie: ends with on_exit (nothing happens if it is none). */
void job_reap(struct job *job);
const char *job_state(const struct job *job);
/* Leaves a running process alone. */
void job_free(struct job *job);

#endif
