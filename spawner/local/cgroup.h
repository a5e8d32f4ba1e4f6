/* Control groups (cgroup v2): the directory below which each agent has one of its own, and what is done with those. A
 * process enters its group before it is a program, and so does whatever it starts, whatever session, group, parent or
 * environment that gives itself. What the kernel says of it: Documentation/admin-guide/cgroup-v2.rst. */
#ifndef SPAWNER_LOCAL_CGROUP_H
#define SPAWNER_LOCAL_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"

struct cgroup_options {
    const char *where; /* SIP_AGENT_CGROUP: a directory, "off", or NULL: our own group where it was delegated to us */
    int64_t memory_max, pids_max; /* of each agent; 0: no limit */
};

struct cgroup {
    char *path; /* the directory; NULL: agents have no groups */
    int fd;
    int64_t memory_max, pids_max;
};

/* Finds the directory, moves this process out of it into the group `daemon` below it, and, where there are limits, its
 * neighbours too: a group that hands on controllers, as it does then, may have no processes itself. Where there is
 * none, agents have no groups; that is a mistake only when WHERE names one or a limit was set: false with DIAG.
 * Release it in either case. */
bool cgroup_open(struct cgroup *ret_cgroup, const struct cgroup_options *options, struct diag *diag)
    __attribute__((warn_unused_result));
void cgroup_release(struct cgroup *cgroup);
/* CGROUP may be NULL. */
bool cgroup_is_used(const struct cgroup *cgroup);
/* Whether a group has limits: then no agent may be without. */
bool cgroup_is_limited(const struct cgroup *cgroup);
/* Makes the group NAME (a file name) with its limits: a descriptor of its directory. -1 with DIAG. */
int cgroup_make(const struct cgroup *cgroup, const char *name, struct diag *diag) __attribute__((warn_unused_result));
bool cgroup_is_there(const struct cgroup *cgroup, const char *name);
/* Sets the limits of NAME again, if it is there: they end with the controllers, and are new after a restart. */
void cgroup_limit(const struct cgroup *cgroup, const char *name);
/* SIGKILL to all that is in NAME, what they start meanwhile included. False when there is no such group. */
bool cgroup_kill(const struct cgroup *cgroup, const char *name);
/* Calls EACH for all that is in NAME but zombies. */
void cgroup_each(const struct cgroup *cgroup, const char *name, void (*each)(void *context, pid_t pid), void *context);
/* How many of NAME the kernel killed for its memory limit. */
uint64_t cgroup_oom_kills(const struct cgroup *cgroup, const char *name);
/* Removes NAME; false when something is still in it. */
bool cgroup_remove(const struct cgroup *cgroup, const char *name) __attribute__((warn_unused_result));
/* PID is in a group below the directory, other than `daemon`. */
bool cgroup_has(const struct cgroup *cgroup, pid_t pid);

#endif
