/* Byte by byte, so that the next question reads the next line. */
#include "cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

bool ask_read(struct buf *ret_line) {
    cleanup_buf struct buf line = {0};
    if (!read_line(&line)) {
        return false;
    }
    size_t start = line.len > 0 ? strspn(line.p, " \t\r") : 0;
    while (line.len > start && strchr(" \t\r", line.p[line.len - 1]) != NULL) {
        line.len--;
    }
    buf_add(ret_line, line.len > start ? line.p + start : "", line.len - start);
    return true;
}

bool ask_line(const char *question, const char *fallback, struct buf *ret_line) {
    fflush(stdout);
    fprintf(stderr, fallback != NULL ? "%s [%s]: " : "%s: ", question, fallback);
    buf_clear(ret_line);
    if (!ask_read(ret_line)) {
        return false;
    }
    if (ret_line->len == 0 && fallback != NULL) {
        buf_adds(ret_line, fallback);
    }
    return true;
}
