/* What the call log says of many calls: counts, answer rate, ring times, ends, per agent and per hour. Takes records or
 * lines, one after the other, in room that does not grow with their number; lines that are none are counted and told.
 * Pure: reads no file. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/hash.h"
#include "calllog/record.h"
#include "report/spread.h"

/* So many agents, ends and hours are told apart; the others are one, named "(other)" (hours: left out and counted). */
enum { REPORT_MOST_AGENTS = 1000, REPORT_MOST_ENDS = 64, REPORT_MOST_HOURS = 24 * 366 * 10 };

/* Calls that have something in common. */
struct report_group {
    char *name;
    uint64_t calls, answered, restarts, kills;
    struct spread ring;
    UT_hash_handle hh;
};

struct report_hour {
    int64_t hour; /* hours since 1970 (UTC) in which the calls came */
    uint64_t calls, answered;
    int64_t ring_sum_ms, ring_most_ms; /* of the answered */
    UT_hash_handle hh;
};

/* Zero-initialise. */
struct report {
    uint64_t bad; /* lines */
    uint64_t calls, answered, restarts, kills, starts;
    int64_t first_ms, last_ms; /* when the first came and the last ended, Unix; only with calls */
    struct spread ring, talk;
    struct report_group *ends, *agents; /* hashes by name; calls without an agent: "(none)" */
    struct report_hour *hours;
    uint64_t hours_left_out; /* calls of hours beyond the limit */
};

void report_release(struct report *report);
void report_add(struct report *report, const struct call_record *record);
/* By name; by number of calls, most first; by hour. */
void report_sort(struct report *report);

/* Lines in pieces of any size. Zero-initialise but for the first three. */
struct report_lines {
    struct report *report;
    /* A line that is none: NUMBER counts from 1. */
    void (*on_bad)(void *context, uint64_t number, const struct diag *diag);
    void *context;
    uint64_t number;
    bool too_long; /* the rest of the line at hand is thrown away */
    struct buf line;
};
void report_lines_feed(struct report_lines *lines, struct slice bytes);
/* No more follow: the last line need not have a newline. */
void report_lines_end(struct report_lines *lines);

#endif
