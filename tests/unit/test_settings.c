/* The settings: defaults, who wins, every wrong value, secrets that never show, and the wiped environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "settings/environment.h"
#include "settings/settings.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static struct settings settings;
static struct settings_report report;
static char directory[] = "/tmp/test-settings-XXXXXX";
static char path[64];

static int make_directory(void **state) {
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int remove_directory(void **state) {
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static int release(void **state) {
    (void)state;
    settings_release(&settings);
    return 0;
}

static void write_file(const char *text, size_t size) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bool load(const char *file_text, char *const *environment) {
    settings_release(&settings);
    if (file_text != NULL) {
        write_file(file_text, strlen(file_text));
    }
    return settings_load(&settings, file_text != NULL ? path : NULL, environment, &report);
}

/* Every message of the last load, one a line. */
static char *messages(void) {
    struct buf text = {0};
    buf_adds(&text, "");
    char line[sizeof(struct diag) + 4];
    for (size_t i = 0; i < report.error_count; i++) {
        diag_text(&report.errors[i], line, sizeof line);
        buf_addf(&text, "%s\n", line);
    }
    for (size_t i = 0; i < report.warning_count; i++) {
        diag_text(&report.warnings[i], line, sizeof line);
        buf_addf(&text, "warning: %s\n", line);
    }
    return buf_take(&text);
}

static void assert_messages(const char *wanted) {
    cleanup_free char *text = messages();
    assert_string_equal(text, wanted);
}

static void defaults(void **state) {
    (void)state;
    assert_true(load(NULL, (char *[]){NULL}));
    assert_messages("");
    assert_true(settings.enabled && settings.require_trunk);
    assert_string_equal(settings.livekit_url, "ws://127.0.0.1:7880");
    assert_null(settings.livekit_api_key);
    assert_null(settings.redis_url);
    assert_string_equal(settings.room_prefix, "sip-inbound");
    assert_int_equal(settings.number_wait_ms, 6000);
    assert_int_equal(settings.max_call_ms, 4 * 3600 * 1000);
    assert_int_equal(settings.after_call_ms, 0);
    assert_int_equal(settings.log_keep_ms, 7 * 86400 * 1000);
    assert_int_equal(settings.log_max, 16 << 20);
    assert_int_equal(settings.max_body, 1 << 20);
    assert_int_equal(settings.socket_mode, 0660);
    assert_int_equal(settings.log_level, LOG_INFO);
    assert_int_equal(settings.log_format, LOG_TEXT);
    assert_int_equal(settings.log_numbers, NUMBERS_SHOW);
    assert_int_equal(settings.agent_credentials, CREDENTIALS_TOKEN);
    assert_int_equal(settings.on_exit, ON_EXIT_KEEP);
    assert_string_equal(settings.listen[0], "127.0.0.1:8790");
    assert_null(settings.listen[1]);
    assert_null(settings.agent_env[0]);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        assert_string_equal(settings.origin[id], "default");
    }
}

static void environment_wins_over_the_file(void **state) {
    (void)state;
    char *environment[] = {"SIP_MAX_CALL=1h", "SIP_READY_TIMEOUT=", "HOME=/root", NULL};
    assert_true(
        load("SIP_MAX_CALL=2h\nSIP_READY_TIMEOUT=3s # slow\n\nexport LOG_LEVEL='debug'\nOTHER=x\n", environment));
    assert_messages("");
    assert_int_equal(settings.max_call_ms, 3600 * 1000);
    assert_string_equal(settings.origin[SETTING_SIP_MAX_CALL], "environment");
    assert_int_equal(settings.ready_timeout_ms, 3000); /* an empty variable is none */
    cleanup_free char *origin = xasprintf("%s:2", path);
    assert_string_equal(settings.origin[SETTING_SIP_READY_TIMEOUT], origin);
    assert_int_equal(settings.log_level, LOG_DEBUG);
}

static void empty_means_something_for_some(void **state) {
    (void)state;
    assert_true(load(NULL, (char *[]){"SIP_ROOM_PREFIX=", "SIP_ADMIN_LISTEN=", "SIP_LISTEN=", NULL}));
    assert_string_equal(settings.room_prefix, "");
    assert_null(settings.admin_listen[0]);
    assert_string_equal(settings.listen[0], "127.0.0.1:8790");
}

