/* The report's numbers as tables and as JSON. */
#include "cli/report_print.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/when.h"
#include "cli/cli.h"
#include "cli/rules_show.h"

enum { SHOWN_GROUPS = 50, SHOWN_HOURS = 48 };

static const double percents[] = {50, 90, 95, 99};

static double percent_of(uint64_t part, uint64_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void hour_text(int64_t hour, char ret_text[WHEN_SIZE]) {
    when_format(hour * HOUR_MS, ret_text);
    ret_text[sizeof "2026-11-25T18:00" - 1] = '\0';
}

/* "0.55 s", "12.3 s", "1420 s" */
static const char *seconds(int64_t ms, char ret_text[32]) {
    double value = (double)ms / 1000;
    snprintf(ret_text, 32, value < 10 ? "%.2f s" : value < 100 ? "%.1f s" : "%.0f s", value);
    return ret_text;
}

static void print_spread(const char *title, const struct spread *spread) {
    char text[32];
    if (spread->count == 0) {
        return;
    }
    printf("%s:", title);
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        printf(" p%g %s,", percents[i], seconds(spread_percentile(spread, percents[i]), text));
    }
    printf(" longest %s\n", seconds(spread->most, text));
}

static void print_head(const struct report *report) {
    char first[WHEN_SIZE], last[WHEN_SIZE];
    when_format(report->first_ms, first);
    when_format(report->last_ms, last);
    printf("%" PRIu64 " call%s from %s to %s\n", report->calls, report->calls == 1 ? "" : "s", first, last);
    printf("answered: %" PRIu64 " (%.1f %%)\n", report->answered, percent_of(report->answered, report->calls));
    print_spread("ring time", &report->ring);
    print_spread("talk time", &report->talk);
    printf("agents' processes: %" PRIu64 ", restarts %" PRIu64 ", killed %" PRIu64 "\n", report->starts,
           report->restarts, report->kills);
}

static void add_ring(struct cli_table *table, const struct spread *ring, double percent) {
    char text[32];
    cli_table_add(table, ring->count > 0 ? seconds(spread_percentile(ring, percent), text) : "-");
}

static void print_groups(const struct report *report, const char *title, const struct report_group *groups) {
    const char *const titles[] = {title, "CALLS", "SHARE", "ANSWERED", "RING P50", "P95", "RESTARTS", "KILLED"};
    cleanup_table struct cli_table table;
    unsigned shown = 0;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (const struct report_group *group = groups; group != NULL && shown < SHOWN_GROUPS; group = group->hh.next) {
        cli_table_add(&table, group->name);
        cli_table_addf(&table, "%" PRIu64, group->calls);
        cli_table_addf(&table, "%.1f %%", percent_of(group->calls, report->calls));
        cli_table_addf(&table, "%.1f %%", percent_of(group->answered, group->calls));
        add_ring(&table, &group->ring, 50);
        add_ring(&table, &group->ring, 95);
        cli_table_addf(&table, "%" PRIu64, group->restarts);
        cli_table_addf(&table, "%" PRIu64, group->kills);
        shown++;
    }
    puts("");
    cli_table_print(&table);
    if (shown < HASH_COUNT(groups)) {
        printf("… and %u more: --json tells them\n", HASH_COUNT(groups) - shown);
    }
}

static void print_hours(const struct report *report) {
    static const char *const titles[] = {"HOUR (UTC)", "CALLS", "ANSWERED", "MEAN RING", "LONGEST"};
    cleanup_table struct cli_table table;
    unsigned count = HASH_COUNT(report->hours), skipped = count > SHOWN_HOURS ? count - SHOWN_HOURS : 0, place = 0;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (const struct report_hour *hour = report->hours; hour != NULL; hour = hour->hh.next) {
        char when[WHEN_SIZE], text[32];
        if (place++ < skipped) {
            continue;
        }
        bool answered = hour->answered > 0;
        hour_text(hour->hour, when);
        cli_table_add(&table, when);
        cli_table_addf(&table, "%" PRIu64, hour->calls);
        cli_table_addf(&table, "%.1f %%", percent_of(hour->answered, hour->calls));
        cli_table_add(&table, answered ? seconds(hour->ring_sum_ms / (int64_t)hour->answered, text) : "-");
        cli_table_add(&table, answered ? seconds(hour->ring_most_ms, text) : "-");
    }
    puts("");
    if (skipped > 0) {
        printf("%u earlier hours: --json tells them\n", skipped);
    }
    cli_table_print(&table);
}

