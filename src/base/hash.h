/* Hash tables are uthash's, without memory they end the process as x*alloc do: uthash itself would exit without a word. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/mem.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

#endif
