/* What runs agents. An engine knows jobs with an opaque label, no calls. Its operations are idempotent and return at
 * once; what comes of them is told as events, never from inside the operation. Local processes are spawner/local, a pool
 * of processes started ahead (src/pool) is an engine around another; LiveKit dispatch and Kubernetes can be others. */
#ifndef SPAWNER_ENGINE_H
#define SPAWNER_ENGINE_H

#include <sys/types.h>

#include "base/diag.h"
#include "base/slice.h"

enum { ENGINE_LABEL_MAX = 64, ENGINE_INSTANCE_SIZE = 33, ENGINE_LINE_MAX = 32768 };

struct engine_pair {
    const char *name;
    struct slice value;
};

/* Everything is borrowed for the call of ensure only: the engine copies what it keeps. */
struct engine_job {
    const char *label;                /* [A-Za-z0-9_]{1,64}: the call's sid; it becomes a file name */
    const char *instance;             /* 32 hex digits, new for every start: SIP_INSTANCE */
    const char *const *command;       /* argv template, NULL-terminated */
    const char *cwd;                  /* or NULL */
    const char *const *env;           /* NAME=VALUE of the agent's entry, NULL-terminated, or NULL */
    const struct engine_pair *places; /* what {name} in command becomes */
    size_t place_count;
    const struct engine_pair *call_env; /* SIP_CALL_SID, LIVEKIT_TOKEN …: they win over env */
    size_t call_env_count;
    struct slice line;   /* one JSON line without its newline, at most ENGINE_LINE_MAX bytes */
    struct slice secret; /* the call's token: replaced in what is shown of the output */
    const char *agent;   /* whose it is */
    bool waits;          /* started ahead of its job: line and secret come later, by engine_waiters.hand_over */
};

/* A process that waits for a job and is kept for the one that it was asked for. */
struct engine_reserved {
    char instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    uint64_t birth; /* as that of ENGINE_STARTED */
};

struct engine_stop {
    int64_t after_ms;   /* left alone this long first (the agent may write its summary) */
    int64_t timeout_ms; /* SIGTERM to SIGKILL */
    bool kill;          /* no grace, SIGKILL at once (it hangs) */
};

enum engine_event_kind {
    ENGINE_STARTED,      /* pid */
    ENGINE_START_FAILED, /* diag: why */
    ENGINE_READY,        /* it said READY=1 on NOTIFY_SOCKET */
    ENGINE_EXITED,       /* exit */
    ENGINE_NOT_TAKEN, /* diag: the reserved process that got this job did not take it. It cannot any more, nothing of the
                          * job runs, and nothing else is told of it: ensure it anew */
};
enum engine_exit_kind { EXIT_CODE, EXIT_SIGNAL, EXIT_UNKNOWN };

struct engine_event {
    enum engine_event_kind kind;
    char label[ENGINE_LABEL_MAX + 1];
    char instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    uint64_t birth; /* with ENGINE_STARTED: when PID was started, for engine_adoption */
    enum engine_exit_kind exit_kind;
    int exit_value; /* code or signal number */
    struct diag diag;
};

/* What a predecessor started (the daemon was restarted, its processes live on). */
struct engine_adoption {
    const char *label, *instance, *agent;
    pid_t pid;               /* 0: it was about to be started, and is looked for by its instance */
    uint64_t birth;          /* with PID: what ENGINE_STARTED told */
    const char *secret_name; /* the variable of its environment that has what engine_job calls secret, or NULL */
};

struct engine_view {
    const char *label, *instance;
    pid_t pid;
    const char *state; /* "queued", "sought", "running", "after-call", "terminating", "killing" */
};

struct engine {
    void *self;
    /* Before ensure: is there a process that waits for a job like JOB, whose instance and line are not looked at? Then it
     * is kept for the ensure that follows in this turn with its instance. False: ensure will start a new one, whose
     * instance the caller chooses. May be NULL: never. */
    bool (*reserve)(void *self, const struct engine_job *job, struct engine_reserved *ret_reserved);
    /* Runs JOB unless a process of that label is queued or alive: then nothing. */
    void (*ensure)(void *self, const struct engine_job *job);
    /* Ends the process of LABEL step by step; ENGINE_EXITED tells when it is gone. Repeated with a shorter grace or
     * with kill it only ever gets faster. A label that is only queued is dropped and told as ENGINE_EXITED with
     * EXIT_UNKNOWN; an unknown label does nothing. */
    void (*stop)(void *self, const char *label, const struct engine_stop *stop);
    /* Takes back what a predecessor started, as if this engine had: ENGINE_STARTED tells the pid where that was not
     * known, ENGINE_EXITED (EXIT_UNKNOWN) its end, also when it is not there any more. May be NULL where nothing
     * outlives its engine. */
    void (*adopt)(void *self, const struct engine_adoption *adoption);
    void (*list)(void *self, void (*each)(void *context, const struct engine_view *view), void *context);
};

/* What an engine does with processes that wait (engine_job.waits), for a pool of them. */
struct engine_waiters {
    void *self;
    /* Whether the process of LABEL lives and can still be told something. */
    bool (*is_there)(void *self, const char *label);
    /* The process of LABEL becomes the one of JOB (whose instance it has): JOB's label, line, secret and output are its
     * own from now on, and ENGINE_STARTED or ENGINE_NOT_TAKEN follows under JOB's label. False: it is as it was, and so is
     * its label. What JOB misses is told all the same (ENGINE_NOT_TAKEN where that process is gone, ENGINE_START_FAILED
     * where the line is too long), but for a label that has a process: then, as with ensure, nothing. */
    bool (*hand_over)(void *self, const char *label, const struct engine_job *job);
    /* Bytes of memory that the process of LABEL has resident; 0: not known. */
    int64_t (*memory)(void *self, const char *label);
};

/* What labels of waiting processes begin with: no call's does. */
#define ENGINE_WAITER_PREFIX "standby_"

typedef void engine_listener(void *context, const struct engine_event *event);

#endif
