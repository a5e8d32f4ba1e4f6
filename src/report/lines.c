/* Pieces of a file to lines, lines to records. */
#include "report/report.h"

static void refuse(struct report_lines *lines, const struct diag *diag) {
    lines->report->bad++;
    lines->on_bad(lines->context, lines->number, diag);
}

static void take_line(struct report_lines *lines) {
    struct slice line = buf_slice(&lines->line);
    struct call_record record;
    struct diag diag = {0};
    lines->number++;
    if (lines->too_long) {
        (void)diag_fail(&diag, "", "is longer than %d bytes", CALL_RECORD_MAX_LINE);
        refuse(lines, &diag);
    } else if (line.n > 0 && !call_record_read(line, &record, &diag)) {
        refuse(lines, &diag);
    } else if (line.n > 0) {
        report_add(lines->report, &record);
        call_record_release(&record);
    }
    lines->too_long = false;
    buf_clear(&lines->line);
}

static void collect(struct report_lines *lines, struct slice part) {
    lines->too_long = lines->too_long || lines->line.len + part.n > CALL_RECORD_MAX_LINE;
    if (lines->too_long) {
        buf_clear(&lines->line);
    } else {
        buf_add_slice(&lines->line, part);
    }
}

void report_lines_feed(struct report_lines *lines, struct slice bytes) {
    while (bytes.n > 0) {
        const char *newline = memchr(bytes.p, '\n', bytes.n);
        size_t size = newline != NULL ? (size_t)(newline - bytes.p) : bytes.n;
        collect(lines, (struct slice){bytes.p, size});
        if (newline == NULL) {
            return;
        }
        take_line(lines);
        bytes.p += size + 1;
        bytes.n -= size + 1;
    }
}

void report_lines_end(struct report_lines *lines) {
    if (lines->line.len > 0 || lines->too_long) {
        take_line(lines);
    }
    buf_release(&lines->line);
}
