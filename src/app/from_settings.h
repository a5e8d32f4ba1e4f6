/* The settings as options of the parts: for the daemon, and for the commands that must decide as it does. */
#ifndef APP_FROM_SETTINGS_H
#define APP_FROM_SETTINGS_H

#include "base/log.h"
#include "bridge/bridge.h"
#include "http/server.h"
#include "livekit/api.h"
#include "settings/settings.h"
#include "source/source.h"

struct log_options log_options_from(const struct settings *settings);

/* Of the files that this process may open now, connections get a part: agents and the journal need theirs, whoever
 * connects. */
struct http_limits http_limits_from(const struct settings *settings);

/* Borrows the settings' strings. */
struct bridge_options bridge_options_from(const struct settings *settings);

/* Whether LiveKit's API shall be called: LIVEKIT_API_URL is not "off". */
bool livekit_is_wanted(const struct settings *settings);
/* A client of it, with BASE's loop, keys, on_contact … NULL with DIAG: not wanted, a bad URL, no libcurl. For
 * livekit_free. */
struct livekit_api *livekit_from_settings(const struct settings *settings, const struct livekit_options *base,
                                          struct diag *diag) __attribute__((warn_unused_result));

/* Where rules and agents come from, with the defaults that agents inherit and a look for their executables. Fills
 * RET_COMMAND with SIP_AGENT_COMMAND split (free it with argv_free after the source) or NULL, and borrows the rest. */
void source_options_from(const struct settings *settings, struct source_options *ret_options, char ***ret_command);

#endif
