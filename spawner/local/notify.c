/* Notify sockets. Any process of ours may be the sender (`uv run` notifies from a grandchild that is gone before
 * we read), so the sender's pid says nothing; its user must be the agents', ours or root, since an abstract socket has
 * no mode. Agents of another user get an abstract one: our directory is closed to them. */
#include "spawner/local/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "spawner/local/entries.h"

enum { NAME_LENGTH = 16, DATAGRAM_MAX = 4096, DATAGRAMS_A_TURN = 16, DATAGRAMS_LEFT = 1024 };

static socklen_t make_address(struct notify *notify, const char *directory, const char *instance,
                              struct sockaddr_un *ret_address) {
    struct sockaddr_un *address = ret_address;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s/%.*s", directory, NAME_LENGTH, instance);
    if (length > 0 && (size_t)length < sizeof address->sun_path && notify->sender == geteuid()) {
        notify->name = xstrdup(address->sun_path);
        return (socklen_t)sizeof *address;
    }
    notify->name = xasprintf("@sipbridge-%s", instance);
    size_t name_length = strlen(notify->name);
    memcpy(address->sun_path, notify->name, name_length);
    address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length);
}

static void remove_file(const struct notify *notify) {
    if (notify->name[0] != '@') {
        unlink(notify->name);
    }
}

static void forget_name(struct notify *notify) {
    free(take_ptr(notify->name));
}

static bool says_ready(struct slice text) {
    const char *at = text.p, *end = text.p + text.n;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        if (slice_is((struct slice){at, (size_t)(stop - at)}, "READY=1")) {
            return true;
        }
        at = stop + 1;
    }
    return false;
}

static bool is_ours(const struct notify *notify, struct msghdr *message) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(part), sizeof sender);
            return sender.uid == notify->sender || sender.uid == geteuid() || sender.uid == 0;
        }
    }
    return false;
}

/* One datagram; false when none waits. MSG_CTRUNC: file descriptors sent along are refused by the small buffer. */
static bool receive(struct notify *notify, bool *ret_ready) {
    char text[DATAGRAM_MAX];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {text, sizeof text};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t size = recvmsg(notify->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        return false;
    }
    bool whole = (message.msg_flags & MSG_TRUNC) == 0;
    *ret_ready = whole && is_ours(notify, &message) && says_ready((struct slice){text, (size_t)size});
    return true;
}

void notify_drain(struct notify *notify) {
    bool ready = false;
    for (int i = 0; i < DATAGRAMS_A_TURN && notify->fd >= 0 && receive(notify, &ready); i++) {
        if (ready && !notify->told) {
            notify->told = true;
            notify->on_ready(notify);
        }
    }
}

static void on_readable(struct watcher *watcher, uint32_t events) {
    (void)events;
    notify_drain(container_of(watcher, struct notify, watcher));
}

/* Throws away what was sent to it under its former names; false when that does not end. */
static bool empty(struct notify *notify) {
    bool ready;
    for (int i = 0; i < DATAGRAMS_LEFT; i++) {
        if (!receive(notify, &ready)) {
            return true;
        }
    }
    return false;
}

static void remove_spare(struct notify_spare *spare) {
    unlink(spare->name);
    close(take_fd(spare->fd));
}

static bool take_spare(struct notify *notify, struct notify_spares *spares) {
    if (notify->name[0] == '@' || spares->count == 0) {
        return false;
    }
    struct notify_spare *spare = &spares->list[--spares->count];
    notify->fd = spare->fd;
    if (rename(spare->name, notify->name) == 0 && empty(notify)) {
        return true;
    }
    remove_file(notify);
    remove_spare(spare);
    notify->fd = -1;
    return false;
}

static bool bind_new(struct notify *notify, const struct sockaddr_un *address, socklen_t size, struct diag *diag) {
    int one = 1;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0) {
        return diag_fail(diag, "NOTIFY_SOCKET", "no socket for it: %m");
    }
    remove_file(notify);
    setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    if (bind(notify->fd, (const struct sockaddr *)address, size) == 0) {
        return true;
    }
    int error = errno;
    close(take_fd(notify->fd));
    errno = error;
    return diag_fail(diag, "NOTIFY_SOCKET", "%s cannot be made: %m", notify->name);
}

bool notify_start(struct notify *notify, const struct notify_place *place, const char *instance, struct diag *diag) {
    struct sockaddr_un address;
    socklen_t size = make_address(notify, place->directory, instance, &address);
    notify->told = false;
    notify->watcher.on_ready = on_readable;
    if (!take_spare(notify, place->spares) && !bind_new(notify, &address, size, diag)) {
        forget_name(notify);
        return false;
    }
    watcher_start(&notify->watcher, place->loop, notify->fd, EPOLLIN);
    return true;
}

/* False when it cannot be one. */
static bool put_away(struct notify *notify, struct notify_spares *spares) {
    if (notify->name[0] == '@' || spares->count == NOTIFY_SPARES) {
        return false;
    }
    struct notify_spare *spare = &spares->list[spares->count++];
    spare->fd = take_fd(notify->fd);
    memcpy(spare->name, notify->name, strlen(notify->name) + 1);
    return true;
}

void notify_stop(struct notify *notify, struct notify_spares *spares) {
    if (notify->fd < 0) {
        return;
    }
    watcher_stop(&notify->watcher);
    if (!put_away(notify, spares)) {
        remove_file(notify);
        close(take_fd(notify->fd));
    }
    forget_name(notify);
}

/* Its first name is as long as any, and none that a process is told. */
bool notify_prepare(const struct notify_place *place) {
    struct sockaddr_un address;
    struct notify notify = {.sender = geteuid(), .fd = -1};
    char number[NAME_LENGTH + 1];
    if (place->spares->count == NOTIFY_SPARES) {
        return false;
    }
    snprintf(number, sizeof number, "%0*x", NAME_LENGTH, ++place->spares->made);
    socklen_t size = make_address(&notify, place->directory, number, &address);
    bool made = notify.name[0] != '@' && bind_new(&notify, &address, size, NULL) && put_away(&notify, place->spares);
    forget_name(&notify);
    return made;
}

void notify_spares_release(struct notify_spares *spares) {
    while (spares->count > 0) {
        remove_spare(&spares->list[--spares->count]);
    }
}

/* Whether nobody holds the socket NAME any more. Another sipbridge may use the directory: one that drains while its
 * successor takes the new calls. */
static bool is_dead(const char *directory, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name);
    cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return length > 0 && (size_t)length < sizeof address.sun_path && fd >= 0 &&
           connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
}

static void remove_socket(void *context, int directory, const char *name) {
    struct stat st;
    bool named = strspn(name, "0123456789abcdef") == NAME_LENGTH && name[NAME_LENGTH] == '\0';
    if (named && fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode) &&
        is_dead(context, name)) {
        unlinkat(directory, name, 0);
    }
}

void notify_clean(const char *directory) {
    entries_each(directory, remove_socket, (void *)directory);
}
