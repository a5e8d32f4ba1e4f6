/* Allowed addresses as livekit/protocol reads them: sip.isValidMask, sip.matchAddrMask. */
#include "livekit/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { ADDRESS_MAX = 64, BITS_V4 = 32, BITS_V6 = 128 };

/* sip.isValidMask */
static bool is_ignored(struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("()+*;, \t\n\r", text.p[i]) != NULL) { /* a zero, too: strchr finds the end */
            return true;
        }
    }
    return text.n > 0 && memmem(text.p, text.n, "://", 3) != NULL;
}

/* How many bits it has; 0 where it is no IP address. */
static int address_bits(struct slice text) {
    char copy[ADDRESS_MAX];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (text.n >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(AF_INET, copy, bytes) == 1 ? BITS_V4 : inet_pton(AF_INET6, copy, bytes) == 1 ? BITS_V6 : 0;
}

static bool is_length(struct slice text, int most) {
    int value = 0;
    if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (!isdigit((unsigned char)text.p[i])) {
            return false;
        }
        value = value * 10 + (text.p[i] - '0');
    }
    return value <= most;
}

/* As it stands in the From header: "[::1]" for an IPv6 address. */
static bool is_host(struct slice text) {
    bool letter = false;
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        return address_bits((struct slice){text.p + 1, text.n - 2}) == BITS_V6;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        letter = letter || isalpha(c);
        if (!isalnum(c) && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    return letter;
}

enum livekit_address livekit_address_kind(struct slice text) {
    if (is_ignored(text)) {
        return LIVEKIT_ADDRESS_IGNORED;
    }
    const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
    size_t before = slash != NULL ? (size_t)(slash - text.p) : text.n;
    int bits = address_bits((struct slice){text.p, before});
    bool good = slash != NULL ? bits > 0 && is_length(slice_after(text, before + 1), bits) : bits > 0 || is_host(text);
    return good ? LIVEKIT_ADDRESS_GOOD : LIVEKIT_ADDRESS_NOBODY;
}

bool livekit_addresses_allow_all(const struct livekit_texts *addresses) {
    size_t looked_at = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        struct slice one = addresses->at[i];
        looked_at += !is_ignored(one);
        if (one.n >= 2 && one.p[one.n - 2] == '/' && one.p[one.n - 1] == '0') {
            return true;
        }
    }
    return looked_at == 0;
}

bool livekit_trunk_is_open(const struct livekit_trunk *trunk) {
    return livekit_addresses_allow_all(&trunk->allowed_addresses) && !trunk->has_password;
}
