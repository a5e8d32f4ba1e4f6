/* The settings' keys as a keyring. */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include "auth/keyring.h"
#include "settings/settings.h"

/* LIVEKIT_API_KEY first (it signs), then those of LIVEKIT_KEYS, read from its file if it names one. NULL with DIAG
 * when a key is no key, the file cannot be read, or there is none at all. For keyring_free. */
struct keyring *keys_load(const struct settings *settings, struct diag *diag) __attribute__((warn_unused_result));

/* The same for the daemon: a bridge that is switched off need not know any key. */
struct keyring *keys_of_daemon(const struct settings *settings, struct diag *diag) __attribute__((warn_unused_result));

#endif
