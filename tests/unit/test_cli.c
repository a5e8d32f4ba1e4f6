/* The frame of the commands: finding one, options of every type, help, exit codes, tables; and config, token and
 * verify as people run them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <jansson.h>

#include "auth/keyring.h"
#include "auth/operator.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "livekit/token.h"
#include "run_cli.h"
#include "scratch.h"

#define SECRET "0123456789abcdef0123456789abcdef"

struct play_options {
    bool loud;
    const char *title;
    struct cli_list tags;
    int64_t count, for_ms, bytes;
    double speed;
};

static int run_play(struct cli *cli) {
    struct play_options options = {.title = "none", .count = -1, .for_ms = -1, .bytes = -1, .speed = 1};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    printf("loud %d title %s count %" PRId64 " for %" PRId64 " bytes %" PRId64 " speed %g", options.loud, options.title,
           options.count, options.for_ms, options.bytes, options.speed);
    for (size_t i = 0; i < options.tags.count; i++) {
        printf(" <%.*s>", SLICE_ARG(options.tags.at[i]));
    }
    for (int i = 0; i < cli->argc; i++) {
        printf(" [%s]", cli->argv[i]);
    }
    printf(" env-file %s\n", cli->env_file != NULL ? cli->env_file : "none");
    return CLI_OK;
}

static const struct cli_option play_options[] = {
    {"loud", 'l', CLI_FLAG, offsetof(struct play_options, loud), NULL, "be heard"},
    {"title", 't', CLI_TEXT, offsetof(struct play_options, title), "TEXT", "what it is called"},
    {"count", 0, CLI_INT, offsetof(struct play_options, count), "N", "how often"},
    {"for", 0, CLI_DURATION, offsetof(struct play_options, for_ms), "TIME", "how long"},
    {"bytes", 0, CLI_SIZE, offsetof(struct play_options, bytes), "SIZE", "how much"},
    {"tag", 0, CLI_LIST, offsetof(struct play_options, tags), "TAG", "what it is like"},
    {"speed", 0, CLI_NUMBER, offsetof(struct play_options, speed), "N", "how fast"},
};
static const struct cli_command play = {
    .name = "play",
    .summary = "Play something.",
    .arguments = "[WHAT...]",
    .max_arguments = 2,
    .options = play_options,
    .option_count = ARRAY_LEN(play_options),
    .details = "More about it.",
    .run = run_play,
};

static int run_verb(struct cli *cli) {
    if (!cli_parse(cli, NULL)) {
        return CLI_USAGE;
    }
    printf("%s with %s\n", cli->path, cli->argv[0]);
    return CLI_FAILED;
}

static const struct cli_command things_show = {.name = "show",
                                               .summary = "Show one.",
                                               .arguments = "NAME",
                                               .min_arguments = 1,
                                               .max_arguments = 1,
                                               .no_settings = true,
                                               .run = run_verb};
static const struct cli_command *const things_verbs[] = {&things_show, NULL};
static const struct cli_command things = {.name = "things", .summary = "All about things.", .verbs = things_verbs};
static const struct cli_command *const commands[] = {&play, &things, &cli_config, &cli_token, &cli_verify, NULL};

static char *const no_environment[] = {NULL};
static char *const with_keys[] = {(char *)"LIVEKIT_API_KEY=devkey", (char *)"LIVEKIT_API_SECRET=" SECRET, NULL};

struct cli_case {
    const char *argv[12];
    int code;
    const char *out, *err; /* the whole of it */
};

static void assert_cases(const struct cli_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *argv[12];
        memcpy(argv, cases[i].argv, sizeof argv);
        cleanup_ran struct ran ran = run_cli(commands, no_environment, argv);
        print_message("%zu: %s %s\n", i, argv[0] != NULL ? argv[0] : "", ran.err.p);
        assert_string_equal(ran.out.p, cases[i].out);
        assert_string_equal(ran.err.p, cases[i].err);
        assert_int_equal(ran.code, cases[i].code);
    }
}

