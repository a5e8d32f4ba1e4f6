/* The socket behind NOTIFY_SOCKET of one process (sd_notify(3)): hears READY=1, trusts nothing else. */
#ifndef SPAWNER_LOCAL_NOTIFY_H
#define SPAWNER_LOCAL_NOTIFY_H

#include <sys/types.h>

#include "base/diag.h"
#include "loop/loop.h"

struct notify {
    void (*on_ready)(struct notify *self); /* once */
    uid_t sender;                          /* who is heard, beside us and root */
    char *name;                            /* what NOTIFY_SOCKET says: a path, or '@' for an abstract socket */
    struct watcher watcher;
    int fd; /* -1: none */
    bool told;
};

/* Binds a socket named after the first 16 characters of INSTANCE in DIRECTORY; an abstract one with the whole
 * instance where that path would not fit a socket address or `sender` is another user. False with DIAG. */
bool notify_start(struct notify *notify, struct loop *loop, const char *directory, const char *instance,
                  struct diag *diag) __attribute__((warn_unused_result));
/* Reads what waits: a process that says READY=1 and exits is heard although its exit is seen first. */
void notify_drain(struct notify *notify);
/* Closes the socket and removes its file. */
void notify_stop(struct notify *notify);
/* Removes sockets that a killed predecessor left in DIRECTORY. */
void notify_clean(const char *directory);

#endif
