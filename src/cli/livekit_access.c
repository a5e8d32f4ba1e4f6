/* What a command that talks to LiveKit needs, built and taken apart. */
#include "cli/livekit_access.h"

#include "app/from_settings.h"
#include "app/keys.h"

bool livekit_access_open(const struct cli *cli, const struct settings *settings, struct livekit_access *ret_access) {
    struct diag diag = {0};
    *ret_access = (struct livekit_access){.keys = keys_load(settings, &diag)};
    if (ret_access->keys != NULL) {
        ret_access->loop = loop_new();
        const struct livekit_options base = {.loop = ret_access->loop, .keys = ret_access->keys};
        ret_access->api = livekit_from_settings(settings, &base, &diag);
    }
    if (ret_access->api == NULL) {
        (void)cli_fail(cli, &diag);
    }
    return ret_access->api != NULL;
}

void livekit_access_release(struct livekit_access *access) {
    livekit_free(access->api);
    loop_free(access->loop);
    keyring_free(access->keys);
    *access = (struct livekit_access){0};
}
