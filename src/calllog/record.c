/* A record as text and back. */
#include "calllog/record.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/json_text.h"
#include "base/text.h"
#include "base/when.h"

#define MOST_TIME INT64_C(253402300799999) /* the year 9999 */

/* What may hold a phone number. */
static bool may_tell_number(const char *name) {
    return strcmp(name, "room") == 0 || strcmp(name, "caller") == 0 || strcmp(name, "called") == 0 ||
           strcmp(name, "rule") == 0;
}

/* A line that is being written. */
struct writing {
    struct buf *out, masked;
    bool mask_numbers;
};

/* Between two characters. */
static struct slice cut(struct slice text) {
    if (text.n > CALL_RECORD_MAX_TEXT) {
        text.n = CALL_RECORD_MAX_TEXT;
        while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xC0) == 0x80) {
            text.n--;
        }
    }
    return text;
}

static void add_TEXT(struct writing *writing, const char *name, struct slice text) {
    if (text.n == 0) {
        json_add_raw(writing->out, name, SLICE("null"));
        return;
    }
    text = cut(text);
    if (writing->mask_numbers && may_tell_number(name)) {
        buf_clear(&writing->masked);
        text_mask_numbers(&writing->masked, text);
        text = buf_slice(&writing->masked);
    }
    json_add_field(writing->out, name, text);
}

static void add_TIME(struct writing *writing, const char *name, int64_t wall_ms) {
    char text[WHEN_SIZE];
    if (wall_ms <= 0 || wall_ms > MOST_TIME) {
        json_add_raw(writing->out, name, SLICE("null"));
        return;
    }
    when_format(wall_ms, text);
    json_add_field(writing->out, name, slice_of(text));
}

static void add_MS(struct writing *writing, const char *name, int64_t ms) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, ms);
    json_add_raw(writing->out, name, ms >= 0 ? slice_of(text) : SLICE("null"));
}

static void add_COUNT(struct writing *writing, const char *name, uint64_t count) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, count);
    json_add_raw(writing->out, name, slice_of(text));
}

void call_record_write(const struct call_record *record, bool mask_numbers, struct buf *out) {
    struct writing writing = {.out = out, .mask_numbers = mask_numbers};
    buf_addf(out, "{\"v\":%d", CALL_RECORD_VERSION);
#define X(kind, name, help) add_##kind(&writing, #name, record->name);
    CALL_RECORD_FIELDS(X)
#undef X
    buf_adds(out, "}\n");
    buf_release(&writing.masked);
}

/* The first mistake counts. */
struct reading {
    const json_t *line;
    struct diag *diag;
    bool bad;
};

static void refuse(struct reading *reading, const char *name, const char *what) {
    if (!reading->bad) {
        reading->bad = true;
        (void)diag_fail(reading->diag, name, "%s", what);
    }
}

/* NULL: absent, or null. */
static const json_t *member(const struct reading *reading, const char *name) {
    const json_t *value = json_object_get(reading->line, name);
    return json_is_null(value) ? NULL : value;
}

static struct slice read_TEXT(struct reading *reading, const char *name) {
    const json_t *value = member(reading, name);
    if (value != NULL && !json_is_string(value)) {
        refuse(reading, name, "must be a text or null");
    }
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static int64_t read_TIME(struct reading *reading, const char *name) {
    struct slice text = read_TEXT(reading, name);
    int64_t wall_ms = 0;
    if (text.p != NULL && !when_parse(text, &wall_ms)) {
        refuse(reading, name, "must be a time like \"2026-11-25T18:30:00.250Z\", or null");
    }
    return wall_ms;
}

static int64_t read_number(struct reading *reading, const char *name, int64_t absent) {
    const json_t *value = member(reading, name);
    json_int_t number = json_integer_value(value);
    if (value != NULL && (!json_is_integer(value) || number < 0 || number > MOST_TIME)) {
        refuse(reading, name, "must be a whole number, 0 or more, or null");
    }
    return value != NULL ? number : absent;
}

static int64_t read_MS(struct reading *reading, const char *name) {
    return read_number(reading, name, -1);
}

static uint64_t read_COUNT(struct reading *reading, const char *name) {
    return (uint64_t)read_number(reading, name, 0);
}

static void check_version(struct reading *reading) {
    const json_t *version = json_object_get(reading->line, "v");
    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        refuse(reading, "v", "is missing: no line of sipbridge's call log");
    } else if (json_integer_value(version) > CALL_RECORD_VERSION) {
        refuse(reading, "v", "is that of a later sipbridge than this one");
    }
}

static void check_members(struct reading *reading, const struct call_record *record) {
    if (!text_is_sid(record->sid)) {
        refuse(reading, "sid", "is missing, or no call sid");
    }
    if (record->end.n == 0) {
        refuse(reading, "end", "is missing");
    }
    if (record->first_seen == 0 || record->ended == 0) {
        refuse(reading, "ended", "is missing, or first_seen is");
    }
}

bool call_record_read(struct slice line, struct call_record *ret_record, struct diag *diag) {
    json_error_t error;
    if (line.n > CALL_RECORD_MAX_LINE) {
        return diag_fail(diag, "", "is longer than %d bytes", CALL_RECORD_MAX_LINE);
    }
    json_t *tree = json_loadb(line.n > 0 ? line.p : "", line.n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(tree)) {
        json_decref(tree);
        return diag_fail(diag, "", "is no JSON object, or cut short");
    }
    struct reading reading = {.line = tree, .diag = diag};
    struct call_record record = {.tree = tree};
    check_version(&reading);
#define X(kind, name, help) record.name = read_##kind(&reading, #name);
    CALL_RECORD_FIELDS(X)
#undef X
    check_members(&reading, &record);
    if (reading.bad) {
        json_decref(tree);
        return false;
    }
    *ret_record = record;
    return true;
}

void call_record_release(struct call_record *record) {
    json_decref(record->tree);
    record->tree = NULL;
}

void call_record_describe(struct buf *out) {
    static const struct {
        const char *name, *kind, *help;
    } fields[] = {
#define TEXT "text or null"
#define TIME "time or null"
#define MS "number or null"
#define COUNT "number"
#define X(kind, name, help) {#name, kind, help},
        CALL_RECORD_FIELDS(X)
#undef X
#undef TEXT
#undef TIME
#undef MS
#undef COUNT
    };
    buf_adds(out, "| Member | Value | Meaning |\n| --- | --- | --- |\n| `v` | `1` | the version of the format |\n");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        buf_addf(out, "| `%s` | %s | %s |\n", fields[i].name, fields[i].kind, fields[i].help);
    }
}
