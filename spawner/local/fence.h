/* What an agent's process may be and use, where posix_spawn(3) cannot say it: another user, limits. */
#ifndef SPAWNER_LOCAL_FENCE_H
#define SPAWNER_LOCAL_FENCE_H

#include "base/limit.h"
#include "spawner/local/account.h"
#include "spawner/local/strv.h"

struct fence {
    bool has_account;
    struct account account;
    struct process_limit limits[LIMIT_KINDS];
    size_t limit_count;
};

struct child_spec;

/* USER (or NULL) as account_find takes it, LIMITS (or NULL) as limit_parse does. Whatever would make every start fail
 * is found here. Ours as USER is no other user. False with DIAG. Release it in either case. */
bool fence_make(struct fence *ret_fence, const char *user, char *const *limits, struct diag *diag)
    __attribute__((warn_unused_result));
void fence_release(struct fence *fence);
/* Whether FENCE (or NULL) asks for anything: without, posix_spawn does. */
bool fence_is_needed(const struct fence *fence);
/* The user that agents run as. */
uid_t fence_uid(const struct fence *fence);
/* HOME, USER and LOGNAME of the agents' user into ENV, where that is another. */
void fence_environment(const struct fence *fence, struct strv *env);
/* Lets the agents' group write to the file of FD by its name: its own /dev/stdout has one. What cannot be is left. */
void fence_lend(const struct fence *fence, int fd);

/* As posix_spawn, inside SPEC's fence and control group: forks, for the child changes what must stay its own; told when the kernel has
 * taken the program. False with DIAG. */
bool fence_spawn(const struct child_spec *spec, pid_t *ret_pid, struct diag *diag) __attribute__((warn_unused_result));

#endif
