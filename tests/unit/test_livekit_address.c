/* Allowed addresses of a trunk, as livekit/protocol's sip package judges them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "livekit/address.h"

static void test_kinds(void **state) {
    static const struct {
        const char *text;
        enum livekit_address kind;
    } rows[] = {
        {"203.0.113.7", LIVEKIT_ADDRESS_GOOD},
        {"203.0.113.0/24", LIVEKIT_ADDRESS_GOOD},
        {"0.0.0.0/0", LIVEKIT_ADDRESS_GOOD},
        {"2001:db8::1", LIVEKIT_ADDRESS_GOOD},
        {"2001:db8::/128", LIVEKIT_ADDRESS_GOOD},
        {"[2001:db8::1]", LIVEKIT_ADDRESS_GOOD},
        {"sip.example.com", LIVEKIT_ADDRESS_GOOD},
        {"sip-1.example", LIVEKIT_ADDRESS_GOOD},
        {"203.0.113.*", LIVEKIT_ADDRESS_IGNORED},
        {"203.0.113.7;203.0.113.8", LIVEKIT_ADDRESS_IGNORED},
        {"203.0.113.7 203.0.113.8", LIVEKIT_ADDRESS_IGNORED},
        {"https://sip.example.com", LIVEKIT_ADDRESS_IGNORED},
        {"300.1.1.1", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113.7:5060", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113.0/33", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113.0/024", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113.0/x", LIVEKIT_ADDRESS_NOBODY},
        {"203.0.113.0/", LIVEKIT_ADDRESS_NOBODY},
        {"2001:db8::/129", LIVEKIT_ADDRESS_NOBODY},
        {"[sip.example.com]", LIVEKIT_ADDRESS_NOBODY},
        {"sip:sip.example.com", LIVEKIT_ADDRESS_NOBODY},
        {"", LIVEKIT_ADDRESS_NOBODY},
        {"11111111111111111111111111111111111111111111111111111111111111111111", LIVEKIT_ADDRESS_NOBODY},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (livekit_address_kind(slice_of(rows[i].text)) != rows[i].kind) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static void test_who_is_kept_out(void **state) {
    const struct slice ignored[] = {SLICE("203.0.113.*"), SLICE("a b")},
                       some[] = {SLICE("203.0.113.*"), SLICE("300.1")}, all[] = {SLICE("203.0.113.7"), SLICE("::/0")};
    (void)state;
    assert_true(livekit_addresses_allow_all(&(struct livekit_texts){0}));
    assert_true(livekit_addresses_allow_all(&(struct livekit_texts){ignored, 2}));
    assert_false(livekit_addresses_allow_all(&(struct livekit_texts){some, 2}));
    assert_true(livekit_addresses_allow_all(&(struct livekit_texts){all, 2}));
    assert_false(livekit_addresses_allow_all(&(struct livekit_texts){all, 1}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_who_is_kept_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
