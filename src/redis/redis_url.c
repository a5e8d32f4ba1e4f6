/* Taking REDIS_URL apart: scheme, credentials, place, database, each with its own message. */
#include "redis/redis_url.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/vault.h"
#include "redis/address.h"

enum { DEFAULT_PORT = 6379, MAX_DB = 1 << 20, MAX_URL = 2048, MAX_HOST = 253 };

static const char where[] = "REDIS_URL";
static const char example[] = "redis://127.0.0.1:6379/0 or unix:///run/redis/redis.sock?db=0";

static struct slice until(struct slice text, const char *stops) {
    for (size_t i = 0; i < text.n; i++) {
        if (strchr(stops, text.p[i]) != NULL) {
            return (struct slice){text.p, i};
        }
    }
    return text;
}

static int hex(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* NULL for a stray '%' or an encoded NUL. */
static char *percent_decode(struct slice text) {
    cleanup_free char *out = xmalloc(text.n + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = text.n - i > 2 ? hex(text.p[i + 1]) : -1;
            int low = text.n - i > 2 ? hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                explicit_bzero(out, length);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[length++] = c;
    }
    out[length] = '\0';
    return take_ptr(out);
}

/* As percent_decode, in memory for secrets. */
static char *decode_secret(struct slice text) {
    char *plain = percent_decode(text);
    if (plain == NULL) {
        return NULL;
    }
    size_t size = strlen(plain);
    char *kept = vault_dup((struct slice){plain, size});
    explicit_bzero(plain, size);
    free(plain);
    return kept;
}

static bool parse_credentials(struct slice text, struct redis_url *url, struct diag *diag) {
    struct slice user = until(text, ":");
    struct slice password = user.n < text.n ? slice_after(text, user.n + 1) : (struct slice){0};
    if (user.n > 0 && password.n == 0) {
        return diag_fail(diag, where, "names a user without a password: write user:password@ or :password@");
    }
    url->user = user.n > 0 ? percent_decode(user) : NULL;
    url->password = password.n > 0 ? decode_secret(password) : NULL;
    if ((user.n > 0 && url->user == NULL) || (password.n > 0 && url->password == NULL)) {
        return diag_fail(diag, where, "a %% in the user or the password must be written as %%25");
    }
    return true;
}

static bool parse_db(struct slice text, struct redis_url *url, struct diag *diag) {
    int64_t db = 0;
    if (!text_int64(text, &db) || db < 0 || db > MAX_DB) {
        return diag_fail(diag, where, "the database must be a number such as 0 or 3");
    }
    url->db = (long)db;
    return true;
}

static bool parse_query(struct slice query, struct redis_url *url, struct diag *diag) {
    if (query.n == 0) {
        return true;
    }
    if (!slice_starts(query, SLICE("?db="))) {
        return diag_fail(diag, where, "after the ? only db=N is understood");
    }
    return parse_db(slice_after(query, 4), url, diag);
}

static bool is_host(struct slice host) {
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool good = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!good && strchr(".-_:", c) == NULL) {
            return false;
        }
    }
    return host.n > 0 && host.n <= MAX_HOST;
}

static bool bad_host(struct diag *diag) {
    return diag_fail(diag, where,
                     "has no host that could be one: like %s; in a password, / ? # @ are written %%2F %%3F %%23 %%40",
                     example);
}

static bool parse_port(struct slice text, struct redis_url *url, struct diag *diag) {
    int64_t port = 0;
    if (!text_int64(text, &port) || port < 1 || port > UINT16_MAX) {
        return diag_fail(diag, where, "the port must be a number from 1 to 65535");
    }
    url->port = (unsigned)port;
    return true;
}

