/* Only libsodium's multi-part HMAC takes secrets of any length: the one-shot form
 * insists on 32 bytes, and LiveKit's API secrets are whatever the operator wrote. */
#include "auth/hmac.h"

#include <sodium.h>

_Static_assert(sizeof(crypto_auth_hmacsha256_state) == HMAC_STATE_SIZE, "libsodium's HMAC state has another size");
_Static_assert(crypto_auth_hmacsha256_BYTES == HMAC_SIZE && crypto_hash_sha256_BYTES == HMAC_SIZE,
               "SHA-256 is 32 bytes");

void hmac_key_init(struct hmac_key *key, struct slice secret) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.p, secret.n);
    memcpy(key->state, &state, sizeof state);
    sodium_memzero(&state, sizeof state);
}

void hmac_sign(const struct hmac_key *key, struct slice text, unsigned char ret_mac[HMAC_SIZE]) {
    crypto_auth_hmacsha256_state state;
    memcpy(&state, key->state, sizeof state);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&state, ret_mac);
    sodium_memzero(&state, sizeof state);
}

void hmac_hash(struct slice text, unsigned char ret_digest[HMAC_SIZE]) {
    crypto_hash_sha256(ret_digest, (const unsigned char *)(text.n > 0 ? text.p : ""), text.n);
}

bool hmac_equal(const unsigned char a[HMAC_SIZE], const unsigned char b[HMAC_SIZE]) {
    return sodium_memcmp(a, b, HMAC_SIZE) == 0;
}

void hmac_wipe(void *memory, size_t size) {
    sodium_memzero(memory, size);
}
