/* What a reload takes over, setting by setting, and what a running call keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "settings/change.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static struct settings current, fresh;
static struct settings_report report;

static void load(struct settings *settings, char *const *environment) {
    assert_true(settings_load(settings, NULL, environment, &report));
}

static int tear_down(void **state) {
    (void)state;
    settings_release(&current);
    settings_release(&fresh);
    return 0;
}

static char *names(const bool set[SETTING_COUNT]) {
    struct buf out = {0};
    settings_names(set, &out);
    return out.p;
}

#define assert_names(set, wanted)               \
    do {                                        \
        cleanup_free char *shown_ = names(set); \
        assert_string_equal(shown_, wanted);    \
    } while (0)

/* Another good value of every setting that can be had alone. */
static const struct {
    enum setting_id id;
    const char *value;
} others[] = {
    {SETTING_ENABLE_SIP_BRIDGE, "false"},
    {SETTING_LIVEKIT_URL, "ws://127.0.0.2:1"},
    {SETTING_LIVEKIT_API_URL, "http://127.0.0.2:1"},
    {SETTING_SIP_CLOSE_ROOM, "false"},
    {SETTING_REDIS_URL, "redis://127.0.0.2"},
    {SETTING_SIP_RULES_FILE, "/r"},
    {SETTING_SIP_AGENTS_FILE, "/a"},
    {SETTING_SIP_AGENT_COMMAND, "true {room}"},
    {SETTING_DEFAULT_SIP_AGENT, "x"},
    {SETTING_SIP_ROOM_PREFIX, "y"},
    {SETTING_SIP_ROOM_NUMBER, "called"},
    {SETTING_SIP_REQUIRE_TRUNK, "false"},
    {SETTING_SIP_NUMBER_WAIT, "1s"},
    {SETTING_SIP_STOP_TIMEOUT, "7s"},
    {SETTING_SIP_AGENT_ENV, "A,B*"},
    {SETTING_SIP_STATE_DIR, "/s"},
    {SETTING_SIP_LOG_MAX, "2MiB"},
    {SETTING_SIP_ON_EXIT, "stop"},
    {SETTING_SIP_LISTEN, "127.0.0.1:1,127.0.0.1:2"},
    {SETTING_SIP_SOCKET_MODE, "0600"},
    {SETTING_SIP_WEBHOOK_PATH, "/w"},
    {SETTING_SIP_MAX_BODY, "2KiB"},
    {SETTING_LOG_LEVEL, "debug"},
};

static void test_each_is_taken_or_waits(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const struct setting_info *info = settings_info(others[i].id);
        cleanup_free char *written = xasprintf("%s=%s", info->name, others[i].value);
        load(&current, NULL);
        load(&fresh, (char *[]){written, NULL});
        struct settings_change change = settings_take_over(&current, &fresh);
        assert_names(info->reloads ? change.taken : change.waiting, info->name);
        assert_names(info->reloads ? change.waiting : change.taken, "");
        assert_string_equal(current.text[others[i].id], info->reloads ? others[i].value : info->fallback);
        tear_down(NULL);
    }
}

static void test_values_move_and_the_former_ones_live_on_in_fresh(void **state) {
    (void)state;
    load(&current, (char *[]){"DEFAULT_SIP_AGENT=old", "SIP_AGENT_ENV=A", "SIP_NUMBER_WAIT=2s", "SIP_LISTEN=:1", NULL});
    load(&fresh, (char *[]){"DEFAULT_SIP_AGENT=new", "SIP_AGENT_ENV=B,C", "SIP_NUMBER_WAIT=3s", "SIP_LISTEN=:2",
                            "SIP_REQUIRE_TRUNK=false", "LOG_LEVEL=error", NULL});
    const char *old_agent = current.default_agent;
    struct settings_change change = settings_take_over(&current, &fresh);
    assert_names(change.taken, "DEFAULT_SIP_AGENT, SIP_REQUIRE_TRUNK, SIP_NUMBER_WAIT, SIP_AGENT_ENV, LOG_LEVEL");
    assert_names(change.waiting, "SIP_LISTEN");
    assert_string_equal(current.default_agent, "new");
    assert_ptr_equal(fresh.default_agent, old_agent);
    assert_string_equal(current.agent_env[1], "C");
    assert_int_equal(current.number_wait_ms, 3000);
    assert_int_equal(current.log_level, 0);
    assert_false(current.require_trunk);
    assert_string_equal(current.listen[0], ":1");
    assert_string_equal(current.origin[SETTING_LOG_LEVEL], "environment");
    change = settings_take_over(&current, &fresh); /* and back again */
    assert_string_equal(current.default_agent, "old");
}

static void test_nothing_changed(void **state) {
    (void)state;
    load(&current, (char *[]){"LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=" SECRET, NULL});
    load(&fresh, (char *[]){"LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=" SECRET, NULL});
    struct settings_change change = settings_take_over(&current, &fresh);
    assert_names(change.taken, "");
    assert_names(change.waiting, "");
}

/* What stands in for a setting waits with it: Stimm's command without Stimm would start nonsense. */
static void test_presets_wait_with_what_they_belong_to(void **state) {
    (void)state;
    load(&current, NULL);
    load(&fresh, (char *[]){"STIMM_API_URL=http://127.0.0.1:1", "SIP_NUMBER_WAIT=1s", NULL});
    struct settings_change change = settings_take_over(&current, &fresh);
    assert_names(change.taken, "SIP_NUMBER_WAIT");
    assert_names(change.waiting, "STIMM_API_URL, SIP_AGENT_COMMAND, SIP_AGENT_ENV, SIP_AGENT_CREDENTIALS");
    assert_null(current.agent_command);
    tear_down(NULL);
    load(&current, (char *[]){"STIMM_API_URL=http://127.0.0.1:1", NULL});
    load(&fresh, (char *[]){"STIMM_API_URL=http://127.0.0.1:1", "SIP_AGENT_COMMAND=mine", NULL});
    change = settings_take_over(&current, &fresh);
    assert_names(change.taken, "SIP_AGENT_COMMAND, SIP_AGENT_ENV, SIP_AGENT_CREDENTIALS");
    assert_string_equal(current.agent_command, "mine");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_is_taken_or_waits, tear_down),
        cmocka_unit_test_teardown(test_values_move_and_the_former_ones_live_on_in_fresh, tear_down),
        cmocka_unit_test_teardown(test_nothing_changed, tear_down),
        cmocka_unit_test_teardown(test_presets_wait_with_what_they_belong_to, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
