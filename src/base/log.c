/* The log. A record is formatted whole, rid of secrets (and of numbers, if so set), made printable, cut to 4096
 * bytes, and handed to base/outflow, which writes it as soon as that needs no waiting. */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/outflow.h"
#include "base/text.h"
#include "base/vault.h"
#include "base/when.h"

enum {
    RECORD_MAX = OUTFLOW_WRITE_MAX,
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
static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct log_options options = {.fd = STDOUT_FILENO, .level = LOG_INFO, .format = LOG_TEXT};
static log_listener *listener;
static void *listener_context;

static bool batch;
static uint64_t told; /* how many of the lost records the log itself has mentioned */

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

void log_init(const struct log_options *wanted) {
    options = *wanted;
    outflow_init(options.fd);
}

void log_change(const struct log_options *wanted) {
    int fd = options.fd;
    options = *wanted;
    options.fd = fd;
}

const char *log_level_name(enum log_level level) {
    return level_names[level];
}

bool log_enabled(enum log_level level) {
    return level <= options.level || (listener != NULL && level <= LOG_WARNING);
}

int log_fd(void) {
    return outflow_fd();
}

uint64_t log_dropped(void) {
    return outflow_lost();
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
        vault_free((char *)slot->p);
    }
    *slot = (struct slice){vault_dup(secret), secret.n};
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

static void hide_secrets(void) {
    size_t kept = secrets.count < SECRETS_MAX ? secrets.count : SECRETS_MAX;
    for (size_t i = 0; i < kept; i++) {
        hide_one(&raw, secrets.text[i]);
    }
}

/* What is in `raw` without what must not be seen. */
static struct slice seen_of_raw(void) {
    hide_secrets();
    if (!options.mask_numbers) {
        return buf_slice(&raw);
    }
    buf_clear(&part);
    text_mask_numbers(&part, buf_slice(&raw));
    return buf_slice(&part);
}

static void add_time(struct buf *out, int64_t wall_ms) {
    char text[WHEN_SIZE];
    when_format(wall_ms, text);
    buf_adds(out, text);
}

/* name=value, in quotes where the value could be taken for more than one. TEXT is escaped: every backslash in it begins
 * an escape, so that no value can end its own quotes. */
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

static void show_field(struct buf *out, struct slice text, size_t limit) {
    buf_clear(&raw);
    buf_add_slice(&raw, text);
    text_escape(out, seen_of_raw(), limit);
}

/* The sid ties records together, so it is never masked. */
static void show_call(struct buf *out, struct slice sid) {
    buf_clear(&raw);
    buf_add_slice(&raw, sid);
    hide_secrets();
    text_escape(out, buf_slice(&raw), SID_MAX);
}

static void add_shown(struct buf *out, const char *name, const struct buf *shown) {
    if (shown->len > 0 && options.format == LOG_JSON) {
        json_add_field(out, name, buf_slice(shown));
    } else if (shown->len > 0) {
        add_pair(out, name, buf_slice(shown));
    }
}

static void add_field(struct buf *out, const char *name, struct slice text, size_t limit) {
    cleanup_buf struct buf shown = {0};
    show_field(&shown, text, limit);
    add_shown(out, name, &shown);
}

static void add_call(struct buf *out, struct slice sid) {
    cleanup_buf struct buf shown = {0};
    show_call(&shown, sid);
    add_shown(out, "call", &shown);
}

static void add_fact(struct buf *out, const struct log_field *field) {
    const char *quote = field->is_text ? "\"" : "";
    if (options.format == LOG_JSON) {
        buf_addf(out, ",\"%s\":%s%s%s", field->name, quote, field->value, quote);
    } else {
        buf_addf(out, " %s=%s", field->name, field->value);
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
    for (size_t i = 0; i < about->field_count; i++) {
        add_fact(out, &about->fields[i]);
    }
}

static void build_json(const struct entry *entry, size_t field_max) {
    buf_adds(&record, "{\"time\":\"");
    add_time(&record, entry->wall_ms);
    buf_addf(&record, "\",\"level\":\"%s\",\"tag\":\"SIP\"", level_names[entry->level]);
    json_add_field(&record, "message", entry->message);
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

/* Says once that records were lost, as soon as there is room for saying it. */
static void tell_lost(void) {
    uint64_t lost = outflow_lost() - told;
    if (lost == 0 || outflow_waiting() > OUTFLOW_SIZE / 2) {
        return;
    }
    told += lost;
    char text[160];
    int length = snprintf(text, sizeof text,
                          "%" PRIu64 " log records were lost because nobody read standard output fast enough", lost);
    build_record(&(struct entry){.level = LOG_WARNING, .wall_ms = clock_wall_ms(), .message = {text, (size_t)length}});
    outflow_put(buf_slice(&record));
}

size_t log_flush(void) {
    outflow_drain();
    tell_lost();
    outflow_drain();
    return outflow_waiting();
}

void log_batch(bool yes) {
    batch = yes;
}

static bool may_wait(const struct entry *entry) {
    return batch && entry->level > LOG_WARNING && outflow_waiting() < OUTFLOW_WRITE_MAX;
}

static void emit(const struct entry *entry) {
    bool waits = may_wait(entry);
    if (!waits) {
        outflow_drain();
    }
    tell_lost();
    build_record(entry);
    outflow_put(buf_slice(&record));
    if (!waits) {
        outflow_drain();
    }
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

static const char *text_in(const struct buf *buf) {
    return buf->len > 0 ? buf->p : "";
}

static void tell_listener(const struct entry *entry) {
    static const struct log_about nothing;
    const struct log_about *about = entry->about != NULL ? entry->about : &nothing;
    cleanup_buf struct buf call = {0};
    cleanup_buf struct buf room = {0};
    cleanup_buf struct buf agent = {0};
    show_call(&call, about->call);
    show_field(&room, about->room, FIELD_MAX);
    show_field(&agent, about->agent, FIELD_MAX);
    const struct log_heard heard = {.level = entry->level,
                                    .wall_ms = entry->wall_ms,
                                    .message = entry->message.n > 0 ? entry->message.p : "",
                                    .call = text_in(&call),
                                    .room = text_in(&room),
                                    .agent = text_in(&agent)};
    listener(listener_context, &heard);
}

void log_write(enum log_level level, const struct log_about *about, const char *format, ...) {
    static struct buf message;
    va_list args;
    va_start(args, format);
    format_raw(format, args);
    va_end(args);
    buf_clear(&message);
    text_clean(&message, seen_of_raw(), MESSAGE_MAX);
    struct entry entry = {.level = level, .wall_ms = clock_wall_ms(), .message = buf_slice(&message), .about = about};
    if (level <= options.level) {
        emit(&entry);
    }
    if (listener != NULL && level <= LOG_WARNING) {
        tell_listener(&entry);
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
