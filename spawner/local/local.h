/* Agents as local processes: posix_spawn in a session of their own, a clean environment, one JSON line on stdin,
 * output to a file per label, gone without a trace afterwards (design: "What an agent process gets",
 * "During and ending a call" rule 2). */
#ifndef SPAWNER_LOCAL_LOCAL_H
#define SPAWNER_LOCAL_LOCAL_H

#include "loop/loop.h"
#include "spawner/engine.h"
#include "spawner/local/cgroup.h"
#include "spawner/local/fence.h"

struct local_options {
    struct loop *loop;
    const char *output_dir;      /* LABEL.log, 0600; the directory exists and is ours */
    const char *notify_dir;      /* sockets for NOTIFY_SOCKET, one per process; exists */
    char *const *pass_env;       /* names and globs of our environment to hand on (SIP_AGENT_ENV), NULL-terminated */
    size_t max_output;           /* SIP_LOG_MAX: bytes on disk per label; 0: no limit */
    int64_t keep_output_ms;      /* SIP_LOG_KEEP: LABEL.log older than this are removed; 0: for ever */
    const struct fence *fence;   /* outlives this, or NULL */
    const struct cgroup *cgroup; /* outlives this, or NULL */
    const char *mark;            /* what the instances of this state directory end with: leftovers of former starts are
                                * known by it; NULL: they are not looked for. Copied */
    engine_listener *on_event;   /* called from the loop */
    void (*before_start)(void *context); /* or NULL: some of what was ensured is about to be started, in this turn */
    void *context;
};

struct local_counters {
    uint64_t started, failed, exited, killed, adopted, handed_over;
    uint64_t strangers; /* adopted orphans that were reaped */
};

struct local;

/* Makes this process a child subreaper. */
struct local *local_new(const struct local_options *options);
struct engine local_engine(struct local *local);
struct engine_waiters local_waiters(struct local *local);
/* A SIGCHLD came: reap what belongs to no job. */
void local_reap(struct local *local);
/* How many jobs are queued or alive. */
size_t local_count(const struct local *local);
/* Whether a job of INSTANCE is queued, alive or looked for. */
bool local_has_instance(struct local *local, const char *instance);
/* No job, and nothing of those that were is still looked for. */
bool local_is_idle(const struct local *local);
const struct local_counters *local_counters(const struct local *local);
/* Other values of what local_options call so, for processes that start from now on and output that is looked at. */
void local_change(struct local *local, char *const *pass_env, size_t max_output, int64_t keep_output_ms);
/* Forgets the jobs without touching their processes (they live on) and frees everything. Not from
 * inside the listener. */
void local_free(struct local *local);

/* The last COUNT lines that the newest process of LABEL wrote, escaped and cut, for the log of a crash. */
void local_tail(struct local *local, const char *label, unsigned count, void (*each)(void *context, const char *line),
                void *context);

/* The file that COMMAND (argv[0] of an agent) runs, by the PATH of its entry's ENV, else ours, else
 * "/usr/local/bin:/usr/bin:/bin"; NULL with DIAG: not found, not executable. The caller frees it. */
char *local_resolve(const char *command, const char *const *env, const char *cwd, struct diag *diag);

#endif
