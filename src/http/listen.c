/* Parsing is pure; opening goes by kind: TCP, unix socket, or an fd that was handed over. */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "http/owner.h"

#define BACKLOG 1024
#define RECEIVE_BYTES (256 * 1024) /* how much one connection can make the server read at a time */
#define GROUP_LEAST ((size_t)4096)
#define GROUP_MOST ((size_t)16 * 1024 * 1024)
#define FORMS "; right would be 127.0.0.1:8790, [::1]:8790, :8790, unix:/run/sipbridge/http.sock or fd:3"

static bool parse_number(const char *text, int64_t limit, int64_t *ret_value) {
    int64_t value;
    if (!text_int64(slice_of(text), &value) || value < 0 || value > limit || text[0] == '-') {
        return false;
    }
    *ret_value = value;
    return true;
}

static bool parse_unix(const char *text, const char *path, struct listen_address *ret_address, struct diag *diag) {
    size_t length = strlen(path);
    if (path[0] != '/') {
        return diag_fail(diag, text, "the path of a unix socket must begin with / (unix:/run/sipbridge/http.sock)");
    }
    if (length >= sizeof ret_address->at.local.sun_path) {
        return diag_fail(diag, text, "the path has %zu bytes; a unix socket's may have at most %zu", length,
                         sizeof ret_address->at.local.sun_path - 1);
    }
    *ret_address = (struct listen_address){.kind = LISTEN_UNIX, .length = sizeof ret_address->at.local};
    ret_address->at.local.sun_family = AF_UNIX;
    memcpy(ret_address->at.local.sun_path, path, length + 1);
    return true;
}

static bool parse_fd(const char *text, const char *number, struct listen_address *ret_address, struct diag *diag) {
    int64_t fd;
    if (!parse_number(number, INT16_MAX, &fd)) {
        return diag_fail(diag, text, "after fd: comes the number of an open file, such as fd:3");
    }
    *ret_address = (struct listen_address){.kind = LISTEN_FD, .fd = (int)fd};
    return true;
}

static void set_v4(struct listen_address *address, struct in_addr host, in_port_t port) {
    address->at.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = host, .sin_port = port};
    address->length = sizeof address->at.v4;
}

static void set_v6(struct listen_address *address, struct in6_addr host, in_port_t port) {
    address->at.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = host, .sin6_port = port};
    address->length = sizeof address->at.v6;
}

static bool parse_host(const char *host, in_port_t port, struct listen_address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    size_t length = strlen(host);
    if (length == 0) {
        address->any = true;
        set_v6(address, in6addr_any, port);
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        set_v4(address, v4, port);
        return true;
    }
    if (length < 3 || length > INET6_ADDRSTRLEN || host[0] != '[' || host[length - 1] != ']') {
        return false;
    }
    char inner[INET6_ADDRSTRLEN + 1] = "";
    memcpy(inner, host + 1, length - 2);
    if (inet_pton(AF_INET6, inner, &v6) != 1) {
        return false;
    }
    set_v6(address, v6, port);
    return true;
}

static bool parse_tcp(const char *text, struct listen_address *ret_address, struct diag *diag) {
    struct listen_address address = {.kind = LISTEN_TCP};
    const char *colon = strrchr(text, ':');
    int64_t port;
    char host[80] = "";
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        return diag_fail(diag, text, "not an address to listen on" FORMS);
    }
    if (!parse_number(colon + 1, 65535, &port)) {
        return diag_fail(diag, text, "after the last colon comes a port from 0 to 65535" FORMS);
    }
    memcpy(host, text, (size_t)(colon - text));
    if (!parse_host(host, htons((in_port_t)port), &address)) {
        return diag_fail(diag, text, "in front of the port comes an IP address of this machine, not a name" FORMS);
    }
    *ret_address = address;
    return true;
}

bool listen_parse(const char *text, struct listen_address *ret_address, struct diag *diag) {
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(text, text + 5, ret_address, diag);
    }
    if (strncmp(text, "fd:", 3) == 0) {
        return parse_fd(text, text + 3, ret_address, diag);
    }
    return parse_tcp(text, ret_address, diag);
}

