/* Tells when the file behind a path may have changed, by inotify on its directory (and on the directory of every
 * symbolic link the path leads through: Kubernetes swaps a "..data" link), so `mv new file` is seen as well as
 * writing. It may call once too often, never too rarely: read the file and compare. */
#ifndef LOOP_FILE_WATCH_H
#define LOOP_FILE_WATCH_H

#include "loop/loop.h"

struct file_spot; /* one name in one watched directory */

struct file_watch {
    void (*on_change)(struct file_watch *self);
    char *path;
    struct watcher watcher;
    struct timer settle; /* changes within 20 ms are one */
    struct loop *loop;
    struct file_spot *spots;
    size_t spot_count;
};

/* False with errno when the directory cannot be watched; the file itself may be missing. Copies PATH. */
bool file_watch_start(struct file_watch *watch, struct loop *loop, const char *path)
    __attribute__((warn_unused_result));
void file_watch_stop(struct file_watch *watch);

#endif
