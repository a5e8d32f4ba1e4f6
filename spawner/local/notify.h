/* The socket behind NOTIFY_SOCKET of one process (sd_notify(3)): hears READY=1, trusts nothing else. */
#ifndef SPAWNER_LOCAL_NOTIFY_H
#define SPAWNER_LOCAL_NOTIFY_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/diag.h"
#include "loop/loop.h"

struct notify {
    void (*on_ready)(struct notify *self); /* once */
    struct watcher watcher;
    char *name;   /* what NOTIFY_SOCKET says: a path, or '@' for an abstract socket */
    uid_t sender; /* who is heard, beside us and root */
    int fd;       /* -1: none */
    bool told;
};

/* Bound sockets of processes that are gone. One is given to the next process under another name, so that who only knows the
 * old one is not heard: making the file of a socket and removing another costs more (src/app/journal_dir.h). Zeroed: none. */
enum { NOTIFY_SPARES = 16 };
struct notify_spares {
    struct notify_spare {
        int fd;
        char name[sizeof(struct sockaddr_un)];
    } list[NOTIFY_SPARES];
    unsigned count;
    unsigned made; /* by notify_prepare: a part of their names */
};

/* Where sockets are made; outlives them. */
struct notify_place {
    struct loop *loop;
    const char *directory;
    struct notify_spares *spares;
};

/* Binds a socket named after the first 16 characters of INSTANCE in the directory, or names a spare so; an abstract one with
 * the whole instance where that path would not fit a socket address or `sender` is another user. False with DIAG. */
bool notify_start(struct notify *notify, const struct notify_place *place, const char *instance, struct diag *diag)
    __attribute__((warn_unused_result));
/* Reads what waits: a process that says READY=1 and exits is heard although its exit is seen first. */
void notify_drain(struct notify *notify);
/* The socket becomes one of SPARES, or is closed and its file removed. */
void notify_stop(struct notify *notify, struct notify_spares *spares);
/* One more spare, where it has room: false when none was made. */
bool notify_prepare(const struct notify_place *place);
/* Closes them and removes their files. */
void notify_spares_release(struct notify_spares *spares);
/* Removes sockets that a killed predecessor left in DIRECTORY. */
void notify_clean(const char *directory);

#endif
