/* The calls, ended ones too, whose agents' output is there to be read. */
#ifndef CLI_CALLS_KEPT_H
#define CLI_CALLS_KEPT_H

#include "cli/cli.h"

/* A table of the newest on standard output; a sentence when there is none in DIRECTORY. */
void calls_kept_print(const char *directory);

#endif
