/* The call log's file (SIP_CALL_LOG): lines appended, each by one write(2) at the file's end (O_APPEND).
 *
 * logrotate may move the file at any time: before every write the name is looked at, and where another file or none has it
 * the log goes on in a new one (mode 0640). A line that cannot be written waits in memory and is tried again every few
 * seconds; at most CALL_LOG_MOST_WAITING bytes wait, and what does not fit is lost and counted. What a failing write left
 * of a line is cut off again, and where that cannot be done the next line begins on a line of its own. No line is synced:
 * a crash of the machine may take the last ones with it.
 *
 * Nothing here keeps a call waiting, but for the file system itself. */
#ifndef CALLLOG_CALLLOG_H
#define CALLLOG_CALLLOG_H

#include "base/log.h"
#include "calllog/record.h"
#include "loop/loop.h"

enum { CALL_LOG_MOST_WAITING = 1 << 20, CALL_LOG_RETRY_MS = 5000, CALL_LOG_ERROR_SIZE = 256 };

/* What health, status and metrics show. */
struct call_log_state {
    bool wanted;                     /* SIP_CALL_LOG is set */
    bool failing;                    /* the last try to write failed */
    char error[CALL_LOG_ERROR_SIZE]; /* why; "" when it did not */
    uint64_t written, lost;          /* lines */
    uint64_t failures;               /* tries that failed */
    size_t waiting;                  /* lines */
};

struct call_log {
    struct call_log_state state;
    struct loop *loop;
    struct timer retry;
    char *path; /* NULL: not wanted */
    int fd;     /* -1: not open */
    bool torn;  /* the file ends inside of a line */
    bool mask_numbers;
    struct buf waiting;
};

/* PATH NULL: nothing is logged. An absolute path; the file is opened at once, so that a wrong one is told at the start. */
void call_log_init(struct call_log *log, struct loop *loop, const char *path, bool mask_numbers);
/* Other settings, at any later time; the file is opened anew. */
void call_log_change(struct call_log *log, const char *path, bool mask_numbers);
/* Tries once more to write what waits, says how many lines are lost, and closes the file. Of a zeroed one: nothing. */
void call_log_release(struct call_log *log);

/* The line waits until call_log_flush: the caller first makes sure that it will not be told again. */
void call_log_add(struct call_log *log, const struct call_record *record);
/* Writes what waits. */
void call_log_flush(struct call_log *log);

#endif
