/* Which event ids were seen in the last minutes, in bounded memory. Events only say what is known already when they come
 * again, so an id forgotten too early costs nothing but work, while one taken for another would lose an event: kept are
 * 64 bits of its SHA-256, so that of 100,000 ids the next one meets one by chance once in 1.8e14 webhooks (at 300 a
 * second, once in 19,000 years). An id costs 8 bytes and the room that a hash table needs, 9 to 18 in all. */
#ifndef WEBHOOKS_REPEATS_H
#define WEBHOOKS_REPEATS_H

#include "base/clock.h"
#include "base/slice.h"

struct repeats;

/* Remembers ids for REMEMBER_MS at least and twice that at most; when there are more of them, the last MAX (at least 1)
 * and no more than twice as many. */
struct repeats *repeats_new(size_t max, int64_t remember_ms);
void repeats_free(struct repeats *repeats);
/* Whether ID is remembered; if not it is from now on. NOW must not go back. */
bool repeats_seen(struct repeats *repeats, struct slice id, mono_ms now);
/* Takes back the last repeats_seen that returned false; nothing else may have been asked in between. */
void repeats_undo(struct repeats *repeats);
size_t repeats_count(const struct repeats *repeats);
/* Ids that may have gone before their time because there were more than MAX. */
uint64_t repeats_forgotten(const struct repeats *repeats);

#endif
