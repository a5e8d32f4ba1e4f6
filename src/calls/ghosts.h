/* Ghosts of a call's agent, for calls/call.c: what notes events. call_is_ghost is in calls/call.h. */
#ifndef CALLS_GHOSTS_H
#define CALLS_GHOSTS_H

#include "calls/call.h"

/* SID is that of a process that is gone; 0: it had none. */
void ghosts_add(struct call *call, uint64_t sid);

#endif
