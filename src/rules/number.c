/* Phone numbers in the one form in which LiveKit compares them. */
#include "rules/number.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_filler(char c) {
    return c == ' ' || c == '-' || c == '(' || c == ')';
}

/* ^\+?[\d\- ()]+$ */
static bool is_number(struct slice number) {
    size_t start = number.n > 0 && number.p[0] == '+' ? 1 : 0;
    for (size_t i = start; i < number.n; i++) {
        if (!is_digit(number.p[i]) && !is_filler(number.p[i])) {
            return false;
        }
    }
    return number.n > start;
}

void number_normalise(struct buf *out, struct slice number) {
    if (!is_number(number)) {
        buf_add_slice(out, number);
        return;
    }
    buf_addc(out, '+');
    for (size_t i = 0; i < number.n; i++) {
        if (is_digit(number.p[i])) {
            buf_addc(out, number.p[i]);
        }
    }
}
