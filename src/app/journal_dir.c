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

static const char suffix[] = ".json";
enum { NAME_SIZE = ENGINE_LABEL_MAX + sizeof suffix };

bool journal_dir_open(struct journal_dir *dir, const char *path, struct diag *diag) {
    dir->path = xstrdup(path);
    dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return dir->fd >= 0 || diag_fail(diag, "SIP_STATE_DIR", "%s cannot be opened: %m", path);
}

static void file_name(const char *sid, char ret_name[NAME_SIZE]) {
    snprintf(ret_name, NAME_SIZE, "%.*s%s", ENGINE_LABEL_MAX, sid, suffix);
}

bool journal_dir_keep(struct journal_dir *dir, const char *sid, struct slice text) {
    char name[NAME_SIZE];
    uint64_t skipped;
    file_name(sid, name);
    if (file_replace(dir->fd, name, text, FILE_WHOLE)) {
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

void journal_dir_drop(const struct journal_dir *dir, const char *sid) {
    char name[NAME_SIZE];
    file_name(sid, name);
    unlinkat(dir->fd, name, 0);
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

static bool read_text(const struct journal_dir *dir, const char *name, struct buf *out, struct diag *diag) {
    struct stat st;
    cleanup_fd int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return diag_fail(diag, "", errno == ELOOP ? "it is a symbolic link" : "it cannot be opened: %m");
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        return diag_fail(diag, "", "it is not a file of ours");
    }
    return file_read_fd(fd, "", JOURNAL_MAX_BYTES, out, diag);
}

static bool load_one(const struct journal_dir *dir, const char *name, struct journal_entry *ret_entry,
                     struct diag *diag) {
    cleanup_buf struct buf text = {0};
    cleanup_free char *sid = sid_of(name);
    if (sid == NULL) {
        return diag_fail(diag, "", "its name is not a call sid and .json");
    }
    if (!read_text(dir, name, &text, diag) || !journal_read(buf_slice(&text), ret_entry, diag)) {
        return false;
    }
    if (!slice_is(ret_entry->sid, sid)) {
        journal_release(ret_entry);
        return diag_fail(diag, "sid", "is that of another file");
    }
    return true;
}

static void add(struct journal_list *list, const struct journal_entry *entry) {
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 64;
        list->list = xrealloc(list->list, list->room * sizeof *list->list);
    }
    list->list[list->count++] = *entry;
}

/* What was being written when its writer died is no mistake: what it was to replace is still there. */
static bool is_half_written(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".tmp") == 0;
}

static void visit(const struct journal_dir *dir, const char *name, struct journal_list *list) {
    struct diag diag = {0};
    struct journal_entry entry;
    if (name[0] == '.' || strcmp(name, SET_ASIDE) == 0) {
        return;
    }
    if (is_half_written(name)) {
        unlinkat(dir->fd, name, 0);
    } else if (load_one(dir, name, &entry, &diag)) {
        add(list, &entry);
    } else {
        set_aside(dir, name, &diag);
    }
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
void journal_dir_load(const struct journal_dir *dir, struct journal_list *ret_list) {
    struct names names = {0};
    entries_each(dir->path, add_name, &names);
    for (size_t i = 0; i < names.count; i++) {
        visit(dir, names.list[i], ret_list);
        free(names.list[i]);
    }
    free(names.list);
    if (ret_list->count > 0) {
        qsort(ret_list->list, ret_list->count, sizeof *ret_list->list, journal_order);
    }
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