static void lists_are_split(void **state) {
    (void)state;
    assert_true(
        load(NULL, (char *[]){"SIP_LISTEN= unix:/run/x.sock ,:8790,,[::1]:0,fd:3", "SIP_AGENT_ENV=A,B_*", NULL}));
    assert_string_equal(settings.listen[0], "unix:/run/x.sock");
    assert_string_equal(settings.listen[1], ":8790");
    assert_string_equal(settings.listen[2], "[::1]:0");
    assert_string_equal(settings.listen[3], "fd:3");
    assert_null(settings.listen[4]);
    assert_string_equal(settings.agent_env[1], "B_*");
}

static const struct wrong_case {
    const char *pair, *message;
} wrong_cases[] = {
    {"ENABLE_SIP_BRIDGE=maybe", "ENABLE_SIP_BRIDGE: \"maybe\" is neither true nor false\n"},
    {"LIVEKIT_URL=http://x", "LIVEKIT_URL: the value must begin with ws:// or wss://\n"},
    {"LIVEKIT_URL=ws://", "LIVEKIT_URL: the value has no host: write for example ws://livekit.example.com\n"},
    {"LIVEKIT_URL=ws://a b", "LIVEKIT_URL: the value is not a URL: write for example wss://livekit.example.com\n"},
    {"LIVEKIT_KEYS=\xff", "LIVEKIT_KEYS: the value is not valid UTF-8\n"},
    {"REDIS_URL=rediss://u:pass@h", "REDIS_URL: the value asks for TLS, which is not built in: run stunnel beside "
                                    "sipbridge and give its local address as redis://127.0.0.1:6379\n"},
    {"REDIS_URL=http://h", "REDIS_URL: the value must begin with redis:// or unix://\n"},
    {"REDIS_URL=redis://", "REDIS_URL: the value has no host: write redis://[user:password@]host[:port][/database]\n"},
    {"REDIS_URL=redis://[::1",
     "REDIS_URL: the value has no host: write redis://[user:password@]host[:port][/database]\n"},
    {"REDIS_URL=redis://[::1]x",
     "REDIS_URL: the value has no host: write redis://[user:password@]host[:port][/database]\n"},
    {"REDIS_URL=redis://h:x", "REDIS_URL: the value has no port from 1 to 65535 after its ':'\n"},
    {"REDIS_URL=redis://h:0", "REDIS_URL: the value has no port from 1 to 65535 after its ':'\n"},
    {"REDIS_URL=redis://h/-1", "REDIS_URL: the value must end after the port or with /database, a number\n"},
    {"REDIS_URL=redis://h/1048577", "REDIS_URL: the value must end after the port or with /database, a number\n"},
    {"REDIS_URL=redis://h?db=x", "REDIS_URL: the value must end after the port or with /database, a number\n"},
    {"REDIS_URL=unix:///r?db=x", "REDIS_URL: the value must end after the port or with /database, a number\n"},
    {"REDIS_URL=unix:///r%", "REDIS_URL: the value must name a path of at most 107 bytes, a % in it written as %25\n"},
    {"REDIS_URL=redis://me@h", "REDIS_URL: the value names a user without a password: write user:password@ or "
                               ":password@\n"},
    {"REDIS_URL=redis://:p%zz@h", "REDIS_URL: the value has a % in its user or password: write it as %25\n"},
    {"REDIS_URL=redis://h/x", "REDIS_URL: the value must end after the port or with /database, a number\n"},
    {"REDIS_URL=unix://x", "REDIS_URL: the value must name an absolute path: unix:///run/redis.sock\n"},
    {"STIMM_API_URL=stimm:8001", "STIMM_API_URL: the value must begin with http:// or https://\n"},
    {"STIMM_API_URL=http:///api", "STIMM_API_URL: the value has no host: write for example http://127.0.0.1:8001\n"},
    {"STIMM_API_URL=http://a b", "STIMM_API_URL: the value is not a URL: write for example http://127.0.0.1:8001\n"},
    {"STIMM_API_URL=http://me:pass@h/", "STIMM_API_URL: the value must be scheme, host, port and path only: no user "
                                        "name, query or fragment\n"},
    {"STIMM_API_URL=http://h/?limit=1", "STIMM_API_URL: the value must be scheme, host, port and path only: no user "
                                        "name, query or fragment\n"},
    {"LIVEKIT_URL=ws://h?x=1", "LIVEKIT_URL: the value must be scheme, host, port and path only: no user name, query "
                               "or fragment (or set LIVEKIT_API_URL)\n"},
    {"LIVEKIT_API_URL=http://h#x", "LIVEKIT_API_URL: the value must be scheme, host, port and path only: no user "
                                   "name, query or fragment\n"},
    {"LIVEKIT_API_URL=h", "LIVEKIT_API_URL: the value must begin with http:// or https:// (or be off)\n"},
    {"SIP_AGENT_CWD=stimm", "SIP_AGENT_CWD: \"stimm\" must be an absolute path, one that begins with /\n"},
    {"SIP_NUMBER_WAIT=6",
     "SIP_NUMBER_WAIT: \"6\" is not a duration from 0 to 1m: write for example 500ms, 2s, 5m, 4h or "
     "7d\n"},
    {"SIP_READY_TIMEOUT=50ms", "SIP_READY_TIMEOUT: \"50ms\" is not a duration from 100ms to 10m: write for example "
                               "500ms, 2s, 5m, 4h or 7d\n"},
    {"SIP_MAX_BODY=12x", "SIP_MAX_BODY: \"12x\" is not a size from 1KiB to 64MiB: write for example 65536, 16KiB, 1MiB "
                         "or 2GiB\n"},
    {"SIP_MAX_BODY=65MiB", "SIP_MAX_BODY: \"65MiB\" is not a size from 1KiB to 64MiB: write for example 65536, 16KiB, "
                           "1MiB or 2GiB\n"},
    {"SIP_SOCKET_MODE=0999", "SIP_SOCKET_MODE: \"0999\" is not an octal mode from 0 to 0777: write for example 0660\n"},
    {"SIP_SOCKET_MODE=7777", "SIP_SOCKET_MODE: \"7777\" is not an octal mode from 0 to 0777: write for example 0660\n"},
    {"LOG_LEVEL=loud\n", "LOG_LEVEL: \"loud\\x0a\" is none of error|warning|info|debug\n"},
    {"SIP_ON_EXIT=sto", "SIP_ON_EXIT: \"sto\" is none of keep|drain|stop\n"},
    {"SIP_AGENT_ENV=A B", "SIP_AGENT_ENV: \"A B\" is not a variable's name: letters, digits, _ and the wildcards * and "
                          "?\n"},
    {"SIP_STATE_DIR=state", "SIP_STATE_DIR: \"state\" must be an absolute path, one that begins with /\n"},
    {"SIP_WEBHOOK_PATH=hook",
     "SIP_WEBHOOK_PATH: \"hook\" must be the path of a URL, one that begins with / and has no ? "
     "or #\n"},
    {"SIP_LISTEN=8790",
     "SIP_LISTEN: \"8790\" is not address:port: write 127.0.0.1:8790, [::1]:8790, :8790 or unix:/path\n"},
    {"SIP_LISTEN=::1:8790", "SIP_LISTEN: \"::1:8790\" is not address:port: write 127.0.0.1:8790, [::1]:8790, :8790 or "
                            "unix:/path\n"},
    {"SIP_LISTEN=127.0.0.1:65536", "SIP_LISTEN: \"127.0.0.1:65536\" has no port from 0 to 65535 after its ':'\n"},
    {"SIP_LISTEN=unix:x", "SIP_LISTEN: \"unix:x\" must name an absolute path: unix:/run/sipbridge/http.sock\n"},
    {"SIP_LISTEN=fd:1", "SIP_LISTEN: \"fd:1\" must name an inherited descriptor from 3 up: fd:3\n"},
    {"SIP_LISTEN=,", "SIP_LISTEN: names no address: write for example 127.0.0.1:8790\n"},
    {"LIVEKIT_API_KEY=key", "LIVEKIT_API_SECRET: is not set but LIVEKIT_API_KEY is: both belong together (or set "
                            "LIVEKIT_API_SECRET_FILE)\n"},
    {"LIVEKIT_API_SECRET=" SECRET, "LIVEKIT_API_KEY: is not set but its secret is: both belong together\n"},
};

