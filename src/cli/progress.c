/* Drawing, and what fits into a line. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVERY_US = 100000, UNKNOWN_WIDTH = 80, LEAST_BAR = 10, MOST_BAR = 40, AROUND_BAR = 9, LINE_SIZE = 256 };

void progress_init(struct progress *progress, const char *what) {
    const char *terminal = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe) */
    bool dumb = terminal != NULL && strcmp(terminal, "dumb") == 0;
    *progress = (struct progress){.what = what, .is_shown = isatty(STDERR_FILENO) != 0 && !dumb};
}

static size_t width_of_terminal(void) {
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : UNKNOWN_WIDTH;
}

void progress_line(char *ret_line, size_t size, size_t width, const char *text, unsigned percent) {
    size_t most = width > 1 ? width - 1 : 0; /* a full line would wrap */
    size_t used = strlen(text) + AROUND_BAR;
    size_t bar = most > used ? most - used : 0;
    bar = bar < MOST_BAR ? bar : MOST_BAR;
    most = most < size - 1 ? most : size - 1;
    if (bar < LEAST_BAR) {
        snprintf(ret_line, size, "%.*s", (int)most, text);
        return;
    }
    char cells[MOST_BAR + 1];
    memset(cells, '-', bar);
    memset(cells, '#', bar * percent / 100);
    cells[bar] = '\0';
    snprintf(ret_line, size, "%s [%s] %3u %%", text, cells, percent);
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *note) {
    int64_t now_us = progress->is_shown ? clock_mono_us() : 0;
    bool due = progress->redrawn_us == 0 || now_us - progress->redrawn_us >= EVERY_US || done == total;
    if (!progress->is_shown || !due) {
        return;
    }
    char text[LINE_SIZE / 2], line[LINE_SIZE];
    snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64 " %s%s", done, total, progress->what, note);
    unsigned percent = total > 0 && done < total ? (unsigned)(done * 100 / total) : 100;
    progress_line(line, sizeof line, width_of_terminal(), text, percent);
    fprintf(stderr, "\r%s\x1b[K", line);
    fflush(stderr);
    progress->is_drawn = true;
    progress->redrawn_us = now_us;
}

void progress_clear(struct progress *progress) {
    if (progress->is_drawn) {
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
        progress->is_drawn = false;
    }
}
