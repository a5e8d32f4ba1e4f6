/* Which event ids were seen in the last minutes. Bounded: the oldest goes when it is full. Ids are kept as 128 bits
 * of their SHA-256, so their length costs nothing and nobody can make two of them collide. */
#ifndef WEBHOOKS_REPEATS_H
#define WEBHOOKS_REPEATS_H

#include "base/clock.h"
#include "base/slice.h"

struct repeats;

/* Remembers at most MAX (at least 1) ids for REMEMBER_MS each. */
struct repeats *repeats_new(size_t max, int64_t remember_ms);
void repeats_free(struct repeats *repeats);
/* Whether ID was added less than REMEMBER_MS ago; if not it is added now. NOW must not go back. */
bool repeats_seen(struct repeats *repeats, struct slice id, mono_ms now);
/* Takes back the last repeats_seen that returned false; nothing else may have been asked in between. */
void repeats_undo(struct repeats *repeats);
size_t repeats_count(const struct repeats *repeats);
/* Ids that went before their time because MAX was reached. */
uint64_t repeats_forgotten(const struct repeats *repeats);

#endif