static void each_wrong_value_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong_cases); i++) {
        print_message("%s\n", wrong_cases[i].pair);
        assert_false(load(NULL, (char *[]){(char *)wrong_cases[i].pair, NULL}));
        assert_messages(wrong_cases[i].message);
        assert_int_equal(report.error_count, 1);
    }
}

static void all_wrong_values_are_told_at_once(void **state) {
    (void)state;
    assert_false(load("SIP_MAX_CALL=x\nnonsense\nLOG_LEVEL=y\n", (char *[]){"SIP_LOG_KEEP=z", NULL}));
    cleanup_free char *wanted = xasprintf(
        "%s:2: is not NAME=VALUE\n"
        "SIP_MAX_CALL (%s:1): \"x\" is not a duration from 1s to 7d: write for example 500ms, 2s, 5m, 4h or 7d\n"
        "SIP_LOG_KEEP: \"z\" is not a duration from 0 to 3650d: write for example 500ms, 2s, 5m, 4h or 7d\n"
        "LOG_LEVEL (%s:3): \"y\" is none of error|warning|info|debug\n",
        path, path, path);
    assert_messages(wanted);
}

static void too_many_mistakes_are_counted(void **state) {
    (void)state;
    cleanup_buf struct buf text = {0};
    for (unsigned i = 0; i < 1000; i++) {
        buf_adds(&text, "nonsense\n");
    }
    assert_false(load(text.p, (char *[]){NULL}));
    assert_int_equal(report.error_count, 1000);
}

