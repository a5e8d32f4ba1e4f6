/* One question, one line of answer; anything but yes is no. */
#include "cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"

enum { QUESTION_MAX = 1024 };

static bool is_yes(char *answer) {
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

/* What the terminal has behind the first line stays there: the next question reads it. */
static bool read_answer(char *ret_line, size_t size) {
    size_t length = 0;
    char c = '\0';
    ssize_t got;
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (length + 1 < size) {
            ret_line[length++] = c;
        }
    }
    ret_line[length] = '\0';
    return got == 1;
}

int confirm(const struct cli *cli, bool yes, const char *question, ...) {
    cleanup_buf struct buf shown = {0};
    char text[QUESTION_MAX], answer[16];
    va_list args;
    if (yes) {
        return CLI_OK;
    }
    va_start(args, question);
    vsnprintf(text, sizeof text, question, args);
    va_end(args);
    text_clean(&shown, slice_of(text), QUESTION_MAX);
    if (isatty(STDIN_FILENO) == 0) {
        cli_error(cli, "nothing was done: \"%s\" cannot be asked, standard input is no terminal; --yes answers it",
                  shown.p);
        return CLI_USAGE;
    }
    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", shown.p);
    bool answered = read_answer(answer, sizeof answer);
    if (!answered) {
        fputc('\n', stderr);
    }
    if (answered && is_yes(answer)) {
        return CLI_OK;
    }
    cli_error(cli, "nothing was done: the answer was not yes");
    return CLI_FAILED;
}
