/* What the engine's listener is told: never from inside an operation, but by a task of the loop, in order. Knows the secret
 * of the job that exited last, for its listener asks for the last lines of its output then. */
#ifndef SPAWNER_LOCAL_TELLER_H
#define SPAWNER_LOCAL_TELLER_H

#include "spawner/local/job.h"

struct told {
    STAILQ_ENTRY(told) next;
    struct engine_event event;
    char *secret; /* of a job that exited */
};

struct teller {
    struct loop *loop;
    engine_listener *on_event;
    void *context;
    STAILQ_HEAD(, told) events;
    struct task task;
    char *last_label, *last_secret;
};

void teller_init(struct teller *teller, const struct local_options *options);
/* Tells KIND of JOB soon; what is returned may be completed until the caller returns. */
struct told *teller_add(struct teller *teller, const struct job *job, enum engine_event_kind kind);
/* Of the job LABEL if it exited last; else NULL. */
const char *teller_secret(const struct teller *teller, const char *label);
void teller_release(struct teller *teller);

#endif
