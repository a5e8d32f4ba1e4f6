/* The control groups of jobs, one each, named LABEL.INSTANCE after the label that its process was started with. When a job is
 * over all that is left in its group is killed and the group removed. At the start the groups of former starts are looked
 * through: those of jobs that were taken back stay; of the others, those of our state directory (the instance ends with its
 * mark) end. */
#ifndef SPAWNER_LOCAL_GROUPS_H
#define SPAWNER_LOCAL_GROUPS_H

#include <sys/queue.h>

#include "loop/loop.h"
#include "spawner/engine.h"
#include "spawner/local/cgroup.h"

enum { GROUP_NAME_SIZE = ENGINE_LABEL_MAX + 1 + ENGINE_INSTANCE_SIZE };

struct group_over {
    LIST_ENTRY(group_over) next;
    char name[GROUP_NAME_SIZE];
};

struct groups {
    struct loop *loop;
    const struct cgroup *cgroup; /* NULL or not used: all of this does nothing */
    const char *mark;            /* NULL: groups of former starts are not looked for */
    /* The job of INSTANCE is there, or still looked for. */
    bool (*is_alive)(struct groups *self, const char *instance);
    struct timer again;
    bool look_through; /* for groups of former starts, at the next turn of the timer */
    unsigned rounds;
    LIST_HEAD(, group_over) over; /* to be removed as soon as they are empty */
};

void groups_init(struct groups *groups, const struct cgroup *cgroup, struct loop *loop, const char *mark);
void groups_name(char ret_name[GROUP_NAME_SIZE], const char *label, const char *instance);
/* NAME becomes that of the group of INSTANCE, whatever its label is, unless there is a group NAME. */
void groups_find(const struct cgroup *cgroup, const char *instance, char name[GROUP_NAME_SIZE]);
/* Something of a former start may be there. */
void groups_look_soon(struct groups *groups);
/* The job LABEL with the group NAME is over; its LEADER is a zombie or gone, what is in the leader's process group was
 * killed. True when there is that group: all that was left in it was killed. */
bool groups_job_over(struct groups *groups, const char *label, const char *name, pid_t leader);
bool groups_is_looking(const struct groups *groups);
void groups_release(struct groups *groups);

#endif
