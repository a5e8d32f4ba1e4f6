/* GET /metrics: counters and gauges of the whole daemon for Prometheus, from the one table in ops/metrics_table.h, from
 * which doc/metrics.md comes too.
 *
 * No label tells a room, a number or a call. Agents are told apart by name, up to METRICS_MOST_AGENTS of them; what the
 * others have is added up under "(other)". Nothing is waited for: what is told was counted before, but for what the
 * kernel says of this process. */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "ops/ops.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
enum { METRICS_MOST_AGENTS = 100, METRICS_MOST_BYTES = 512 << 10 };

void metrics_write(const struct ops *ops, mono_ms now, struct buf *out);

/* The table in Markdown: `sipbridge docs metrics`. */
void metrics_describe(struct buf *out);

#endif
