/* JSON in, with limits; what all documents of this layer share. */
#include "rules/document.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { NAME_MAX_BYTES = 128, KEY_DISTANCE = 2 };

/* Where the scan of the raw text stands. It needs no grammar: brackets and commas outside strings bound the depth
 * and the number of values of any text that is JSON, and the parser refuses the rest. */
struct scan {
    unsigned depth;
    size_t values;
    bool in_string;
};

static bool scan_byte(struct scan *scan, char c) {
    if (scan->in_string) {
        scan->in_string = c != '"';
        return true;
    }
    switch (c) {
    case '"': scan->in_string = true; break;
    case '[':
    case '{':
        scan->depth++;
        scan->values++;
        break;
    case ']':
    case '}': scan->depth -= scan->depth > 0; break;
    case ',': scan->values++; break;
    default: break;
    }
    return scan->depth <= DOCUMENT_MAX_DEPTH && scan->values <= DOCUMENT_MAX_VALUES;
}

/* OUTER: how many levels there will be around it. */
static bool within_limits(struct slice text, unsigned outer, struct diag *diag) {
    struct scan scan = {.depth = outer};
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\') { /* outside strings no JSON has one */
            i++;
        } else if (!scan_byte(&scan, text.p[i])) {
            return scan.depth > DOCUMENT_MAX_DEPTH
                       ? diag_fail(diag, "", "nested deeper than %u levels", DOCUMENT_MAX_DEPTH - outer)
                       : diag_fail(diag, "", "more than %d values in one document", DOCUMENT_MAX_VALUES);
        }
    }
    return true;
}

/* What people write and JSON does not have. AT: so many bytes were read. */
static const char *hint(struct slice text, int at) {
    size_t end = at > 0 && (size_t)at <= text.n ? (size_t)at : 0;
    char last = '\0';
    if (end > 0) {
        last = text.p[--end];
    }
    for (; end > 0 && strchr(" \t\r\n", text.p[end - 1]) != NULL; end--) {
    }
    bool comma = end > 0 && text.p[end - 1] == ',';
    return comma && (last == ']' || last == '}') ? ": take out the comma before it"
           : last == '/' || last == '#'          ? ": JSON has no comments"
           : last == '\''                        ? ": texts stand in double quotes"
                                                 : "";
}

static json_t *parse(struct slice text, size_t max_bytes, unsigned outer, struct diag *diag) {
    if (text.n > max_bytes) {
        diag_fail(diag, "", "%zu bytes, at most %zu are taken", text.n, max_bytes);
        return NULL;
    }
    if (slice_starts(text, SLICE("\xEF\xBB\xBF"))) {
        diag_fail(diag, "line 1, column 1", "begins with a byte order mark: save it as plain UTF-8");
        return NULL;
    }
    if (!within_limits(text, outer, diag)) {
        return NULL;
    }
    json_error_t error;
    json_t *document = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (document == NULL) {
        char where[64];
        snprintf(where, sizeof where, "line %d, column %d", error.line, error.column);
        cleanup_buf struct buf what = {0};
        text_escape(&what, slice_of(error.text), 200);
        diag_fail(diag, where, "not valid JSON: %s%s", what.len > 0 ? what.p : "", hint(text, error.position));
    }
    return document;
}

json_t *document_parse(struct slice text, size_t max_bytes, struct diag *diag) {
    return parse(text, max_bytes, 0, diag);
}

json_t *document_parse_entry(struct slice text, size_t max_bytes, struct diag *diag) {
    return parse(text, max_bytes, 1, diag);
}

const char *document_kind(const json_t *value) {
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string", [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",    [JSON_FALSE] = "false",     [JSON_NULL] = "null",
    };
    return kinds[json_typeof(value)];
}

const char *document_show(struct slice text, char ret_text[DOCUMENT_SHOWN]) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, text, DOCUMENT_SHOWN - 8);
    snprintf(ret_text, DOCUMENT_SHOWN, "%s", shown.len > 0 ? shown.p : "");
    return ret_text;
}

bool document_is_name(struct slice text, const char *where, struct diag *diag) {
    if (text.n == 0 || text.n > NAME_MAX_BYTES) {
        return diag_fail(diag, where, "an agent's name has 1 to %d bytes, not %zu", NAME_MAX_BYTES, text.n);
    }
    if (!text_is_utf8(text)) {
        return diag_fail(diag, where, "an agent's name is UTF-8");
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool c1 = c == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F || c1) {
            return diag_fail(diag, where, "an agent's name has no control characters");
        }
    }
    return true;
}

bool document_integer(const json_t *value, const char *where, const long range[2], struct diag *diag, long *ret_value) {
    if (!json_is_integer(value)) {
        return diag_fail(diag, where, "must be a whole number, not %s",
                         json_is_real(value) ? "a fraction" : document_kind(value));
    }
    json_int_t number = json_integer_value(value);
    if (number < range[0] || number > range[1]) {
        return diag_fail(diag, where, "must be from %ld to %ld, not %" JSON_INTEGER_FORMAT, range[0], range[1], number);
    }
    *ret_value = (long)number;
    return true;
}

void document_note_key(struct notes *notes, const char *where, const char *key, const char *const *keys) {
    const char *nearest = NULL;
    unsigned best = KEY_DISTANCE + 1;
    for (; *keys != NULL; keys++) {
        unsigned distance = text_distance(slice_of(key), slice_of(*keys), KEY_DISTANCE);
        if (distance < best) {
            best = distance;
            nearest = *keys;
        }
    }
    char shown[DOCUMENT_SHOWN];
    document_show(slice_of(key), shown);
    if (nearest != NULL) {
        notes_add(notes, "%s: the key \"%s\" is not known and has no effect: did you mean \"%s\"?", where, shown,
                  nearest);
    } else {
        notes_add(notes, "%s: the key \"%s\" is not known and has no effect", where, shown);
    }
}
