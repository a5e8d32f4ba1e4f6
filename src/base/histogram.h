/* How long things took: counts by bucket, for metrics. The bounds are fixed tables, so that the series of one metric are
 * the same in every release and can be added up across machines. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { BUCKETS_MOST = 16 };

/* Upper bounds in microseconds, each included, in rising order. */
struct buckets {
    size_t count;
    int64_t at_us[BUCKETS_MOST];
};
extern const struct buckets buckets_ring;  /* 0.1 s to 20 s: how long a caller hears ringing */
extern const struct buckets buckets_quick; /* 0.5 ms to 10 s: what should not be noticed */
extern const struct buckets buckets_age;   /* 1 s to 10 min: what was told late */

struct histogram {
    const struct buckets *buckets;
    uint64_t counts[BUCKETS_MOST + 1]; /* of each bucket alone; the last one holds what is above all bounds */
    uint64_t sum_us;
};

void histogram_init(struct histogram *histogram, const struct buckets *buckets);
/* Less than nothing (clocks differ) counts as nothing. */
void histogram_add(struct histogram *histogram, int64_t us);

#endif
