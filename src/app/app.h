/* The daemon: builds every part from the settings, connects them, runs until told to stop. Wiring, no behaviour. */
#ifndef APP_APP_H
#define APP_APP_H

#include "auth/keyring.h"
#include "base/diag.h"
#include "settings/settings.h"

/* Runs the daemon. KEYS are taken over. RELOAD_KEYS reads them anew on SIGHUP and when their file changed: fresh
 * keys, or NULL with DIAG (the old ones stay). Returns an exit code: 0 told to stop, 1 it could not start (DIAG). */
int app_run(const struct settings *settings, struct keyring *keys,
            struct keyring *(*reload_keys)(const struct settings *settings, struct diag *diag), struct diag *diag);

#endif
