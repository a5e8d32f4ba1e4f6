/* Reading the kernel's pressure files. */
#include "app/pressure.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { LOOK_MS = 1000, FILE_MAX = 16 * 1024, WHOLE = 100 };

static const char machine_path[] = "/proc/pressure/memory";

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* "12.34" at the start of TEXT, as 1234. */
static bool parse_percent(struct slice text, int64_t *ret_hundredths) {
    int64_t whole = 0;
    size_t i = 0;
    while (i < text.n && i < 4 && is_digit(text.p[i])) {
        whole = whole * 10 + (text.p[i++] - '0');
    }
    bool complete = i > 0 && i + 2 < text.n && text.p[i] == '.' && is_digit(text.p[i + 1]) && is_digit(text.p[i + 2]);
    if (!complete) {
        return false;
    }
    *ret_hundredths = whole * WHOLE + (text.p[i + 1] - '0') * 10 + (text.p[i + 2] - '0');
    return true;
}

bool pressure_parse(struct slice text, int64_t *ret_hundredths) {
    struct slice head = SLICE("some avg10=");
    return slice_starts(text, head) && parse_percent(slice_after(text, head.n), ret_hundredths);
}

char *pressure_cgroup_path(struct slice text) {
    const char *end = text.p + text.n;
    for (const char *line = text.p; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((stop != NULL ? stop : end) - line);
        if (size > 3 && memcmp(line, "0::/", 4) == 0) {
            bool is_root = size == 4;
            return xasprintf("/sys/fs/cgroup%.*s/memory.pressure", is_root ? 0 : (int)(size - 3), line + 3);
        }
        line += size + 1;
    }
    return NULL;
}

static bool read_path(const char *path, int64_t *ret_hundredths) {
    cleanup_buf struct buf text = {0};
    struct diag diag;
    return path != NULL && file_read_regular(path, FILE_MAX, &text, &diag) &&
           pressure_parse(buf_slice(&text), ret_hundredths);
}

static struct ops_memory look(const struct pressure *pressure) {
    struct ops_memory seen = {.max_percent = pressure->options.max_percent};
    const char *path = pressure->options.path;
    const char *const paths[] = {path != NULL ? path : machine_path, path != NULL ? NULL : pressure->cgroup_path};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int64_t hundredths;
        if (read_path(paths[i], &hundredths)) {
            seen.hundredths = !seen.is_known || hundredths > seen.hundredths ? hundredths : seen.hundredths;
            seen.is_known = true;
        }
    }
    return seen;
}

/* A file that was named must be there; a kernel without PSI is nobody's mistake. */
static void say_missing(const struct pressure *pressure) {
    const char *path = pressure->options.path;
    if (path != NULL) {
        log_warning(NULL, "SIP_PRESSURE_FILE: no memory pressure can be read from %s: it limits nothing until it can",
                    path);
    } else {
        log_info(NULL, "this kernel tells no memory pressure (%s): SIP_MAX_PRESSURE has no effect", machine_path);
    }
}

static void note(struct pressure *pressure, bool is_short) {
    if (is_short == pressure->is_short) {
        return;
    }
    pressure->is_short = is_short;
    if (is_short) {
        log_error(NULL,
                  "memory is short: processes waited for it in %lld %% of the last seconds, more than "
                  "SIP_MAX_PRESSURE=%lld; new calls are hung up until it is less",
                  (long long)pressure->seen.hundredths / WHOLE, (long long)pressure->options.max_percent);
    } else {
        log_info(NULL, "memory is no longer short: new calls are taken");
    }
    pressure->options.on_change(pressure->options.context, is_short);
}

static void look_again(struct pressure *pressure) {
    pressure->seen = look(pressure);
    bool is_missing = !pressure->seen.is_known;
    if (is_missing && !pressure->is_missing) {
        say_missing(pressure);
    }
    pressure->is_missing = is_missing;
    note(pressure, pressure->seen.is_known && pressure->seen.hundredths > pressure->options.max_percent * WHOLE);
    timer_start(&pressure->timer, pressure->options.loop, LOOK_MS);
}

static void on_due(struct timer *timer) {
    look_again(container_of(timer, struct pressure, timer));
}

void pressure_start(struct pressure *pressure, const struct pressure_options *options) {
    cleanup_buf struct buf text = {0};
    struct diag diag;
    pressure->options = *options;
    pressure->timer.on_due = on_due;
    if (options->max_percent == 0) {
        return;
    }
    if (options->cgroup != NULL) {
        pressure->cgroup_path = xasprintf("%s/memory.pressure", options->cgroup);
    } else if (options->path == NULL && file_read_regular("/proc/self/cgroup", FILE_MAX, &text, &diag)) {
        pressure->cgroup_path = pressure_cgroup_path(buf_slice(&text));
    }
    look_again(pressure);
}

void pressure_stop(struct pressure *pressure) {
    timer_cancel(&pressure->timer);
    free(pressure->cgroup_path);
    pressure->cgroup_path = NULL;
}
