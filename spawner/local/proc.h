/* What /proc tells about a process. All of it may be old when it is read: whoever signals opens a pidfd first, asks then,
 * and signals through the pidfd, so that a reused pid is never meant. */
#ifndef SPAWNER_LOCAL_PROC_H
#define SPAWNER_LOCAL_PROC_H

#include "base/buf.h"
#include "spawner/engine.h"

struct proc_stat {
    char state;     /* the letter of proc(5): 'Z' is a zombie, or one whose first thread ended and others go on */
    int threads;    /* 1 or none of a zombie */
    uint64_t birth; /* start time in clock ticks since boot: with the pid it tells processes of one boot apart */
};

/* Appends the file at PATH, at most 1 MiB; false when it cannot be read. */
bool proc_read(const char *path, struct buf *out);
bool proc_stat(pid_t pid, struct proc_stat *ret_stat);
/* A zombie: none of its threads is left. */
bool proc_is_over(const struct proc_stat *stat);
/* Gone, or a zombie. */
bool proc_is_gone(pid_t pid);
/* The value of NAME in the environment that PID was started with, for free(); NULL when it has none or does not let us
 * see. */
char *proc_variable(pid_t pid, const char *name);
/* Its SIP_INSTANCE, cut to size; false likewise. */
bool proc_instance(pid_t pid, char ret_instance[ENGINE_INSTANCE_SIZE]);
/* Bytes of memory that PID has resident; 0: it cannot be read. */
int64_t proc_memory(pid_t pid);
/* The clock that births are read from, now. */
uint64_t proc_now(void);
/* Calls EACH for every process there is but this one. */
void proc_each(void (*each)(void *context, pid_t pid), void *context);
/* For kill: -1 when it is gone or no descriptor is left. */
int proc_open(pid_t pid);

#endif
