/* Files of standbys. What cannot be written is not: the process is then found by its environment, or ends by itself. */
#include "app/standby_dir.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/entries.h"

enum { TEXT_MAX = 256 };

bool standby_dir_open(struct standby_dir *dir, const char *path, const char *boot, struct diag *diag) {
    dir->path = xstrdup(path);
    dir->boot = boot;
    dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return dir->fd >= 0 || diag_fail(diag, "SIP_STATE_DIR", "%s cannot be opened: %m", path);
}

void standby_dir_keep(const struct standby_dir *dir, const struct standby_left *standby) {
    char text[TEXT_MAX];
    int size = snprintf(text, sizeof text, "%s %d %" PRIu64 " %s\n", standby->instance, (int)standby->pid,
                        standby->birth, dir->boot);
    cleanup_fd int fd =
        openat(dir->fd, standby->label, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0 || !file_write_fd(fd, (struct slice){text, (size_t)size})) {
        log_debug(NULL, "%s/%s cannot be written: %m", dir->path, standby->label);
    }
}

void standby_dir_drop(const struct standby_dir *dir, const char *label) {
    if (dir->fd >= 0 && text_is_sid(slice_of(label))) {
        unlinkat(dir->fd, label, 0);
    }
}

static bool read_one(const struct standby_dir *dir, const char *name, struct standby_left *ret_standby) {
    char boot[TEXT_MAX] = "";
    cleanup_buf struct buf text = {0};
    bool named = text_is_sid(slice_of(name)) && slice_starts(slice_of(name), SLICE(ENGINE_WAITER_PREFIX));
    cleanup_fd int fd = named ? openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0 || !file_read_fd(fd, name, TEXT_MAX - 1, &text, NULL) || text.len == 0) {
        return false;
    }
    snprintf(ret_standby->label, sizeof ret_standby->label, "%s", name);
    return sscanf(text.p, "%32[0-9a-f] %d %" SCNu64 " %255s", ret_standby->instance, &ret_standby->pid,
                  &ret_standby->birth, boot) == 4 &&
           strlen(ret_standby->instance) == ENGINE_INSTANCE_SIZE - 1 && ret_standby->pid > 1 &&
           strcmp(boot, dir->boot) == 0;
}

struct walk {
    const struct standby_dir *dir;
    void (*each)(void *context, const struct standby_left *standby);
    void *context;
};

static void visit(void *context, int directory, const char *name) {
    const struct walk *walk = context;
    struct standby_left standby = {0};
    if (read_one(walk->dir, name, &standby)) {
        walk->each(walk->context, &standby);
    } else {
        unlinkat(directory, name, 0);
    }
}

void standby_dir_each(const struct standby_dir *dir, void (*each)(void *context, const struct standby_left *standby),
                      void *context) {
    entries_each(dir->path, visit, &(struct walk){dir, each, context});
}

void standby_dir_close(struct standby_dir *dir) {
    if (dir->fd >= 0) {
        close(take_fd(dir->fd));
    }
    free(take_ptr(dir->path));
}
