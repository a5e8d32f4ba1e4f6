/* Adding up. */
#include "report/report.h"

#include "base/mem.h"

enum { HOUR_MS = 3600000 };

static struct report_group *group_of(struct report_group **groups, struct slice name, unsigned most) {
    struct report_group *group = NULL;
    HASH_FIND(hh, *groups, name.p, name.n, group);
    if (group == NULL && HASH_COUNT(*groups) >= most) {
        name = SLICE("(other)");
        HASH_FIND(hh, *groups, name.p, name.n, group);
    }
    if (group == NULL) {
        group = xcalloc(1, sizeof *group);
        group->name = xmemdup(name.p, name.n);
        HASH_ADD_KEYPTR(hh, *groups, group->name, name.n, group);
    }
    return group;
}

static void add_to_group(struct report_group *group, const struct call_record *record) {
    group->calls++;
    group->restarts += record->restarts;
    group->kills += record->kills;
    if (record->answered != 0) {
        group->answered++;
        spread_add(&group->ring, record->ring_ms);
    }
}

static struct report_hour *hour_of(struct report *report, int64_t hour) {
    struct report_hour *found = NULL;
    HASH_FIND(hh, report->hours, &hour, sizeof hour, found);
    if (found == NULL && HASH_COUNT(report->hours) < REPORT_MOST_HOURS) {
        found = xcalloc(1, sizeof *found);
        found->hour = hour;
        HASH_ADD(hh, report->hours, hour, sizeof found->hour, found);
    }
    return found;
}

static void add_to_hour(struct report *report, const struct call_record *record) {
    struct report_hour *hour = hour_of(report, record->first_seen / HOUR_MS);
    if (hour == NULL) {
        report->hours_left_out++;
        return;
    }
    hour->calls++;
    if (record->answered != 0) {
        int64_t ring_ms = record->ring_ms < SPREAD_MOST ? record->ring_ms : SPREAD_MOST;
        hour->answered++;
        hour->ring_sum_ms += ring_ms > 0 ? ring_ms : 0;
        hour->ring_most_ms = ring_ms > hour->ring_most_ms ? ring_ms : hour->ring_most_ms;
    }
}

void report_add(struct report *report, const struct call_record *record) {
    struct slice agent = record->agent.n > 0 ? record->agent : SLICE("(none)");
    bool is_first = report->calls == 0;
    report->first_ms = is_first || record->first_seen < report->first_ms ? record->first_seen : report->first_ms;
    report->last_ms = is_first || record->ended > report->last_ms ? record->ended : report->last_ms;
    report->calls++;
    report->starts += record->starts;
    report->restarts += record->restarts;
    report->kills += record->kills;
    if (record->answered != 0) {
        report->answered++;
        spread_add(&report->ring, record->ring_ms);
        spread_add(&report->talk, record->talk_ms);
    }
    add_to_group(group_of(&report->ends, record->end, REPORT_MOST_ENDS), record);
    add_to_group(group_of(&report->agents, agent, REPORT_MOST_AGENTS), record);
    add_to_hour(report, record);
}

static int by_calls(struct report_group *one, struct report_group *other) {
    int order = (one->calls < other->calls) - (one->calls > other->calls);
    return order != 0 ? order : strcmp(one->name, other->name);
}

static int by_hour(struct report_hour *one, struct report_hour *other) {
    return (one->hour > other->hour) - (one->hour < other->hour);
}

void report_sort(struct report *report) {
    HASH_SORT(report->ends, by_calls);
    HASH_SORT(report->agents, by_calls);
    HASH_SORT(report->hours, by_hour);
}

static void release_groups(struct report_group **groups) {
    struct report_group *group, *next;
    HASH_ITER(hh, *groups, group, next) {
        HASH_DEL(*groups, group);
        free(group->name);
        free(group);
    }
}

void report_release(struct report *report) {
    struct report_hour *hour, *next;
    release_groups(&report->ends);
    release_groups(&report->agents);
    HASH_ITER(hh, report->hours, hour, next) {
        HASH_DEL(report->hours, hour);
        free(hour);
    }
}
