/* Files of the journal. */
#include "app/journal_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/entries.h"

#define SET_ASIDE "set-aside"

static const char suffix[] = ".json", tmp_suffix[] = ".tmp";
enum { NAME_SIZE = ENGINE_LABEL_MAX + sizeof suffix };

bool journal_dir_open(struct journal_dir *dir, const char *path, struct diag *diag) {
    dir->path = xstrdup(path);
    dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return dir->fd >= 0 || diag_fail(diag, "SIP_STATE_DIR", "%s cannot be opened: %m", path);
}

/* A name with its end: SID.json, and SID.json.tmp beside it. */
struct file_names {
    char name[NAME_SIZE], beside[NAME_SIZE + sizeof tmp_suffix];
};

static struct file_names names_of(const char *sid) {
    struct file_names names;
    snprintf(names.name, sizeof names.name, "%.*s%s", ENGINE_LABEL_MAX, sid, suffix);
    snprintf(names.beside, sizeof names.beside, "%s%s", names.name, tmp_suffix);
    return names;
}

/* The first text of a call, and where a file system cannot exchange, is renamed. */
static bool swap(int fd, const struct file_names *names) {
    return renameat2(fd, names->beside, fd, names->name, RENAME_EXCHANGE) == 0 ||
           renameat(fd, names->beside, fd, names->name) == 0;
}

static bool put(const struct journal_dir *dir, const struct file_names *names, struct slice text) {
    cleanup_fd int fd =
        openat(dir->fd, names->beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd >= 0 && file_write_fd(fd, text) && ftruncate(fd, (off_t)text.n) == 0 && swap(dir->fd, names)) {
        return true;
    }
    int error = errno;
    unlinkat(dir->fd, names->beside, 0);
    errno = error;
    return false;
}

bool journal_dir_keep(struct journal_dir *dir, const char *sid, struct slice text) {
    struct file_names names = names_of(sid);
    uint64_t skipped;
    if (put(dir, &names, text)) {
        return true;
    }
    int error = errno;
    if (log_limit_pass(&dir->failures, clock_mono_ms(), &skipped)) {
        log_error(
            &(struct log_about){.call = slice_of(sid)},
            "%s/%s cannot be written: %s; the call goes on, but a restart now would end its agent (and %llu times "
            "before)",
            dir->path, names.name, strerror(error), (unsigned long long)skipped);
    }
    return false;
}

void journal_dir_drop(const struct journal_dir *dir, const char *sid) {
    struct file_names names = names_of(sid);
    unlinkat(dir->fd, names.name, 0);
    unlinkat(dir->fd, names.beside, 0);
}

/* Moves NAME out of the way, beside others of that name that were there before. */
static void set_aside(const struct journal_dir *dir, const char *name, const struct diag *diag) {
    char to[400], shown[600];
    cleanup_buf struct buf escaped = {0};
    text_escape(&escaped, slice_of(name), 300);
    diag_text(diag, shown, sizeof shown);
    snprintf(to, sizeof to, "%s/%s.%lld", SET_ASIDE, name, (long long)clock_wall_ms());
    mkdirat(dir->fd, SET_ASIDE, 0700);
    bool moved = renameat(dir->fd, name, dir->fd, to) == 0;
    log_error(NULL, "%s/%s is no entry of the journal that can be used: %s; %s", dir->path, escaped.p, shown,
              moved ? "set aside in " SET_ASIDE : "left there, for it cannot be moved");
}

/* The sid of "SID.json", to be freed; else NULL. */
static char *sid_of(const char *name) {
    size_t length = strlen(name), tail = sizeof suffix - 1;
    if (length <= tail || strcmp(name + length - tail, suffix) != 0) {
        return NULL;
    }
    cleanup_free char *sid = xmemdup(name, length - tail);
    return text_is_sid(slice_of(sid)) ? take_ptr(sid) : NULL;
}

