/* SIP_STATE_DIR: ours alone (mode 0700), with a directory for the agents' output and one for notify sockets. */
#ifndef APP_STATE_DIR_H
#define APP_STATE_DIR_H

#include "base/diag.h"

struct state_dir {
    char *root, *calls, *notify;
};

/* Makes what is missing; the parent of ROOT must exist. False with DIAG: not ours, not writable, not a directory. */
bool state_dir_open(struct state_dir *dir, const char *root, struct diag *diag) __attribute__((warn_unused_result));
void state_dir_release(struct state_dir *dir);

#endif
