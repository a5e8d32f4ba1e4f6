/* The daemon: builds every part from the settings, connects them, runs until told to stop. Wiring, no behaviour. */
#ifndef APP_APP_H
#define APP_APP_H

#include "auth/keyring.h"
#include "base/diag.h"
#include "settings/settings.h"

/* Runs the daemon, with KEYS taken over (SIGHUP and a change of their file read them again). SETTINGS are read again from
 * PLACE for SIGHUP. Returns an exit code: 0 told to stop, 1 it could not start (DIAG). */
int app_run(struct settings *settings, const struct settings_place *place, struct keyring *keys, struct diag *diag);

#endif
