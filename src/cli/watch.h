/* What goes on being shown: anew every second on a terminal, as lines of what changed elsewhere. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/cli.h"

struct json_t;

struct watch {
    void *context;
    /* The status as it is now; NULL with DIAG when there is none. */
    struct json_t *(*ask)(void *context, struct diag *diag);
    /* Prints STATUS on stdout, as wide as the terminal; what is longer than it is left out. */
    void (*print)(const struct json_t *status);
};

/* Until q or Ctrl-C on a terminal; else one line for each change of a call (TIME STATE SID AGENT CALLED ms-of-ringing) and
 * of the health, until standard output is closed. An exit code. */
int watch_run(const struct watch *watch);

#endif
