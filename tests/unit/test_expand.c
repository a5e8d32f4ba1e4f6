/* argv templates and the environment: what a caller can choose stays data. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spawner/local/environ.h"
#include "spawner/local/expand.h"

static const struct engine_pair places[] = {
    {"room", {"r m", 3}},      {"agent", {"support", 7}},      {"agent_id", {NULL, 0}}, {"called", {"+1", 2}},
    {"caller", {"--help", 6}}, {"livekit_url", {"{room}", 6}}, {"nul", {"ab\0cd", 5}},
};

/* RET_JOINED: the arguments with '|' between them, or the diag's where in angle brackets. */
static void expand(const char *const *command, struct buf *ret_joined, struct buf *left_out) {
    struct engine_job job = {.command = command, .places = places, .place_count = ARRAY_LEN(places)};
    struct strv argv = {0};
    struct diag diag = {0};
    buf_clear(ret_joined);
    buf_adds(ret_joined, "");
    if (!expand_argv(&argv, &job, left_out, &diag)) {
        assert_true(diag.what[0] != '\0');
        buf_addf(ret_joined, "<%s>", diag.where);
    }
    for (size_t i = 0; i < argv.count && ret_joined->p[0] != '<'; i++) {
        buf_addf(ret_joined, "%s%s", i > 0 ? "|" : "", argv.p[i]);
    }
    strv_release(&argv);
}

