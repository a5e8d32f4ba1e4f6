/* The cgroup file system. Interface files are written in one piece each, as the kernel wants it. */
#include "spawner/local/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/cgroup_path.h"
#include "spawner/local/entries.h"
#include "spawner/local/proc.h"

enum { DEPTH_MAX = 8 };

#define OWN_GROUP "daemon"

static bool write_text(const struct cgroup *cgroup, const char *path, const char *text) {
    cleanup_fd int fd = openat(cgroup->fd, path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && file_write_fd(fd, slice_of(text));
}

static bool write_of(const struct cgroup *cgroup, const char *name, const char *file, const char *text) {
    cleanup_free char *path = xasprintf("%s/%s", name, file);
    return write_text(cgroup, path, text);
}

static bool read_of(const struct cgroup *cgroup, const char *name, const char *file, struct buf *out) {
    cleanup_free char *path = xasprintf("%s/%s/%s", cgroup->path, name, file);
    return proc_read(path, out);
}

/* ---- where ---- */

/* systemd marks what Delegate= gives away; what belongs to an ordinary user was given to them, too. */
static bool is_delegated(const char *path) {
    char value[2];
    struct stat st;
    if (getxattr(path, "user.delegate", value, sizeof value) == 1 ||
        getxattr(path, "trusted.delegate", value, sizeof value) == 1) {
        return value[0] == '1' && access(path, W_OK) == 0;
    }
    return geteuid() != 0 && stat(path, &st) == 0 && st.st_uid == geteuid();
}

/* Our own group, or the one above where we were started in the leaf already (DelegateSubgroup=). */
static char *find_delegated(void) {
    cleanup_free char *own = cgroup_path_own();
    if (own == NULL || is_delegated(own)) {
        return own != NULL ? take_ptr(own) : NULL;
    }
    char *leaf = strrchr(own, '/');
    if (leaf != NULL && strcmp(leaf, "/" OWN_GROUP) == 0) {
        *leaf = '\0';
        return is_delegated(own) ? take_ptr(own) : NULL;
    }
    return NULL;
}

static bool open_path(struct cgroup *cgroup, const char *path, struct diag *diag) {
    struct statfs fs;
    cgroup->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup->fd < 0 || fstatfs(cgroup->fd, &fs) != 0) {
        return diag_fail(diag, "SIP_AGENT_CGROUP", "%s cannot be opened: %m", path);
    }
    if (fs.f_type != CGROUP2_SUPER_MAGIC) {
        return diag_fail(diag, "SIP_AGENT_CGROUP", "%s is no control group of version 2", path);
    }
    cgroup->path = xstrdup(path);
    return true;
}

/* ---- the leaf that we are in, and the controllers ---- */

struct move {
    const struct cgroup *cgroup;
    bool failed;
};

static void move_one(void *context, pid_t pid) {
    struct move *move = context;
    char text[24];
    snprintf(text, sizeof text, "%d", (int)pid);
    if (!write_text(move->cgroup, OWN_GROUP "/cgroup.procs", text) && errno != ESRCH) {
        move->failed = true;
    }
}

/* Whether we are in the directory itself, by whatever mount it was named. */
static bool is_own(const struct cgroup *cgroup) {
    struct stat named, own;
    cleanup_free char *path = cgroup_path_own();
    return path != NULL && stat(path, &own) == 0 && fstat(cgroup->fd, &named) == 0 && named.st_dev == own.st_dev &&
           named.st_ino == own.st_ino;
}

/* We do, and where controllers are to be handed on all that is in the directory itself: agents of a start that gave them no
 * groups, a user's own shell. Where we are not in it, or it is the machine's root, which may have processes, nobody need
 * move. */
