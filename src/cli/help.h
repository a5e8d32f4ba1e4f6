/* Help for people at a terminal, from the tables of commands and settings. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* `sipbridge` alone: the commands. */
void help_brief(const struct cli *cli, struct buf *out);
/* `sipbridge --help`: the commands and the settings. */
void help_program(const struct cli *cli, struct buf *out);
/* `sipbridge COMMAND --help`. */
void help_command(const struct cli *cli, struct buf *out);
/* The options that every command has (--env-file, unless it reads no settings; --help), behind its own. */
const struct cli_option *help_common_options(const struct cli_command *command, size_t *ret_count);
/* "[OPTION...] ARGUMENTS" or "VERB ..." after a command's name. */
void help_synopsis(const struct cli_command *command, struct buf *out);
/* Prints TEXT, broken at blanks into lines of the terminal's width after INDENT blanks, the first of which are there
 * already; on one line elsewhere, and where the terminal is too narrow for it. */
void help_print(const char *text, size_t indent);

#endif
