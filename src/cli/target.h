/* Where a command's HTTP requests go: an URL, or an address as SIP_LISTEN and SIP_ADMIN_LISTEN have them. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "base/slice.h"

struct target {
    char *url;         /* for struct http_call */
    char *unix_socket; /* or NULL */
};

/* WHERE is "http://…" or "https://…" (taken as it is), "unix:/path", "host:port", "[::1]:port" or ":port" (this
 * machine); to the latter PATH is added. */
void target_init(struct target *target, struct slice where, const char *path);
void target_release(struct target *target);

#endif
