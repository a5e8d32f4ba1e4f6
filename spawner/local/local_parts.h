/* The parts of the engine, for the files that make it up; nobody else includes it. */
#ifndef SPAWNER_LOCAL_LOCAL_PARTS_H
#define SPAWNER_LOCAL_LOCAL_PARTS_H

#include <sys/queue.h>

#include "spawner/local/groups.h"
#include "spawner/local/jobs.h"
#include "spawner/local/orphans.h"
#include "spawner/local/seeker.h"
#include "spawner/local/strays.h"
#include "spawner/local/teller.h"
#include "spawner/local/upkeep.h"

struct local {
    struct local_options options;
    struct job_host host;
    struct orphans orphans;
    struct strays strays;
    struct groups groups;
    struct seeker seeker;
    struct upkeep upkeep;
    struct jobs jobs;
    STAILQ_HEAD(, job) queue, hand_overs;
    struct teller teller;
    struct task spawn_task;
    uint64_t spawn_turn; /* the turn in which there were so many spawns */
    int spawns;
    struct timer spawn_timer, reap_timer;
    char *mark;
};

/* Tells KIND of ORDER, which got no process. */
struct engine_event *local_refuse(struct local *local, const struct engine_job *order, enum engine_event_kind kind);

#endif
