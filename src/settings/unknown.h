/* Names that look like settings but are none: most likely a slip of the pen. */
#ifndef SETTINGS_UNKNOWN_H
#define SETTINGS_UNKNOWN_H

#include "base/diag.h"
#include "base/slice.h"

/* Whether NAME, which is no setting, is worth a warning: it begins with SIP_ or LIVEKIT_ and is nothing that agents
 * are given. DIAG then says so, with the nearest known name. */
bool unknown_name(struct slice name, struct diag *ret_diag);

#endif
