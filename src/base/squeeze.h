/* Bytes that are mostly zero, such as structs of counters and times, made small and exact again. For memory of our own:
 * what is unsqueezed must be what was squeezed. Pure. */
#ifndef BASE_SQUEEZE_H
#define BASE_SQUEEZE_H

#include "base/buf.h"

/* Appends BYTES to OUT in runs: how many zeros, how many other bytes, those. At most 3 bytes and a hundredth
 * longer, and 2 bytes for 255 zeros. */
void squeeze(struct slice bytes, struct buf *out);
/* Fills the SIZE bytes at RET and returns how many of those at PACKED they took. */
size_t unsqueeze(const char *packed, void *ret, size_t size);

#endif
