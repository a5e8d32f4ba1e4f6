/* HMAC-SHA256 (RFC 2104), SHA-256, constant-time comparison: what sipbridge wants of libcrypto and of
 * libsodium, beside base/vault. */
#ifndef AUTH_HMAC_H
#define AUTH_HMAC_H

#include "base/slice.h"

enum { HMAC_SIZE = 32, HMAC_STATE_SIZE = 224 };

/* A secret after HMAC's first step (both padded key blocks hashed), so that each use costs only the text. */
struct hmac_key {
    _Alignas(16) unsigned char state[HMAC_STATE_SIZE];
};

/* SECRET may have any length: RFC 2104 hashes what is over 64 bytes. */
void hmac_key_init(struct hmac_key *key, struct slice secret);
void hmac_sign(const struct hmac_key *key, struct slice text, unsigned char ret_mac[HMAC_SIZE]);
/* SHA-256 without a key (FIPS 180-4). */
void hmac_hash(struct slice text, unsigned char ret_digest[HMAC_SIZE]);
/* Takes the same time wherever they differ. */
bool hmac_equal(const unsigned char a[HMAC_SIZE], const unsigned char b[HMAC_SIZE]);

/* Overwrites SIZE bytes; the compiler cannot leave it out. */
void hmac_wipe(void *memory, size_t size);

#endif