/* False with DIAG and errno. */
static bool read_text(const struct journal_dir *dir, const char *name, struct buf *out, struct diag *diag) {
    struct stat st;
    cleanup_fd int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return diag_fail(diag, "", errno == ELOOP ? "it is a symbolic link" : "it cannot be opened: %m");
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        errno = EINVAL;
        return diag_fail(diag, "", "it is not a file of ours");
    }
    return file_read_fd(fd, "", JOURNAL_MAX_BYTES, out, diag);
}

enum loaded { LOADED, LOADED_NONE, LOADED_NOT_NOW };

/* The machine has none left at the moment: that says nothing of the file. */
static bool is_want(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static enum loaded load_one(const struct journal_dir *dir, const char *name, struct journal_entry *ret_entry,
                            struct diag *diag) {
    cleanup_buf struct buf text = {0};
    cleanup_free char *sid = sid_of(name);
    if (sid == NULL) {
        diag_fail(diag, "", "its name is not a call sid and .json");
        return LOADED_NONE;
    }
    if (!read_text(dir, name, &text, diag)) {
        return is_want(errno) ? LOADED_NOT_NOW : LOADED_NONE;
    }
    if (!journal_read(buf_slice(&text), ret_entry, diag)) {
        return LOADED_NONE;
    }
    if (!slice_is(ret_entry->sid, sid)) {
        journal_release(ret_entry);
        diag_fail(diag, "sid", "is that of another file");
        return LOADED_NONE;
    }
    return LOADED;
}

static void add(struct journal_list *list, const struct journal_entry *entry) {
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 64;
        list->list = xrealloc(list->list, list->room * sizeof *list->list);
    }
    list->list[list->count++] = *entry;
}

/* An older text, or what was being written when its writer died: what counts is beside it. */
static bool is_beside(const char *name) {
    size_t length = strlen(name), tail = sizeof tmp_suffix - 1;
    return length > tail && strcmp(name + length - tail, tmp_suffix) == 0;
}

/* False with DIAG when nothing can be said of it now. */
static bool visit(const struct journal_dir *dir, const char *name, struct journal_list *list, struct diag *diag) {
    struct journal_entry entry;
    if (name[0] == '.' || strcmp(name, SET_ASIDE) == 0) {
        return true;
    }
    if (is_beside(name)) {
        unlinkat(dir->fd, name, 0);
        return true;
    }
    struct diag why = {0};
    switch (load_one(dir, name, &entry, &why)) {
    case LOADED: add(list, &entry); return true;
    case LOADED_NONE: set_aside(dir, name, &why); return true;
    case LOADED_NOT_NOW: break;
    }
    return diag_fail(diag, "SIP_STATE_DIR", "%s/%s: %s", dir->path, name, why.what);
}

struct names {
    char **list;
    size_t count;
};

static void add_name(void *context, int directory, const char *name) {
    struct names *names = context;
    (void)directory;
    names->list = xrealloc(names->list, (names->count + 1) * sizeof *names->list);
    names->list[names->count++] = xstrdup(name);
}

/* The names are collected before a file is moved: what is told of a directory that changes is open. */
bool journal_dir_load(const struct journal_dir *dir, struct journal_list *ret_list, struct diag *diag) {
    struct names names = {0};
    bool readable = entries_each(dir->path, add_name, &names) ||
                    diag_fail(diag, "SIP_STATE_DIR", "%s cannot be read: %m", dir->path);
    for (size_t i = 0; i < names.count; i++) {
        readable = readable && visit(dir, names.list[i], ret_list, diag);
        free(names.list[i]);
    }
    free(names.list);
    if (ret_list->count > 0) {
        qsort(ret_list->list, ret_list->count, sizeof *ret_list->list, journal_order);
    }
    return readable;
}

void journal_list_release(struct journal_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        journal_release(&list->list[i]);
    }
    free(list->list);
    *list = (struct journal_list){0};
}

void journal_dir_close(struct journal_dir *dir) {
    if (dir->fd >= 0) {
        close(take_fd(dir->fd));
    }
    free(take_ptr(dir->path));
}
