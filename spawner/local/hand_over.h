/* A process that was started ahead gets its job: one line on its stdin, and its output becomes the job's. Whether it takes the
 * line is looked at once, HAND_OVER_MS later: one that hangs, or has died with the line unread, is no failed start of its
 * job but one that never was. */
#ifndef SPAWNER_LOCAL_HAND_OVER_H
#define SPAWNER_LOCAL_HAND_OVER_H

#include "spawner/local/job.h"

enum { HAND_OVER_MS = 1000 };

/* Whether the process of JOB waits, lives and listens. */
bool hand_over_can(const struct job *job);
/* ORDER is JOB's from now on, but for its label; its process is not told yet. */
void hand_over_queue(struct job *job, const struct engine_job *order);
/* Tells it. False: it does not listen any more. */
bool hand_over_tell(struct job *job) __attribute__((warn_unused_result));
/* JOB's process is gone: it was given the job but never had it. Not when it was told to stop meanwhile. */
bool hand_over_is_lost(const struct job *job);

#endif
