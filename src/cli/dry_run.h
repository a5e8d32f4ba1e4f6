/* A recording through the real bridge, with a virtual clock, an engine that only says it did, and no network: what
 * would have happened, as lines of event, decision and action. */
#ifndef CLI_DRY_RUN_H
#define CLI_DRY_RUN_H

#include "cli/cli.h"
#include "cli/documents.h"
#include "cli/recording.h"

/* Prints the lines; false (after saying why on standard error) when a webhook of the recording cannot be read. */
bool dry_run(const struct cli *cli, const struct settings *settings, const struct fetch *documents,
             const struct recording *recording);

#endif
