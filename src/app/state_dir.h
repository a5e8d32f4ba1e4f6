/* SIP_STATE_DIR: ours alone (mode 0700), with directories for the agents' output, notify sockets, the journal of calls
 * and processes that wait for one. One daemon at a time has it: the lock is one of fcntl(2), so the kernel takes it back from a dead
 * daemon, agents do not inherit it, and it tells whose it is. */
#ifndef APP_STATE_DIR_H
#define APP_STATE_DIR_H

#include <stdint.h>

#include "base/diag.h"

struct state_dir {
    char *root, *calls, *notify, *journal, *standby;
    int lock;      /* -1: not ours */
    uint64_t seed; /* of the hashes in the journal */
    char mark[17]; /* hex digits that the instances of agents of this directory end with */
};

/* Whether others than us keep things in the directory ROOT, so that it must not be closed to them (/etc, /tmp, a home): they
 * may enter it, and everybody may make things there (it is sticky) or there are some, and our lock is none of them. The
 * lost+found of a file system does not count. False where it cannot be read. */
bool state_dir_is_shared(const char *root);

/* Makes what is missing; the parent of ROOT must exist. False with DIAG: not ours, shared (and left as it is), not
 * writable, not a directory, in use by another daemon. Seed and mark are drawn at the first time and stay (the file "identity"). */
bool state_dir_open(struct state_dir *dir, const char *root, struct diag *diag) __attribute__((warn_unused_result));
void state_dir_release(struct state_dir *dir);

#endif
