/* Memory pressure, looked at once a second: how much of the last ten seconds some process waited for memory, as the
 * kernel tells it (PSI, Documentation/accounting/psi.rst). Read by a timer, never while a webhook is answered. */
#ifndef APP_PRESSURE_H
#define APP_PRESSURE_H

#include "base/slice.h"
#include "loop/loop.h"
#include "ops/ops.h"

struct pressure_options {
    struct loop *loop;
    int64_t max_percent; /* SIP_MAX_PRESSURE; 0: nothing is looked at */
    const char *path;    /* SIP_PRESSURE_FILE, borrowed; NULL: our cgroup's and the machine's, the higher counts */
    const char *cgroup;  /* borrowed: the group that has our agents' below it; NULL: the one that we are in */
    /* Memory is short, or no more. From pressure_start and from the loop. */
    void (*on_change)(void *context, bool is_short);
    void *context;
};

struct pressure {
    struct pressure_options options;
    struct timer timer;
    char *cgroup_path; /* memory.pressure of the cgroup that we were started in, or NULL */
    bool is_short, is_missing;
    struct ops_memory seen;
};

/* Looks at once. What cannot be read is said once and limits nothing. PRESSURE must be zero and stay where it is. */
void pressure_start(struct pressure *pressure, const struct pressure_options *options);
void pressure_stop(struct pressure *pressure);

/* The avg10 of the line "some" of TEXT in hundredths of a percent; false when there is none. */
bool pressure_parse(struct slice text, int64_t *ret_hundredths);
/* The path below /sys/fs/cgroup of the cgroup v2 that TEXT (/proc/self/cgroup) names; NULL: none. */
char *pressure_cgroup_path(struct slice text);

#endif
