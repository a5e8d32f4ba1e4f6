/* Lines on their way to standard output, which may be a pipe that nobody reads: written when that needs no waiting,
 * kept in a ring of 256 KiB until then, lost and counted when that is full. Process-wide, for base/log only. */
#ifndef BASE_OUTFLOW_H
#define BASE_OUTFLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { OUTFLOW_SIZE = 256 * 1024, OUTFLOW_WRITE_MAX = 4096 };

/* FD stays the caller's and its flags are left alone: other processes may share them. */
void outflow_init(int fd);
/* Takes whole lines, at most OUTFLOW_WRITE_MAX bytes, or loses them. */
void outflow_put(struct slice lines);
/* Writes what can be written at once. */
void outflow_drain(void);
size_t outflow_waiting(void);
/* The fd to watch for writability. */
int outflow_fd(void);
/* How many lines were lost: no room, or nobody will ever read them. */
uint64_t outflow_lost(void);

#endif