static bool enter_leaf(const struct cgroup *cgroup, struct diag *diag) {
    struct move move = {cgroup, false};
    if (!is_own(cgroup) || faccessat(cgroup->fd, "cgroup.type", F_OK, 0) != 0) {
        return true;
    }
    if (mkdirat(cgroup->fd, OWN_GROUP, 0755) != 0 && errno != EEXIST) {
        return diag_fail(diag, "SIP_AGENT_CGROUP", "no group can be made in %s: %m", cgroup->path);
    }
    if (cgroup_is_limited(cgroup)) {
        cgroup_each(cgroup, ".", move_one, &move);
    } else {
        move_one(&move, getpid());
    }
    return !move.failed || diag_fail(diag, "SIP_AGENT_CGROUP", "%s/" OWN_GROUP " cannot be entered: %m", cgroup->path);
}

static bool hand_on(const struct cgroup *cgroup, const char *controller, const char *setting, struct diag *diag) {
    cleanup_buf struct buf there = {0};
    cleanup_free char *text = xasprintf("+%s", controller);
    if (write_text(cgroup, "cgroup.subtree_control", text)) {
        return true;
    }
    int error = errno;
    (void)read_of(cgroup, ".", "cgroup.controllers", &there);
    errno = error;
    return diag_fail(diag, setting, "%s cannot hand on its %s controller (%m); it has: %.*s", cgroup->path, controller,
                     there.len > 0 ? (int)there.len - 1 : 4, there.len > 0 ? there.p : "none");
}

static bool refuse(const struct cgroup_options *options, struct diag *diag) {
    return diag_fail(
        diag, options->memory_max > 0 ? "SIP_AGENT_MEMORY_MAX" : "SIP_AGENT_PIDS_MAX",
        "needs a control group (cgroup v2) that was delegated to us, and there is none: set Delegate=yes in "
        "the unit, or name one in SIP_AGENT_CGROUP, or leave this setting out");
}

static bool use(struct cgroup *cgroup, const char *path, struct diag *diag) {
    return open_path(cgroup, path, diag) && enter_leaf(cgroup, diag) &&
           (cgroup->memory_max == 0 || hand_on(cgroup, "memory", "SIP_AGENT_MEMORY_MAX", diag)) &&
           (cgroup->pids_max == 0 || hand_on(cgroup, "pids", "SIP_AGENT_PIDS_MAX", diag));
}

bool cgroup_open(struct cgroup *ret_cgroup, const struct cgroup_options *options, struct diag *diag) {
    bool is_named = options->where != NULL && strcmp(options->where, "off") != 0;
    *ret_cgroup = (struct cgroup){.fd = -1, .memory_max = options->memory_max, .pids_max = options->pids_max};
    cleanup_free char *found = options->where == NULL ? find_delegated() : is_named ? xstrdup(options->where) : NULL;
    if (found == NULL) {
        return !cgroup_is_limited(ret_cgroup) || refuse(options, diag);
    }
    if (use(ret_cgroup, found, diag)) {
        log_info(NULL, "each agent has a control group of its own below %s", ret_cgroup->path);
        return true;
    }
    if (is_named || cgroup_is_limited(ret_cgroup)) {
        return false;
    }
    log_warning(NULL, "agents have no control groups: %s %s", diag->where, diag->what);
    cgroup_release(ret_cgroup);
    return true;
}

void cgroup_release(struct cgroup *cgroup) {
    if (cgroup->fd >= 0) {
        close(cgroup->fd);
    }
    free(cgroup->path);
    *cgroup = (struct cgroup){.fd = -1};
}

bool cgroup_is_used(const struct cgroup *cgroup) {
    return cgroup != NULL && cgroup->path != NULL;
}

bool cgroup_is_limited(const struct cgroup *cgroup) {
    return cgroup->memory_max > 0 || cgroup->pids_max > 0;
}

/* ---- one group ---- */

