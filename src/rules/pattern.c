/* The matcher for numbers, and which of two patterns is the more specific. */
#include "rules/pattern.h"

#include "rules/number.h"

/* The end of the character that begins at AT; text that is not UTF-8 is taken byte by byte or in odd runs, never
 * past its end. */
static size_t after_character(struct slice text, size_t at) {
    at++;
    while (at < text.n && ((unsigned char)text.p[at] & 0xC0) == 0x80) {
        at++;
    }
    return at;
}

bool pattern_match(struct slice pattern, struct slice text) {
    size_t p = 0, t = 0;
    size_t after_star = 0, resume = 0; /* after_star 0: no star yet */
    while (t < text.n) {
        char want = p < pattern.n ? pattern.p[p] : '\0';
        if (p < pattern.n && want == '*') {
            after_star = ++p;
            resume = t;
        } else if (p < pattern.n && want == '?') {
            p++;
            t = after_character(text, t);
        } else if (p < pattern.n && want == text.p[t]) {
            p++;
            t++;
        } else if (after_star > 0) {
            p = after_star;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

bool pattern_is_any(struct slice pattern) {
    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] != '*') {
            return false;
        }
    }
    return pattern.n > 0;
}

bool pattern_is_exact(struct slice pattern) {
    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] == '*' || pattern.p[i] == '?') {
            return false;
        }
    }
    return true;
}

unsigned pattern_weight(struct slice pattern) {
    unsigned literals = 0, singles = 0, stars = 0;
    for (size_t i = 0; i < pattern.n; i = after_character(pattern, i)) {
        stars += pattern.p[i] == '*';
        singles += pattern.p[i] == '?';
        literals += pattern.p[i] != '*' && pattern.p[i] != '?';
    }
    if (stars + singles == 0) {
        return 1U << 31;
    }
    /* singles <= PATTERN_MAX fits below bit 8, so each key outweighs all that follow it. */
    return literals << 9 | (stars == 0 ? 1U << 8 : 0U) | singles;
}

static bool is_wildcard_number(struct slice pattern) {
    for (size_t i = 0; i < pattern.n; i++) {
        bool plus = i == 0 && pattern.p[i] == '+';
        if (!plus && (pattern.p[i] == '\0' || strchr("0123456789 -()*?", pattern.p[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

void pattern_normalise(struct buf *out, struct slice pattern) {
    if (pattern_is_exact(pattern)) {
        number_normalise(out, pattern);
        return;
    }
    if (!is_wildcard_number(pattern)) {
        buf_add_slice(out, pattern);
        return;
    }
    size_t start = out->len;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        bool digit = c >= '0' && c <= '9';
        if (digit && out->len == start) {
            buf_addc(out, '+');
        }
        if (digit || c == '+' || c == '*' || c == '?') {
            buf_addc(out, c);
        }
    }
}
