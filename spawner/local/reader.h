/* Reads output files for people: lines that are escaped, cut, and free of tokens; skips what output_trim removed. */
#ifndef SPAWNER_LOCAL_READER_H
#define SPAWNER_LOCAL_READER_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/diag.h"

enum { READER_LINE_SHOWN = 4096, READER_TAIL_SHOWN = 512 };

typedef void reader_line(void *context, const char *line);

struct reader {
    int fd;
    off_t at;
    struct buf part; /* a line without its end yet */
    bool torn;       /* the start of the line in part was removed */
};

/* Opens the output of LABEL in DIRECTORY. False with DIAG. */
bool reader_open(struct reader *reader, const char *directory, const char *label, struct diag *diag)
    __attribute__((warn_unused_result));
/* Opens what was set aside of it as PART (output.h). False: there is none. */
bool reader_open_part(struct reader *reader, const char *directory, const char *label, unsigned part)
    __attribute__((warn_unused_result));
/* Tells the complete lines that were added since. */
void reader_new_lines(struct reader *reader, reader_line *each, void *context);
/* Tells what stands after the last newline, when no more can come. */
void reader_rest(struct reader *reader, reader_line *each, void *context);
void reader_close(struct reader *reader);

/* The last COUNT lines of what stands in FD behind its offset, each at most READER_TAIL_SHOWN bytes, with SECRET
 * replaced. */
void reader_tail(int fd, unsigned count, struct slice secret, reader_line *each, void *context);

#endif
