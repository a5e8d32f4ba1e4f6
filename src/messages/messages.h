/* What every log message means: when it comes, and what to do. A message stands where it is written, as the format of a
 * call of base/log; here it stands again, with a name in the place of each conversion ("agent %s left" is "agent {AGENT}
 * left"). tests/lint/messages.py compares the two, so neither can change without the other. From this table come
 * doc/operations.md and `sipbridge explain`. Pure. */
#ifndef MESSAGES_MESSAGES_H
#define MESSAGES_MESSAGES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/slice.h"

struct message {
    enum log_level level;
    const char *text;   /* {NAME}, capitals, blanks and underscores, stands for what differs */
    const char *cause;  /* when it comes, and what follows */
    const char *remedy; /* what to do; "" for information that asks for nothing, never for warnings and errors */
};

/* Messages about one thing. */
struct message_area {
    const char *title;
    const struct message *messages; /* errors first, then by level */
    size_t count;
};

size_t messages_area_count(void);
const struct message_area *messages_area_at(size_t place);

/* How many bytes of TEXT stand in MESSAGE as they are, if MESSAGE can be an instance of it, whole; else 0. */
size_t messages_match(const char *text, struct slice message);
/* What is known of one line: its message alone, and its level, -1 where the line has none. */
struct message_line {
    struct buf text;
    int level;
};
/* LINE is one of the log, text or JSON, whatever a journal wrote in front of it, or a message alone. */
void messages_read_line(struct slice line, struct message_line *ret_line);
void messages_line_release(struct message_line *line);
#define cleanup_message_line __attribute__((cleanup(messages_line_release)))
/* Of the messages that fit LINE the one with the most in common; NULL: none. */
const struct message *messages_find(const struct message_line *line);

/* TEXT with its names bare: "agent AGENT left". */
void messages_show(struct buf *out, const char *text);
/* All of them as one JSON array of {"area", "level", "message", "cause", "remedy"}. */
void messages_json(struct buf *out);

#endif
