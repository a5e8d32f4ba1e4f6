/* One question, one line of answer; anything but yes is no. */
#include "cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "cli/ask.h"

enum { QUESTION_MAX = 1024 };

static bool is_yes(const struct buf *answer) {
    return answer->len > 0 && (strcasecmp(answer->p, "y") == 0 || strcasecmp(answer->p, "yes") == 0);
}

int confirm(const struct cli *cli, bool yes, const char *question, ...) {
    cleanup_buf struct buf shown = {0};
    cleanup_buf struct buf answer = {0};
    char text[QUESTION_MAX];
    va_list args;
    if (yes) {
        return CLI_OK;
    }
    va_start(args, question);
    vsnprintf(text, sizeof text, question, args);
    va_end(args);
    text_clean(&shown, slice_of(text), QUESTION_MAX);
    if (!ask_is_possible()) {
        cli_error(cli, "nothing was done: \"%s\" cannot be asked, standard input is no terminal; --yes answers it",
                  shown.p);
        return CLI_USAGE;
    }
    cleanup_free char *prompt = xasprintf("%s [y/N] ", shown.p);
    if (ask_read(prompt, &answer) && is_yes(&answer)) {
        return CLI_OK;
    }
    cli_error(cli, "nothing was done: the answer was not yes");
    return CLI_FAILED;
}
