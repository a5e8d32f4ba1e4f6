/* Making and checking the state directory. */
#include "app/state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

static const char LOCK[] = "lock";

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
        return diag_fail(diag, "SIP_STATE_DIR",
                         "%s belongs to uid %u, not to ours (%u), and would see phone numbers: run it as that "
                         "user, as its service does, or give it a directory of its own",
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

static bool is_empty_name(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

static bool has_others(DIR *directory) {
    bool any = false;
    bool is_ours = faccessat(dirfd(directory), LOCK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    for (const struct dirent *entry; !any && !is_ours && (entry = readdir(directory)) != NULL;) {
        any = !is_empty_name(entry->d_name);
    }
    return any;
}

bool state_dir_is_shared(const char *root) {
    struct stat info;
    if (lstat(root, &info) != 0 || !S_ISDIR(info.st_mode) || (info.st_mode & 0077) == 0) {
        return false;
    }
    DIR *directory = opendir(root);
    if (directory == NULL) {
        return false;
    }
    bool is_shared = (info.st_mode & S_ISVTX) != 0 || has_others(directory);
    closedir(directory);
    return is_shared;
}

static bool open_root(const char *path, struct diag *diag) {
    if (state_dir_is_shared(path)) {
        return diag_fail(diag, "SIP_STATE_DIR",
                         "%s is not sipbridge's alone: others may enter it, and other things are in it; give a "
                         "directory that is empty or not there yet, such as %s/sipbridge",
                         path, strcmp(path, "/") == 0 ? "" : path);
    }
    return open_one(path, diag);
}

static bool lock_root(struct state_dir *dir, struct diag *diag) {
    cleanup_free char *path = xasprintf("%s/%s", dir->root, LOCK);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    dir->lock = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1; /* not where a closed stdout was */
    if (fd >= 0) {
        close(fd); /* before it is locked: closing any descriptor of the file gives the lock up */
    }
    if (dir->lock < 0) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s cannot be opened: %m", path);
    }
    if (fcntl(dir->lock, F_SETLK, &lock) == 0) {
        return true;
    }
    if (errno != EACCES && errno != EAGAIN) {
        return diag_fail(diag, "SIP_STATE_DIR", "%s cannot be locked: %m", path);
    }
    char owner[40] = "in another container";
    if (fcntl(dir->lock, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
        snprintf(owner, sizeof owner, "process %d", (int)lock.l_pid);
    }
    return diag_fail(diag, "SIP_STATE_DIR",
                     "%s is in use by another sipbridge (%s): stop that one first, or give this one its own directory",
                     dir->root, owner);
}

static const char identity_form[] = "%16" SCNx64 " %16[0-9a-f]%n";

static bool parse_identity(struct state_dir *dir, const char *text) {
    int size = 0;
    return sscanf(text, identity_form, &dir->seed, dir->mark, &size) == 2 && size == 33 &&
           strlen(dir->mark) == sizeof dir->mark - 1;
}

static uint64_t draw(void) {
    uint64_t value = 0;
    while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
    }
    return value;
}

static bool make_identity(struct state_dir *dir, const char *path, struct diag *diag) {
    char text[40];
    dir->seed = draw();
    snprintf(dir->mark, sizeof dir->mark, "%016" PRIx64, draw());
    snprintf(text, sizeof text, "%016" PRIx64 " %s\n", dir->seed, dir->mark);
    cleanup_fd int root = open(dir->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (root >= 0 && file_replace(root, "identity", slice_of(text))) ||
           diag_fail(diag, "SIP_STATE_DIR", "%s cannot be written: %m", path);
}

/* Without the old identity the legs in the journal are strangers, and the agents nobody's: said, and lived with where it
 * is damaged; one that only cannot be read now is left for the next start. */
static bool find_identity(struct state_dir *dir, struct diag *diag) {
    cleanup_buf struct buf text = {0};
    cleanup_free char *path = xasprintf("%s/identity", dir->root);
    bool found = file_read(path, 100, &text, diag);
    if (!found && errno != ENOENT && errno != EFBIG) {
        return false;
    }
    bool is_there = found || errno == EFBIG;
    if (found && parse_identity(dir, text.p)) {
        return true;
    }
    if (is_there) {
        log_error(NULL, "%s is damaged and written anew: who is in the calls of the former start is found out again",
                  path);
    }
    return make_identity(dir, path, diag);
}

bool state_dir_open(struct state_dir *dir, const char *root, struct diag *diag) {
    dir->root = xstrdup(root);
    dir->calls = xasprintf("%s/calls", root);
    dir->notify = xasprintf("%s/notify", root);
    dir->journal = xasprintf("%s/journal", root);
    dir->standby = xasprintf("%s/standby", root);
    dir->lock = -1;
    return open_root(dir->root, diag) && lock_root(dir, diag) && open_one(dir->calls, diag) &&
           open_one(dir->notify, diag) && open_one(dir->journal, diag) && open_one(dir->standby, diag) &&
           find_identity(dir, diag);
}

void state_dir_release(struct state_dir *dir) {
    free(dir->root);
    free(dir->calls);
    free(dir->notify);
    free(dir->journal);
    free(dir->standby);
    if (dir->lock > 0) {
        close(dir->lock);
    }
    *dir = (struct state_dir){.lock = -1};
}
