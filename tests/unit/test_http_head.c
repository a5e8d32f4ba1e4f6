/* The second look at a request's head. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/head.h"

#define LINE "GET / HTTP/1.1\r\n"

static void test_check(void **state) {
    static const struct head_limits limits = {.max_bytes = 60, .max_headers = 3};
    static const struct {
        const char *raw;
        int status;
    } cases[] = {
        {LINE "\r\n", 0},
        {LINE "Host: a\r\nContent-Length: 1\r\n\r\nx", 0},
        {LINE "a: 1\nb: 2\nc: 3\n\n", 0},
        {LINE "a: 1\nb: 2\nc: 3\nd: 4\n\n", 431},
        {LINE "a: 1\nb: 2\nc: 3\n\nd: 4\nd: 5\n", 0}, /* the body is not counted */
        {"\r\n" LINE "Host: a\r\n\r\n", 0},
        {LINE "1234567: 1234567890123456789012345678901\r\n\r\n", 0},    /* 60 bytes */
        {LINE "1234567: 12345678901234567890123456789012\r\n\r\n", 431}, /* 61 */
        {LINE "host: a\r\nHOST: b\r\n\r\n", 400},
        {LINE "content-length: 1\r\ncontent-length: 1\r\n\r\n", 400},
        {LINE "Transfer-Encoding: chunked\r\nTe: x\r\n\r\n", 0},
        {LINE "transfer-encoding: a\ncontent-length: 1\n\n", 400},
        {LINE "content-lengths: 1\ncontent-length: 1\n\n", 0},
        {LINE "a: b\r\n c\r\n\r\n", 400},
        {LINE "a: b\r\n\tc\r\n\r\n", 400},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = head_check(slice_of(cases[i].raw), &limits);
        if (status != cases[i].status) {
            fail_msg("%s: %d", cases[i].raw, status);
        }
    }
}

static void test_whole(void **state) {
    static const struct {
        const char *input;
        bool whole;
    } cases[] = {
        {"", false},
        {LINE, false},
        {LINE "\r\n", true},
        {LINE "\r", false},
        {LINE "\n", true},
        {LINE "a: b\r\n\r\n", true},
        {LINE "a: b\n\nbody", true},
        {LINE "a: b\r\n\rx\r\n", false},
        {"\r\n" LINE, false},
        {"\n" LINE "\n", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (head_is_whole(slice_of(cases[i].input), 0) != cases[i].whole) {
            fail_msg("case %zu", i);
        }
    }
}

/* However a head comes in, in two or three pieces: whole exactly from its last byte on. */
static void test_every_cut(void **state) {
    static const char *const heads[] = {"\r\n" LINE "Host: a\r\nContent-Length: 3\r\n\r\n", LINE "Host: a\n\n",
                                        LINE "Host: a\r\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct slice head = slice_of(heads[i]);
        for (size_t seen = 0; seen < head.n; seen++) {
            for (size_t n = seen; n < head.n; n++) {
                assert_false(head_is_whole((struct slice){head.p, n}, seen));
            }
            assert_true(head_is_whole(head, seen));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
