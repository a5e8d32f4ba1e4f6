/* Command lines as argument vectors, without a shell, and the {names} that a template of one may use. */
#ifndef BASE_ARGV_H
#define BASE_ARGV_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/slice.h"

enum { ARGV_MAX = 256 };

/* Splits a command line without a shell: blanks separate, '…' and "…" group, \ escapes outside '…'. NULL-terminated;
 * NULL with DIAG for an open quote, nothing, or too many. argv_free frees it. */
char **argv_split(struct slice text, struct diag *diag);
void argv_free(char **argv);
/* A deep copy; NULL for NULL. */
char **argv_copy(char *const *argv);
/* The names in {braces} an argv template may use: room agent agent_id called caller livekit_url. False with DIAG
 * naming an unknown one, or any in the program itself (argv[0]). Braces around anything but [a-z_]+ are text. */
bool argv_check(char *const *argv, struct diag *diag) __attribute__((warn_unused_result));

/* The first of NAMES (NULL-terminated) that a template in ARGV uses; NULL: none. */
const char *argv_uses(char *const *argv, const char *const *names);

/* The first argument that only a shell would take for more than text (&&, |, >, $NAME, ~/…), and that therefore does not
 * do what was meant; NULL: none. */
const char *argv_shell_word(char *const *argv);

#endif
