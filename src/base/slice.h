/* A borrowed run of bytes: pointer and length, no ownership, not NUL-terminated. Everything that comes from
 * outside (HTTP, JSON, Redis) travels as slices, so embedded NULs and missing terminators cannot hurt. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* For printf: "%.*s", SLICE_ARG(s). Only for text already known to be printable. */
#define SLICE_ARG(s) ((int)(s).n), ((s).n > 0 ? (s).p : "")

static inline struct slice slice_of(const char *text) {
    return (struct slice){text, text != NULL ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *text) {
    return slice_eq(a, slice_of(text));
}

static inline bool slice_starts(struct slice a, struct slice prefix) {
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* TEXT without its first COUNT bytes, of which it has as many at least. */
static inline struct slice slice_after(struct slice text, size_t count) {
    return (struct slice){text.p + count, text.n - count};
}

/* TEXT without the blanks, tabs and ends of lines around it. */
static inline struct slice slice_trim(struct slice text) {
    while (text.n > 0 && memchr(" \t\r\n", text.p[0], 4) != NULL) {
        text = slice_after(text, 1);
    }
    while (text.n > 0 && memchr(" \t\r\n", text.p[text.n - 1], 4) != NULL) {
        text.n--;
    }
    return text;
}

/* Takes the first line, without its newline, off REST, which has at least one byte. */
static inline struct slice slice_line(struct slice *rest) {
    const char *newline = (const char *)memchr(rest->p, '\n', rest->n);
    struct slice line = {rest->p, newline != NULL ? (size_t)(newline - rest->p) : rest->n};
    size_t used = line.n + (newline != NULL);
    *rest = slice_after(*rest, used);
    return line;
}

/* FNV-1a, 64 bits. Not for secrets and not against an attacker who chooses keys without SEED. */
static inline uint64_t slice_hash(struct slice a, uint64_t seed) {
    uint64_t hash = 14695981039346656037ULL ^ seed;
    for (size_t i = 0; i < a.n; i++) {
        hash = (hash ^ (unsigned char)a.p[i]) * 1099511628211ULL;
    }
    return hash;
}

#endif
