/* What single values must look like: URLs, addresses, paths, names. */
#include "settings/check.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/argv.h"
#include "base/limit.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

enum { SECRET_MAX = 1024, KEY_NAME_MAX = 63, SOCKET_PATH_MAX = 107, URL_MAX = 2048 };

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
    return *host != '\0' && *host != '/' && *host != ':';
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

bool check_api_url(const char *value, struct diag *diag) {
    return strcmp(value, "off") == 0 || check_http_url(value, "http://127.0.0.1:7880", " (or be off)", diag);
}

bool check_stimm_url(const char *value, struct diag *diag) {
    if (!check_http_url(value, "http://127.0.0.1:8001", "", diag)) {
        return false;
    }
    const char *host = strstr(value, "://") + strlen("://");
    bool has_user = memchr(host, '@', strcspn(host, "/?#")) != NULL;
    return (!has_user && strpbrk(host, "?#\\") == NULL) ||
           diag_fail(diag, NULL, "must be scheme, host, port and path only: no user name, query or fragment");
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

static bool check_port(struct slice port, struct diag *diag) {
    int64_t number;
    if (!text_int64(port, &number) || number < 0 || number > 65535 || port.p[0] == '-') {
        return diag_fail(diag, NULL, "has no port from 0 to 65535 after its ':'");
    }
    return true;
}

/* host[:port][/database], after the user and password. */
static bool check_redis_server(const char *server, struct diag *diag) {
    size_t host_size = server[0] == '[' ? strcspn(server, "]") + 1 : strcspn(server, ":/?");
    const char *rest = server + (host_size <= strlen(server) ? host_size : strlen(server));
    if (host_size == 0 || *server == '\0') {
        return diag_fail(diag, NULL, "has no host: write redis://[user:password@]host[:port][/database]");
    }
    if (*rest == ':') {
        size_t size = strcspn(rest + 1, "/");
        if (!check_port((struct slice){rest + 1, size}, diag)) {
            return false;
        }
        rest += 1 + size;
    }
    int64_t database;
    if (*rest == '\0' || strcmp(rest, "/") == 0 || (*rest == '/' && text_int64(slice_of(rest + 1), &database))) {
        return true;
    }
    return diag_fail(diag, NULL, "must end after the port or with /database, a number");
}

bool check_redis_url(const char *value, struct diag *diag) {
    if (!is_plain(value) || strlen(value) > URL_MAX) {
        return diag_fail(diag, NULL, "is not a URL: write redis://[user:password@]host[:port][/database]");
    }
    if (starts(value, "rediss://")) {
        return diag_fail(diag, NULL,
                         "asks for TLS, which is not built in: run stunnel beside sipbridge and give its local address "
                         "as redis://127.0.0.1:6379");
    }
    if (starts(value, "unix:///") || starts(value, "redis+unix:///")) {
        return true;
    }
    if (starts(value, "unix://") || starts(value, "redis+unix://")) {
        return strstr(value, "@/") != NULL ||
               diag_fail(diag, NULL, "must name an absolute path: unix:///run/redis.sock");
    }
    if (!starts(value, "redis://")) {
        return diag_fail(diag, NULL, "must begin with redis:// or unix://");
    }
    const char *server = value + strlen("redis://");
    const char *at = strrchr(server, '@');
    return check_redis_server(at != NULL ? at + 1 : server, diag);
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
    return check_port(slice_of(colon + 1), diag);
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
