/* An argv template becomes an argv: {name} is replaced inside each argument, no argument is ever split or joined,
 * no shell is near. Pure. */
#ifndef SPAWNER_LOCAL_EXPAND_H
#define SPAWNER_LOCAL_EXPAND_H

#include "base/buf.h"
#include "spawner/engine.h"
#include "spawner/local/strv.h"

/* Appends JOB's command to RET_ARGV. Braces around anything but a name of JOB's places stay as they are (unknown
 * names were refused when the entry was read). An argument that a value makes start with '-' would be taken for an
 * option, and a caller chooses that value: it is left out and its template added to LEFT_OUT, comma-separated.
 * False with DIAG when no program is left to run: empty, or left out. */
bool expand_argv(struct strv *ret_argv, const struct engine_job *job, struct buf *left_out, struct diag *diag)
    __attribute__((warn_unused_result));

#endif
