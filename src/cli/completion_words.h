/* What the scripts for bash and zsh both ask of the table of commands. */
#ifndef CLI_COMPLETION_WORDS_H
#define CLI_COMPLETION_WORDS_H

#include <stdbool.h>

/* VALUE is what --help calls the value of an option or the arguments of a command ("FILE|-"), or NULL. */
bool completion_wants_file(const char *value);
/* ARGUMENTS is a choice of words: "man|settings". */
bool completion_is_choice(const char *arguments);

#endif
