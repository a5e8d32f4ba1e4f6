/* Listening sockets: from an address as people write it to a bound, listening, non-blocking fd. No HTTP here. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/diag.h"

enum listen_kind { LISTEN_TCP, LISTEN_UNIX, LISTEN_FD };

/* What an address text says. */
struct listen_address {
    enum listen_kind kind;
    bool any; /* TCP on every address, IPv4 and IPv6 */
    int fd;   /* LISTEN_FD */
    socklen_t length;
    union {
        struct sockaddr base;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } at;
};

/* Forms: "127.0.0.1:8790", "[::1]:8790", ":8790" (every address), "unix:/path", "fd:3". Pure. */
bool listen_parse(const char *text, struct listen_address *ret_address, struct diag *diag)
    __attribute__((warn_unused_result));

/* Whether TEXT is "fd:N" of a socket that only this machine can connect to: unix, or on a loopback address. */
bool listen_fd_is_local(const char *text);

/* Who may connect to a unix socket. */
struct listen_access {
    unsigned mode;     /* 0660 … */
    const char *group; /* name, or NULL: the process's own */
};

struct listen_socket {
    int fd;   /* -1: closed */
    int port; /* 0 for unix sockets */
    bool local;
    char *path;       /* of a unix socket that we made, else NULL */
    struct stat made; /* what we made there */
};

/* False with DIAG (where = the address): in use and by whom, no permission, no such group, not a socket … The
 * file of a unix socket on which nobody listens any more is replaced. */
bool listen_open(const char *text, const struct listen_access *access, struct listen_socket *ret_socket,
                 struct diag *diag) __attribute__((warn_unused_result));
/* Removes the unix socket's file too, unless it is no longer as we made it: another process has its own there. */
void listen_close(struct listen_socket *socket);

#endif
