/* Asking before something is done that cannot be undone. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/cli.h"

/* Every command that asks has this among its options; FIELD is a bool. */
#define CONFIRM_OPTION(type, field) \
    { "yes", 'y', CLI_FLAG, offsetof(struct type, field), NULL, "do not ask (for scripts)" }

/* Asks "QUESTION [y/N]" on standard error and reads the answer from standard input. CLI_OK: yes, or YES was given.
 * CLI_FAILED: no, and that nothing was done is said. CLI_USAGE: nobody can be asked, for standard input is no
 * terminal; that is said, too. QUESTION is escaped. */
int confirm(const struct cli *cli, bool yes, const char *question, ...) __attribute__((format(printf, 3, 4)));

#endif
