/* What single values must look like: URLs, addresses, paths, names. */
#include "settings/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/argv.h"
#include "base/limit.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

enum {
    SECRET_MAX = 1024,
    KEY_NAME_MAX = 63,
    SOCKET_PATH_MAX = 107,
    URL_MAX = 2048,
    HOST_MAX = 253,
    REDIS_MAX_DB = 1 << 20
};

static bool starts(const char *value, const char *prefix) {
    return strncmp(value, prefix, strlen(prefix)) == 0;
}

/* Printable ASCII without blanks. */
static bool is_plain(const char *value) {
    for (; *value != '\0'; value++) {
        if (*value <= ' ' || *value > '~') {
            return false;
        }
    }
    return true;
}

static bool has_host(const char *value) {
    const char *host = strstr(value, "://") + strlen("://");
    return *host != '\0' && strchr("/:?#", *host) == NULL;
}

static bool check_host_there(const char *value, const char *prefix, struct diag *diag) {
    return has_host(value) || diag_fail(diag, NULL, "has no host: write for example %slivekit.example.com", prefix);
}

bool check_livekit_url(const char *value, struct diag *diag) {
    if (!is_plain(value) || strlen(value) > URL_MAX) {
        return diag_fail(diag, NULL, "is not a URL: write for example wss://livekit.example.com");
    }
    if (starts(value, "ws://")) {
        return check_host_there(value, "ws://", diag);
    }
    if (starts(value, "wss://")) {
        return check_host_there(value, "wss://", diag);
    }
    return diag_fail(diag, NULL, "must begin with ws:// or wss://");
}

/* ELSE_WHAT: what the value may be instead of a URL, as the end of the sentence. */
static bool check_http_url(const char *value, const char *example, const char *else_what, struct diag *diag) {
    if (!is_plain(value) || strlen(value) > URL_MAX) {
        return diag_fail(diag, NULL, "is not a URL: write for example %s", example);
    }
    if (!starts(value, "http://") && !starts(value, "https://")) {
        return diag_fail(diag, NULL, "must begin with http:// or https://%s", else_what);
    }
    return has_host(value) || diag_fail(diag, NULL, "has no host: write for example %s", example);
}

bool check_base_url(const char *value, struct diag *diag) {
    const char *host = strstr(value, "://") + strlen("://");
    bool has_user = memchr(host, '@', strcspn(host, "/?#")) != NULL;
    return (!has_user && strpbrk(host, "?#\\") == NULL) ||
           diag_fail(diag, NULL, "must be scheme, host, port and path only: no user name, query or fragment");
}

bool check_api_url(const char *value, struct diag *diag) {
    return strcmp(value, "off") == 0 ||
           (check_http_url(value, "http://127.0.0.1:7880", " (or be off)", diag) && check_base_url(value, diag));
}

bool check_stimm_url(const char *value, struct diag *diag) {
    return check_http_url(value, "http://127.0.0.1:8001", "", diag) && check_base_url(value, diag);
}

bool check_key_name(const char *value, struct diag *diag) {
    if (!is_plain(value) || strchr(value, ':') != NULL || strlen(value) > KEY_NAME_MAX) {
        return diag_fail(diag, NULL, "is not an API key: 1 to %d printable characters without blanks and ':'",
                         KEY_NAME_MAX);
    }
    return true;
}

bool check_secret(const char *value, struct diag *diag) {
    if (strlen(value) > SECRET_MAX) {
        return diag_fail(diag, NULL, "is %zu bytes long: at most %d", strlen(value), SECRET_MAX);
    }
    return true;
}

static bool check_port(struct slice port, int least, struct diag *diag) {
    int64_t number;
    if (!text_int64(port, &number) || number < least || number > 65535 || port.p[0] == '-') {
        return diag_fail(diag, NULL, "has no port from %d to 65535 after its ':'", least);
    }
    return true;
}

static bool is_redis_database(struct slice text) {
    int64_t number;
    return text_int64(text, &number) && number >= 0 && number <= REDIS_MAX_DB;
}

/* REST: [/database][?db=N] */
static bool check_redis_rest(const char *rest, struct diag *diag) {
    size_t path = strcspn(rest, "?#");
    const char *query = rest + path;
    bool good = (path <= 1 || is_redis_database((struct slice){rest + 1, path - 1})) &&
                (*query == '\0' || (starts(query, "?db=") && is_redis_database(slice_of(query + strlen("?db=")))));
    return good || diag_fail(diag, NULL, "must end after the port or with /database, a number");
}

/* host[:port][/database][?db=N], after the user and password. */
static bool check_redis_server(const char *server, struct diag *diag) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:";
    bool is_bracketed = server[0] == '[';
    const char *host = server + is_bracketed, *end = host + strcspn(host, is_bracketed ? "]" : ":/?#");
    const char *rest = end + (is_bracketed && *end == ']');
    if (end == host || end - host > HOST_MAX || strspn(host, letters) < (size_t)(end - host) ||
        (is_bracketed && rest == end) || (*rest != '\0' && strchr(":/?#", *rest) == NULL)) {
        return diag_fail(diag, NULL, "has no host: write redis://[user:password@]host[:port][/database]");
    }
    if (*rest == ':') {
        size_t size = strcspn(rest + 1, "/?#");
        if (!check_port((struct slice){rest + 1, size}, 1, diag)) {
            return false;
        }
        rest += 1 + size;
    }
    return check_redis_rest(rest, diag);
}

