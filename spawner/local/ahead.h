/* What the start of a process needs and may take long to make, made ahead of it while nobody waits: files for output, and
 * sockets for NOTIFY_SOCKET. A new file costs ext4 1 ms where many were removed shortly before (src/app/journal_dir.h).
 * Without them, after a burst or where they cannot be had, a start makes its own. */
#ifndef SPAWNER_LOCAL_AHEAD_H
#define SPAWNER_LOCAL_AHEAD_H

#include "spawner/local/notify.h"

enum { AHEAD_COUNT = 4 };

struct ahead {
    struct loop *loop;
    const char *output_dir;
    struct notify_place notify;
    struct notify_spares notify_spares;
    int outputs[AHEAD_COUNT]; /* of output_prepare */
    unsigned output_count;
    struct timer timer;
};

/* Nothing is made before the first ahead_refill. The directories outlive it. */
void ahead_init(struct ahead *ahead, struct loop *loop, const char *output_dir, const char *notify_dir);
/* The file of LABEL, as from output_open; -1: none was ready, or there is one of that name. */
int ahead_output(struct ahead *ahead, const char *label);
/* There was a start: makes what it took, one at a time, when it has had its first moments. */
void ahead_refill(struct ahead *ahead);
void ahead_release(struct ahead *ahead);

#endif
