/* A growing, NULL-terminated array of owned strings: what argv and an environment are. Zero-initialise it. */
#ifndef SPAWNER_LOCAL_STRV_H
#define SPAWNER_LOCAL_STRV_H

#include <stddef.h>

#include "base/slice.h"

struct strv {
    char **p; /* NULL while nothing was added */
    size_t count, cap;
};

void strv_release(struct strv *strv);
/* Appends TEXT and owns it from now on. */
void strv_take(struct strv *strv, char *text);
/* As an environment: NAME=VALUE in the place of an older value of NAME, or at the end. VALUE up to its first NUL. */
void strv_set(struct strv *strv, const char *name, struct slice value);
/* As an environment: the value of NAME in the NULL-terminated VARS (may be NULL); NULL when it is not there. */
const char *strv_value(const char *const *vars, const char *name);

#endif
