/* Any pattern on any text (the first byte says where one ends and the other begins), against a table of which
 * prefixes match; and normalising, which must not change what is normal already. */
#include "fuzz.h"
#include "rules/number.h"
#include "rules/pattern.h"

/* By bytes: right for ASCII, where '?' is one byte. */
static bool by_table(struct slice pattern, struct slice text) {
    bool row[2][NUMBER_MAX + 1] = {{true}};
    for (size_t p = 0; p < pattern.n; p++) {
        const bool *above = row[p % 2];
        bool *now = row[(p + 1) % 2];
        now[0] = above[0] && pattern.p[p] == '*';
        for (size_t t = 1; t <= text.n; t++) {
            bool one = above[t - 1] && (pattern.p[p] == '?' || pattern.p[p] == text.p[t - 1]);
            now[t] = pattern.p[p] == '*' ? above[t] || now[t - 1] : one;
        }
    }
    return row[pattern.n % 2][text.n];
}

static bool is_ascii(struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static void check_twice(void (*normalise)(struct buf *out, struct slice text), struct slice text) {
    struct buf once = {0}, twice = {0};
    normalise(&once, text);
    normalise(&twice, buf_slice(&once));
    demand(slice_eq(buf_slice(&once), buf_slice(&twice)));
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    size_t length = data[0] % (PATTERN_MAX + 1);
    length = length < size - 1 ? length : size - 1;
    struct slice pattern = {(const char *)data + 1, length};
    struct slice text = {pattern.p + length, size - 1 - length};
    text.n = text.n < NUMBER_MAX ? text.n : NUMBER_MAX;
    bool matches = pattern_match(pattern, text);
    if (is_ascii(text) && is_ascii(pattern)) {
        demand(matches == by_table(pattern, text));
    }
    demand(matches || !pattern_is_any(pattern));
    demand(!matches || !pattern_is_exact(pattern) || slice_eq(pattern, text));
    demand(pattern_is_exact(pattern) == (pattern_weight(pattern) == 1U << 31));
    check_twice(pattern_normalise, pattern);
    check_twice(number_normalise, text);
    return 0;
}
