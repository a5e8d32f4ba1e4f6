/* A watcher on a duplicate of somebody else's file descriptor, for an owner who closes it first and says so later
 * or never (libcurl 7.88, where a connection is given up before it stands). The duplicate stays valid until we
 * close it; the inode tells whether the number still means the same socket. Embedded in its owner's struct. */
#ifndef HTTP_DUP_WATCH_H
#define HTTP_DUP_WATCH_H

#include <sys/types.h>

#include "loop/loop.h"

struct dup_watch {
    struct watcher watcher; /* of the duplicate; the owner sets on_ready */
    int fd;                 /* the original's number */
    ino_t inode;
};

/* Watches what FD means now for EVENTS. Nothing is watched when there is no file descriptor to be had. */
void dup_watch_set(struct dup_watch *watch, struct loop *loop, int fd, uint32_t events);
void dup_watch_stop(struct dup_watch *watch);

#endif