/* How many bytes TEXT has once its %XX are decoded; SIZE_MAX where a '%' is none, or NUL. */
static size_t decoded_size(struct slice text) {
    size_t size = text.n;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '%') {
            continue;
        }
        if (text.n - i <= 2 || isxdigit((unsigned char)text.p[i + 1]) == 0 ||
            isxdigit((unsigned char)text.p[i + 2]) == 0 || memcmp(&text.p[i + 1], "00", 2) == 0) {
            return SIZE_MAX;
        }
        size -= 2;
    }
    return size;
}

/* TEXT: what stands before the '@'. */
static bool check_redis_user(struct slice text, struct diag *diag) {
    const char *colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
    if (text.n > 0 && colon != text.p && (colon == NULL || colon == text.p + text.n - 1)) {
        return diag_fail(diag, NULL, "names a user without a password: write user:password@ or :password@");
    }
    return decoded_size(text) != SIZE_MAX ||
           diag_fail(diag, NULL, "has a %% in its user or password: write it as %%25");
}

/* PLACE: what stands behind the scheme. */
static bool check_redis_place(const char *place, bool is_socket, struct diag *diag) {
    size_t at = strcspn(place, "/?#");
    while (at > 0 && place[at - 1] != '@') {
        at--;
    }
    if (at > 0 && !check_redis_user((struct slice){place, at - 1}, diag)) {
        return false;
    }
    place += at;
    if (!is_socket) {
        return check_redis_server(place, diag);
    }
    size_t path = strcspn(place, "?#");
    if (path < 2 || place[0] != '/') {
        return diag_fail(diag, NULL, "must name an absolute path: unix:///run/redis.sock");
    }
    if (decoded_size((struct slice){place, path}) > SOCKET_PATH_MAX) {
        return diag_fail(diag, NULL, "must name a path of at most %d bytes, a %% in it written as %%25",
                         SOCKET_PATH_MAX);
    }
    return check_redis_rest(place + path, diag);
}

/* As redis/redis_url.h reads it, but for its scheme in capitals: what is good here must not stop a start. */
bool check_redis_url(const char *value, struct diag *diag) {
    if (!is_plain(value) || strlen(value) > URL_MAX) {
        return diag_fail(diag, NULL, "is not a URL: write redis://[user:password@]host[:port][/database]");
    }
    if (starts(value, "rediss://")) {
        return diag_fail(diag, NULL,
                         "asks for TLS, which is not built in: run stunnel beside sipbridge and give its local address "
                         "as redis://127.0.0.1:6379");
    }
    bool is_socket = starts(value, "unix://") || starts(value, "redis+unix://");
    if (!is_socket && !starts(value, "redis://")) {
        return diag_fail(diag, NULL, "must begin with redis:// or unix://");
    }
    return check_redis_place(strstr(value, "://") + strlen("://"), is_socket, diag);
}

bool check_env_globs(const char *value, struct diag *diag) {
    for (const char *p = value; *p != '\0'; p++) {
        bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '_' || *p == '*' || *p == '?';
        if (!letter && !(*p >= '0' && *p <= '9')) {
            return diag_fail(diag, NULL, "is not a variable's name: letters, digits, _ and the wildcards * and ?");
        }
    }
    return true;
}

bool check_absolute(const char *value, struct diag *diag) {
    return value[0] == '/' || diag_fail(diag, NULL, "must be an absolute path, one that begins with /");
}

bool check_cgroup(const char *value, struct diag *diag) {
    return value[0] == '/' || strcmp(value, "off") == 0 ||
           diag_fail(diag, NULL, "must be the absolute path of a control group's directory, or off");
}

static bool check_unix(const char *path, struct diag *diag) {
    if (path[0] != '/') {
        return diag_fail(diag, NULL, "must name an absolute path: unix:/run/sipbridge/http.sock");
    }
    if (strlen(path) > SOCKET_PATH_MAX) {
        return diag_fail(diag, NULL, "is too long for a socket: its path may have %d bytes", SOCKET_PATH_MAX);
    }
    return true;
}

static bool is_address(struct slice host) {
    unsigned char bytes[sizeof(struct in6_addr)];
    bool brackets = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    cleanup_free char *text = brackets ? xmemdup(host.p + 1, host.n - 2) : xmemdup(host.p, host.n);
    return host.n == 0 || inet_pton(brackets ? AF_INET6 : AF_INET, text, bytes) == 1;
}

bool check_listen(const char *value, struct diag *diag) {
    if (starts(value, "unix:")) {
        return check_unix(value + strlen("unix:"), diag);
    }
    if (starts(value, "fd:")) {
        int64_t fd;
        return (text_int64(slice_of(value + strlen("fd:")), &fd) && fd >= 3 && fd < 1024) ||
               diag_fail(diag, NULL, "must name an inherited descriptor from 3 up: fd:3");
    }
    const char *colon = strrchr(value, ':');
    if (colon == NULL || !is_address((struct slice){value, (size_t)(colon - value)})) {
        return diag_fail(diag, NULL, "is not address:port: write 127.0.0.1:8790, [::1]:8790, :8790 or unix:/path");
    }
    return check_port(slice_of(colon + 1), 0, diag);
}

bool check_url_path(const char *value, struct diag *diag) {
    if (value[0] != '/' || !is_plain(value) || strpbrk(value, "?#") != NULL) {
        return diag_fail(diag, NULL, "must be the path of a URL, one that begins with / and has no ? or #");
    }
    return true;
}

bool check_limit(const char *value, struct diag *diag) {
    struct process_limit limit;
    return limit_parse(value, &limit, diag);
}

bool check_command(const char *value, struct diag *diag) {
    struct diag why = {0};
    char **argv = argv_split(slice_of(value), &why);
    bool good = argv != NULL && argv_check(argv, &why);
    argv_free(argv);
    return good || diag_fail(diag, NULL, "cannot be a command: %s", why.what);
}
