/* Any bytes as a call log, in pieces: every line is counted as a call or as bad, what is read writes a line that is read
 * again as the same, and a picture's script of it has no command in it. */
#include <stdlib.h>

#include "base/mem.h"
#include "report/plot.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

static void on_bad(void *context, uint64_t number, const struct diag *diag) {
    unsigned *count = context;
    demand(number > 0 && diag->what[0] != '\0');
    ++*count;
}

static void check_record(struct slice line) {
    struct call_record record, again;
    struct diag diag = {0};
    cleanup_buf struct buf first = {0}, second = {0}, masked = {0};
    if (!call_record_read(line, &record, &diag)) {
        return;
    }
    call_record_write(&record, false, &first);
    call_record_write(&record, true, &masked);
    demand(memchr(first.p, '\n', first.len) == first.p + first.len - 1);
    demand(memchr(masked.p, '\n', masked.len) == masked.p + masked.len - 1);
    demand(call_record_read((struct slice){first.p, first.len - 1}, &again, &diag));
    call_record_write(&again, false, &second);
    demand(slice_eq(buf_slice(&first), buf_slice(&second)));
    call_record_release(&again);
    call_record_release(&record);
}

static void check_report(struct report *report) {
    uint64_t ends = 0, agents = 0;
    cleanup_buf struct buf script = {0};
    report_sort(report);
    for (const struct report_group *group = report->ends; group != NULL; group = group->hh.next) {
        ends += group->calls;
    }
    for (const struct report_group *group = report->agents; group != NULL; group = group->hh.next) {
        agents += group->calls;
    }
    demand(ends == report->calls && agents == report->calls && report->answered <= report->calls);
    demand(report->ring.count == report->answered);
    plot_script(report, &script);
    demand(memchr(script.p, '`', script.len) == NULL && memchr(script.p, '!', script.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned bad = 0;
    size_t piece = size > 0 ? 1 + data[0] % 64 : 1;
    struct report *report = xcalloc(1, sizeof *report);
    struct report_lines lines = {.report = report, .on_bad = on_bad, .context = &bad};
    check_record((struct slice){(const char *)data, size});
    for (size_t at = 0; at < size; at += piece) {
        report_lines_feed(&lines, (struct slice){(const char *)data + at, size - at < piece ? size - at : piece});
    }
    report_lines_end(&lines);
    demand(report->bad == bad && report->calls + bad <= lines.number);
    check_report(report);
    report_release(report);
    free(report);
    return 0;
}
