/* Memory for secrets: locked, between guard pages, not in core dumps, wiped when freed (sodium_malloc). Every piece
 * takes pages of its own: for the few secrets that live as long as the process, not for a call's. */
#ifndef BASE_VAULT_H
#define BASE_VAULT_H

#include <stddef.h>

#include "base/slice.h"

/* SIZE zero bytes, a multiple of 16, so that they are aligned. Ends the process when there is no memory. */
void *vault_new(size_t size) __attribute__((returns_nonnull));
/* A copy of TEXT with a NUL. */
char *vault_dup(struct slice text) __attribute__((returns_nonnull));
/* Wipes and frees what the above gave; NULL does nothing. */
void vault_free(void *memory);

#endif
