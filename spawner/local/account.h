/* A user that agents run as (SIP_AGENT_USER), looked up once at the start: the look-up may ask the network. */
#ifndef SPAWNER_LOCAL_ACCOUNT_H
#define SPAWNER_LOCAL_ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"

struct account {
    char *name, *home; /* name: NULL where only numbers are known */
    uid_t uid;
    gid_t gid, *groups; /* groups: all of them, for setgroups(2) */
    size_t group_count;
};

/* TEXT is a user's name or uid (then its groups are those of the user database), or "UID:GID", which need not be known
 * to it: such an agent is in no other group, and its home is "/". Root is refused. False with DIAG. */
bool account_find(const char *text, struct account *ret_account, struct diag *diag) __attribute__((warn_unused_result));
/* Whether this process may become ACCOUNT's user and end its processes: CAP_SETUID, CAP_SETGID and CAP_KILL. False
 * with DIAG, which names those that are missing. */
bool account_can_be_used(const struct account *account, struct diag *diag) __attribute__((warn_unused_result));
/* CAP_SYS_PTRACE: without it the environments of another user's processes cannot be read. */
bool account_can_be_seen(void);
void account_release(struct account *account);

#endif
