/* Addresses of listeners as URLs that a client on the same machine can use. */
#include "cli/target.h"

#include "base/mem.h"

/* "every address" is nothing to connect to: the loopback is the one that is always there. */
static const char *loopback_for(struct slice host) {
    if (host.n == 0 || slice_is(host, "0.0.0.0") || slice_is(host, "*")) {
        return "127.0.0.1";
    }
    return slice_is(host, "[::]") ? "[::1]" : NULL;
}

void target_init(struct target *target, struct slice where, const char *path) {
    *target = (struct target){NULL, NULL};
    cleanup_free char *text = xmemdup(where.n > 0 ? where.p : "", where.n);
    if (slice_starts(where, SLICE("http://")) || slice_starts(where, SLICE("https://"))) {
        target->url = take_ptr(text);
        return;
    }
    if (slice_starts(where, SLICE("unix:"))) {
        target->unix_socket = xstrdup(text + strlen("unix:"));
        target->url = xasprintf("http://localhost%s", path);
        return;
    }
    const char *colon = strrchr(text, ':');
    struct slice host = {text, colon != NULL ? (size_t)(colon - text) : where.n};
    const char *loopback = loopback_for(host);
    target->url = loopback != NULL && colon != NULL ? xasprintf("http://%s%s%s", loopback, colon, path)
                                                    : xasprintf("http://%s%s", text, path);
}

void target_release(struct target *target) {
    free(target->url);
    free(target->unix_socket);
    *target = (struct target){NULL, NULL};
}
