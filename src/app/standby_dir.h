/* Which processes wait for a call, for the start after this one, which ends those that are still there: SIP_STATE_DIR/standby
 * has a small file for each, named by its label, with its SIP_INSTANCE, its pid, when it was started and the boot id.
 * Most end by themselves (their standard input ends with us), and strays are found by SIP_INSTANCE where environments can
 * be read; this finds the others. Nothing in it is secret, and nothing is synced: all of it means nothing after a crash of
 * the machine. */
#ifndef APP_STANDBY_DIR_H
#define APP_STANDBY_DIR_H

#include "base/diag.h"
#include "spawner/engine.h"

struct standby_dir {
    char *path;
    int fd; /* -1: closed */
    const char *boot;
};

struct standby_left {
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE];
    pid_t pid;
    uint64_t birth;
};

/* PATH exists and is ours; BOOT is borrowed. False with DIAG. */
bool standby_dir_open(struct standby_dir *dir, const char *path, const char *boot, struct diag *diag)
    __attribute__((warn_unused_result));
void standby_dir_keep(const struct standby_dir *dir, const struct standby_left *standby);
void standby_dir_drop(const struct standby_dir *dir, const char *label);
/* Tells those of this boot; what is none is removed. EACH may drop the one it is told of. */
void standby_dir_each(const struct standby_dir *dir, void (*each)(void *context, const struct standby_left *standby),
                      void *context);
/* Twice, or of one never opened (zeroed but for fd -1), does nothing. */
void standby_dir_close(struct standby_dir *dir);

#endif
