/* The log: one record a line on standard output, as text or JSON, each with the word SIP, a level and what is
 * known of the call. Writing never blocks: standard output may be a pipe that nobody reads. What does not fit
 * goes to a 256 KiB ring and out when poll says so; what does not fit there is dropped and counted, and the
 * count is logged when there is room again. A record is at most 4096 bytes.
 *
 * The whole message is made printable (text_clean), so callers may print caller-controlled text with %.*s.
 * Process-wide state, because every layer logs; one thread only. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_options {
    int fd;               /* where to write; its flags are left alone (others may share them) */
    enum log_level level; /* records above it cost one comparison */
    enum log_format format;
    bool mask_numbers; /* SIP_LOG_NUMBERS=mask: every run of digits that may be a number is masked */
};

/* One more fact of a record: " name=value" in text, a member in JSON. */
struct log_field {
    const char *name;
    const char *value; /* made by us: a number, a word; not escaped */
    bool is_text;      /* in quotes in JSON */
};

/* What the record is about; zero what does not apply. Borrowed for the call only. */
struct log_about {
    struct slice call, room, agent;
    pid_t pid;
    const struct log_field *fields;
    size_t field_count;
};

void log_init(const struct log_options *wanted);
/* The same without fd, at any later time. */
void log_change(const struct log_options *wanted);
/* "error", "warning", "info", "debug" */
const char *log_level_name(enum log_level level);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const struct log_about *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* YES: from now on log_flush is called after every turn of the loop, and records below LOG_WARNING may wait for it, so that
 * those of one turn share a write. At most OUTFLOW_WRITE_MAX bytes of them do. */
void log_batch(bool yes);
/* Tries to write what waits in the ring; returns how many bytes still wait. The loop calls it. */
size_t log_flush(void);
/* The fd to watch for writability while log_flush is not 0. */
int log_fd(void);
uint64_t log_dropped(void);
/* A record as its readers see it, rid of secrets and, if so set, of numbers. Borrowed for the call only; what the record
 * is not about is "". */
struct log_heard {
    enum log_level level;
    int64_t wall_ms;
    const char *message, *call, *room, *agent;
};
/* Called with every record of LOG_WARNING and LOG_ERROR (status keeps the last 20). NULL: nobody. */
typedef void log_listener(void *context, const struct log_heard *record);
void log_listen(log_listener *wanted, void *context);
/* Replaces SECRET by "[secret]" in everything logged from now on (API secrets). Shorter than 8 bytes: ignored, for
 * it would hide half of the log. Of more than 64 the oldest is forgotten. */
void log_hide(struct slice secret);

#define log_error(about, ...) log_at_(LOG_ERROR, about, __VA_ARGS__)
#define log_warning(about, ...) log_at_(LOG_WARNING, about, __VA_ARGS__)
#define log_info(about, ...) log_at_(LOG_INFO, about, __VA_ARGS__)
#define log_debug(about, ...) log_at_(LOG_DEBUG, about, __VA_ARGS__)
#define log_at_(level, about, ...)                \
    do {                                          \
        if (log_enabled(level)) {                 \
            log_write(level, about, __VA_ARGS__); \
        }                                         \
    } while (0)

/* At most one record a second: `if (log_limit_pass(&limit, now, &skipped)) …` says how many were left out. */
struct log_limit {
    int64_t next_ms;
    uint64_t skipped;
};
bool log_limit_pass(struct log_limit *limit, int64_t now_ms, uint64_t *ret_skipped);

#endif