#define STIMM "STIMM_API_URL=http://stimm:8001"
#define PRESET "preset of STIMM_API_URL"

/* Stimm's worker is what is run where nothing else is said, and what is said counts. */
static void stimm_has_a_preset(void **state) {
    (void)state;
    assert_true(load(NULL, (char *[]){STIMM, NULL}));
    assert_messages("");
    assert_string_equal(settings.stimm_api_url, "http://stimm:8001");
    assert_string_equal(settings.agent_command, "python -m src.cli.agent_worker --room-name {room} "
                                                "--agent-id {agent_id} --livekit-url {livekit_url}");
    assert_int_equal(settings.agent_credentials, CREDENTIALS_API);
    assert_string_equal(settings.agent_env[0], "*");
    assert_string_equal(settings.origin[SETTING_SIP_AGENT_COMMAND], PRESET);
    assert_string_equal(settings.origin[SETTING_SIP_AGENT_CREDENTIALS], PRESET);
    assert_string_equal(settings.origin[SETTING_SIP_AGENT_ENV], PRESET);
    assert_true(
        load("SIP_AGENT_CREDENTIALS=token\n", (char *[]){STIMM, "SIP_AGENT_ENV=LANG", "SIP_AGENT_CWD=/srv", NULL}));
    assert_int_equal(settings.agent_credentials, CREDENTIALS_TOKEN);
    assert_string_equal(settings.agent_env[0], "LANG");
    assert_string_equal(settings.agent_cwd, "/srv");
    assert_string_equal(settings.origin[SETTING_SIP_AGENT_COMMAND], PRESET);
}

