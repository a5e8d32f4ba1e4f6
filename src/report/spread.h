/* How values are spread, for percentiles: counts in slots that are less than 1 % wide (exact below 256), so that any number
 * of values takes the same room. */
#ifndef REPORT_SPREAD_H
#define REPORT_SPREAD_H

#include <stddef.h>
#include <stdint.h>

/* Values above SPREAD_MOST (some 24 days in milliseconds) count as that. */
enum { SPREAD_EXACT = 256, SPREAD_STEPS = 128, SPREAD_OCTAVES = 23, SPREAD_MOST = INT32_MAX };
enum { SPREAD_SLOTS = SPREAD_EXACT + SPREAD_STEPS * SPREAD_OCTAVES };

/* Zero-initialise. */
struct spread {
    uint64_t count;
    int64_t least, most; /* exact; only with a count */
    uint64_t slots[SPREAD_SLOTS];
};

/* Below 0 counts as 0. */
void spread_add(struct spread *spread, int64_t value);
/* A value that PERCENT (0 to 100) of all are not above, to within 1 %; -1 without any. */
int64_t spread_percentile(const struct spread *spread, double percent);
/* How many are not above VALUE, to within 1 % of it. */
uint64_t spread_upto(const struct spread *spread, int64_t value);

#endif
