/* REDIS_URL: redis://[user[:password]@]host[:port][/db] or unix://[user[:password]@]/path[?db=N] (redis+unix://
 * means the same). User, password and path are percent-decoded. Pure; what it says of a wrong URL never quotes
 * the user or the password. */
#ifndef REDIS_REDIS_URL_H
#define REDIS_REDIS_URL_H

#include "base/diag.h"

struct redis_url {
    char *host;     /* name or address without brackets; NULL: a unix socket */
    char *path;     /* the socket; NULL: TCP */
    char *user;     /* NULL: none, AUTH with the password alone */
    char *password; /* NULL: no AUTH */
    unsigned port;
    long db;
    char *label; /* what logs call it: "127.0.0.1:6379", "[::1]:6379", "unix:/run/redis.sock" */
};

/* False with DIAG; RET_URL is untouched then. */
bool redis_url_parse(const char *text, struct redis_url *ret_url, struct diag *diag)
    __attribute__((warn_unused_result));
/* Wipes the password. A zeroed struct is fine. */
void redis_url_release(struct redis_url *url);

#endif
