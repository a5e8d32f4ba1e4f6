/* SHA-256 is libcrypto's, which uses the processor's own instructions for it where there are any (some ten times as
 * fast as libsodium's portable C). Its interface for one-off use allocates for every hash and keeps the state in memory that is
 * not ours to guard; so the older one is used, whose state is a plain struct. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "auth/hmac.h"

#include <openssl/sha.h>
#include <sodium.h>

enum { BLOCK_SIZE = SHA256_CBLOCK };

/* RFC 2104: H(K ^ opad, H(K ^ ipad, text)); of each, the state after the padded key. */
struct state {
    SHA256_CTX inner, outer;
};

_Static_assert(sizeof(struct state) == HMAC_STATE_SIZE, "libcrypto's SHA-256 state has another size");
_Static_assert(SHA256_DIGEST_LENGTH == HMAC_SIZE, "SHA-256 is 32 bytes");

static void start(SHA256_CTX *state, const unsigned char block[BLOCK_SIZE], unsigned char pad) {
    unsigned char padded[BLOCK_SIZE];
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        padded[i] = block[i] ^ pad;
    }
    SHA256_Init(state);
    SHA256_Update(state, padded, sizeof padded);
    sodium_memzero(padded, sizeof padded);
}

void hmac_key_init(struct hmac_key *key, struct slice secret) {
    unsigned char block[BLOCK_SIZE] = {0};
    struct state state;
    if (secret.n > BLOCK_SIZE) {
        hmac_hash(secret, block);
    } else if (secret.n > 0) {
        memcpy(block, secret.p, secret.n);
    }
    start(&state.inner, block, 0x36);
    start(&state.outer, block, 0x5c);
    memcpy(key->state, &state, sizeof state);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(block, sizeof block);
}

void hmac_sign(const struct hmac_key *key, struct slice text, unsigned char ret_mac[HMAC_SIZE]) {
    struct state state;
    memcpy(&state, key->state, sizeof state);
    SHA256_Update(&state.inner, text.p, text.n);
    SHA256_Final(ret_mac, &state.inner);
    SHA256_Update(&state.outer, ret_mac, HMAC_SIZE);
    SHA256_Final(ret_mac, &state.outer);
    sodium_memzero(&state, sizeof state);
}

void hmac_hash(struct slice text, unsigned char ret_digest[HMAC_SIZE]) {
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, text.p, text.n);
    SHA256_Final(ret_digest, &state);
    sodium_memzero(&state, sizeof state);
}

bool hmac_equal(const unsigned char a[HMAC_SIZE], const unsigned char b[HMAC_SIZE]) {
    return sodium_memcmp(a, b, HMAC_SIZE) == 0;
}

void hmac_wipe(void *memory, size_t size) {
    sodium_memzero(memory, size);
}
