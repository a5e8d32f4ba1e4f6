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

static void name_of(char ret_name[NAME_SIZE], const char *sid) {
    snprintf(ret_name, NAME_SIZE, "%.*s%s", ENGINE_LABEL_MAX, sid, suffix);
}

/* ---- files that wait for their next text ---- */

enum { SPARE_NAME_SIZE = 32, OPEN_FLAGS = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

static void spare_name(char ret_name[SPARE_NAME_SIZE], unsigned number) {
    snprintf(ret_name, SPARE_NAME_SIZE, "spare%u%s%s", number, suffix, tmp_suffix);
}

static bool make_blank(int directory, const char *name) {
    cleanup_fd int fd = openat(directory, name, OPEN_FLAGS | O_CREAT, 0600);
    return fd >= 0;
}

/* One byte stays: what was cut to nothing is written to disk by ext4 as soon as it is closed again (auto_da_alloc). */
static bool blank(int directory, const char *name) {
    cleanup_fd int fd = openat(directory, name, OPEN_FLAGS);
    return fd >= 0 && pwrite(fd, "\n", 1, 0) == 1 && ftruncate(fd, 1) == 0;
}

/* Of what was, nothing is left to be read. */
static void blank_last(struct journal_dir *dir) {
    char spare[SPARE_NAME_SIZE];
    if (!dir->last_has_text) {
        return;
    }
    dir->last_has_text = false;
    spare_name(spare, dir->spares - 1);
    if (!blank(dir->fd, spare)) {
        unlinkat(dir->fd, spare, 0);
        dir->spares--;
    }
}

/* Makes NAME a spare. */
static void put_away(struct journal_dir *dir, const char *name) {
    char spare[SPARE_NAME_SIZE];
    spare_name(spare, dir->spares);
    if (dir->spares == JOURNAL_SPARES || renameat(dir->fd, name, dir->fd, spare) != 0) {
        unlinkat(dir->fd, name, 0);
    } else if (blank(dir->fd, spare)) {
        dir->spares++;
    } else {
        unlinkat(dir->fd, spare, 0);
    }
}

/* ---- entries ---- */

/* The first text of a call, for which its agent waits, is renamed, as any where a file system cannot exchange. */
static bool swap(struct journal_dir *dir, const char *spare, const char *name) {
    if (renameat2(dir->fd, spare, dir->fd, name, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (renameat2(dir->fd, spare, dir->fd, name, RENAME_EXCHANGE) == 0) {
        dir->spares++;
        dir->last_has_text = true;
        return true;
    }
    return renameat(dir->fd, spare, dir->fd, name) == 0;
}

/* The file may have more in it than TEXT. */
static bool write_text(int fd, struct slice text) {
    struct stat st;
    return file_write_fd(fd, text) && fstat(fd, &st) == 0 &&
           (st.st_size == (off_t)text.n || ftruncate(fd, (off_t)text.n) == 0);
}

static bool put(struct journal_dir *dir, const char *name, struct slice text) {
    char spare[SPARE_NAME_SIZE];
    unsigned left = dir->spares > 0 ? dir->spares - 1 : 0;
    spare_name(spare, left);
    cleanup_fd int fd = openat(dir->fd, spare, OPEN_FLAGS | O_CREAT, 0600);
    dir->spares = left;
    dir->last_has_text = false;
    if (fd >= 0 && write_text(fd, text) && swap(dir, spare, name)) {
        return true;
    }
    int error = errno;
    unlinkat(dir->fd, spare, 0);
    errno = error;
    return false;
}

bool journal_dir_keep(struct journal_dir *dir, const char *sid, struct slice text) {
    char name[NAME_SIZE];
    uint64_t skipped;
    name_of(name, sid);
    if (put(dir, name, text)) {
        return true;
    }
    int error = errno;
    if (log_limit_pass(&dir->failures, clock_mono_ms(), &skipped)) {
        log_error(
            &(struct log_about){.call = slice_of(sid)},
            "%s/%s cannot be written: %s; the call goes on, but a restart now would end its agent (and %llu times "
            "before)",
            dir->path, name, strerror(error), (unsigned long long)skipped);
    }
    return false;
}

void journal_dir_drop(struct journal_dir *dir, const char *sid) {
    char name[NAME_SIZE];
    name_of(name, sid);
    blank_last(dir);
    put_away(dir, name);
}

bool journal_dir_prepare(struct journal_dir *dir) {
    char spare[SPARE_NAME_SIZE];
    blank_last(dir);
    spare_name(spare, dir->spares);
    if (dir->spares >= JOURNAL_READY || !make_blank(dir->fd, spare)) {
        return false;
    }
    dir->spares++;
    return true;
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
