/* The log. A record is formatted whole, rid of secrets (and of numbers, if so set), made printable, cut to 4096
 * bytes, and put into a ring of bytes that is written as far as standard output takes it at once.
 *
 * Never blocking: a socket is asked with MSG_DONTWAIT; a pipe that poll calls writable has a free page, so it
 * takes PIPE_BUF bytes without waiting (pipe(7)), hence no write is longer; a terminal may stop half way through
 * a write, so it is opened a second time with O_NONBLOCK of its own. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

enum {
    RECORD_MAX = 4096,
    RING_SIZE = 256 * 1024,
    SECRETS_MAX = 64,
    SECRET_MIN = 8,
    SID_MAX = 64,
    MESSAGE_MAX = 2048,
    FIELD_MAX = 520, /* a room name has up to 512 bytes; escaped ones may be cut */
    /* With quotes to escape, the above may exceed a record; these cannot: 2 * 1000 + 3 * 2 * 250 + names. */
    SHORT_MESSAGE_MAX = 1000,
    SHORT_FIELD_MAX = 250,
    KEEP_BUFFER = 64 * 1024,
};
_Static_assert(RECORD_MAX <= PIPE_BUF, "a record must fit a pipe in one write");

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct log_options options = {.fd = STDOUT_FILENO, .level = LOG_INFO, .format = LOG_TEXT};
static log_listener *listener;
static void *listener_context;

static struct {
    char bytes[RING_SIZE];
    size_t head, used;
    uint64_t dropped, told; /* records lost; how many of them the log itself has mentioned */
    int fd;
    bool is_socket;
} ring = {.fd = STDOUT_FILENO};

struct entry {
    enum log_level level;
    int64_t wall_ms;
    struct slice message; /* shown already */
    const struct log_about *about;
};

static struct {
    struct slice text[SECRETS_MAX];
    size_t count; /* ever hidden; the newest SECRETS_MAX are kept */
} secrets;

/* Formatting space, kept between records. */
static struct buf raw, part, record;

static bool is_socket(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* FD, or for a terminal a nonblocking description of our own. */
static int writing_fd(int fd) {
    if (!isatty(fd)) {
        return fd;
    }
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return own >= 0 ? own : fd;
}

void log_init(const struct log_options *wanted) {
    if (ring.fd != options.fd) {
        close(ring.fd);
    }
    options = *wanted;
    ring.is_socket = is_socket(options.fd);
    ring.fd = writing_fd(options.fd);
}

bool log_enabled(enum log_level level) {
    return level <= options.level || (listener != NULL && level <= LOG_WARNING);
}

int log_fd(void) {
    return ring.fd;
}

uint64_t log_dropped(void) {
    return ring.dropped;
}

void log_listen(log_listener *wanted, void *context) {
    listener = wanted;
    listener_context = context;
}

void log_hide(struct slice secret) {
    if (secret.n < SECRET_MIN) {
        return;
    }
    size_t kept = secrets.count < SECRETS_MAX ? secrets.count : SECRETS_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (slice_eq(secrets.text[i], secret)) {
            return;
        }
    }
    struct slice *slot = &secrets.text[secrets.count++ % SECRETS_MAX];
    if (slot->n > 0) {
        explicit_bzero((char *)slot->p, slot->n);
        free((char *)slot->p);
    }
    *slot = (struct slice){xmemdup(secret.p, secret.n), secret.n};
}

static void hide_one(struct buf *text, struct slice secret) {
    static const char mark[] = "[secret]";
    size_t from = 0;
    char *found;
    while (from < text->len && (found = memmem(text->p + from, text->len - from, secret.p, secret.n)) != NULL) {
        size_t at = (size_t)(found - text->p);
        _Static_assert(SECRET_MIN >= sizeof mark - 1, "a hidden secret never grows the text");
        memcpy(found, mark, sizeof mark - 1);
        memmove(found + sizeof mark - 1, found + secret.n, text->len - at - secret.n);
        text->len -= secret.n - (sizeof mark - 1);
        text->p[text->len] = '\0';
        from = at + sizeof mark - 1;
    }
}