void report_print_text(const struct report *report) {
    if (report->calls == 0) {
        puts("no calls");
    } else {
        print_head(report);
        print_groups(report, "END", report->ends);
        print_groups(report, "AGENT", report->agents);
        print_hours(report);
    }
    if (report->hours_left_out > 0) {
        printf("calls of hours beyond the first %d: %" PRIu64 "\n", REPORT_MOST_HOURS, report->hours_left_out);
    }
    if (report->bad > 0) {
        printf("lines left out: %" PRIu64 "\n", report->bad);
    }
}

static json_t *spread_json(const struct spread *spread) {
    json_t *object = json_object();
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        char name[16];
        snprintf(name, sizeof name, "p%g", percents[i]);
        int64_t ms = spread_percentile(spread, percents[i]);
        json_object_set_new(object, name, ms >= 0 ? json_integer(ms) : json_null());
    }
    json_object_set_new(object, "max", spread->count > 0 ? json_integer(spread->most) : json_null());
    return object;
}

static json_t *groups_json(const struct report_group *groups) {
    json_t *list = json_object();
    for (const struct report_group *group = groups; group != NULL; group = group->hh.next) {
        json_t *object = json_object();
        json_object_set_new(object, "calls", json_integer((json_int_t)group->calls));
        json_object_set_new(object, "answered", json_integer((json_int_t)group->answered));
        json_object_set_new(object, "restarts", json_integer((json_int_t)group->restarts));
        json_object_set_new(object, "kills", json_integer((json_int_t)group->kills));
        json_object_set_new(object, "ring_ms", spread_json(&group->ring));
        json_object_set_new(list, group->name, object);
    }
    return list;
}

static json_t *hours_json(const struct report *report) {
    json_t *list = json_array();
    for (const struct report_hour *hour = report->hours; hour != NULL; hour = hour->hh.next) {
        char text[WHEN_SIZE];
        when_format(hour->hour * HOUR_MS, text);
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I, s:I, s:I}", "hour", text, "calls", (json_int_t)hour->calls,
                                        "answered", (json_int_t)hour->answered, "ring_sum_ms",
                                        (json_int_t)hour->ring_sum_ms, "ring_max_ms", (json_int_t)hour->ring_most_ms));
    }
    return list;
}

static json_t *time_json(const struct report *report, int64_t wall_ms) {
    char text[WHEN_SIZE];
    when_format(wall_ms, text);
    return report->calls > 0 ? json_string(text) : json_null();
}

void report_print_json(const struct report *report) {
    json_t *root = json_object();
    json_object_set_new(root, "calls", json_integer((json_int_t)report->calls));
    json_object_set_new(root, "answered", json_integer((json_int_t)report->answered));
    json_object_set_new(root, "first", time_json(report, report->first_ms));
    json_object_set_new(root, "last", time_json(report, report->last_ms));
    json_object_set_new(root, "ring_ms", spread_json(&report->ring));
    json_object_set_new(root, "talk_ms", spread_json(&report->talk));
    json_object_set_new(root, "starts", json_integer((json_int_t)report->starts));
    json_object_set_new(root, "restarts", json_integer((json_int_t)report->restarts));
    json_object_set_new(root, "kills", json_integer((json_int_t)report->kills));
    json_object_set_new(root, "ends", groups_json(report->ends));
    json_object_set_new(root, "agents", groups_json(report->agents));
    json_object_set_new(root, "hours", hours_json(report));
    json_object_set_new(root, "bad_lines", json_integer((json_int_t)report->bad));
    rules_print_json(root);
}
