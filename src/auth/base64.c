/* Strict base64, both alphabets from one table. */
#include "auth/base64.h"

enum { X = 255 }; /* not a base64 character */

/* Both spellings of 62 and 63; which pair is allowed is checked apart. */
static const unsigned char value_of[128] = {
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  62, X,  62, X,  63, 52, 53, 54, 55,
    56, 57, 58, 59, 60, 61, X,  X,  X,  X,  X,  X,  X,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X,  X,  X,  X,  63, X,  26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X,  X,  X,  X,  X,
};

static unsigned value_at(struct slice text, size_t i) {
    unsigned char c = (unsigned char)text.p[i];
    return c < sizeof value_of ? value_of[c] : X;
}

bool base64_is_url_text(struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        if (value_at(text, i) == X || text.p[i] == '+' || text.p[i] == '/') {
            return false;
        }
    }
    return true;
}

void base64_encode(struct buf *out, enum base64_kind kind, struct slice bytes) {
    static const char alphabets[2][65] = {
        [BASE64_PADDED] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    };
    const char *alphabet = alphabets[kind];
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t count = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < count ? (unsigned char)bytes.p[i + k] : 0U);
        }
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], alphabet[bits >> 6 & 63], alphabet[bits & 63]};
        if (kind == BASE64_PADDED && count < 3) {
            memset(four + count + 1, '=', 3 - count);
        }
        buf_add(out, four, kind == BASE64_PADDED ? 4 : count + 1);
    }
}

/* Takes the padding off; false when it is not exactly what KIND wants. */
static bool strip_padding(enum base64_kind kind, struct slice *text) {
    if (kind == BASE64_URL) {
        return text->n % 4 != 1;
    }
    if (text->n % 4 != 0) {
        return false;
    }
    for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++) {
        text->n--;
    }
    return true;
}

bool base64_decode(enum base64_kind kind, struct slice text, unsigned char *ret_bytes, size_t size, size_t *ret_count) {
    if (!strip_padding(kind, &text) || text.n / 4 * 3 + (text.n % 4 * 3) / 4 > size) {
        return false;
    }
    const char *foreign = kind == BASE64_URL ? "+/" : "-_";
    unsigned bits = 0, held = 0;
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned value = value_at(text, i);
        if (value == X || (value >= 62 && (text.p[i] == foreign[0] || text.p[i] == foreign[1]))) {
            return false;
        }
        bits = (bits << 6 | value) & 0xfff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            ret_bytes[count++] = (unsigned char)(bits >> held);
        }
    }
    if ((bits & ((1U << held) - 1)) != 0) {
        return false;
    }
    *ret_count = count;
    return true;
}