/* Appends what is in `raw` to OUT as people may see it. */
static void add_shown(struct buf *out, size_t limit) {
    size_t kept = secrets.count < SECRETS_MAX ? secrets.count : SECRETS_MAX;
    for (size_t i = 0; i < kept; i++) {
        hide_one(&raw, secrets.text[i]);
    }
    if (options.mask_numbers) {
        buf_clear(&part);
        text_mask_numbers(&part, buf_slice(&raw));
        text_clean(out, buf_slice(&part), limit);
    } else {
        text_clean(out, buf_slice(&raw), limit);
    }
}

static void add_time(struct buf *out, int64_t wall_ms) {
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    gmtime_r(&seconds, &tm);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_addf(out, "%s.%03dZ", text, (int)(wall_ms % 1000));
}

/* JSON string of text that text_clean made: only the quote and the backslash are left to escape. */
static void add_json(struct buf *out, const char *name, struct slice text) {
    buf_addf(out, ",\"%s\":\"", name);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\') {
            buf_addc(out, '\\');
        }
        buf_addc(out, text.p[i]);
    }
    buf_addc(out, '"');
}

/* name=value, in quotes where the value could be taken for more than one. */
static void add_pair(struct buf *out, const char *name, struct slice text) {
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n && plain; i++) {
        plain = strchr(" =\"\\", text.p[i]) == NULL;
    }
    buf_addf(out, plain ? " %s=" : " %s=\"", name);
    for (size_t i = 0; i < text.n; i++) {
        if (!plain && text.p[i] == '"') {
            buf_addc(out, '\\');
        }
        buf_addc(out, text.p[i]);
    }
    buf_adds(out, plain ? "" : "\"");
}

static void add_field(struct buf *out, const char *name, struct slice text, size_t limit) {
    if (text.n == 0) {
        return;
    }
    cleanup_buf struct buf shown = {0};
    buf_clear(&raw);
    buf_add_slice(&raw, text);
    add_shown(&shown, limit);
    if (options.format == LOG_JSON) {
        add_json(out, name, buf_slice(&shown));
    } else {
        add_pair(out, name, buf_slice(&shown));
    }
}

/* The sid ties records together, so it is never masked. */
static void add_call(struct buf *out, struct slice sid) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, sid, SID_MAX);
    if (sid.n > 0 && options.format == LOG_JSON) {
        add_json(out, "call", buf_slice(&shown));
    } else if (sid.n > 0) {
        add_pair(out, "call", buf_slice(&shown));
    }
}

static void add_about(struct buf *out, const struct log_about *about, size_t limit) {
    if (about == NULL) {
        return;
    }
    add_call(out, about->call);
    add_field(out, "room", about->room, limit);
    add_field(out, "agent", about->agent, limit);
    if (about->pid > 0) {
        buf_addf(out, options.format == LOG_JSON ? ",\"pid\":%d" : " pid=%d", (int)about->pid);
    }
}

static void build_json(const struct entry *entry, size_t field_max) {
    buf_adds(&record, "{\"time\":\"");
    add_time(&record, entry->wall_ms);
    buf_addf(&record, "\",\"level\":\"%s\",\"tag\":\"SIP\"", level_names[entry->level]);
    add_json(&record, "message", entry->message);
    add_about(&record, entry->about, field_max);
    buf_adds(&record, "}\n");
}

static void build_text(const struct entry *entry, size_t field_max) {
    add_time(&record, entry->wall_ms);
    buf_addf(&record, " SIP %-5s ", level_names[entry->level]);
    buf_add_slice(&record, entry->message);
    add_about(&record, entry->about, field_max);
    buf_addc(&record, '\n');
}

static void build(const struct entry *entry, size_t field_max) {
    buf_clear(&record);
    if (options.format == LOG_JSON) {
        build_json(entry, field_max);
    } else {
        build_text(entry, field_max);
    }
}

static void build_record(const struct entry *entry) {
    build(entry, FIELD_MAX);
    if (record.len <= RECORD_MAX) {
        return;
    }
    cleanup_buf struct buf message = {0};
    text_clean(&message, entry->message, SHORT_MESSAGE_MAX);
    struct entry shorter = *entry;
    shorter.message = buf_slice(&message);
    build(&shorter, SHORT_FIELD_MAX);
}