static void options_are_typed(void **state) {
    (void)state;
    static const struct cli_case cases[] = {
        {{"play"}, 0, "loud 0 title none count -1 for -1 bytes -1 speed 1 env-file none\n", ""},
        {{"play", "a", "--loud", "--title", "x", "b"},
         0,
         "loud 1 title x count -1 for -1 bytes -1 speed 1 [a] [b] env-file none\n",
         ""},
        {{"play", "-l", "-t", "-x-", "--count=3", "--for", "2s", "--bytes=1KiB", "--speed", "2.5"},
         0,
         "loud 1 title -x- count 3 for 2000 bytes 1024 speed 2.5 env-file none\n",
         ""},
        {{"play", "--title=", "--title=b=c"},
         0,
         "loud 0 title b=c count -1 for -1 bytes -1 speed 1 env-file none\n",
         ""},
        {{"play", "-", "--", "--loud"},
         0,
         "loud 0 title none count -1 for -1 bytes -1 speed 1 [-] [--loud] env-file none\n",
         ""},
        {{"play", "--tag", "a, b ,c", "--tag=d"},
         0,
         "loud 0 title none count -1 for -1 bytes -1 speed 1 <a> <b> <c> <d> env-file none\n",
         ""},
        {{"play", "--env-file", "f"}, 0, "loud 0 title none count -1 for -1 bytes -1 speed 1 env-file f\n", ""},
        {{"things", "show", "x"}, 1, "sipbridge things show with x\n", ""},
    };
    assert_cases(cases, ARRAY_LEN(cases));
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    static const struct cli_case cases[] = {
        {{"pley"},
         2,
         "",
         "sipbridge: there is no command \"pley\"; did you mean play? `sipbridge --help` lists them\n"},
        {{"\x1b[31m"}, 2, "", "sipbridge: there is no command \"\\x1b[31m\"; `sipbridge --help` lists them\n"},
        {{"things", "shew"},
         2,
         "",
         "sipbridge things: there is no verb \"shew\"; did you mean show? `sipbridge things --help` lists them\n"},
        {{"play", "--lout"}, 2, "", "sipbridge play: there is no option --lout; did you mean --loud?\n"},
        {{"play", "--volume=3"},
         2,
         "",
         "sipbridge play: there is no option --volume=3; `sipbridge play --help` lists them\n"},
        {{"play", "-x"}, 2, "", "sipbridge play: there is no option -x; `sipbridge play --help` lists them\n"},
        {{"play", "-loud"}, 2, "", "sipbridge play: there is no option -loud; did you mean --loud?\n"},
        {{"play", "--loud=yes"}, 2, "", "sipbridge play: --loud takes no value\n"},
        {{"play", "--count"}, 2, "", "sipbridge play: --count needs a value: --count N\n"},
        {{"play", "--count", "x"}, 2, "", "sipbridge play: --count \"x\": give a whole number, 0 or more\n"},
        {{"play", "--tag", "a,,b"},
         2,
         "",
         "sipbridge play: --tag \"a,,b\": give one value, or several with commas, none of them empty and at most 64 in "
         "all\n"},
        {{"play", "--count", "-1"}, 2, "", "sipbridge play: --count \"-1\": give a whole number, 0 or more\n"},
        {{"play", "--for", "2"}, 2, "", "sipbridge play: --for \"2\": give a duration, such as 500ms, 2s, 5m or 4h\n"},
        {{"play", "--bytes", "2x"},
         2,
         "",
         "sipbridge play: --bytes \"2x\": give a size, such as 65536, 16KiB or 1MiB\n"},
        {{"play", "--speed", "0"}, 2, "", "sipbridge play: --speed \"0\": give a number above 0, such as 2 or 0.5\n"},
        {{"play", "--speed", "nan"},
         2,
         "",
         "sipbridge play: --speed \"nan\": give a number above 0, such as 2 or 0.5\n"},
        {{"play", "a", "b", "c"},
         2,
         "",
         "sipbridge play: too many arguments, \"c\" is one too many: sipbridge play [WHAT...]\n"},
        {{"things", "show"}, 2, "", "sipbridge things show: too few arguments: sipbridge things show NAME\n"},
        {{"things", "show", "x", "--env-file", "f"},
         2,
         "",
         "sipbridge things show: there is no option --env-file; `sipbridge things show --help` lists them\n"},
        {{"config", "--env-file", "/nonexistent", "extra"},
         2,
         "",
         "sipbridge config: too many arguments, \"extra\" is one too many: sipbridge config\n"},
    };
    assert_cases(cases, ARRAY_LEN(cases));
}

