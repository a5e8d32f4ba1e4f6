/* Counting. */
#include "base/histogram.h"

#define S INT64_C(1000000)
#define MS INT64_C(1000)

const struct buckets buckets_ring = {
    15,
    {100 * MS, 200 * MS, 300 * MS, 500 * MS, 750 * MS, 1 * S, 1500 * MS, 2 * S, 3 * S, 4 * S, 5 * S, 7500 * MS, 10 * S,
     15 * S, 20 * S},
};
const struct buckets buckets_quick = {
    14,
    {500, 1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S, 2 * S, 5 * S, 10 * S},
};
const struct buckets buckets_age = {
    10,
    {1 * S, 2 * S, 3 * S, 5 * S, 10 * S, 20 * S, 60 * S, 120 * S, 300 * S, 600 * S},
};

void histogram_init(struct histogram *histogram, const struct buckets *buckets) {
    *histogram = (struct histogram){.buckets = buckets};
}

void histogram_add(struct histogram *histogram, int64_t us) {
    const struct buckets *buckets = histogram->buckets;
    size_t place = 0;
    us = us > 0 ? us : 0;
    while (place < buckets->count && us > buckets->at_us[place]) {
        place++;
    }
    histogram->counts[place]++;
    histogram->sum_us += (uint64_t)us;
}
