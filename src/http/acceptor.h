/* Takes new connections from listening sockets, and stops taking them for a moment when there is no fd left (the
 * kernel would say "ready" without end) or when the owner has no room. */
#ifndef HTTP_ACCEPTOR_H
#define HTTP_ACCEPTOR_H

#include <netinet/in.h>

#include "http/listen.h"
#include "loop/loop.h"

struct acceptor {
    /* Asked when a connection waits: make room for it if need be. False: it has to wait. */
    bool (*has_room)(struct acceptor *self);
    /* Asked after each accept: would the next one, if there is one, need room to be made? */
    bool (*is_full)(struct acceptor *self);
    /* FD (non-blocking, close-on-exec, TCP_NODELAY) is the callee's now. */
    void (*on_connection)(struct acceptor *self, int fd, const struct sockaddr *peer);
    struct loop *loop;
    struct listen_socket socket; /* owned from acceptor_start on */
    struct watcher watcher;
    struct timer pause;
};

/* Set the three callbacks first. */
void acceptor_start(struct acceptor *acceptor, struct loop *loop, struct listen_socket socket);
/* Closes the listening socket. What it accepted stays. */
void acceptor_stop(struct acceptor *acceptor);
/* Ends a pause: there is room again. */
void acceptor_resume(struct acceptor *acceptor);

#endif
