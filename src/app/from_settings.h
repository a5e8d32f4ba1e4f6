/* The settings as options of the parts: for the daemon, and for the commands that must decide as it does. */
#ifndef APP_FROM_SETTINGS_H
#define APP_FROM_SETTINGS_H

#include "bridge/bridge.h"
#include "settings/settings.h"
#include "source/source.h"

/* Borrows the settings' strings. */
struct bridge_options bridge_options_from(const struct settings *settings);

/* Where rules and agents come from, with the defaults that agents inherit and a look for their executables. Fills
 * RET_COMMAND with SIP_AGENT_COMMAND split (free it with argv_free after the source) or NULL, and borrows the rest.
 * False with DIAG for a bad SIP_AGENT_COMMAND. */
bool source_options_from(const struct settings *settings, struct source_options *ret_options, char ***ret_command,
                         struct diag *diag) __attribute__((warn_unused_result));

#endif
