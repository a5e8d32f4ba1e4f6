/* What is asked of the engine beside its operations: how it stands, the output of a job, and what concerns processes that
 * wait for a job. */
#include <unistd.h>

#include "base/mem.h"
#include "spawner/local/hand_over.h"
#include "spawner/local/local_parts.h"
#include "spawner/local/output.h"
#include "spawner/local/proc.h"
#include "spawner/local/reader.h"

bool local_has_instance(struct local *local, const char *instance) {
    return jobs_has_instance(&local->jobs, instance);
}

size_t local_count(const struct local *local) {
    return local->jobs.count;
}

bool local_is_idle(const struct local *local) {
    return local->jobs.count == 0 && !orphans_is_looking(&local->orphans) && !strays_is_looking(&local->strays) &&
           !groups_is_looking(&local->groups);
}

const struct local_counters *local_counters(const struct local *local) {
    return &local->host.counters;
}

static bool is_there(void *self, const char *label) {
    struct local *local = self;
    const struct job *job = jobs_find(&local->jobs, label);
    return job != NULL && hand_over_can(job);
}

static bool hand_over(void *self, const char *label, const struct engine_job *order) {
    struct local *local = self;
    struct job *job = jobs_find(&local->jobs, label);
    struct diag diag = {0};
    if (jobs_find(&local->jobs, order->label) != NULL) {
        return false;
    }
    if (!job_check(order, &diag)) {
        local_refuse(local, order, ENGINE_START_FAILED)->diag = diag;
        return false;
    }
    if (job == NULL || !hand_over_can(job)) {
        (void)diag_fail(&local_refuse(local, order, ENGINE_NOT_TAKEN)->diag, "standby",
                        "was gone before it could be told");
        return false;
    }
    jobs_relabel(&local->jobs, job, order->label);
    hand_over_queue(job, order);
    STAILQ_INSERT_TAIL(&local->hand_overs, job, waiting);
    task_add(&local->spawn_task, local->options.loop);
    return true;
}

static int64_t memory(void *self, const char *label) {
    struct local *local = self;
    const struct job *job = jobs_find(&local->jobs, label);
    return job != NULL && job->pid != 0 ? proc_memory(job->pid) : 0;
}

struct engine_waiters local_waiters(struct local *local) {
    return (struct engine_waiters){.self = local, .is_there = is_there, .hand_over = hand_over, .memory = memory};
}

void local_tail(struct local *local, const char *label, unsigned count, void (*each)(void *context, const char *line),
                void *context) {
    cleanup_fd int fd = output_open_read(local->host.output_dir, label, NULL);
    if (fd < 0) {
        return;
    }
    const struct job *job = jobs_find(&local->jobs, label);
    off_t output_at = 0;
    const char *secret = teller_secret(&local->teller, label, &output_at);
    if (secret == NULL && job != NULL) {
        secret = job->secret;
        output_at = job->output_at;
    }
    if (secret == NULL) {
        each(context, "[not shown: it was started before a restart, so its token is not known and may be in it]");
        return;
    }
    lseek(fd, output_at, SEEK_SET);
    reader_tail(fd, count, slice_of(secret), each, context);
}
