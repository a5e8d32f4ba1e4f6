/* How far a command is, on the last line of the terminal that its errors go to: a number, a bar and a percentage, as wide as
 * the terminal is by now. Nothing at all where errors go elsewhere, or to a terminal that is dumb. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what;   /* "webhooks sent"; static */
    bool is_shown;      /* there is a terminal */
    bool is_drawn;      /* the line stands there */
    int64_t redrawn_us; /* CLOCK_MONOTONIC; 0: never */
};

/* WHAT is done, and is static. */
void progress_init(struct progress *progress, const char *what);
/* DONE of TOTAL; NOTE is added to what is said ("", or ", 3 refused"). Drawn ten times a second at most, and at the end. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *note);
/* Takes the line away: before something else is printed, and at the end. */
void progress_clear(struct progress *progress);

/* The line for a terminal of WIDTH columns, without its carriage return. */
void progress_line(char *ret_line, size_t size, size_t width, const char *text, unsigned percent);

#endif
