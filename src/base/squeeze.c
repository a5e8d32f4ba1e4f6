/* Runs of zeros and of other bytes in turn, each at most 255 long. A single zero between others is cheaper as one of
 * them. */
#include "base/squeeze.h"

#include <assert.h>

enum { RUN_MAX = 255 };

static size_t zeros_at(struct slice bytes, size_t at) {
    size_t n = 0;
    while (at + n < bytes.n && n < RUN_MAX && bytes.p[at + n] == '\0') {
        n++;
    }
    return n;
}

/* Up to the next two zeros. */
static size_t others_at(struct slice bytes, size_t at) {
    size_t n = 0;
    while (at + n < bytes.n && n < RUN_MAX && zeros_at(bytes, at + n) < 2) {
        n++;
    }
    return n;
}

void squeeze(struct slice bytes, struct buf *out) {
    for (size_t at = 0; at < bytes.n;) {
        size_t zeros = zeros_at(bytes, at), others = others_at(bytes, at + zeros);
        buf_addc(out, (char)(unsigned char)zeros);
        buf_addc(out, (char)(unsigned char)others);
        buf_add(out, bytes.p + at + zeros, others);
        at += zeros + others;
    }
}

size_t unsqueeze(const char *packed, void *ret, size_t size) {
    const char *from = packed;
    char *to = ret;
    for (size_t at = 0; at < size;) {
        size_t zeros = (unsigned char)from[0], others = (unsigned char)from[1];
        assert(zeros + others <= size - at);
        memset(to + at, 0, zeros);
        memcpy(to + at + zeros, from + 2, others);
        at += zeros + others;
        from += 2 + others;
    }
    return (size_t)(from - packed);
}
