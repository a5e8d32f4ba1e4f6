/* The duplicate, and what it is of. */
#include "http/dup_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static ino_t inode_of(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

void dup_watch_set(struct dup_watch *watch, struct loop *loop, int fd, uint32_t events) {
    if (watch->watcher.loop != NULL && watch->fd == fd && watch->inode == inode_of(fd)) {
        watcher_change(&watch->watcher, events);
        return;
    }
    dup_watch_stop(watch);
    watch->fd = fd;
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (duplicate >= 0) {
        watch->inode = inode_of(duplicate);
        watcher_start(&watch->watcher, loop, duplicate, events);
    }
}

void dup_watch_stop(struct dup_watch *watch) {
    if (watch->watcher.loop != NULL) {
        watcher_stop(&watch->watcher);
        close(watch->watcher.fd);
    }
}
