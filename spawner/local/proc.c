/* Reading /proc. */
#include "spawner/local/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "spawner/local/entries.h"

enum { FILE_MAX = 1 << 20, STATE_FIELD = 3, THREADS_FIELD = 20 };

bool proc_read(const char *path, struct buf *out) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    while (out->len < FILE_MAX) {
        ssize_t size = read(fd, buf_reserve(out, 4096), 4096);
        if (size <= 0) {
            return size == 0;
        }
        out->len += (size_t)size;
        out->p[out->len] = '\0';
    }
    return true;
}

static bool read_of(pid_t pid, const char *name, struct buf *out) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return proc_read(path, out) && out->len > 0;
}

/* The name in brackets is the process's own choice: what follows the last ')' is the kernel's. */
bool proc_stat(pid_t pid, struct proc_stat *ret_stat) {
    cleanup_buf struct buf text = {0};
    const char *at = read_of(pid, "stat", &text) ? strrchr(text.p, ')') : NULL;
    if (at == NULL || at[1] != ' ') {
        return false;
    }
    struct proc_stat stat = {.state = at[2]};
    for (int field = STATE_FIELD - 1; at != NULL && field < THREADS_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL || sscanf(at, " %d %*d %" SCNu64, &stat.threads, &stat.birth) != 2) {
        return false;
    }
    *ret_stat = stat;
    return true;
}

bool proc_is_over(const struct proc_stat *stat) {
    return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

bool proc_is_gone(pid_t pid) {
    struct proc_stat stat;
    return !proc_stat(pid, &stat) || proc_is_over(&stat);
}

char *proc_variable(pid_t pid, const char *name) {
    cleanup_buf struct buf vars = {0};
    if (!read_of(pid, "environ", &vars)) {
        return NULL;
    }
    size_t length = strlen(name);
    for (const char *at = vars.p, *end = vars.p + vars.len; at < end; at += strlen(at) + 1) {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            return xstrdup(at + length + 1);
        }
    }
    return NULL;
}

bool proc_instance(pid_t pid, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    cleanup_free char *value = proc_variable(pid, "SIP_INSTANCE");
    if (value != NULL) {
        snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%s", value);
    }
    return value != NULL;
}

int64_t proc_memory(pid_t pid) {
    cleanup_buf struct buf text = {0};
    int64_t pages = 0;
    bool known = read_of(pid, "statm", &text) && sscanf(text.p, "%*s %" SCNd64, &pages) == 1;
    return known ? pages * sysconf(_SC_PAGESIZE) : 0;
}

uint64_t proc_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    return (uint64_t)now.tv_sec * hz + (uint64_t)now.tv_nsec * hz / 1000000000;
}

struct walk {
    void (*each)(void *context, pid_t pid);
    void *context;
};

static void visit(void *context, int directory, const char *name) {
    const struct walk *walk = context;
    char *end;
    long pid = strtol(name, &end, 10);
    (void)directory;
    if (end != name && *end == '\0' && pid > 1 && pid != getpid()) {
        walk->each(walk->context, (pid_t)pid);
    }
}

void proc_each(void (*each)(void *context, pid_t pid), void *context) {
    entries_each("/proc", visit, &(struct walk){each, context});
}

int proc_open(pid_t pid) {
    return pidfd_open(pid, 0);
}
