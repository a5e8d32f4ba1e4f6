/* Metrics as text that Prometheus reads (exposition format 0.0.4): a sheet is filled metric by metric. Pure.
 *
 * A sheet has a limit: a metric that would exceed it is left out as a whole, and so are all after it. */
#ifndef OPS_SHEET_H
#define OPS_SHEET_H

#include "base/buf.h"
#include "base/histogram.h"

enum sheet_type { SHEET_GAUGE, SHEET_COUNTER, SHEET_HISTOGRAM };
const char *sheet_type_name(enum sheet_type type); /* "gauge", "counter", "histogram" */

struct sheet {
    struct buf *out;
    size_t most; /* bytes */
    bool full;
    const char *name; /* of the metric at hand */
    size_t start;     /* where it begins */
    size_t samples;   /* of it */
};

/* A label of a sample; NAME is one of ours, VALUE any text. */
struct sheet_label {
    const char *name, *value;
};

/* Begins a metric; sheet_end takes it back when it has no samples or does not fit. */
void sheet_begin(struct sheet *sheet, const char *name, enum sheet_type type, const char *help);
void sheet_end(struct sheet *sheet);

void sheet_count(struct sheet *sheet, uint64_t value);
void sheet_real(struct sheet *sheet, double value);
/* With a label that tells it from others of the metric. */
void sheet_count_of(struct sheet *sheet, const char *label, const char *of, uint64_t value);
/* With two. */
void sheet_count_by(struct sheet *sheet, const struct sheet_label labels[2], uint64_t value);
/* In seconds. One that was never set up gives nothing. */
void sheet_histogram(struct sheet *sheet, const struct histogram *histogram);

#endif
