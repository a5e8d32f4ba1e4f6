/* Byte by byte, so that the next question reads the next line. */
#include "cli/ask.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { LINE_MAX_BYTES = 64 << 10 };

bool ask_is_possible(void) {
    return isatty(STDIN_FILENO) != 0;
}

static bool read_line(struct buf *line) {
    char c = '\0';
    for (;;) {
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got != 1 || line->len == LINE_MAX_BYTES) {
            fputc('\n', stderr);
            return false;
        }
        if (c == '\n') {
            return true;
        }
        buf_addc(line, c);
    }
}

/* Ctrl-C at a question: what comes next begins on a line of its own. SA_RESETHAND: the second signal ends us. */
static void on_interrupt(int number) {
    ssize_t written = write(STDERR_FILENO, "\n", 1);
    (void)written;
    (void)raise(number);
}

/* It can be interrupted as soon as the question can be seen. */
static bool read_interruptible(const char *prompt, struct buf *line) {
    struct sigaction before, ours = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    bool replaced = ask_is_possible() && sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler == SIG_DFL &&
                    sigaction(SIGINT, &ours, NULL) == 0;
    fflush(stdout);
    fputs(prompt, stderr);
    bool good = read_line(line);
    if (replaced) {
        sigaction(SIGINT, &before, NULL);
    }
    return good;
}

bool ask_read(const char *prompt, struct buf *ret_line) {
    cleanup_buf struct buf line = {0};
    if (!read_interruptible(prompt, &line)) {
        return false;
    }
    buf_add_slice(ret_line, slice_trim(buf_slice(&line)));
    return true;
}

bool ask_line(const char *question, const char *fallback, struct buf *ret_line) {
    cleanup_free char *prompt =
        fallback != NULL ? xasprintf("%s [%s]: ", question, fallback) : xasprintf("%s: ", question);
    buf_clear(ret_line);
    if (!ask_read(prompt, ret_line)) {
        return false;
    }
    if (ret_line->len == 0 && fallback != NULL) {
        buf_adds(ret_line, fallback);
    }
    return true;
}
