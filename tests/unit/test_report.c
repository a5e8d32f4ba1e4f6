/* Adding up: percentiles beside an oracle, groups in bounded number, lines in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "report/plot.h"
#include "report/report.h"

enum { VALUES = 20000 };

static uint64_t seed = 88172645463325252ULL;

static uint64_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int compare(const void *one, const void *other) {
    const int64_t *a = one, *b = other;
    return (*a > *b) - (*a < *b);
}

static void test_percentiles(void **state) {
    (void)state;
    struct spread *spread = xcalloc(1, sizeof *spread);
    int64_t *values = xcalloc(VALUES, sizeof *values);
    assert_int_equal(spread_percentile(spread, 50), -1);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = (int64_t)(next_random() % (1ULL << (1 + next_random() % 31)));
        spread_add(spread, values[i]);
    }
    qsort(values, VALUES, sizeof values[0], compare);
    for (unsigned percent = 1; percent <= 100; percent++) {
        int64_t exact = values[(VALUES * percent + 99) / 100 - 1], near = spread_percentile(spread, percent);
        assert_true(near >= exact && near - exact <= exact / 100 + 1);
    }
    assert_true(spread_percentile(spread, 100) == values[VALUES - 1]);
    assert_true(spread_upto(spread, INT64_MAX) == VALUES && spread_upto(spread, -1) == spread->slots[0]);
    free(values);
    free(spread);
}

static void test_odd_values(void **state) {
    (void)state;
    struct spread *spread = xcalloc(1, sizeof *spread);
    spread_add(spread, -7);
    spread_add(spread, INT64_MAX);
    assert_int_equal(spread_percentile(spread, 50), 0);
    assert_true(spread_percentile(spread, 100) == SPREAD_MOST);
    free(spread);
}

static struct report *report;
static unsigned bad_lines;
static uint64_t last_bad;

static int set_up(void **state) {
    (void)state;
    report = xcalloc(1, sizeof *report);
    bad_lines = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    report_release(report);
    free(report);
    return 0;
}

static void on_bad(void *context, uint64_t number, const struct diag *diag) {
    (void)context;
    assert_true(diag->what[0] != '\0');
    bad_lines++;
    last_bad = number;
}

#define LINE(sid, agent, end, answered, ring)                                                                      \
    "{\"v\":1,\"sid\":\"" sid "\",\"agent\":\"" agent "\",\"end\":\"" end                                          \
    "\",\"first_seen\":\"2026-11-25T18:30:00.000Z\",\"ended\":\"2026-11-25T18:31:00.000Z\",\"answered\":" answered \
    ",\"ring_ms\":" ring ",\"talk_ms\":1000,\"starts\":1}\n"
#define ANSWERED "\"2026-11-25T18:30:01.000Z\""

static const char sample[] = LINE("RM_1", "support", "CALLER_LEFT", ANSWERED, "100") //
    "\n"                                                                             //
    LINE("RM_2", "support", "CALLER_LEFT", ANSWERED, "200")                          //
    "not json\n"                                                                     //
    LINE("RM_3", "sales", "AGENT_FAILED", "null", "null")                            //
    LINE("RM_4", "", "NO_AGENT", "null", "null");

/* TEXT in pieces of SIZE bytes. */
static void feed(const char *text, size_t length, size_t size) {
    struct report_lines lines = {.report = report, .on_bad = on_bad};
    for (size_t at = 0; at < length; at += size) {
        report_lines_feed(&lines, (struct slice){text + at, length - at < size ? length - at : size});
    }
    report_lines_end(&lines);
}

static void check_sample(void) {
    assert_int_equal(report->calls, 4);
    assert_int_equal(report->answered, 2);
    assert_int_equal(report->bad, 1);
    assert_int_equal(bad_lines, 1);
    assert_int_equal(last_bad, 4);
    assert_int_equal(report->starts, 4);
    assert_int_equal(spread_percentile(&report->ring, 50), 100);
    assert_int_equal(spread_percentile(&report->ring, 95), 200);
    report_sort(report);
    assert_string_equal(report->ends->name, "CALLER_LEFT");
    assert_int_equal(report->ends->calls, 2);
    assert_string_equal(report->agents->name, "support");
    assert_int_equal(HASH_COUNT(report->agents), 3);
    assert_int_equal(HASH_COUNT(report->hours), 1);
    assert_int_equal(report->hours->ring_most_ms, 200);
}

static void test_lines_in_pieces(void **state) {
    static const size_t sizes[] = {1, 2, 7, 64, 1000, sizeof sample};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        feed(sample, sizeof sample - 1, sizes[i]);
        check_sample();
        tear_down(state);
        set_up(state);
    }
    feed(sample, sizeof sample - 2, 64); /* without its last newline */
    check_sample();
}

static void test_long_line(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    for (unsigned i = 0; i < 300000; i++) {
        buf_addc(&text, 'x');
    }
    buf_addc(&text, '\n');
    buf_adds(&text, LINE("RM_1", "a", "X", "null", "null"));
    feed(text.p, text.len, 4096);
    assert_int_equal(bad_lines, 1);
    assert_int_equal(report->calls, 1);
}

static void test_groups_are_bounded(void **state) {
    (void)state;
    for (unsigned i = 0; i < REPORT_MOST_AGENTS + 500; i++) {
        char agent[32], end[32];
        snprintf(agent, sizeof agent, "agent %u", i);
        snprintf(end, sizeof end, "END_%u", i);
        struct call_record record = {.agent = slice_of(agent), .end = slice_of(end), .first_seen = 1, .ended = 1};
        record.first_seen = (int64_t)i * 3600000;
        report_add(report, &record);
    }
    report_sort(report);
    assert_int_equal(HASH_COUNT(report->agents), REPORT_MOST_AGENTS + 1);
    assert_string_equal(report->agents->name, "(other)");
    assert_int_equal(report->agents->calls, 500);
    assert_int_equal(HASH_COUNT(report->ends), REPORT_MOST_ENDS + 1);
}

/* gnuplot runs `commands` that it finds in double quotes. */
static void test_no_name_is_a_command(void **state) {
    (void)state;
    cleanup_buf struct buf script = {0};
    struct call_record record = {.agent = SLICE("`touch /tmp/x`\"\n!ls $x @y \xc3\xa9"),
                                 .end = SLICE("EOD\nsystem(\"ls\")"),
                                 .first_seen = 1000,
                                 .ended = 2000};
    report_add(report, &record);
    report_sort(report);
    plot_script(report, &script);
    assert_null(strchr(script.p, '`'));
    assert_null(strstr(script.p, "!ls"));
    assert_null(strstr(script.p, "\nsystem"));
    assert_non_null(strstr(script.p, "\" touch  tmp x"));
    assert_non_null(strstr(script.p, "y \xc3\xa9\"")); /* a letter of another alphabet stays */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles), cmocka_unit_test(test_odd_values),
        CASE(test_lines_in_pieces),         CASE(test_long_line),
        CASE(test_groups_are_bounded),      CASE(test_no_name_is_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
