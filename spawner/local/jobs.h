/* The table of jobs: by label for the engine's operations, by pid for whoever reaps. Owns neither. */
#ifndef SPAWNER_LOCAL_JOBS_H
#define SPAWNER_LOCAL_JOBS_H

#include "spawner/local/job.h"

enum { JOBS_BUCKETS = 256 };

LIST_HEAD(jobs_list, job);

struct jobs {
    struct jobs_list by_label[JOBS_BUCKETS], by_pid[JOBS_BUCKETS];
    size_t count;
};

void jobs_init(struct jobs *jobs);
void jobs_add(struct jobs *jobs, struct job *job);
/* JOB has a pid now. */
void jobs_add_pid(struct jobs *jobs, struct job *job);
/* JOB, which has a pid, has the label LABEL from now on. */
void jobs_relabel(struct jobs *jobs, struct job *job, const char *label);
void jobs_remove(struct jobs *jobs, struct job *job);
struct job *jobs_find(struct jobs *jobs, const char *label);
struct job *jobs_find_pid(struct jobs *jobs, pid_t pid);
bool jobs_has_instance(struct jobs *jobs, const char *instance);
/* Calls EACH for every job until it returns false. EACH may remove the job it is given, and no other. */
void jobs_each(struct jobs *jobs, bool (*each)(struct job *job, void *context), void *context);

#endif
