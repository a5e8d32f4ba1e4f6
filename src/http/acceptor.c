/* accept4 in small batches, so that a flood of connections cannot hold up the loop. */
#include "http/acceptor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define BATCH 32
#define PAUSE_MS 100

static void pause_accepting(struct acceptor *acceptor) {
    watcher_stop(&acceptor->watcher);
    timer_start(&acceptor->pause, acceptor->loop, PAUSE_MS);
}

void acceptor_resume(struct acceptor *acceptor) {
    timer_cancel(&acceptor->pause);
    if (acceptor->socket.fd >= 0 && acceptor->watcher.loop == NULL) {
        watcher_start(&acceptor->watcher, acceptor->loop, acceptor->socket.fd, EPOLLIN);
    }
}

static void on_pause_over(struct timer *timer) {
    acceptor_resume(container_of(timer, struct acceptor, pause));
}

/* An empty queue, or a connection that died in it, is no trouble: the watcher calls again. After anything else
 * (no fd left, no memory) it would call without end. */
static void on_accept_failed(struct acceptor *acceptor, int error) {
    static struct log_limit limit;
    uint64_t skipped;
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED) {
        return;
    }
    pause_accepting(acceptor);
    if (log_limit_pass(&limit, loop_now(acceptor->loop), &skipped)) {
        log_error(NULL, "cannot take a new connection: %s; those that come now wait, again in %d ms", strerror(error),
                  PAUSE_MS);
    }
}

static bool accept_one(struct acceptor *acceptor) {
    union {
        struct sockaddr base;
        struct sockaddr_storage storage;
    } peer;
    socklen_t length = sizeof peer;
    int on = 1;
    memset(&peer, 0, sizeof peer);
    int fd = accept4(acceptor->socket.fd, &peer.base, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        on_accept_failed(acceptor, errno);
        return false;
    }
    if (!acceptor->socket.local) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    acceptor->on_connection(acceptor, fd, &peer.base);
    return true;
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct acceptor *acceptor = container_of(watcher, struct acceptor, watcher);
    (void)events;
    if (!acceptor->has_room(acceptor)) {
        pause_accepting(acceptor);
        return;
    }
    for (int i = 0; i < BATCH; i++) {
        if (!accept_one(acceptor) || acceptor->is_full(acceptor)) {
            return;
        }
    }
}

void acceptor_start(struct acceptor *acceptor, struct loop *loop, struct listen_socket socket) {
    acceptor->loop = loop;
    acceptor->socket = socket;
    acceptor->watcher.on_ready = on_ready;
    acceptor->pause.on_due = on_pause_over;
    acceptor_resume(acceptor);
}

void acceptor_stop(struct acceptor *acceptor) {
    timer_cancel(&acceptor->pause);
    watcher_stop(&acceptor->watcher);
    listen_close(&acceptor->socket);
}
