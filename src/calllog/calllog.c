/* Opening, appending, waiting. */
#include "calllog/calllog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { MODE = 0640 };

static void fail(struct call_log *log, const char *what, int error) {
    struct call_log_state *state = &log->state;
    state->failures++;
    snprintf(state->error, sizeof state->error, "%s: %s", what, strerror(error));
    if (!state->failing) {
        log_error(NULL, "the call log %s %s; calls go on, its lines wait and are written when that is mended",
                  log->path, state->error);
    }
    state->failing = true;
    timer_start(&log->retry, log->loop, CALL_LOG_RETRY_MS);
}

static void heal(struct call_log *log) {
    if (log->state.failing) {
        log_info(NULL, "the call log %s is written again; lines lost: %llu", log->path,
                 (unsigned long long)log->state.lost);
    }
    log->state.failing = false;
    log->state.error[0] = '\0';
}

static void close_file(struct call_log *log) {
    if (log->fd >= 0) {
        close(take_fd(log->fd));
    }
    log->torn = false;
}

static bool is_same_file(const struct stat *one, const struct stat *other) {
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* logrotate moves the file away, or a person removes it. */
static bool is_moved(const struct call_log *log) {
    struct stat named, open;
    return stat(log->path, &named) != 0 || fstat(log->fd, &open) != 0 || !is_same_file(&named, &open);
}

static bool ends_inside_line(int fd, off_t size) {
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* O_NONBLOCK: a pipe or a device of that name must not keep us. A file that is made gets its mode whatever the umask: the
 * group is there to read it. */
static int open_path(const char *path) {
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags | O_CREAT | O_EXCL, MODE);
    if (fd < 0) {
        return errno == EEXIST ? open(path, flags) : -1;
    }
    (void)fchmod(fd, MODE);
    return fd;
}

static bool open_file(struct call_log *log) {
    struct stat st;
    cleanup_fd int fd = open_path(log->path);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fail(log, "cannot be opened", errno);
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        fail(log, "must be a regular file", ENOTSUP);
        return false;
    }
    log->torn = ends_inside_line(fd, st.st_size);
    log->fd = take_fd(fd);
    return true;
}

static bool be_open(struct call_log *log) {
    if (log->fd >= 0 && is_moved(log)) {
        close_file(log);
    }
    return log->fd >= 0 || open_file(log);
}

/* Cuts off what a write that failed half-way left at the end, unless somebody else's follows it. */
static void cut_off(struct call_log *log, ssize_t written) {
    struct stat st;
    off_t end = lseek(log->fd, 0, SEEK_CUR);
    log->torn = fstat(log->fd, &st) != 0 || st.st_size != end || ftruncate(log->fd, end - written) != 0;
}

/* One line of what waits, its newline included; true when it is in the file. */
static bool write_line(struct call_log *log, struct slice line) {
    if (log->torn && write(log->fd, "\n", 1) == 1) {
        log->torn = false;
    }
    ssize_t written = write(log->fd, line.p, line.n);
    if (written == (ssize_t)line.n) {
        return true;
    }
    int error = written < 0 ? errno : ENOSPC;
    if (written > 0) {
        cut_off(log, written);
    }
    fail(log, "cannot be written", error);
    return false;
}

void call_log_flush(struct call_log *log) {
    size_t done = 0;
    if (log->waiting.len == 0 || !be_open(log)) {
        return;
    }
    while (done < log->waiting.len) {
        const char *start = log->waiting.p + done;
        const char *end = memchr(start, '\n', log->waiting.len - done);
        struct slice line = {start, (size_t)(end - start) + 1}; /* each ends with one: call_log_add */
        if (!write_line(log, line)) {
            break;
        }
        done += line.n;
        log->state.written++;
        log->state.waiting--;
    }
    buf_consume(&log->waiting, done);
    if (log->waiting.len == 0) {
        heal(log);
    }
}

void call_log_add(struct call_log *log, const struct call_record *record) {
    if (log->path == NULL) {
        return;
    }
    size_t before = log->waiting.len;
    call_record_write(record, log->mask_numbers, &log->waiting);
    if (log->waiting.len > CALL_LOG_MOST_WAITING) {
        log->waiting.len = before;
        log->state.lost++;
        return;
    }
    log->state.waiting++;
}

/* Also without a line that waits: a file that can be opened again is well again. */
static void try_again(struct call_log *log) {
    if (log->waiting.len > 0) {
        call_log_flush(log);
    } else if (be_open(log)) {
        heal(log);
    }
}

static void on_retry(struct timer *timer) {
    try_again(container_of(timer, struct call_log, retry));
}

static void start(struct call_log *log, const char *path, bool mask_numbers) {
    log->mask_numbers = mask_numbers;
    log->path = path != NULL ? xstrdup(path) : NULL;
    log->state.wanted = path != NULL;
    if (path != NULL) {
        try_again(log);
    }
}

void call_log_init(struct call_log *log, struct loop *loop, const char *path, bool mask_numbers) {
    *log = (struct call_log){.loop = loop, .fd = -1, .retry.on_due = on_retry};
    start(log, path, mask_numbers);
}

static void give_up_waiting(struct call_log *log) {
    if (log->waiting.len > 0) {
        call_log_flush(log);
    }
    if (log->state.waiting > 0) {
        log_error(NULL, "lines of the call log %s that could not be written and are lost: %zu", log->path,
                  log->state.waiting);
    }
    log->state.lost += log->state.waiting;
    log->state.waiting = 0;
    buf_clear(&log->waiting);
}

void call_log_change(struct call_log *log, const char *path, bool mask_numbers) {
    bool is_same = path != NULL && log->path != NULL && strcmp(path, log->path) == 0;
    if (!is_same) {
        give_up_waiting(log);
        log->state.failing = false;
        log->state.error[0] = '\0';
    }
    timer_cancel(&log->retry); /* to give up is to try once more */
    close_file(log);
    free(log->path);
    start(log, path, mask_numbers);
}

void call_log_release(struct call_log *log) {
    if (log->loop == NULL) {
        return;
    }
    give_up_waiting(log);
    timer_cancel(&log->retry);
    close_file(log);
    free(take_ptr(log->path));
    buf_release(&log->waiting);
    log->loop = NULL;
}
