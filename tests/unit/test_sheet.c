/* What Prometheus reads: escapes, histograms, the limit, and what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "ops/metrics.h"
#include "ops/sheet.h"

static struct buf out;
static struct sheet sheet;

static int open_sheet(void **state) {
    (void)state;
    sheet = (struct sheet){.out = &out, .most = 4096};
    return 0;
}

static int close_sheet(void **state) {
    (void)state;
    buf_release(&out);
    return 0;
}

static void test_samples(void **state) {
    (void)state;
    sheet_begin(&sheet, "calls", SHEET_GAUGE, "Calls.");
    sheet_count(&sheet, 18446744073709551615ULL);
    sheet_end(&sheet);
    sheet_begin(&sheet, "skew", SHEET_GAUGE, "Skew.");
    sheet_real(&sheet, -0.25);
    sheet_end(&sheet);
    assert_string_equal(out.p, "# HELP calls Calls.\n# TYPE calls gauge\ncalls 18446744073709551615\n"
                               "# HELP skew Skew.\n# TYPE skew gauge\nskew -0.25\n");
}

static void test_labels_are_escaped(void **state) {
    (void)state;
    const struct sheet_label labels[] = {{"verdict", "a\"b"}, {"reason", ""}};
    sheet_begin(&sheet, "m_total", SHEET_COUNTER, "M.");
    sheet_count_of(&sheet, "agent", "a\\b\"c\nd \xc3\xa9", 1);
    sheet_count_by(&sheet, labels, 2);
    sheet_end(&sheet);
    assert_non_null(strstr(out.p, "m_total{agent=\"a\\\\b\\\"c\\nd \xc3\xa9\"} 1\n"));
    assert_non_null(strstr(out.p, "m_total{verdict=\"a\\\"b\",reason=\"\"} 2\n"));
}

static void test_histogram(void **state) {
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram, &buckets_ring);
    histogram_add(&histogram, -5);        /* a clock that differs */
    histogram_add(&histogram, 100000);    /* a bound is in its bucket */
    histogram_add(&histogram, 100001);    /* … and what is above it in the next */
    histogram_add(&histogram, 600000000); /* above all */
    sheet_begin(&sheet, "ring_seconds", SHEET_HISTOGRAM, "Ring.");
    sheet_histogram(&sheet, &histogram);
    sheet_end(&sheet);
    assert_non_null(strstr(out.p, "ring_seconds_bucket{le=\"0.1\"} 2\n"));
    assert_non_null(strstr(out.p, "ring_seconds_bucket{le=\"0.2\"} 3\n"));
    assert_non_null(strstr(out.p, "ring_seconds_bucket{le=\"20\"} 3\n"));
    assert_non_null(strstr(out.p, "ring_seconds_bucket{le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(out.p, "ring_seconds_sum 600.200001\nring_seconds_count 4\n"));
}

static void test_nothing_is_left_out_whole(void **state) {
    (void)state;
    sheet_begin(&sheet, "none", SHEET_GAUGE, "None.");
    sheet_histogram(&sheet, &(struct histogram){0}); /* never set up */
    sheet_end(&sheet);
    assert_int_equal(out.len, 0);
}

static void test_limit(void **state) {
    (void)state;
    sheet.most = 100;
    sheet_begin(&sheet, "a", SHEET_GAUGE, "A.");
    sheet_count(&sheet, 1);
    sheet_end(&sheet);
    size_t first = out.len;
    sheet_begin(&sheet, "b", SHEET_GAUGE, "B.");
    for (unsigned i = 0; i < 10; i++) {
        sheet_count_of(&sheet, "agent", "somebody", i);
    }
    sheet_end(&sheet);
    sheet_begin(&sheet, "c", SHEET_GAUGE, "C.");
    sheet_count(&sheet, 1);
    sheet_end(&sheet); /* would fit, but half a sheet with a hole in it is worse */
    assert_int_equal(out.len, first);
    assert_true(sheet.full);
}

static void test_bounds_rise(void **state) {
    (void)state;
    const struct buckets *tables[] = {&buckets_ring, &buckets_quick, &buckets_age};
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(tables[i]->count, 1, BUCKETS_MOST);
        for (size_t j = 1; j < tables[i]->count; j++) {
            assert_true(tables[i]->at_us[j] > tables[i]->at_us[j - 1]);
        }
    }
}

/* --- a pool for many agents, whose engine does nothing --- */

static void no_job(void *self, const struct engine_job *job) {
    (void)self, (void)job;
}

static mono_ms no_time(void *self) {
    (void)self;
    return 1;
}

static void no_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    (void)self;
    memset(ret_instance, '0', ENGINE_INSTANCE_SIZE - 1);
    ret_instance[ENGINE_INSTANCE_SIZE - 1] = '\0';
}

static bool not_busy(void *self) {
    (void)self;
    return false;
}

static struct directory *many_agents(unsigned count) {
    static const struct directory_defaults defaults;
    struct diag diag;
    cleanup_buf struct buf text = {0};
    buf_addc(&text, '{');
    for (unsigned i = 0; i < count; i++) {
        buf_addf(&text, "%s\"agent-%03u\":{\"command\":[\"run\"],\"standby\":2}", i > 0 ? "," : "", i);
    }
    buf_addc(&text, '}');
    struct directory *directory = directory_parse(buf_slice(&text), &defaults, &diag);
    assert_non_null(directory);
    return directory;
}

static void test_agents_are_bounded(void **state) {
    (void)state;
    static const struct bridge_ports nowhere;
    static const struct ops_memory memory;
    static const struct pool_options options = {.livekit_url = "", .starts_at_once = 1};
    static const struct pool_ports ports = {.engine = {.ensure = no_job},
                                            .now = no_time,
                                            .new_instance = no_instance,
                                            .is_busy = not_busy};
    struct receiver *receiver = receiver_new(&(struct receiver_options){.max_remembered = 1, .remember_ms = 1});
    struct bridge *bridge = bridge_new(&bridge_options_default, &nowhere);
    struct directory *agents = many_agents(METRICS_MOST_AGENTS + 50);
    struct pool *pool = pool_new(&options, &ports);
    pool_set_directory(pool, agents);
    const struct ops ops = {.receiver = receiver, .bridge = bridge, .memory = &memory, .pool = pool};
    metrics_write(&ops, 0, &out);
    assert_non_null(strstr(out.p, "sipbridge_standby_wanted{agent=\"agent-099\"} 2\n"));
    assert_null(strstr(out.p, "agent-100"));
    assert_non_null(strstr(out.p, "sipbridge_standby_wanted{agent=\"(other)\"} 100\n"));
    assert_non_null(strstr(out.p, "sipbridge_standby_misses_total{agent=\"(other)\"} 0\n"));
    assert_null(strstr(out.p, "sipbridge_redis_"));
    assert_in_range(out.len, 1, METRICS_MOST_BYTES);
    pool_free(pool);
    directory_release(agents);
    bridge_free(bridge);
    receiver_free(receiver);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_sheet, close_sheet)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_samples),
        CASE(test_labels_are_escaped),
        CASE(test_histogram),
        CASE(test_nothing_is_left_out_whole),
        CASE(test_limit),
        CASE(test_bounds_rise),
        CASE(test_agents_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
