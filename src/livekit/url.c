/* LIVEKIT_URL as people write it, to where the API is. */
#include <string.h>

#include "base/mem.h"
#include "livekit/api.h"

static const char *rest_of(const char *url, const char **ret_scheme) {
    static const struct {
        const char *from, *to;
    } schemes[] = {{"ws://", "http://"}, {"wss://", "https://"}, {"http://", "http://"}, {"https://", "https://"}};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t size = strlen(schemes[i].from);
        if (strncasecmp(url, schemes[i].from, size) == 0) {
            *ret_scheme = schemes[i].to;
            return url + size;
        }
    }
    return NULL;
}

char *livekit_http_url(const char *livekit_url, struct diag *diag) {
    const char *scheme, *rest = rest_of(livekit_url, &scheme);
    if (rest == NULL) {
        (void)diag_fail(diag, "LIVEKIT_URL", "must begin with ws://, wss://, http:// or https://");
        return NULL;
    }
    size_t host = strcspn(rest, "/?#");
    if (host == 0 || rest[0] == ':') {
        (void)diag_fail(diag, "LIVEKIT_URL", "names no host; such as ws://127.0.0.1:7880");
        return NULL;
    }
    for (const char *at = rest; *at != '\0'; at++) {
        bool is_credentials = *at == '@' && (size_t)(at - rest) < host;
        if (is_credentials || *at == '?' || *at == '#' || *at == '\\' || *at <= ' ' || *at > '~') {
            (void)diag_fail(diag, "LIVEKIT_URL",
                            "must be scheme, host, port and path only, no user name, query, fragment or space");
            return NULL;
        }
    }
    char *url = xasprintf("%s%s", scheme, rest);
    for (size_t n = strlen(url); url[n - 1] == '/'; n--) {
        url[n - 1] = '\0';
    }
    return url;
}
