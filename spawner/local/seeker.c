/* Looking for processes by what they were started with. */
#include "spawner/local/seeker.h"

#include <unistd.h>

#include "base/mem.h"
#include "spawner/local/proc.h"

enum { LOOKS = 2, LOOK_AGAIN_MS = 250 };

static struct job *find_job(struct seeker *seeker, const char *instance) {
    struct job *job;
    STAILQ_FOREACH(job, &seeker->jobs, waiting) {
        if (strcmp(job->instance, instance) == 0) {
            return job;
        }
    }
    return NULL;
}

static void found(struct seeker *seeker, struct job *job) {
    STAILQ_REMOVE(&seeker->jobs, job, job, waiting);
    seeker->on_found(seeker, job);
}

/* The agent itself leads its session; what it started has the same environment. */
static void look_at(void *context, pid_t pid) {
    struct seeker *seeker = context;
    char instance[ENGINE_INSTANCE_SIZE];
    struct proc_stat stat;
    if (getsid(pid) != pid || !proc_instance(pid, instance)) {
        return;
    }
    struct job *job = find_job(seeker, instance);
    if (job != NULL && proc_stat(pid, &stat) && job_adopt(job, pid, stat.birth) == JOB_TAKEN) {
        found(seeker, job);
    }
}

static void look_where_it_was(struct seeker *seeker) {
    for (struct job *job = STAILQ_FIRST(&seeker->jobs), *next; job != NULL; job = next) {
        next = STAILQ_NEXT(job, waiting);
        if (job->former_pid != 0 && job_adopt(job, job->former_pid, job->former_birth) == JOB_TAKEN) {
            found(seeker, job);
        }
    }
}

static void on_again(struct timer *timer) {
    struct seeker *seeker = container_of(timer, struct seeker, again);
    look_where_it_was(seeker);
    proc_each(look_at, seeker);
    for (struct job *job = STAILQ_FIRST(&seeker->jobs), *next; job != NULL; job = next) {
        next = STAILQ_NEXT(job, waiting);
        if (++job->looks >= LOOKS) {
            STAILQ_REMOVE(&seeker->jobs, job, job, waiting);
            seeker->on_missing(seeker, job);
        }
    }
    if (!STAILQ_EMPTY(&seeker->jobs)) {
        timer_start(timer, seeker->loop, LOOK_AGAIN_MS);
    }
}

void seeker_init(struct seeker *seeker, struct loop *loop) {
    seeker->loop = loop;
    seeker->again.on_due = on_again;
    STAILQ_INIT(&seeker->jobs);
}

void seeker_add(struct seeker *seeker, struct job *job) {
    STAILQ_INSERT_TAIL(&seeker->jobs, job, waiting);
    timer_start(&seeker->again, seeker->loop, 0);
}

void seeker_release(struct seeker *seeker) {
    timer_cancel(&seeker->again);
}
