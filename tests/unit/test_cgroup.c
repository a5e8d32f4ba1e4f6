/* Where a control group is mounted, from what /proc says. What is done with groups: tests/integration/test_cgroup.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "spawner/local/cgroup.h"
#include "spawner/local/cgroup_path.h"

#define PROC "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
#define V1 "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
#define V2 "30 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define HYBRID "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"

static void test_paths(void **state) {
    static const struct {
        const char *mounts, *groups, *path;
    } cases[] = {
        {PROC V2, "0::/system.slice/sipbridge.service\n", "/sys/fs/cgroup/system.slice/sipbridge.service"},
        {V2, "0::/", "/sys/fs/cgroup"},
        {V1 HYBRID, "9:name=systemd:/x\n4:memory:/m\n0::/a b/c\n", "/sys/fs/cgroup/unified/a b/c"},
        {V2 HYBRID, "0::/a\n", "/sys/fs/cgroup/a"}, /* the first */
        /* only part of the hierarchy is mounted: a container without a cgroup namespace */
        {"30 24 0:27 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/docker/1\n", "/sys/fs/cgroup"},
        {"30 24 0:27 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/docker/1/a\n", "/sys/fs/cgroup/a"},
        {"30 24 0:27 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/docker/12\n", NULL},
        {"30 24 0:27 /docker/1 /x ro - cgroup2 cgroup2 rw\n" V2, "0::/docker\n", "/sys/fs/cgroup/docker"},
        {"30 24 0:27 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/\n", NULL}, /* above our namespace */
        {V1, "0::/a\n", NULL},
        {V2, "4:memory:/m\n", NULL},
        {V2, "", NULL},
        {"", "0::/a\n", NULL},
        {"cgroup2\n - cgroup2 \n", "0::/a\n", NULL},
        {"1 2 3 / - cgroup2 x\n", "0::/a\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *path = cgroup_path(cases[i].mounts, cases[i].groups);
        bool same = path == NULL || cases[i].path == NULL ? path == cases[i].path : strcmp(path, cases[i].path) == 0;
        if (!same) {
            fail_msg("case %zu: %s", i, path != NULL ? path : "nowhere");
        }
    }
}

static void test_where_there_is_none(void **state) {
    static const struct {
        struct cgroup_options options;
        const char *where;
    } cases[] = {
        {{"off", 0, 0}, NULL},
        {{"off", 1 << 20, 0}, "SIP_AGENT_MEMORY_MAX"},
        {{"off", 0, 5}, "SIP_AGENT_PIDS_MAX"},
        {{"/tmp", 0, 0}, "SIP_AGENT_CGROUP"},
        {{"/nonexistent", 0, 0}, "SIP_AGENT_CGROUP"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cgroup cgroup;
        struct diag diag = {0};
        assert_int_equal(cgroup_open(&cgroup, &cases[i].options, &diag), cases[i].where == NULL);
        assert_string_equal(diag.where, cases[i].where != NULL ? cases[i].where : "");
        assert_false(cases[i].where == NULL && cgroup_is_used(&cgroup));
        cgroup_release(&cgroup);
        cgroup_release(&cgroup);
    }
    assert_false(cgroup_is_used(NULL));
}

static void test_group_of_a_process(void **state) {
    cleanup_free char *group = cgroup_of(getpid());
    (void)state;
    assert_true(group == NULL || group[0] == '/'); /* NULL: a kernel without version 2 */
    assert_null(cgroup_of(0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_where_there_is_none),
        cmocka_unit_test(test_group_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
