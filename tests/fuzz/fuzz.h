/* What the fuzz targets share: what must hold ends the process when it does not, and an input is taken line by line. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <jansson.h>
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

/* What parsers promise of the texts that they give out. */
static inline void demand_text(struct slice text, size_t max) {
    demand(text.n <= max && text_is_utf8(text));
    demand(text.n == 0 || memchr(text.p, '\0', text.n) == NULL);
}

/* What people see: one line without anything that a terminal would obey. */
static inline void demand_printable(struct slice text) {
    demand_text(text, SIZE_MAX);
    for (size_t i = 0; i < text.n; i++) {
        demand((unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f);
    }
}

/* The value that TEXT is, strictly; json_decref it. */
static inline json_t *demand_json(struct slice text) {
    demand_text(text, SIZE_MAX);
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    demand(value != NULL);
    return value;
}

/* Takes what stands before the next END off REST, and END with it; all of it when there is none. */
static inline struct slice take_until(struct slice *rest, char end) {
    const char *found = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;
    struct slice piece = {rest->p, found != NULL ? (size_t)(found - rest->p) : rest->n};
    size_t used = piece.n + (found != NULL);
    *rest = rest->n > 0 ? (struct slice){rest->p + used, rest->n - used} : *rest;
    return piece;
}

static inline unsigned take_byte(struct slice *rest) {
    if (rest->n == 0) {
        return 0;
    }
    unsigned byte = (unsigned char)rest->p[0];
    *rest = (struct slice){rest->p + 1, rest->n - 1};
    return byte;
}

#endif
