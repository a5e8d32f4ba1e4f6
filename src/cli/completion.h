/* Completion of sipbridge's command line in shells, from the table of commands: the scripts that bash and zsh load. They
 * know commands, verbs, options, where a file is wanted and where one of a few words is; they run no sipbridge. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli/cli.h"

void completion_bash(const struct cli *cli, struct buf *out);
void completion_zsh(const struct cli *cli, struct buf *out);

#endif
