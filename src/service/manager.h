/* The service manager (systemd, or what speaks its protocol): what it gave us at the start, by variables of the
 * environment, and what it is told, in datagrams. Nothing is there without one, and then nothing is told. */
#ifndef SERVICE_MANAGER_H
#define SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/diag.h"

enum { MANAGER_MAX_SOCKETS = 16, MANAGER_FIRST_FD = 3, MANAGER_NAME_SIZE = 64 };

/* A listening socket that was handed over (LISTEN_FDS). */
struct manager_socket {
    int fd;
    char name[MANAGER_NAME_SIZE]; /* FileDescriptorName= of its unit, "" when not told */
    char address[16];             /* "fd:3" */
};

struct manager {
    int fd; /* -1: nobody is told (NOTIFY_SOCKET) */
    struct sockaddr_un to;
    socklen_t to_size;
    int64_t watchdog_us; /* WATCHDOG_USEC; 0: none wanted */
    struct manager_socket sockets[MANAGER_MAX_SOCKETS];
    unsigned socket_count;
};

/* ENVIRONMENT is a NULL-terminated list of NAME=VALUE. What is meant for another process (LISTEN_PID, WATCHDOG_PID) is
 * left alone; what is ours will not be inherited by children. False with DIAG for what cannot be understood: to go on
 * without it would be to listen nowhere, or to be ended for a silence. Close it in either case. */
bool manager_open(struct manager *manager, char *const *environment, struct diag *diag)
    __attribute__((warn_unused_result));
/* Leaves the handed-over sockets to who listens on them. */
void manager_close(struct manager *manager);

/* Sends lines such as "READY=1". False: it could not be taken now, and nobody waits for that. True without a manager. */
bool manager_tell(const struct manager *manager, const char *lines);

#endif
