/* The documents are what the program says: a change of a command or a setting without doc/update.sh fails here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "run_cli.h"

#define ROOT FIXTURES "/../../"

static const struct cli_command *const commands[] = {
#define X(name) &cli_##name,
    CLI_COMMANDS(X)
#undef X
        NULL,
};

static struct buf said(const char *document) {
    char *const environment[] = {NULL};
    struct ran ran = run_cli(commands, environment, (char *[]){(char *)"docs", (char *)document, NULL});
    assert_int_equal(ran.code, CLI_OK);
    assert_true(ran.out.len > 100);
    buf_release(&ran.err);
    return ran.out;
}

static struct buf file(const char *path) {
    struct buf text = {0};
    struct diag diag = {0};
    if (!file_read(path, 1 << 22, &text, &diag)) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    return text;
}

static void assert_current(const char *path, struct slice there, const struct buf *wanted) {
    if (!slice_eq(there, buf_slice(wanted))) {
        fail_msg("%s is not what the program says: run doc/update.sh", path);
    }
}

static void manual_page(void **state) {
    (void)state;
    cleanup_buf struct buf wanted = said("man"), there = file(ROOT "doc/sipbridge.1");
    assert_current("doc/sipbridge.1", buf_slice(&there), &wanted);
}

static void completion(void **state) {
    (void)state;
    cleanup_buf struct buf bash = said("completion-bash"), bash_there = file(ROOT "deploy/completion/sipbridge.bash");
    assert_current("deploy/completion/sipbridge.bash", buf_slice(&bash_there), &bash);
    cleanup_buf struct buf zsh = said("completion-zsh"), zsh_there = file(ROOT "deploy/completion/_sipbridge");
    assert_current("deploy/completion/_sipbridge", buf_slice(&zsh_there), &zsh);
}

static void check_document(const char *path, const char *title, const char *document) {
    cleanup_buf struct buf wanted = {0}, table = said(document), there = file(path);
    buf_addf(&wanted, "# %s\n\nMade by doc/update.sh; do not edit.\n\n", title);
    buf_add_slice(&wanted, buf_slice(&table));
    assert_current(path, buf_slice(&there), &wanted);
}

static void tables(void **state) {
    (void)state;
    check_document(ROOT "doc/settings.md", "Settings", "settings");
    check_document(ROOT "doc/commands.md", "Commands", "commands");
}

/* What stands between the marks <!-- NAME --> and <!-- /NAME -->. */
static void check_marked(const char *path, const char *document) {
    cleanup_buf struct buf wanted = said(document), text = file(path);
    char first[64], last[64];
    snprintf(first, sizeof first, "<!-- %s -->\n", document);
    snprintf(last, sizeof last, "<!-- /%s -->\n", document);
    const char *from = strstr(text.p, first);
    assert_non_null(from);
    from += strlen(first);
    const char *to = strstr(from, last);
    assert_non_null(to);
    assert_current(path, (struct slice){from, (size_t)(to - from)}, &wanted);
}

static void readme(void **state) {
    (void)state;
    check_marked(ROOT "README.md", "settings");
    check_marked(ROOT "README.md", "commands");
}

static void doctor(void **state) {
    (void)state;
    check_marked(ROOT "doc/doctor.md", "doctor");
}

static void diagrams(void **state) {
    (void)state;
    check_marked(ROOT "doc/architecture.md", "life");
    check_marked(ROOT "doc/architecture.md", "exits");
}

static void metrics_and_call_log(void **state) {
    (void)state;
    check_marked(ROOT "doc/metrics.md", "metrics");
    check_marked(ROOT "doc/call-log.md", "call-log");
}

static void operations(void **state) {
    (void)state;
    check_marked(ROOT "doc/operations.md", "messages");
    check_marked(ROOT "doc/operations.md", "health");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual_page),
        cmocka_unit_test(completion),
        cmocka_unit_test(tables),
        cmocka_unit_test(readme),
        cmocka_unit_test(doctor),
        cmocka_unit_test(diagrams),
        cmocka_unit_test(metrics_and_call_log),
        cmocka_unit_test(operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
