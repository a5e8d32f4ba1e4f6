/* Counting by peer, against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "http/peers.h"

union address {
    struct sockaddr base;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union address address_of(const char *text) {
    union address address;
    memset(&address, 0, sizeof address);
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.base.sa_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.base.sa_family = AF_INET6;
    } else {
        address.base.sa_family = AF_UNIX;
    }
    return address;
}

static void test_who_is_the_same_peer(void **state) {
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},          {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},   {"2001:db8::1", "2001:db8::2", true},
        {"2001:db8::1", "2001:db8:0:1::1", false}, {"::1", "127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peers *peers = peers_new(4, 7);
        union address a = address_of(cases[i].a), b = address_of(cases[i].b);
        struct peer *one = peers_take(peers, &a.base), *other = peers_take(peers, &b.base);
        if ((one == other) != cases[i].same || one->connections != (cases[i].same ? 2U : 1U)) {
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        }
        peers_put(peers, one);
        peers_put(peers, other);
        peers_free(peers);
    }
}

static void test_unix_sockets_have_no_peer(void **state) {
    union address address = address_of("unix");
    struct peers *peers = peers_new(4, 7);
    (void)state;
    assert_null(peers_take(peers, &address.base));
    peers_put(peers, NULL);
    peers_free(peers);
}

static void test_text(void **state) {
    static const char *const cases[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
        {"unix", "unix"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[PEER_TEXT];
        union address address = address_of(cases[i][0]);
        peer_text(&address.base, text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void test_random_against_a_plain_count(void **state) {
    enum { ADDRESSES = 100, STEPS = 20000 };
    struct peers *peers = peers_new(8, 99); /* far too few buckets on purpose */
    struct peer *taken[ADDRESSES][8];
    unsigned counts[ADDRESSES] = {0};
    uint32_t seed = 1;
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        size_t which = (seed >> 8) % ADDRESSES;
        union address address = address_of("10.0.0.0");
        address.v4.sin_addr.s_addr = htonl(0x0a000000U + (unsigned)which);
        if ((seed >> 28) < 8 && counts[which] < 8) {
            taken[which][counts[which]++] = peers_take(peers, &address.base);
            assert_int_equal(taken[which][0]->connections, counts[which]);
        } else if (counts[which] > 0) {
            peers_put(peers, taken[which][--counts[which]]);
        }
    }
    for (size_t i = 0; i < ADDRESSES; i++) {
        while (counts[i] > 0) {
            peers_put(peers, taken[i][--counts[i]]);
        }
    }
    peers_free(peers); /* asserts that it is empty */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_the_same_peer),
        cmocka_unit_test(test_unix_sockets_have_no_peer),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_random_against_a_plain_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
