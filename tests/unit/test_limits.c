/* The limits of a machine, and the pressure files that one of them is read from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/pressure.h"
#include "base/mem.h"
#include "bridge/limits.h"

enum { START = 1000000 };

static void test_none_without_limits(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 0, 0);
    limits.calls = 100000;
    for (unsigned i = 0; i < 1000; i++) {
        limits_started(&limits, START);
    }
    assert_int_equal(limits_reached(&limits, START), LIMIT_NONE);
    assert_int_equal(limits_recent_starts(&limits, START), 0);
    limits_release(&limits);
}

static void test_calls(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 2, 0);
    limits.calls = 1;
    assert_int_equal(limits_reached(&limits, START), LIMIT_NONE);
    limits.calls = 2;
    assert_int_equal(limits_reached(&limits, START), LIMIT_CALLS);
    limits_release(&limits);
}

/* Never more than three within any one second, wherever that second begins. */
static void test_starts(void **state) {
    (void)state;
    static const mono_ms at[] = {START, START + 900, START + 950};
    struct limits limits;
    limits_init(&limits, 0, 3);
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        assert_int_equal(limits_reached(&limits, at[i]), LIMIT_NONE);
        limits_started(&limits, at[i]);
    }
    assert_int_equal(limits_reached(&limits, START + 999), LIMIT_STARTS);
    assert_int_equal(limits_recent_starts(&limits, START + 999), 3);
    assert_int_equal(limits_reached(&limits, START + 1000), LIMIT_NONE);
    limits_started(&limits, START + 1000);
    assert_int_equal(limits_reached(&limits, START + 1899), LIMIT_STARTS);
    assert_int_equal(limits_reached(&limits, START + 1900), LIMIT_NONE);
    limits_release(&limits);
}

/* One that takes the place of another is not asked about, but leaves less room for new calls. */
static void test_replacements_count(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 0, 2);
    for (unsigned i = 0; i < 5; i++) {
        limits_started(&limits, START + i);
    }
    assert_int_equal(limits_reached(&limits, START + 1002), LIMIT_STARTS);
    assert_int_equal(limits_reached(&limits, START + 1003), LIMIT_NONE);
    limits_release(&limits);
}

static void test_most_starts(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 0, (size_t)10 * LIMITS_MAX_STARTS);
    assert_int_equal(limits.max_starts, LIMITS_MAX_STARTS);
    limits_release(&limits);
}

/* A reload: whoever is there counts on. */
static void test_change(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 0, 0);
    limits.calls = 2;
    limits_change(&limits, 2, 2);
    assert_int_equal(limits_reached(&limits, START), LIMIT_CALLS);
    limits_change(&limits, 3, 3);
    assert_int_equal(limits_reached(&limits, START), LIMIT_NONE);
    limits.memory_short = true;
    limits_change(&limits, 0, 3);
    assert_int_equal(limits_reached(&limits, START), LIMIT_MEMORY);
    limits_release(&limits);
}

/* Those of the last second count on, of a smaller limit the newest: it is reached until the oldest of them is a second ago. */
static void test_change_of_starts(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 0, 4);
    for (unsigned i = 0; i < 3; i++) {
        limits_started(&limits, START + i * 100);
    }
    limits_change(&limits, 0, 2);
    assert_int_equal(limits_reached(&limits, START + 1099), LIMIT_STARTS);
    assert_int_equal(limits_reached(&limits, START + 1100), LIMIT_NONE);
    limits_change(&limits, 0, 3);
    assert_int_equal(limits_recent_starts(&limits, START + 1000), 2);
    assert_int_equal(limits_reached(&limits, START + 1000), LIMIT_NONE);
    limits_started(&limits, START + 1000);
    assert_int_equal(limits_reached(&limits, START + 1000), LIMIT_STARTS);
    limits_change(&limits, 0, 0);
    assert_int_equal(limits_reached(&limits, START + 1000), LIMIT_NONE);
    limits_release(&limits);
}

static void test_memory(void **state) {
    (void)state;
    struct limits limits;
    limits_init(&limits, 1, 0);
    limits.memory_short = true;
    assert_int_equal(limits_reached(&limits, START), LIMIT_MEMORY);
    limits.calls = 1;
    assert_int_equal(limits_reached(&limits, START), LIMIT_CALLS); /* the first in the table */
    limits_release(&limits);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(limit_label(LIMIT_NONE), "");
    assert_string_equal(limit_text(LIMIT_NONE), "");
    assert_string_equal(limit_label(LIMIT_MEMORY), "memory");
    assert_string_equal(limit_text(LIMIT_CALLS), "as many calls as SIP_MAX_CALLS allows have an agent");
}

static void test_pressure_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t hundredths; /* -1: cannot be read */
    } cases[] = {
        {"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0},
        {"some avg10=12.34 avg60=1.00 avg300=0.00 total=5\n", 1234},
        {"some avg10=100.00 avg60=1.00 avg300=0.00 total=5\n", 10000},
        {"some avg10=7.05", 705},
        {"some avg10=7.0", -1},
        {"some avg10=7.", -1},
        {"some avg10=7", -1},
        {"some avg10=", -1},
        {"some avg10=.50 avg60=0.00", -1},
        {"some avg10=-1.00 avg60=0.00", -1},
        {"some avg10=99999999999999999999.00 avg60=0.00", -1},
        {"full avg10=12.34 avg60=1.00 avg300=0.00 total=5\n", -1},
        {"", -1},
        {"no pressure", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t hundredths = -1;
        assert_int_equal(pressure_parse(slice_of(cases[i].text), &hundredths), cases[i].hundredths >= 0);
        assert_int_equal(hundredths, cases[i].hundredths);
    }
}

static void test_cgroup_path(void **state) {
    (void)state;
    static const struct {
        const char *text, *path; /* NULL: none */
    } cases[] = {
        {"0::/system.slice/sipbridge.service\n", "/sys/fs/cgroup/system.slice/sipbridge.service/memory.pressure"},
        {"9:name=systemd:/\n4:memory:/x\n0::/a\n", "/sys/fs/cgroup/a/memory.pressure"},
        {"0::/\n", "/sys/fs/cgroup/memory.pressure"},
        {"0::/a", "/sys/fs/cgroup/a/memory.pressure"},
        {"0::\n", NULL},
        {"4:memory:/x\n", NULL},
        {"\n\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *path = pressure_cgroup_path(slice_of(cases[i].text));
        if (cases[i].path == NULL) {
            assert_null(path);
        } else {
            assert_non_null(path);
            assert_string_equal(path, cases[i].path);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_without_limits), cmocka_unit_test(test_calls),       cmocka_unit_test(test_starts),
        cmocka_unit_test(test_replacements_count),  cmocka_unit_test(test_most_starts), cmocka_unit_test(test_change),
        cmocka_unit_test(test_change_of_starts),    cmocka_unit_test(test_memory),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_pressure_text),       cmocka_unit_test(test_cgroup_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