/* The longest run of the ring that one write may carry. */
static struct slice ring_front(void) {
    size_t straight = RING_SIZE - ring.head;
    size_t size = ring.used < straight ? ring.used : straight;
    return (struct slice){ring.bytes + ring.head, size < RECORD_MAX ? size : RECORD_MAX};
}

static void ring_remove(size_t size) {
    ring.head = (ring.head + size) % RING_SIZE;
    ring.used -= size;
}

static bool ring_put(struct slice bytes) {
    if (bytes.n > RING_SIZE - ring.used) {
        return false;
    }
    size_t tail = (ring.head + ring.used) % RING_SIZE;
    size_t straight = RING_SIZE - tail < bytes.n ? RING_SIZE - tail : bytes.n;
    memcpy(ring.bytes + tail, bytes.p, straight);
    memcpy(ring.bytes, bytes.p + straight, bytes.n - straight);
    ring.used += bytes.n;
    return true;
}

/* What was written: 0 when it would have to wait, -1 when nobody will ever read it. */
static ssize_t write_now(struct slice bytes) {
    if (ring.is_socket) {
        ssize_t sent = send(ring.fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        return sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) ? 0 : sent;
    }
    struct pollfd ready = {.fd = ring.fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0) {
        return 0;
    }
    ssize_t written = write(ring.fd, bytes.p, bytes.n);
    return written < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : written;
}

static uint64_t count_records(struct slice bytes) {
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.n; i++) {
        count += bytes.p[i] == '\n';
    }
    return count;
}

static void drain(void) {
    while (ring.used > 0) {
        struct slice front = ring_front();
        ssize_t written = write_now(front);
        if (written == 0) {
            return;
        }
        if (written < 0) {
            ring.dropped += count_records(front);
            written = (ssize_t)front.n;
        }
        ring_remove((size_t)written);
    }
}

/* Says once that records were lost, as soon as there is room for saying it. */
static void tell_dropped(void) {
    if (ring.dropped == ring.told || ring.used > RING_SIZE / 2) {
        return;
    }
    uint64_t lost = ring.dropped - ring.told;
    ring.told = ring.dropped;
    char text[160];
    int length = snprintf(text, sizeof text,
                          "%" PRIu64 " log records were lost because nobody read standard output fast enough", lost);
    build_record(&(struct entry){.level = LOG_WARNING, .wall_ms = clock_wall_ms(), .message = {text, (size_t)length}});
    (void)ring_put(buf_slice(&record));
}

size_t log_flush(void) {
    drain();
    tell_dropped();
    drain();
    return ring.used;
}

/* The record goes to the ring whole or not at all. */
static void emit(const struct entry *entry) {
    drain();
    tell_dropped();
    build_record(entry);
    if (!ring_put(buf_slice(&record))) {
        ring.dropped++;
    }
    drain();
}

static void trim(struct buf *buf) {
    if (buf->cap > KEEP_BUFFER) {
        buf_release(buf);
    }
}

__attribute__((format(printf, 1, 0))) static void format_raw(const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    buf_clear(&raw);
    if (length > 0) {
        vsnprintf(buf_reserve(&raw, (size_t)length), (size_t)length + 1, format, again);
        raw.len += (size_t)length;
    }
    va_end(again);
}

void log_write(enum log_level level, const struct log_about *about, const char *format, ...) {
    static struct buf message;
    va_list args;
    va_start(args, format);
    format_raw(format, args);
    va_end(args);
    buf_clear(&message);
    add_shown(&message, MESSAGE_MAX);
    struct entry entry = {.level = level, .wall_ms = clock_wall_ms(), .message = buf_slice(&message), .about = about};
    if (level <= options.level) {
        emit(&entry);
    }
    if (listener != NULL && level <= LOG_WARNING) {
        listener(listener_context, level, entry.wall_ms, message.p);
    }
    trim(&raw);
    trim(&part);
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ms, uint64_t *ret_skipped) {
    if (now_ms < limit->next_ms) {
        limit->skipped++;
        return false;
    }
    *ret_skipped = limit->skipped;
    limit->skipped = 0;
    limit->next_ms = now_ms + 1000;
    return true;
}
