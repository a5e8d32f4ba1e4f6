/* Which file a command is, and what is said when there is none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "scratch.h"
#include "spawner/local/local.h"
#include "spawner/local/resolve.h"

static void test_resolve(void **state) {
    static const struct {
        const char *name, *command, *path, *cwd; /* "@" is the scratch directory */
        const char *file, *says;                 /* the one that is not NULL is expected */
    } cases[] = {
        {"in PATH", "bot", "/nowhere:@/bin:/bin", NULL, "@/bin/bot", NULL},
        {"the first of two", "bot", "@/bin:@/other", NULL, "@/bin/bot", NULL},
        {"past one that may not be executed", "bot", "@/plain:@/other", NULL, "@/other/bot", NULL},
        {"past a directory of that name", "bot", "@/directory:@/other", NULL, "@/other/bot", NULL},
        {"an empty part of PATH is the working directory", "bot", "", "@/bin", "@/bin/bot", NULL},
        {"a relative part of PATH", "bot", "bin", "@", "@/bin/bot", NULL},
        {"a full path", "@/bin/bot", "", NULL, "@/bin/bot", NULL},
        {"relative to its directory", "bin/bot", "/bin", "@", "@/bin/bot", NULL},
        {"not in PATH", "bott", "@/bin", NULL, NULL, "is not in PATH"},
        {"a full path to nothing", "@/bin/bott", "", NULL, NULL, "does not exist"},
        {"not executable", "@/plain/bot", "", NULL, NULL, "chmod +x"},
        {"not executable in PATH", "bot", "@/plain", NULL, NULL, "chmod +x"},
        {"a directory", "@/directory/bot", "", NULL, NULL, "is not a file"},
        {"nothing", "", "/bin", NULL, NULL, "is empty"},
        {"no working directory", "bot", "@/bin", "@/gone", NULL, "directory that exists"},
        {"a working directory that is a file", "bot", "@/bin", "@/bin/bot", NULL, "is not a directory"},
        {"terminal escapes in the name", "\033[2Jbot", "/bin", NULL, NULL, "\\x1b[2Jbot"},
    };
    char *root = scratch_new();
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        static const char *const directories[] = {"bin", "other", "plain", "directory"};
        cleanup_free char *directory = xasprintf("%s/%s", root, directories[i]);
        assert_int_equal(mkdir(directory, 0700), 0);
        cleanup_free char *bot = xasprintf("%s/bot", directory);
        if (i < 3) {
            free(scratch_file(directory, "bot", "#!/bin/sh\n", i < 2 ? 0755 : 0644));
        } else {
            assert_int_equal(mkdir(bot, 0700), 0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *texts[] = {cases[i].command, cases[i].path, cases[i].cwd, cases[i].file};
        char *real[4];
        for (size_t t = 0; t < 4; t++) {
            cleanup_buf struct buf text = {0};
            for (const char *at = texts[t]; at != NULL && *at != '\0'; at++) {
                buf_add(&text, *at == '@' ? root : at, *at == '@' ? strlen(root) : 1);
            }
            real[t] = texts[t] != NULL ? buf_take(&text) : NULL;
        }
        struct diag diag = {0};
        char *file = resolve_command(real[0], real[1], real[2], &diag);
        bool right = real[3] != NULL ? file != NULL && strcmp(file, real[3]) == 0
                                     : file == NULL && strstr(diag.what, cases[i].says) != NULL;
        if (!right) {
            fail_msg("%s: got %s, %s: %s", cases[i].name, file != NULL ? file : "nothing", diag.where, diag.what);
        }
        free(file);
        for (size_t t = 0; t < 4; t++) {
            free(real[t]);
        }
    }
    scratch_free(root);
}

static void test_which_path(void **state) {
    struct diag diag = {0};
    char *root = scratch_new();
    cleanup_free char *bot = scratch_file(root, "only-here", "#!/bin/sh\n", 0755);
    cleanup_free char *path = xasprintf("PATH=%s", root);
    (void)state;
    assert_null(local_resolve("only-here", NULL, NULL, &diag));
    char *by_entry = local_resolve("only-here", (const char *const[]){"A=1", path, NULL}, NULL, &diag);
    assert_string_equal(by_entry, bot);
    char *by_ours = local_resolve("sh", NULL, NULL, &diag);
    assert_non_null(by_ours);
    free(by_entry);
    free(by_ours);
    scratch_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_which_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