/* With a limit of memory there is no swap, and the kernel ends all of the group, never half an agent. */
static bool set_limits(const struct cgroup *cgroup, const char *name) {
    char memory[24], pids[24];
    snprintf(memory, sizeof memory, "%lld", (long long)cgroup->memory_max);
    snprintf(pids, sizeof pids, "%lld", (long long)cgroup->pids_max);
    if (cgroup->memory_max > 0) {
        (void)write_of(cgroup, name, "memory.swap.max", "0"); /* not there without swap */
        (void)write_of(cgroup, name, "memory.oom.group", "1");
    }
    return (cgroup->memory_max == 0 || write_of(cgroup, name, "memory.max", memory)) &&
           (cgroup->pids_max == 0 || write_of(cgroup, name, "pids.max", pids));
}

int cgroup_make(const struct cgroup *cgroup, const char *name, struct diag *diag) {
    if (mkdirat(cgroup->fd, name, 0755) != 0 && errno != EEXIST) {
        (void)diag_fail(diag, "SIP_AGENT_CGROUP", "no group can be made in %s: %m", cgroup->path);
        return -1;
    }
    if (!set_limits(cgroup, name)) {
        (void)diag_fail(diag, "SIP_AGENT_CGROUP", "limits cannot be set in %s/%s: %m", cgroup->path, name);
        return -1;
    }
    int fd = openat(cgroup->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)diag_fail(diag, "SIP_AGENT_CGROUP", "%s/%s cannot be opened: %m", cgroup->path, name);
    }
    return fd;
}

bool cgroup_is_there(const struct cgroup *cgroup, const char *name) {
    return faccessat(cgroup->fd, name, F_OK, 0) == 0;
}

void cgroup_limit(const struct cgroup *cgroup, const char *name) {
    if (cgroup_is_there(cgroup, name) && !set_limits(cgroup, name)) {
        log_warning(NULL, "the limits of %s/%s cannot be set again: %m", cgroup->path, name);
    }
}

bool cgroup_kill(const struct cgroup *cgroup, const char *name) {
    return write_of(cgroup, name, "cgroup.kill", "1");
}

void cgroup_each(const struct cgroup *cgroup, const char *name, void (*each)(void *context, pid_t pid), void *context) {
    cleanup_buf struct buf text = {0};
    if (!read_of(cgroup, name, "cgroup.procs", &text) || text.len == 0) {
        return;
    }
    for (char *at = text.p, *end = NULL; at != NULL; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at) {
            return;
        }
        if (pid > 0) {
            each(context, (pid_t)pid);
        }
    }
}

uint64_t cgroup_oom_kills(const struct cgroup *cgroup, const char *name) {
    cleanup_buf struct buf text = {0};
    const char *at = read_of(cgroup, name, "memory.events", &text) && text.len > 0 ? strstr(text.p, "oom_kill ") : NULL;
    return at != NULL ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
}

struct below {
    const char *path;
    int depth;
};

/* Agents of our user can make groups below their own. */
static void remove_one(void *context, int directory, const char *name) {
    const struct below *at = context;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno != EBUSY || at->depth == 0) {
        return;
    }
    cleanup_free char *path = xasprintf("%s/%s", at->path, name);
    entries_each(path, remove_one, &(struct below){path, at->depth - 1});
    (void)unlinkat(directory, name, AT_REMOVEDIR);
}

bool cgroup_remove(const struct cgroup *cgroup, const char *name) {
    if (unlinkat(cgroup->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return true;
    }
    cleanup_free char *path = xasprintf("%s/%s", cgroup->path, name);
    entries_each(path, remove_one, &(struct below){path, DEPTH_MAX});
    return unlinkat(cgroup->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* Their names have an instance in them, so there is no other of that name. */
bool cgroup_has(const struct cgroup *cgroup, pid_t pid) {
    cleanup_free char *group = cgroup_of(pid);
    for (char *at = group, *next = NULL; at != NULL; at = next) {
        next = strchr(at, '/');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (*at != '\0' && strcmp(at, OWN_GROUP) != 0 && faccessat(cgroup->fd, at, F_OK, 0) == 0) {
            return true;
        }
    }
    return false;
}