static void help_is_there(void **state) {
    (void)state;
    static const struct {
        const char *argv[4];
        int code;
        const char *contains;
    } cases[] = {
        {{"--help"}, 0, "\n  play      Play something.\n"},
        {{"-h"}, 0, "\n  SIP_MAX_CALL            A call that lasts longer is ended. (4h)\n"},
        {{"help"}, 0, "Commands:\n"},
        {{"play", "--help"},
         0,
         "Usage: sipbridge play [OPTION...] [WHAT...]\n\nPlay something.\n\nOptions:\n  -l, --loud              be "
         "heard\n"},
        {{"play", "x", "-h"}, 0, "\nMore about it.\n"},
        {{"help", "play"}, 0, "Usage: sipbridge play "},
        {{"things", "--help"}, 0, "Verbs:\n  show      Show one.\n"},
        {{"things", "show", "--help"}, 0, "Usage: sipbridge things show [OPTION...] NAME\n"},
        {{"--version"}, 0, "sipbridge " SIPBRIDGE_VERSION "\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[5] = {NULL};
        memcpy(argv, cases[i].argv, sizeof cases[i].argv);
        cleanup_ran struct ran ran = run_cli(commands, no_environment, argv);
        assert_int_equal(ran.code, cases[i].code);
        assert_string_equal(ran.err.p, "");
        if (strstr(ran.out.p, cases[i].contains) == NULL) {
            fail_msg("%s lacks %s", ran.out.p, cases[i].contains);
        }
    }
    cleanup_ran struct ran nothing = run_cli(commands, no_environment, (char *[]){NULL});
    assert_int_equal(nothing.code, CLI_USAGE);
    assert_string_equal(nothing.out.p, "");
    assert_non_null(strstr(nothing.err.p, "Usage: sipbridge COMMAND"));
    assert_null(strstr(nothing.err.p, "LIVEKIT_URL "));
    assert_non_null(strstr(nothing.err.p, "`sipbridge config`"));
    cleanup_ran struct ran verbs = run_cli(commands, no_environment, (char *[]){(char *)"things", NULL});
    assert_int_equal(verbs.code, CLI_USAGE);
    assert_non_null(strstr(verbs.err.p, "Verbs:"));
}

/* Help fits a terminal of 80 columns. */
static void help_is_narrow(void **state) {
    (void)state;
    cleanup_ran struct ran ran = run_cli(commands, no_environment, (char *[]){(char *)"--help", NULL});
    for (const char *line = ran.out.p; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        assert_true(size <= 81);
        line += size + (line[size] == '\n');
    }
}

static void tables_are_aligned(void **state) {
    (void)state;
    static const char *const titles[] = {"NAME", "N", "LAST"};
    struct cli_table table;
    FILE *file = tmpfile();
    cleanup_buf struct buf text = {0};
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    cli_table_add(&table, "caf\xC3\xA9\n");
    cli_table_addf(&table, "%d", 12345);
    cli_table_add(&table, "x");
    cli_table_add_coloured(&table, COLOUR_RED, "a");
    cli_table_add(&table, "");
    cli_table_add(&table, "y");
    cli_table_add(&table, "\xE5\x8F\x97\xE4\xBB\x98"); /* four columns */
    cli_table_add(&table, "1");
    cli_table_add(&table, "z");
    fflush(stdout);
    int old = run_cli_divert(STDOUT_FILENO, file);
    cli_table_print(&table);
    fflush(stdout);
    run_cli_restore(STDOUT_FILENO, old, file, &text);
    cli_table_release(&table);
    assert_string_equal(text.p, "NAME      N      LAST\n"
                                "caf\xC3\xA9\\x0a  12345  x\n"
                                "a                y\n"
                                "\xE5\x8F\x97\xE4\xBB\x98      1      z\n");
}

static void config_shows_all_but_secrets(void **state) {
    (void)state;
    cleanup_ran struct ran table = run_cli(commands, with_keys, (char *[]){(char *)"config", NULL});
    assert_int_equal(table.code, CLI_OK);
    assert_null(strstr(table.out.p, SECRET));
    assert_non_null(strstr(table.out.p, "set (32 bytes) "));
    cleanup_ran struct ran json = run_cli(commands, with_keys, (char *[]){(char *)"config", (char *)"--json", NULL});
    json_error_t error;
    json_t *all = json_loads(json.out.p, 0, &error);
    assert_int_equal(json_object_size(all), SETTING_COUNT);
    const json_t *key = json_object_get(all, "LIVEKIT_API_KEY");
    assert_string_equal(json_string_value(json_object_get(key, "value")), "devkey");
    assert_string_equal(json_string_value(json_object_get(key, "from")), "environment");
    json_decref(all);
    char *const wrong[] = {(char *)"LOG_LEVEL=x", NULL};
    cleanup_ran struct ran bad = run_cli(commands, wrong, (char *[]){(char *)"config", NULL});
    assert_int_equal(bad.code, CLI_USAGE);
    assert_string_equal(bad.err.p, "sipbridge config: LOG_LEVEL: \"x\" is none of error|warning|info|debug\n");
}

static struct keyring *devkeys(void) {
    struct keyring *keys = keyring_new();
    assert_true(keyring_add(keys, SLICE("devkey"), SLICE(SECRET), NULL));
    return keys;
}

static enum operator_scope scope_of(const struct buf *printed, int64_t at_s) {
    struct keyring *keys = devkeys();
    struct slice token = {printed->p, strcspn(printed->p, "\n")};
    enum operator_scope scope = operator_check(keys, token, at_s);
    keyring_free(keys);
    return scope;
}

static void token_is_what_the_operator_interface_takes(void **state) {
    (void)state;
    int64_t now_s = clock_wall_ms() / 1000;
    cleanup_ran struct ran full = run_cli(commands, with_keys, (char *[]){(char *)"token", NULL});
    assert_int_equal(full.code, CLI_OK);
    assert_int_equal(scope_of(&full.out, now_s), OPERATOR_FULL);
    char *reader_argv[] = {(char *)"token", (char *)"--reader", (char *)"--ttl", (char *)"30d", NULL};
    cleanup_ran struct ran reader = run_cli(commands, with_keys, reader_argv);
    assert_int_equal(scope_of(&reader.out, now_s + 29 * 86400), OPERATOR_READER);
    cleanup_ran struct ran none = run_cli(commands, no_environment, (char *[]){(char *)"token", NULL});
    assert_int_equal(none.code, CLI_USAGE);
    assert_non_null(strstr(none.err.p, "LIVEKIT_API_KEY: is not set"));
    char *long_argv[] = {(char *)"token", (char *)"--ttl", (char *)"2h", NULL};
    cleanup_ran struct ran too_long = run_cli(commands, with_keys, long_argv);
    assert_int_equal(too_long.code, CLI_USAGE);
}

#define BODY "{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_x\",\"name\":\"a\\nb\"},\"id\":\"EV_1\"}"

static struct ran verify(const char *path, const char *first, const char *second) {
    return run_cli(commands, with_keys,
                   (char *[]){(char *)"verify", (char *)path, (char *)first, (char *)second, NULL});
}

static void verify_tells_event_or_reason(void **state) {
    (void)state;
    struct keyring *keys = devkeys();
    char *directory = scratch_new();
    int64_t now_s = clock_wall_ms() / 1000;
    cleanup_free char *token = token_for_webhook(keys, SLICE(BODY), now_s);
    json_t *line = json_pack("{s:i, s:s, s:s}", "at_ms", 5, "authorization", token, "body", BODY);
    cleanup_free char *text = json_dumps(line, JSON_COMPACT);
    cleanup_free char *recorded = scratch_file(directory, "line.jsonl", text, 0600);
    cleanup_free char *body = scratch_file(directory, "body.json", BODY, 0600);
    cleanup_free char *changed = scratch_file(directory, "changed.json", BODY " ", 0600);
    cleanup_free char *later = xasprintf("--at=%" PRId64, now_s + 3600);
    cleanup_free char *with_token = xasprintf("--authorization=%s", token);
    json_decref(line);

    cleanup_ran struct ran good = verify(recorded, NULL, NULL);
    assert_int_equal(good.code, CLI_OK);
    assert_string_equal(good.out.p, "verified with key devkey: room_started\n  id           EV_1\n  room sid     RM_x\n"
                                    "  room         a\\x0ab\n");
    cleanup_ran struct ran bare = verify(body, with_token, NULL);
    assert_int_equal(bare.code, CLI_OK);
    cleanup_ran struct ran expired = verify(recorded, later, NULL);
    assert_int_equal(expired.code, CLI_FAILED);
    assert_non_null(strstr(expired.out.p, "refused (expired): the token has expired\n"));
    const char *advice = strstr(expired.out.p, "to check it as of its signing: --at ");
    assert_non_null(advice);
    cleanup_free char *moment = xasprintf("--at=%lld", atoll(strpbrk(advice, "0123456789")));
    cleanup_ran struct ran then = verify(recorded, moment, NULL);
    assert_int_equal(then.code, CLI_OK);
    cleanup_ran struct ran altered = verify(changed, with_token, NULL);
    assert_int_equal(altered.code, CLI_FAILED);
    assert_non_null(strstr(altered.out.p, "refused (body_changed)"));
    cleanup_ran struct ran no_token = verify(body, NULL, NULL);
    assert_int_equal(no_token.code, CLI_USAGE);
    assert_non_null(strstr(no_token.err.p, "--authorization TOKEN"));
    cleanup_ran struct ran missing = verify("/nonexistent", NULL, NULL);
    assert_int_equal(missing.code, CLI_USAGE);
    assert_string_equal(missing.err.p, "sipbridge verify: /nonexistent: cannot be read: No such file or directory\n");
    scratch_free(directory);
    keyring_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_typed),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(help_is_there),
        cmocka_unit_test(help_is_narrow),
        cmocka_unit_test(tables_are_aligned),
        cmocka_unit_test(config_shows_all_but_secrets),
        cmocka_unit_test(token_is_what_the_operator_interface_takes),
        cmocka_unit_test(verify_tells_event_or_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