static void test_argv(void **state) {
    static const struct {
        const char *name;
        const char *command[4];
        const char *joined, *left_out;
    } cases[] = {
        {"nothing to do", {"a", "b c", ""}, "a|b c|", ""},
        {"a value is one argument", {"a", "{room}"}, "a|r m", ""},
        {"inside an argument", {"a", "--to={called}!"}, "a|--to=+1!", ""},
        {"two in one", {"a", "{agent}{called}"}, "a|support+1", ""},
        {"an empty value", {"a", "{agent_id}", "x"}, "a||x", ""},
        {"a value that looks like an option", {"a", "{caller}", "x"}, "a|x", "{caller}"},
        {"an option by a value in front", {"a", "{caller}x", "{caller}"}, "a", "{caller}x, {caller}"},
        {"after an empty value", {"a", "{agent_id}{caller}"}, "a", "{agent_id}{caller}"},
        {"our own dash after an empty value", {"a", "{agent_id}-v"}, "a|-v", ""},
        {"our own dash before a value", {"a", "-{caller}"}, "a|---help", ""},
        {"a value inside", {"a", "x{caller}"}, "a|x--help", ""},
        {"values are not expanded again", {"a", "{livekit_url}"}, "a|{room}", ""},
        {"unknown names stay", {"a", "{what}", "{"}, "a|{what}|{", ""},
        {"double braces stay", {"a", "{{room}}"}, "a|{r m}", ""},
        {"up to a NUL", {"a", "{nul}"}, "a|ab", ""},
        {"the program by a value", {"{agent}", "x"}, "support|x", ""},
        {"no program", {"{agent_id}", "x"}, "<command[0]>", ""},
        {"the program an option", {"{caller}", "x"}, "<command[0]>", ""},
        {"an empty program", {"", "x"}, "<command[0]>", ""},
        {"an empty command", {NULL}, "<command>", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf struct buf joined = {0}, left_out = {0};
        buf_adds(&left_out, "");
        expand(cases[i].command, &joined, &left_out);
        if (strcmp(joined.p, cases[i].joined) != 0 || strcmp(left_out.p, cases[i].left_out) != 0) {
            fail_msg("%s: got %s, left out %s", cases[i].name, joined.p, left_out.p);
        }
    }
}

static const char *const daemon_env[] = {"PATH=/opt/bin",
                                         "HOME=/h",
                                         "LANG=C.UTF-8",
                                         "TZ=UTC",
                                         "OPENAI_API_KEY=sk",
                                         "OTHER=1",
                                         "LIVEKIT_URL=ws://old",
                                         "LIVEKIT_API_SECRET=s3cret",
                                         "LIVEKIT_KEYS=k: s",
                                         "REDIS_URL=redis://p@h",
                                         "NOTIFY_SOCKET=/run/systemd/notify",
                                         "SIP_INSTANCE=outer",
                                         "LISTEN_FDS=1",
                                         "broken",
                                         NULL};

static bool is_var(const struct strv *vars, const char *name, const char *value) {
    const char *found = strv_value((const char *const *)vars->p, name);
    return value == NULL ? found == NULL : found != NULL && strcmp(found, value) == 0;
}

static void base_with(struct strv *out, const char *const *pass) {
    environ_base(out, (char *const *)(uintptr_t)daemon_env, (char *const *)(uintptr_t)pass);
}

static void test_base(void **state) {
    struct strv none = {0}, all = {0}, named = {0}, empty = {0};
    (void)state;
    base_with(&none, NULL);
    assert_int_equal(none.count, 4);
    assert_true(is_var(&none, "PATH", "/opt/bin") && is_var(&none, "HOME", "/h"));
    base_with(&all, (const char *const[]){"*", NULL});
    assert_true(is_var(&all, "OTHER", "1") && is_var(&all, "OPENAI_API_KEY", "sk"));
    static const char *const kept_back[] = {"LIVEKIT_API_SECRET", "LIVEKIT_KEYS", "REDIS_URL",
                                            "NOTIFY_SOCKET",      "SIP_INSTANCE", "LISTEN_FDS"};
    for (size_t i = 0; i < ARRAY_LEN(kept_back); i++) {
        assert_true(is_var(&all, kept_back[i], NULL));
    }
    base_with(&named, (const char *const[]){"OPENAI_?PI*", "REDIS_URL", NULL});
    assert_true(is_var(&named, "OPENAI_API_KEY", "sk") && is_var(&named, "REDIS_URL", "redis://p@h"));
    assert_true(is_var(&named, "OTHER", NULL));
    environ_base(&empty, (char *const[]){NULL}, NULL);
    assert_int_equal(empty.count, 1);
    assert_string_equal(empty.p[0], "PATH=" ENVIRON_DEFAULT_PATH);
    strv_release(&none);
    strv_release(&all);
    strv_release(&named);
    strv_release(&empty);
}

static void test_precedence(void **state) {
    static const struct engine_pair call[] = {{"LIVEKIT_URL", {"ws://call", 9}}, {"SIP_ROOM_NAME", {"a\nb=c", 5}}};
    static const char *const entry[] = {"LIVEKIT_URL=ws://entry", "PATH=/entry", "PYTHONUNBUFFERED=",
                                        "SIP_INSTANCE=forged",    "=bad",        NULL};
    struct engine_job job = {.instance = "0123", .env = entry, .call_env = call, .call_env_count = ARRAY_LEN(call)};
    struct strv base = {0}, built = {0}, plain = {0};
    (void)state;
    base_with(&base, NULL);
    environ_build(&built, &base, &job, "/run/n");
    assert_true(is_var(&built, "LIVEKIT_URL", "ws://call"));
    assert_true(is_var(&built, "SIP_ROOM_NAME", "a\nb=c"));
    assert_true(is_var(&built, "PATH", "/entry") && is_var(&built, "HOME", "/h"));
    assert_true(is_var(&built, "PYTHONUNBUFFERED", ""));
    assert_true(is_var(&built, "SIP_INSTANCE", "0123"));
    assert_true(is_var(&built, "NOTIFY_SOCKET", "/run/n"));
    job.env = NULL;
    environ_build(&plain, &base, &job, NULL);
    assert_true(is_var(&plain, "PYTHONUNBUFFERED", "1") && is_var(&plain, "NOTIFY_SOCKET", NULL));
    strv_release(&base);
    strv_release(&built);
    strv_release(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_argv),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_precedence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
