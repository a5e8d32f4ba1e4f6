/* JSON strings and fields, appended to a buffer. */
#include "base/json_text.h"

#include "base/text.h"

static void add_char(struct buf *out, unsigned char c) {
    switch (c) {
    case '"': buf_adds(out, "\\\""); break;
    case '\\': buf_adds(out, "\\\\"); break;
    case '\n': buf_adds(out, "\\n"); break;
    case '\r': buf_adds(out, "\\r"); break;
    case '\t': buf_adds(out, "\\t"); break;
    default: buf_addf(out, "\\u%04x", c); break;
    }
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

void json_add_string(struct buf *out, struct slice text) {
    cleanup_buf struct buf valid = {0};
    if (!text_is_utf8(text)) {
        for (size_t i = 0; i < text.n; i++) {
            bool ascii = (unsigned char)text.p[i] < 0x80;
            buf_add(&valid, ascii ? &text.p[i] : "\xEF\xBF\xBD", ascii ? 1 : 3);
        }
        text = buf_slice(&valid);
    }
    buf_reserve(out, text.n + 2);
    buf_addc(out, '"');
    size_t done = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!is_plain((unsigned char)text.p[i])) {
            buf_add(out, text.p + done, i - done);
            add_char(out, (unsigned char)text.p[i]);
            done = i + 1;
        }
    }
    buf_add(out, text.n > 0 ? text.p + done : "", text.n - done);
    buf_addc(out, '"');
}

static void add_name(struct buf *out, const char *name) {
    bool first = out->len == 0 || out->p[out->len - 1] == '{' || out->p[out->len - 1] == '[';
    size_t size = strlen(name);
    char *at = buf_reserve(out, size + 4), *start = at;
    if (!first) {
        *at++ = ',';
    }
    *at++ = '"';
    memcpy(at, name, size);
    at += size;
    *at++ = '"';
    *at++ = ':';
    *at = '\0';
    out->len += (size_t)(at - start);
}

void json_add_field(struct buf *out, const char *name, struct slice text) {
    add_name(out, name);
    json_add_string(out, text);
}

void json_add_raw(struct buf *out, const char *name, struct slice value) {
    add_name(out, name);
    buf_add_slice(out, value);
}

void json_add_number(struct buf *out, const char *name, int64_t value) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--at = '-';
    }
    json_add_raw(out, name, (struct slice){at, (size_t)(digits + sizeof digits - at)});
}
