/* Text from outside: UTF-8 checks, escaping for people's eyes, numbers with units, masking of phone numbers. */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

enum { DISTANCE_MAX = 64, NUMBER_MIN_DIGITS = 5, NUMBER_SHOWN_DIGITS = 3, NUMBER_MAX_GAP = 2 };
#define ELLIPSIS "\xE2\x80\xA6"
#define DURATION_MAX_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

struct range {
    uint32_t first, last;
};

/* Invisible, or able to change the direction or the place of what stands beside it. */
static const struct range hidden_ranges[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x180E, 0x180E}, {0x200B, 0x200F},
    {0x2028, 0x202E}, {0x2060, 0x2064}, {0x2066, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
};

static bool is_hidden(uint32_t code) {
    for (size_t i = 0; i < ARRAY_LEN(hidden_ranges); i++) {
        if (code >= hidden_ranges[i].first && code <= hidden_ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* RFC 3629, table 3-7 of Unicode: the length of a sequence by its first byte, and what its second byte may be. */
static const struct lead {
    unsigned char first, last, length, second_min, second_max;
} leads[] = {
    {0x00, 0x7F, 1, 0x80, 0xBF}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const struct lead *find_lead(unsigned char byte) {
    for (size_t i = 0; i < ARRAY_LEN(leads); i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

/* Bytes of the character TEXT (not empty) begins with, and its code; 0 when it is not well-formed. */
static size_t read_char(struct slice text, uint32_t *ret_code) {
    const unsigned char *p = (const unsigned char *)text.p;
    const struct lead *lead = find_lead(p[0]);
    if (lead == NULL || lead->length > text.n) {
        return 0;
    }
    if (lead->length == 1) {
        *ret_code = p[0];
        return 1;
    }
    if (p[1] < lead->second_min || p[1] > lead->second_max) {
        return 0;
    }
    uint32_t code = p[0] & (0x7Fu >> lead->length);
    for (size_t i = 1; i < lead->length; i++) {
        if ((p[i] & 0xC0u) != 0x80u) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3Fu);
    }
    *ret_code = code;
    return lead->length;
}

/* How many bytes of ASCII TEXT begins with, or a few less: eight are looked at together. */
static size_t ascii_size(struct slice text) {
    uint64_t eight;
    size_t size = 0;
    for (; size + sizeof eight <= text.n; size += sizeof eight) {
        memcpy(&eight, text.p + size, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    return size;
}

bool text_is_utf8(struct slice text) {
    uint32_t code;
    while (text.n > 0) {
        size_t plain = ascii_size(text);
        text = slice_after(text, plain);
        if (text.n == 0) {
            return true;
        }
        size_t length = read_char(text, &code);
        if (length == 0) {
            return false;
        }
        text.p += length;
        text.n -= length;
    }
    return true;
}

/* What one character of TEXT becomes: bytes in PIECE (at least 16), how many, and how much of TEXT was read. */
static size_t escape_char(struct slice text, const char *backslash, char *piece, size_t *ret_read) {
    uint32_t code = 0;
    size_t length = read_char(text, &code);
    *ret_read = length > 0 ? length : 1;
    if (length == 0 || (length == 1 && is_hidden(code))) {
        return (size_t)snprintf(piece, 16, "\\x%02x", (unsigned char)text.p[0]);
    }
    if (is_hidden(code)) {
        return (size_t)snprintf(piece, 16, "\\u{%" PRIx32 "}", code);
    }
    if (code == '\\') {
        return (size_t)snprintf(piece, 16, "%s", backslash);
    }
    memcpy(piece, text.p, length);
    return length;
}

/* How many characters of TEXT, MOST of them at most, stand for themselves: printable ASCII but the backslash. */
static size_t plain_size(struct slice text, size_t most) {
    size_t size = 0;
    while (size < text.n && size < most && text.p[size] >= ' ' && text.p[size] <= '~' && text.p[size] != '\\') {
        size++;
    }
    return size;
}

/* Remembers the last place at which "…" still fits, to go back there when TEXT turns out too long. */
static void escape(struct buf *out, struct slice text, size_t limit, const char *backslash) {
    size_t start = out->len, cut_at = out->len;
    buf_add(out, "", 0);
    while (text.n > 0) {
        char piece[16];
        size_t used = out->len - start, most = used + sizeof ELLIPSIS - 1;
        size_t read = plain_size(text, most < limit ? limit - most : 0);
        if (read > 0) {
            buf_add(out, text.p, read);
            cut_at = out->len;
            text = slice_after(text, read);
            continue;
        }
        size_t length = escape_char(text, backslash, piece, &read);
        if (used + length > limit) {
            out->len = cut_at;
            buf_adds(out, limit >= sizeof ELLIPSIS - 1 ? ELLIPSIS : "");
            return;
        }
        buf_add(out, piece, length);
        if (used + length + sizeof ELLIPSIS - 1 <= limit) {
            cut_at = out->len;
        }
        text.p += read;
        text.n -= read;
    }
}

void text_escape(struct buf *out, struct slice text, size_t limit) {
    escape(out, text, limit, "\\\\");
}

void text_clean(struct buf *out, struct slice text, size_t limit) {
    escape(out, text, limit, "\\");
}

/* The digits TEXT begins with, as a number; false for none or too many. */
static bool read_digits(struct slice text, int64_t *ret_value, size_t *ret_read) {
    int64_t value = 0;
    size_t i = 0;
    for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text.p[i] - '0', &value)) {
            return false;
        }
    }
    *ret_value = value;
    *ret_read = i;
    return i > 0;
}

bool text_int64(struct slice text, int64_t *ret_value) {
    bool negative = text.n > 0 && text.p[0] == '-';
    int64_t value = 0;
    size_t i = negative ? 1 : 0;
    if (i == text.n) {
        return false;
    }
    for (; i < text.n; i++) {
        int digit = text.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit size_units[] = {
    {"", 1}, {"KiB", 1 << 10}, {"K", 1 << 10}, {"MiB", 1 << 20}, {"M", 1 << 20}, {"GiB", 1 << 30}, {"G", 1 << 30},
};

static bool read_with_unit(struct slice text, const struct unit *units, size_t count, int64_t *ret_value) {
    int64_t value;
    size_t read;
    if (!read_digits(text, &value, &read)) {
        return false;
    }
    struct slice rest = {text.p + read, text.n - read};
    for (size_t i = 0; i < count; i++) {
        if (slice_is(rest, units[i].name)) {
            return !__builtin_mul_overflow(value, units[i].factor, ret_value);
        }
    }
    return false;
}

bool text_duration(struct slice text, int64_t *ret_ms) {
    int64_t ms;
    if (slice_is(text, "0")) {
        *ret_ms = 0;
        return true;
    }
    if (!read_with_unit(text, duration_units, ARRAY_LEN(duration_units), &ms) || ms > DURATION_MAX_MS) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

void text_duration_format(int64_t ms, char ret_text[24]) {
    if (ms == 0) {
        snprintf(ret_text, 24, "0");
        return;
    }
    const struct unit *unit = duration_units;
    while (ms % unit->factor != 0) {
        unit++;
    }
    snprintf(ret_text, 24, "%" PRId64 "%s", ms / unit->factor, unit->name);
}

bool text_size(struct slice text, int64_t *ret_bytes) {
    int64_t bytes;
    if (!read_with_unit(text, size_units, ARRAY_LEN(size_units), &bytes)) {
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

unsigned text_distance(struct slice a, struct slice b, unsigned limit) {
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX) {
        return limit + 1;
    }
    unsigned row[DISTANCE_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned replaced = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return least(row[b.n], limit + 1);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_gap(char c) {
    return c != '\0' && strchr(" .-()", c) != NULL;
}

/* The number TEXT begins with (at a digit): its length up to the last digit, and how many digits it has. */
static size_t number_length(struct slice text, size_t *ret_digits) {
    size_t end = 0, gap = 0;
    *ret_digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (is_digit(text.p[i])) {
            end = i + 1;
            gap = 0;
            ++*ret_digits;
        } else if (!is_gap(text.p[i]) || ++gap > NUMBER_MAX_GAP) {
            break;
        }
    }
    return end;
}

/* The length of the IPv4 address TEXT begins with, with its ":port" if there is one; 0 for none. */
static size_t address_length(struct slice text) {
    size_t at = 0;
    for (unsigned part = 0; part < 4; part++) {
        size_t start = at;
        unsigned value = 0;
        while (at < text.n && is_digit(text.p[at]) && at - start < 3) {
            value = value * 10 + (unsigned)(text.p[at++] - '0');
        }
        bool dot = part == 3 || (at < text.n && text.p[at] == '.');
        if (at == start || value > 255 || !dot) {
            return 0;
        }
        at += part < 3;
    }
    size_t port = at + 1;
    while (at < text.n && text.p[at] == ':' && port < text.n && is_digit(text.p[port]) && port < at + 6) {
        port++;
    }
    at = port > at + 1 ? port : at;
    return at < text.n && is_digit(text.p[at]) ? 0 : at;
}

/* Our own figures are no phone numbers: addresses, and milliseconds. */
static bool is_no_number(struct slice text, size_t length) {
    struct slice rest = {text.p + length, text.n - length};
    return slice_starts(rest, SLICE(" ms")) && (rest.n == 3 || strchr(" ,.;)", rest.p[3]) != NULL);
}

void text_mask_numbers(struct buf *out, struct slice text) {
    buf_add(out, "", 0);
    while (text.n > 0) {
        size_t digits = 0;
        size_t address = address_length(text);
        size_t length = address > 0 ? address : is_digit(text.p[0]) ? number_length(text, &digits) : 1;
        bool number = digits >= NUMBER_MIN_DIGITS && !is_no_number(text, length);
        size_t masked = number ? digits - NUMBER_SHOWN_DIGITS : 0;
        for (size_t i = 0; i < length; i++) {
            bool hide = masked > 0 && is_digit(text.p[i]);
            buf_addc(out, hide ? '*' : text.p[i]);
            masked -= hide;
        }
        text.p += length;
        text.n -= length;
    }
}

bool text_is_sid(struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '_') {
            return false;
        }
    }
    return text.n >= 1 && text.n <= 64;
}
