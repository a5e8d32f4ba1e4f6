/* Questions at a terminal: who sees one may answer it, or press Ctrl-C, at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/ask.h"

static struct buf shown;
static bool was_ready; /* for Ctrl-C, whenever something was shown */

static ssize_t show(void *context, const char *text, size_t size) {
    struct sigaction now;
    (void)context;
    sigaction(SIGINT, NULL, &now);
    was_ready = was_ready && now.sa_handler != SIG_DFL;
    buf_add(&shown, text, size);
    return (ssize_t)size;
}

/* Asks with a terminal as standard input, where ANSWER is typed. */
static bool ask(const char *answer, const char *fallback, struct buf *ret_line) {
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), before = dup(STDIN_FILENO);
    FILE *errors = stderr;
    assert_true(grantpt(ours) == 0 && unlockpt(ours) == 0);
    int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(dup2(theirs, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(write(ours, answer, strlen(answer)), strlen(answer));
    stderr = fopencookie(NULL, "w", (cookie_io_functions_t){.write = show});
    setvbuf(stderr, NULL, _IONBF, 0);
    was_ready = true;
    bool good = ask_line("Name", fallback, ret_line);
    fclose(stderr);
    stderr = errors;
    dup2(before, STDIN_FILENO);
    close(before);
    close(theirs);
    close(ours);
    return good;
}

static void test_question_and_answer(void **state) {
    cleanup_buf struct buf line = {0};
    (void)state;
    assert_true(ask("  sales \n", NULL, &line));
    assert_string_equal(line.p, "sales");
    assert_string_equal(shown.p, "Name: ");
    buf_clear(&shown);
    assert_true(ask("\n", "support", &line));
    assert_string_equal(line.p, "support");
    assert_string_equal(shown.p, "Name [support]: ");
    buf_release(&shown);
}

static void test_ready_for_an_interrupt_before_it_is_shown(void **state) {
    cleanup_buf struct buf line = {0};
    struct sigaction after;
    (void)state;
    assert_true(ask("x\n", NULL, &line));
    assert_true(was_ready);
    sigaction(SIGINT, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL);
    buf_release(&shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question_and_answer),
        cmocka_unit_test(test_ready_for_an_interrupt_before_it_is_shown),
    };
    signal(SIGINT, SIG_DFL); /* whoever starts us in the background of a shell has it ignored */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
