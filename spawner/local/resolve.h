/* Which file a command is: a look-up in the PATH of the agent's environment, not ours (posix_spawnp would use ours). */
#ifndef SPAWNER_LOCAL_RESOLVE_H
#define SPAWNER_LOCAL_RESOLVE_H

#include "base/diag.h"

/* The absolute path of the file COMMAND runs, given the PATH text and the directory (NULL: ours) that relative parts
 * of either start from. NULL with DIAG: no such directory, not found, not executable. The caller frees it. */
char *resolve_command(const char *command, const char *path, const char *cwd, struct diag *diag);

#endif
