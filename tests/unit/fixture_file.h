/* Reading a file of tests/fixtures, whole. */
#ifndef TESTS_FIXTURE_FILE_H
#define TESTS_FIXTURE_FILE_H

#include <stdio.h>

#include "base/buf.h"

/* The bytes of FIXTURES/PATH; fails the test when there are none to be had. The caller releases it. */
static inline struct buf fixture_file(const char *path) {
    char full[512];
    snprintf(full, sizeof full, "%s/%s", FIXTURES, path);
    FILE *file = fopen(full, "rb");
    assert_non_null(file);
    struct buf text = {0};
    size_t size;
    do {
        size = fread(buf_reserve(&text, 65536), 1, 65536, file);
        text.len += size;
    } while (size > 0);
    assert_int_equal(ferror(file), 0);
    fclose(file);
    text.p[text.len] = '\0';
    return text;
}

#endif