static void no_preset(void **state) {
    (void)state;
    static char *const cases[][4] = {
        {STIMM, "SIP_AGENT_COMMAND=bot {agent_id}", NULL}, /* who writes a command writes the rest too */
        {STIMM, "SIP_AGENTS_FILE=/etc/agents.json", NULL}, /* the agents are not Stimm's */
        {"STIMM_API_URL=", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(load(NULL, cases[i]));
        assert_int_equal(settings.agent_credentials, CREDENTIALS_TOKEN);
        assert_null(settings.agent_env[0]);
        assert_string_not_equal(settings.origin[SETTING_SIP_AGENT_COMMAND], PRESET);
    }
}

static void unknown_names_are_warned_about(void **state) {
    (void)state;
    char *environment[] = {"SIP_NUMBR_WAIT=3s", "LIVEKIT_APIKEY=x", "SIP_SOMETHING_ELSE=1",
                           "SIP_CALL_SID=RM_1", "PATH=x",           NULL};
    assert_true(load("SIP_LISTN=x\n", environment));
    cleanup_free char *wanted =
        xasprintf("warning: SIP_LISTN (%s:1): is no setting and means nothing; did you mean SIP_LISTEN?\n"
                  "warning: SIP_NUMBR_WAIT: is no setting and means nothing; did you mean SIP_NUMBER_WAIT?\n"
                  "warning: LIVEKIT_APIKEY: is no setting and means nothing; did you mean LIVEKIT_API_KEY?\n"
                  "warning: SIP_SOMETHING_ELSE: is no setting and means nothing; `sipbridge config` lists them all\n",
                  path);
    assert_messages(wanted);
}

static void missing_file(void **state) {
    (void)state;
    settings_release(&settings);
    assert_false(settings_load(&settings, "/nonexistent/env", (char *[]){NULL}, &report));
    assert_messages("/nonexistent/env: cannot be read: No such file or directory\n");
}

static void secret_from_a_file(void **state) {
    (void)state;
    cleanup_free char *pair = xasprintf("LIVEKIT_API_SECRET_FILE=%s", path);
    cleanup_free char *origin = xasprintf("file %s", path);
    write_file(SECRET "\n", sizeof SECRET);
    assert_true(load(NULL, (char *[]){"LIVEKIT_API_KEY=devkey", pair, NULL}));
    assert_string_equal(settings.livekit_api_secret, SECRET);
    assert_string_equal(settings.origin[SETTING_LIVEKIT_API_SECRET], origin);
    assert_false(load(NULL, (char *[]){"LIVEKIT_API_KEY=devkey", "LIVEKIT_API_SECRET=" SECRET, pair, NULL}));
    assert_messages("LIVEKIT_API_SECRET_FILE: is set beside LIVEKIT_API_SECRET: keep one of them\n");
    write_file("\n", 1);
    assert_false(load(NULL, (char *[]){"LIVEKIT_API_KEY=devkey", pair, NULL}));
    cleanup_free char *empty =
        xasprintf("LIVEKIT_API_SECRET_FILE: %s holds no secret: one line of text is wanted\n", path);
    assert_messages(empty);
    unlink(path);
    assert_false(load(NULL, (char *[]){"LIVEKIT_API_KEY=devkey", pair, NULL}));
    cleanup_free char *missing =
        xasprintf("LIVEKIT_API_SECRET_FILE: %s cannot be read: No such file or directory\n", path);
    assert_messages(missing);
}

/* Whatever is right or wrong with it, a secret is in no message and in nothing shown. */
static void secrets_never_show(void **state) {
    (void)state;
    static const char *const sets[][3] = {
        {"LIVEKIT_API_SECRET=topsecret"},
        {"LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=topsecret", "REDIS_URL=redis://me:topsecret@h"},
        {"REDIS_URL=rediss://:topsecret@h", "LIVEKIT_KEYS=k: topsecret"},
        {"REDIS_URL=topsecret", "LIVEKIT_API_SECRET=\xfftopsecret"},
        {"REDIS_URL=redis://:topsecret@h:x"},
        {"REDIS_URL=redis://me:top@topsecret@h/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        (void)load(NULL, (char *[]){(char *)sets[i][0], (char *)sets[i][1], (char *)sets[i][2], NULL});
        cleanup_free char *said = messages();
        assert_null(strstr(said, "topsecret"));
        for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
            cleanup_buf struct buf shown = {0};
            settings_show(&settings, id, &shown);
            assert_null(strstr(shown.p, "topsecret"));
        }
    }
}

static void shows_lengths_and_hosts(void **state) {
    (void)state;
    cleanup_buf struct buf secret = {0}, url = {0}, keys = {0};
    assert_true(load(NULL, (char *[]){"LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=" SECRET,
                                      "REDIS_URL=redis://me:p@ss@h/1", "LIVEKIT_KEYS=/etc/keys.yaml", NULL}));
    settings_show(&settings, SETTING_LIVEKIT_API_SECRET, &secret);
    settings_show(&settings, SETTING_REDIS_URL, &url);
    settings_show(&settings, SETTING_LIVEKIT_KEYS, &keys);
    assert_string_equal(secret.p, "set (32 bytes)");
    assert_string_equal(url.p, "redis://me:***@h/1");
    assert_string_equal(keys.p, "/etc/keys.yaml");
    assert_string_equal(settings_keys_file(&settings), "/etc/keys.yaml");
}

static void short_secret_is_warned_about(void **state) {
    (void)state;
    assert_true(load(NULL, (char *[]){"LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=abc", NULL}));
    assert_messages("warning: LIVEKIT_API_SECRET: is only 3 bytes long: 32 or more are hard to guess\n");
}

static void a_command_for_a_shell_is_warned_about(void **state) {
    (void)state;
    assert_true(load(NULL, (char *[]){"SIP_AGENT_COMMAND=python3 bot.py > /tmp/log", NULL}));
    assert_messages("warning: SIP_AGENT_COMMAND: hands \">\" to the program as it stands, for no shell reads it: write "
                    "sh -c '…' where one shall\n");
}

static void keys_are_needed_by_some(void **state) {
    (void)state;
    struct diag diag;
    assert_true(load(NULL, (char *[]){NULL}));
    assert_false(settings_need_keys(&settings, &diag));
    assert_string_equal(diag.where, "LIVEKIT_API_KEY");
    assert_true(load(NULL, (char *[]){"LIVEKIT_KEYS=key: secret", NULL}));
    assert_true(settings_need_keys(&settings, &diag));
    assert_null(settings_keys_file(&settings));
}

static char *self; /* this program: it starts itself to see an environment from its very beginning */

static void secrets_are_wiped_where_they_stand(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char *environment[] = {"HOME=/root",
                               "LIVEKIT_API_SECRET=topsecret1",
                               "REDIS_URL=redis://:topsecret2@h",
                               "LIVEKIT_API_SECRET=topsecret3",
                               "LIVEKIT_KEYS=k: topsecret4",
                               NULL};
        execve(self, (char *[]){self, "--look-at-environment", NULL}, environment);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In the child: 0 when all is as it must be, else the number of what is not. */
static int look_at_environment(void) {
    char **taken = environment_take();
    cleanup_buf struct buf seen = {0};
    struct diag diag;
    int wrong = 0;
    if (strcmp(taken[1], "LIVEKIT_API_SECRET=topsecret1") != 0 || taken[5] != NULL) {
        wrong = 1;
    } else if (getenv("LIVEKIT_API_SECRET") != NULL || getenv("HOME") == NULL) {
        wrong = 2;
    } else if (prctl(PR_GET_DUMPABLE) != 0) {
        wrong = 3;
    } else if (!file_read("/proc/self/environ", 1 << 20, &seen, &diag) ||
               memmem(seen.p, seen.len, "/root", 5) == NULL) {
        wrong = 4;
    } else if (memmem(seen.p, seen.len, "topsecret", 9) != NULL) {
        wrong = 5;
    }
    environment_free(taken);
    return wrong;
}

#define TEST(function) cmocka_unit_test_teardown(function, release)

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--look-at-environment") == 0) {
        return look_at_environment();
    }
    self = argv[0];
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(environment_wins_over_the_file),
        TEST(empty_means_something_for_some),
        TEST(lists_are_split),
        TEST(each_wrong_value_is_named),
        TEST(all_wrong_values_are_told_at_once),
        TEST(too_many_mistakes_are_counted),
        TEST(stimm_has_a_preset),
        TEST(no_preset),
        TEST(unknown_names_are_warned_about),
        TEST(missing_file),
        TEST(secret_from_a_file),
        TEST(secrets_never_show),
        TEST(shows_lengths_and_hosts),
        TEST(short_secret_is_warned_about),
        TEST(a_command_for_a_shell_is_warned_about),
        TEST(keys_are_needed_by_some),
        TEST(secrets_are_wiped_where_they_stand),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