/* What went wrong with socket(), bind() or listen(), and what would be right. */
static bool fail_tcp(const char *text, int port, int error, struct diag *diag) {
    char owner[128];
    switch (error) {
    case EADDRINUSE:
        owner_of_port(port, owner, sizeof owner);
        return diag_fail(diag, text, "the port is in use by %s; stop that or choose another port", owner);
    case EACCES:
        return diag_fail(diag, text,
                         "no permission for port %d; below 1024 it takes CAP_NET_BIND_SERVICE, or choose a "
                         "port above",
                         port);
    case EADDRNOTAVAIL:
        return diag_fail(diag, text, "this machine has no such address; :%d listens on every one", port);
    default: return diag_fail(diag, text, "cannot listen: %s", strerror(error));
    }
}

static void option(int fd, int level, int name, int value) {
    (void)setsockopt(fd, level, name, &value, sizeof value); /* each one helps, none is needed */
}

/* The fd, or -1 with errno. */
static int bind_tcp(const struct listen_address *address) {
    cleanup_fd int fd = socket(address->at.base.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
    if (address->at.base.sa_family == AF_INET6) {
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->any ? 0 : 1);
    }
    if (bind(fd, &address->at.base, address->length) != 0 || listen(fd, BACKLOG) != 0) {
        return -1;
    }
    return take_fd(fd);
}

static int bind_any(const struct listen_address *address) {
    int fd = bind_tcp(address);
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) { /* a machine without IPv6 */
        struct listen_address v4 = *address;
        set_v4(&v4, (struct in_addr){htonl(INADDR_ANY)}, address->at.v6.sin6_port);
        return bind_tcp(&v4);
    }
    return fd;
}

static int port_of(int fd) {
    struct listen_address address = {.length = sizeof address.at};
    if (getsockname(fd, &address.at.base, &address.length) != 0) {
        return 0;
    }
    switch (address.at.base.sa_family) {
    case AF_INET: return ntohs(address.at.v4.sin_port);
    case AF_INET6: return ntohs(address.at.v6.sin6_port);
    default: return 0;
    }
}

static bool open_tcp(const char *text, const struct listen_address *address, struct listen_socket *ret_socket,
                     struct diag *diag) {
    int fd = address->any ? bind_any(address) : bind_tcp(address);
    if (fd < 0) {
        bool is_v6 = address->at.base.sa_family == AF_INET6;
        return fail_tcp(text, ntohs(is_v6 ? address->at.v6.sin6_port : address->at.v4.sin_port), errno, diag);
    }
    *ret_socket = (struct listen_socket){.fd = fd, .port = port_of(fd)};
    return true;
}

/* Nobody may connect between bind() and the right mode and owner: the file is born closed to all others. */
static int bind_unix(const struct listen_address *address) {
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    int result = fd >= 0 ? bind(fd, &address->at.base, address->length) : -1;
    int error = errno;
    umask(before);
    errno = error;
    return result == 0 ? take_fd(fd) : -1;
}

/* True when the way is free: nothing there, or the file of a socket that nobody serves any more. */
static bool clear_path(const char *text, const struct listen_address *address, struct diag *diag) {
    const char *path = address->at.local.sun_path;
    struct stat found;
    if (lstat(path, &found) != 0) {
        return true; /* bind() says it better */
    }
    if (!S_ISSOCK(found.st_mode)) {
        return diag_fail(diag, text,
                         "there is a file of that name which is not a socket; remove it or choose another path");
    }
    cleanup_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(probe, &address->at.base, address->length) != 0 && errno == ECONNREFUSED) {
        unlink(path);
        return true;
    }
    char owner[128];
    struct ucred credentials = {.pid = 0};
    socklen_t length = sizeof credentials;
    (void)getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
    owner_of_pid(credentials.pid, owner, sizeof owner);
    return diag_fail(diag, text, "the socket is in use by %s; stop that or choose another path", owner);
}

