/* Jobs that a predecessor was about to start when it died: whether it did is told by their control groups, and by the
 * SIP_INSTANCE in the environments of processes. One look for all of them; a second one a moment later, for a process that was
 * just being started had its predecessor's environment still. Also jobs whose process is known and could not be taken back
 * at once: it is another one by now, or nothing could be read of it for want of a descriptor. */
#ifndef SPAWNER_LOCAL_SEEKER_H
#define SPAWNER_LOCAL_SEEKER_H

#include "spawner/local/cgroup.h"
#include "spawner/local/job.h"

struct seeker {
    /* JOB has its process now. */
    void (*on_found)(struct seeker *self, struct job *job);
    /* It has none; whoever hears it frees JOB. */
    void (*on_missing)(struct seeker *self, struct job *job);
    struct loop *loop;
    const struct cgroup *cgroup; /* or NULL */
    STAILQ_HEAD(, job) jobs;
    struct timer again;
};

void seeker_init(struct seeker *seeker, struct loop *loop, const struct cgroup *cgroup);
/* Looks for the process of JOB (its `waiting` is the seeker's until it is told), first at its former_pid, if there is one. */
void seeker_add(struct seeker *seeker, struct job *job);
void seeker_release(struct seeker *seeker);

#endif
