/* The protocol is small, stable and written down (sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3)): this file
 * speaks it, so that no libsystemd with its compression and cryptography is loaded beside the secrets. */
#include "service/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"
#include "base/text.h"

static const char *value_of(char *const *environment, const char *name) {
    size_t size = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=') {
            return *environment + size + 1;
        }
    }
    return NULL;
}

static bool number_of(const char *name, const char *text, int64_t *ret_value, struct diag *diag) {
    if (!text_int64(slice_of(text), ret_value) || *ret_value < 0) {
        return diag_fail(diag, name, "\"%.64s\" is no number: the service manager sets it, nobody else should", text);
    }
    return true;
}

/* Whether NAME, which says for whom its neighbour is, says that it is not for us. */
static bool is_for_another(char *const *environment, const char *name) {
    const char *text = value_of(environment, name);
    int64_t pid;
    return text != NULL && text_int64(slice_of(text), &pid) && pid != getpid();
}

static bool open_notify(struct manager *manager, const char *path, struct diag *diag) {
    size_t size = path != NULL ? strlen(path) : 0;
    if (size == 0) {
        return true;
    }
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof manager->to.sun_path) {
        return diag_fail(diag, "NOTIFY_SOCKET", "\"%.64s\" is neither the path of a unix socket nor an abstract name",
                         path);
    }
    manager->to.sun_family = AF_UNIX;
    memcpy(manager->to.sun_path, path, size + 1);
    if (path[0] == '@') {
        manager->to.sun_path[0] = '\0';
    }
    manager->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (path[0] == '/' ? 1U : 0U));
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return manager->fd >= 0 || diag_fail(diag, "NOTIFY_SOCKET", "no socket can be had: %s", strerror(errno));
}

static bool read_watchdog(struct manager *manager, char *const *environment, struct diag *diag) {
    const char *text = value_of(environment, "WATCHDOG_USEC");
    if (text == NULL || is_for_another(environment, "WATCHDOG_PID")) {
        return true;
    }
    return number_of("WATCHDOG_USEC", text, &manager->watchdog_us, diag);
}

/* The names are a list with colons between them, as long as the list of sockets. */
static void name_socket(struct manager_socket *socket, const char **names) {
    const char *name = *names;
    if (name == NULL) {
        return;
    }
    size_t size = strcspn(name, ":");
    snprintf(socket->name, sizeof socket->name, "%.*s", size < sizeof socket->name ? (int)size : 0, name);
    *names = name[size] == ':' ? name + size + 1 : NULL;
}

static bool take_socket(struct manager *manager, int fd, const char **names, struct diag *diag) {
    struct manager_socket *socket = &manager->sockets[manager->socket_count++];
    socket->fd = fd;
    snprintf(socket->address, sizeof socket->address, "fd:%d", fd);
    name_socket(socket, names);
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ||
           diag_fail(diag, "LISTEN_FDS", "fd %d was announced but is not open: %s", fd, strerror(errno));
}

static bool take_sockets(struct manager *manager, char *const *environment, struct diag *diag) {
    const char *text = value_of(environment, "LISTEN_FDS");
    const char *names = value_of(environment, "LISTEN_FDNAMES");
    int64_t count = 0;
    if (text == NULL || value_of(environment, "LISTEN_PID") == NULL || is_for_another(environment, "LISTEN_PID")) {
        return true;
    }
    if (!number_of("LISTEN_FDS", text, &count, diag)) {
        return false;
    }
    if (count > MANAGER_MAX_SOCKETS) {
        return diag_fail(diag, "LISTEN_FDS", "%lld sockets were handed over; at most %d are taken", (long long)count,
                         MANAGER_MAX_SOCKETS);
    }
    for (int fd = MANAGER_FIRST_FD; fd < MANAGER_FIRST_FD + (int)count; fd++) {
        if (!take_socket(manager, fd, &names, diag)) {
            return false;
        }
    }
    return true;
}

bool manager_open(struct manager *manager, char *const *environment, struct diag *diag) {
    *manager = (struct manager){.fd = -1};
    return open_notify(manager, value_of(environment, "NOTIFY_SOCKET"), diag) &&
           read_watchdog(manager, environment, diag) && take_sockets(manager, environment, diag);
}

void manager_close(struct manager *manager) {
    if (manager->fd >= 0) {
        close(manager->fd);
    }
    manager->fd = -1;
}

bool manager_tell(const struct manager *manager, const char *lines) {
    if (manager->fd < 0) {
        return true;
    }
    size_t size = strlen(lines);
    return sendto(manager->fd, lines, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&manager->to,
                  manager->to_size) == (ssize_t)size;
}
