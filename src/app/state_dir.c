/* Making and checking the state directory. */
#include "app/state_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool open_one(const char *path, struct diag *diag) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return diag_fail(diag, "SIP_STATE_DIR",
                         "the directory %s cannot be made: %s; make it, owned by uid %u with mode 0700", path,
                         strerror(errno), (unsigned)geteuid());
    }
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s is not a directory", path);
    }
    if (info.st_uid != geteuid()) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s belongs to uid %u, not to ours (%u): it would see phone numbers",
                         path, (unsigned)info.st_uid, (unsigned)geteuid());
    }
    if ((info.st_mode & 0077) != 0 && chmod(path, 0700) != 0) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s is open to others and cannot be closed: %s", path, strerror(errno));
    }
    if (access(path, W_OK | X_OK) != 0) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s cannot be written: %s", path, strerror(errno));
    }
    return true;
}

bool state_dir_open(struct state_dir *dir, const char *root, struct diag *diag) {
    dir->root = xstrdup(root);
    dir->calls = xasprintf("%s/calls", root);
    dir->notify = xasprintf("%s/notify", root);
    return open_one(dir->root, diag) && open_one(dir->calls, diag) && open_one(dir->notify, diag);
}

void state_dir_release(struct state_dir *dir) {
    free(dir->root);
    free(dir->calls);
    free(dir->notify);
    *dir = (struct state_dir){0};
}