static bool parse_place(struct slice place, struct redis_url *url, struct diag *diag) {
    bool bracketed = place.n > 0 && place.p[0] == '[';
    struct slice host = bracketed ? until(slice_after(place, 1), "]") : until(place, ":");
    size_t used = host.n + (bracketed ? 2 : 0);
    if (!is_host(host) || used > place.n) {
        return bad_host(diag);
    }
    struct slice port = slice_after(place, used);
    url->port = DEFAULT_PORT;
    if (port.n > 0 && port.p[0] != ':') {
        return bad_host(diag);
    }
    if (port.n > 0 && !parse_port(slice_after(port, 1), url, diag)) {
        return false;
    }
    url->host = xmemdup(host.p, host.n);
    url->label = strchr(url->host, ':') != NULL ? xasprintf("[%s]:%u", url->host, url->port)
                                                : xasprintf("%s:%u", url->host, url->port);
    return true;
}

/* The part up to the last '@' of the authority, taken off REST. */
static bool take_credentials(struct slice *rest, struct redis_url *url, struct diag *diag) {
    struct slice authority = until(*rest, "/?#");
    size_t at = authority.n;
    while (at > 0 && authority.p[at - 1] != '@') {
        at--;
    }
    if (at == 0) {
        return true;
    }
    *rest = slice_after(*rest, at);
    return parse_credentials((struct slice){authority.p, at - 1}, url, diag);
}

static bool parse_tcp(struct slice rest, struct redis_url *url, struct diag *diag) {
    if (!take_credentials(&rest, url, diag)) {
        return false;
    }
    struct slice place = until(rest, "/?#");
    if (!parse_place(place, url, diag)) {
        return false;
    }
    rest = slice_after(rest, place.n);
    struct slice path = until(rest, "?#");
    if (path.n > 1 && !parse_db(slice_after(path, 1), url, diag)) {
        return false;
    }
    return parse_query(slice_after(rest, path.n), url, diag);
}

static bool parse_unix(struct slice rest, struct redis_url *url, struct diag *diag) {
    if (!take_credentials(&rest, url, diag)) {
        return false;
    }
    struct slice path = until(rest, "?#");
    if (path.n < 2 || path.p[0] != '/') {
        return diag_fail(diag, where, "a unix socket is named by its whole path, as in unix:///run/redis/redis.sock");
    }
    url->path = percent_decode(path);
    struct address address;
    if (url->path == NULL || !address_of_path(url->path, &address)) {
        return diag_fail(diag, where, "the path of the socket must have at most 107 bytes, a %% written as %%25");
    }
    url->label = xasprintf("unix:%s", url->path);
    return parse_query(slice_after(rest, path.n), url, diag);
}

static bool has_scheme(const char *text, const char *scheme) {
    return strncasecmp(text, scheme, strlen(scheme)) == 0;
}

static bool parse(const char *text, struct redis_url *url, struct diag *diag) {
    static const char *const sockets[] = {"unix://", "redis+unix://"};
    if (strlen(text) > MAX_URL) {
        return diag_fail(diag, where, "is longer than %d bytes", MAX_URL);
    }
    if (has_scheme(text, "rediss://")) {
        return diag_fail(diag, where,
                         "rediss:// (TLS) is not supported: run stunnel beside the bridge and name its "
                         "local end, as in redis://127.0.0.1:6379");
    }
    if (has_scheme(text, "redis://")) {
        return parse_tcp(slice_of(text + strlen("redis://")), url, diag);
    }
    for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
        if (has_scheme(text, sockets[i])) {
            return parse_unix(slice_of(text + strlen(sockets[i])), url, diag);
        }
    }
    return diag_fail(diag, where, "must start with redis:// or unix://, as in %s", example);
}

bool redis_url_parse(const char *text, struct redis_url *ret_url, struct diag *diag) {
    struct redis_url url = {0};
    if (!parse(text, &url, diag)) {
        redis_url_release(&url);
        return false;
    }
    *ret_url = url;
    return true;
}

void redis_url_release(struct redis_url *url) {
    free(url->host);
    free(url->path);
    free(url->user);
    vault_free(url->password);
    free(url->label);
    *url = (struct redis_url){0};
}