/* Its members come with it, and there may be thousands. */
static bool find_group(const char *text, const char *name, gid_t *ret_group, struct diag *diag) {
    struct group entry, *found = NULL;
    cleanup_free char *bytes = NULL;
    int error = ERANGE;
    *ret_group = (gid_t)-1;
    if (name == NULL || name[0] == '\0') {
        return true;
    }
    for (size_t size = GROUP_LEAST; error == ERANGE && size <= GROUP_MOST; size *= 4) {
        bytes = xrealloc(bytes, size);
        error = getgrnam_r(name, &entry, bytes, size, &found);
    }
    if (found == NULL) {
        return diag_fail(diag, text, "no group %s for the socket%s%s", name, error != 0 ? ": " : " on this machine",
                         error != 0 ? strerror(error) : "");
    }
    *ret_group = found->gr_gid;
    return true;
}

static bool open_unix(const char *text, const struct listen_address *address, const struct listen_access *access,
                      struct listen_socket *ret_socket, struct diag *diag) {
    const char *path = address->at.local.sun_path;
    gid_t group;
    if (!find_group(text, access->group, &group, diag) || !clear_path(text, address, diag)) {
        return false;
    }
    cleanup_fd int fd = bind_unix(address);
    if (fd < 0) {
        return diag_fail(diag, text, "cannot make the socket: %s", strerror(errno));
    }
    struct stat made;
    if ((group != (gid_t)-1 && lchown(path, (uid_t)-1, group) != 0) || chmod(path, access->mode & 0777) != 0 ||
        lstat(path, &made) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        unlink(path);
        return diag_fail(diag, text, "cannot give the socket mode %03o%s%s: %s", access->mode & 0777U,
                         group != (gid_t)-1 ? " and group " : "", group != (gid_t)-1 ? access->group : "",
                         strerror(error));
    }
    *ret_socket = (struct listen_socket){.fd = take_fd(fd), .local = true, .path = xstrdup(path), .made = made};
    return true;
}

static bool is_loopback(const struct listen_address *address) {
    switch (address->at.base.sa_family) {
    case AF_UNIX: return true;
    case AF_INET: return ntohl(address->at.v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&address->at.v6.sin6_addr);
    default: return false;
    }
}

bool listen_fd_is_local(const char *text) {
    struct listen_address address = {.kind = LISTEN_TCP};
    struct listen_address bound = {.length = sizeof bound.at};
    struct diag diag;
    return strncmp(text, "fd:", 3) == 0 && listen_parse(text, &address, &diag) &&
           getsockname(address.fd, &bound.at.base, &bound.length) == 0 && is_loopback(&bound);
}

static bool open_fd(const char *text, int fd, struct listen_socket *ret_socket, struct diag *diag) {
    int value = 0, family = 0;
    socklen_t length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) != 0) {
        return diag_fail(diag, text, "no socket was handed over as fd %d: %s", fd, strerror(errno));
    }
    length = sizeof family;
    if (value == 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) {
        return diag_fail(diag, text, "fd %d is a socket, but not a listening stream socket", fd);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return diag_fail(diag, text, "fd %d cannot be made ready: %s", fd, strerror(errno));
    }
    *ret_socket = (struct listen_socket){.fd = fd, .port = port_of(fd), .local = family == AF_UNIX};
    return true;
}

bool listen_open(const char *text, const struct listen_access *access, struct listen_socket *ret_socket,
                 struct diag *diag) {
    struct listen_address address;
    if (!listen_parse(text, &address, diag)) {
        return false;
    }
    switch (address.kind) {
    case LISTEN_UNIX: return open_unix(text, &address, access, ret_socket, diag);
    case LISTEN_FD: return open_fd(text, address.fd, ret_socket, diag);
    case LISTEN_TCP: break;
    }
    return open_tcp(text, &address, ret_socket, diag);
}

/* Inode numbers are used again at once; with the time of the last change it is the same file. */
static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void listen_close(struct listen_socket *socket) {
    struct stat found;
    if (socket->fd >= 0) {
        close(socket->fd);
    }
    if (socket->path != NULL && lstat(socket->path, &found) == 0 && is_same(&found, &socket->made)) {
        unlink(socket->path);
    }
    free(socket->path);
    *socket = (struct listen_socket){.fd = -1};
}
