/* Two hash tables of fixed size with lists: a bridge has hundreds of jobs, seldom thousands. */
#include "spawner/local/jobs.h"

#include <stdio.h>

static struct jobs_list *label_bucket(struct jobs *jobs, const char *label) {
    return &jobs->by_label[slice_hash(slice_of(label), 0) % JOBS_BUCKETS];
}

static struct jobs_list *pid_bucket(struct jobs *jobs, pid_t pid) {
    return &jobs->by_pid[(unsigned)pid % JOBS_BUCKETS];
}

void jobs_init(struct jobs *jobs) {
    jobs->count = 0;
    for (size_t i = 0; i < JOBS_BUCKETS; i++) {
        LIST_INIT(&jobs->by_label[i]);
        LIST_INIT(&jobs->by_pid[i]);
    }
}

void jobs_add(struct jobs *jobs, struct job *job) {
    LIST_INSERT_HEAD(label_bucket(jobs, job->label), job, by_label);
    jobs->count++;
}

void jobs_add_pid(struct jobs *jobs, struct job *job) {
    LIST_INSERT_HEAD(pid_bucket(jobs, job->pid), job, by_pid);
}

void jobs_relabel(struct jobs *jobs, struct job *job, const char *label) {
    LIST_REMOVE(job, by_label);
    snprintf(job->label, sizeof job->label, "%s", label);
    LIST_INSERT_HEAD(label_bucket(jobs, job->label), job, by_label);
}

void jobs_remove(struct jobs *jobs, struct job *job) {
    LIST_REMOVE(job, by_label);
    if (job->pid != 0) {
        LIST_REMOVE(job, by_pid);
    }
    jobs->count--;
}

struct job *jobs_find(struct jobs *jobs, const char *label) {
    struct job *job;
    LIST_FOREACH(job, label_bucket(jobs, label), by_label) {
        if (strcmp(job->label, label) == 0) {
            return job;
        }
    }
    return NULL;
}

struct job *jobs_find_pid(struct jobs *jobs, pid_t pid) {
    struct job *job;
    LIST_FOREACH(job, pid_bucket(jobs, pid), by_pid) {
        if (job->pid == pid) {
            return job;
        }
    }
    return NULL;
}

void jobs_each(struct jobs *jobs, bool (*each)(struct job *job, void *context), void *context) {
    for (size_t i = 0; i < JOBS_BUCKETS; i++) {
        struct job *job = LIST_FIRST(&jobs->by_label[i]);
        while (job != NULL) {
            struct job *next = LIST_NEXT(job, by_label);
            if (!each(job, context)) {
                return;
            }
            job = next;
        }
    }
}

struct instance_query {
    const char *instance;
    bool found;
};

static bool same_instance(struct job *job, void *context) {
    struct instance_query *query = context;
    query->found = strcmp(job->instance, query->instance) == 0;
    return !query->found;
}

bool jobs_has_instance(struct jobs *jobs, const char *instance) {
    struct instance_query query = {.instance = instance};
    jobs_each(jobs, same_instance, &query);
    return query.found;
}
