/* What agents of a predecessor left behind. They are not our children, so the whole machine is looked through (orphans.h
 * looks at children only): at the start, and when an adopted job is over. Killed is what was started with a SIP_INSTANCE of
 * our state directory (it ends with the directory's mark) that no job has, and what is left of the session of an adopted
 * job that is over. Anybody else's process, and those of another state directory, are left alone. */
#ifndef SPAWNER_LOCAL_STRAYS_H
#define SPAWNER_LOCAL_STRAYS_H

#include "loop/loop.h"
#include "spawner/engine.h"

enum { STRAYS_REMEMBERED = 1024 };

struct strays_over {
    char label[ENGINE_LABEL_MAX + 1];
    pid_t leader;
    uint64_t birth, over_at; /* of the leader, and when it was seen to be gone, by the same clock */
};

struct strays {
    struct loop *loop;
    const char *mark; /* NULL: instances are nobody's */
    /* The job of INSTANCE is there, or still looked for. */
    bool (*is_alive)(struct strays *self, const char *instance);
    struct timer again;
    unsigned rounds, killed;                    /* looks since something was over; processes in this look */
    struct strays_over over[STRAYS_REMEMBERED]; /* adopted jobs since the last look that found nothing; then a ring */
    size_t over_next;
};

void strays_init(struct strays *strays, struct loop *loop, const char *mark);
/* Something may be there. */
void strays_look_soon(struct strays *strays);
/* The adopted job of LABEL is over; its leader PID, started at BIRTH, is gone. */
void strays_job_over(struct strays *strays, const char *label, pid_t pid, uint64_t birth);
bool strays_is_looking(const struct strays *strays);
void strays_release(struct strays *strays);

#endif
