/* Samples as lines. https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "ops/sheet.h"

#include <inttypes.h>

enum { US = 1000000 };

const char *sheet_type_name(enum sheet_type type) {
    static const char *const names[] = {
        [SHEET_GAUGE] = "gauge", [SHEET_COUNTER] = "counter", [SHEET_HISTOGRAM] = "histogram"};
    return names[type];
}

/* Backslash, quote and newline are escaped; the rest of the text is UTF-8 as it is. */
static void add_value(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\': buf_adds(out, "\\\\"); break;
        case '"': buf_adds(out, "\\\""); break;
        case '\n': buf_adds(out, "\\n"); break;
        default: buf_addc(out, *text); break;
        }
    }
}

/* Help text of ours has neither backslashes nor newlines. */
void sheet_begin(struct sheet *sheet, const char *name, enum sheet_type type, const char *help) {
    sheet->name = name;
    sheet->start = sheet->out->len;
    sheet->samples = 0;
    buf_addf(sheet->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, sheet_type_name(type));
}

void sheet_end(struct sheet *sheet) {
    sheet->full = sheet->full || sheet->out->len > sheet->most;
    if (sheet->full || sheet->samples == 0) {
        sheet->out->len = sheet->start;
        sheet->out->p[sheet->start] = '\0';
    }
}

void sheet_count(struct sheet *sheet, uint64_t value) {
    buf_addf(sheet->out, "%s %" PRIu64 "\n", sheet->name, value);
    sheet->samples++;
}

void sheet_real(struct sheet *sheet, double value) {
    buf_addf(sheet->out, "%s %.12g\n", sheet->name, value);
    sheet->samples++;
}

void sheet_count_of(struct sheet *sheet, const char *label, const char *of, uint64_t value) {
    buf_addf(sheet->out, "%s{%s=\"", sheet->name, label);
    add_value(sheet->out, of);
    buf_addf(sheet->out, "\"} %" PRIu64 "\n", value);
    sheet->samples++;
}

void sheet_count_by(struct sheet *sheet, const struct sheet_label labels[2], uint64_t value) {
    buf_addf(sheet->out, "%s{%s=\"", sheet->name, labels[0].name);
    add_value(sheet->out, labels[0].value);
    buf_addf(sheet->out, "\",%s=\"", labels[1].name);
    add_value(sheet->out, labels[1].value);
    buf_addf(sheet->out, "\"} %" PRIu64 "\n", value);
    sheet->samples++;
}

void sheet_histogram(struct sheet *sheet, const struct histogram *histogram) {
    const struct buckets *buckets = histogram->buckets;
    uint64_t total = 0;
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < buckets->count; i++) {
        total += histogram->counts[i];
        buf_addf(sheet->out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", sheet->name, (double)buckets->at_us[i] / US, total);
    }
    total += histogram->counts[buckets->count];
    buf_addf(sheet->out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", sheet->name, total);
    buf_addf(sheet->out, "%s_sum %.12g\n", sheet->name, (double)histogram->sum_us / US);
    buf_addf(sheet->out, "%s_count %" PRIu64 "\n", sheet->name, total);
    sheet->samples++;
}
