/* Building the keyring from LIVEKIT_API_KEY, LIVEKIT_API_SECRET and LIVEKIT_KEYS. */
#include "app/keys.h"

#include <string.h>

#include "base/file.h"

enum { KEYS_FILE_MAX = 64 * 1024 };

static bool add_listed(struct keyring *keys, const struct settings *settings, struct diag *diag) {
    const char *path = settings_keys_file(settings);
    if (path == NULL) {
        bool good = keyring_parse(keys, slice_of(settings->livekit_keys), diag);
        if (!good) {
            diag_within(diag, "LIVEKIT_KEYS");
        }
        return good;
    }
    cleanup_buf struct buf text = {0};
    buf_reserve(&text, 2 * KEYS_FILE_MAX); /* it never grows, which would leave the keys where it was before */
    bool good = file_read_regular(path, KEYS_FILE_MAX, &text, diag); /* opening a FIFO would keep the loop */
    if (good && !keyring_parse(keys, buf_slice(&text), diag)) {
        diag_within(diag, path);
        good = false;
    }
    explicit_bzero(text.p, text.cap);
    if (!good) {
        diag_within(diag, "LIVEKIT_KEYS");
    }
    return good;
}

struct keyring *keys_load(const struct settings *settings, struct diag *diag) {
    if (!settings_need_keys(settings, diag)) {
        return NULL;
    }
    struct keyring *keys = keyring_new();
    bool good = true;
    if (settings->livekit_api_key != NULL) {
        good = keyring_add(keys, slice_of(settings->livekit_api_key), slice_of(settings->livekit_api_secret), diag);
    }
    if (good && settings->livekit_keys != NULL) {
        good = add_listed(keys, settings, diag);
    }
    if (good && keyring_count(keys) == 0) {
        good = diag_fail(diag, "LIVEKIT_KEYS", "holds no key: write lines \"key: secret\"");
    }
    if (!good) {
        keyring_free(keys);
        return NULL;
    }
    return keys;
}

struct keyring *keys_of_daemon(const struct settings *settings, struct diag *diag) {
    bool none = settings->livekit_api_key == NULL && settings->livekit_keys == NULL;
    return none && !settings->enabled ? keyring_new() : keys_load(settings, diag);
}
