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

static bool take(struct seeker *seeker, struct job *job, pid_t pid, uint64_t birth) {
    if (job_adopt(job, pid, birth) != JOB_TAKEN) {
        return false;
    }
    STAILQ_REMOVE(&seeker->jobs, job, job, waiting);
    seeker->on_found(seeker, job);
    return true;
}

static bool take_leader(struct seeker *seeker, struct job *job, pid_t pid) {
    struct proc_stat stat = {0};
    (void)proc_stat(pid, &stat); /* may be hidden from us */
    return getsid(pid) == pid && take(seeker, job, pid, stat.birth);
}

struct leader {
    pid_t pid; /* 0: none yet */
};

static void note_leader(void *context, pid_t pid) {
    struct leader *leader = context;
    if (leader->pid == 0 && getsid(pid) == pid) {
        leader->pid = pid;
    }
}

/* The first process of its group that leads a session: the agent, unless it is gone. */
static void look_in_groups(struct seeker *seeker) {
    for (struct job *job = STAILQ_FIRST(&seeker->jobs), *next; job != NULL; job = next) {
        struct leader leader = {0};
        next = STAILQ_NEXT(job, waiting);
        cgroup_each(seeker->cgroup, job->group, note_leader, &leader);
        if (leader.pid != 0) {
            (void)take_leader(seeker, job, leader.pid);
        }
    }
}

/* The agent itself leads its session; what it started has the same environment. */
static void look_at(void *context, pid_t pid) {
    struct seeker *seeker = context;
    char instance[ENGINE_INSTANCE_SIZE];
    struct job *job = getsid(pid) == pid && proc_instance(pid, instance) ? find_job(seeker, instance) : NULL;
    if (job != NULL) {
        (void)take_leader(seeker, job, pid);
    }
}

static void look_where_it_was(struct seeker *seeker) {
    for (struct job *job = STAILQ_FIRST(&seeker->jobs), *next; job != NULL; job = next) {
        next = STAILQ_NEXT(job, waiting);
        if (job->former_pid != 0) {
            (void)take(seeker, job, job->former_pid, job->former_birth);
        }
    }
}

static void on_again(struct timer *timer) {
    struct seeker *seeker = container_of(timer, struct seeker, again);
    look_where_it_was(seeker);
    if (cgroup_is_used(seeker->cgroup)) {
        look_in_groups(seeker);
    }
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

void seeker_init(struct seeker *seeker, struct loop *loop, const struct cgroup *cgroup) {
    seeker->cgroup = cgroup;
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
