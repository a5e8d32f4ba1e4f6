/* API keys and their secrets: the one that signs and all that verify. Secrets live in sodium_malloc memory
 * (wiped, not in core dumps) and are never handed out: callers get signatures. */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "auth/hmac.h"
#include "base/diag.h"
#include "base/slice.h"

enum { KEYRING_MAX_KEYS = 32, KEYRING_MAX_NAME = 63, KEYRING_MAX_SECRET = 1024 };

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *keys);
/* Adds or replaces. A key name has 1-63 printable bytes without space or ':'; a secret is 1-1024 bytes.
 * The first key added is the one that signs. */
bool keyring_add(struct keyring *keys, struct slice name, struct slice secret, struct diag *diag)
    __attribute__((warn_unused_result));
/* Lines "name: secret" (LIVEKIT_KEYS; also "name:secret", '#' comments, blank lines, quotes as YAML has them).
 * A name given twice in TEXT is a mistake. After a failure the lines before it are in KEYS: parse into a fresh one. */
bool keyring_parse(struct keyring *keys, struct slice text, struct diag *diag) __attribute__((warn_unused_result));
/* Takes over all keys of FRESH (and frees it), keeping the pointer KEYS valid: rotation. */
void keyring_replace(struct keyring *keys, struct keyring *fresh);
size_t keyring_count(const struct keyring *keys);
/* The name at INDEX; 0 is the key that signs. */
const char *keyring_name(const struct keyring *keys, size_t index);
/* Bytes of the shortest secret: under 32 is worth a warning. */
size_t keyring_shortest(const struct keyring *keys);
/* HMAC-SHA256 (RFC 2104) of TEXT with key INDEX. */
void keyring_sign(const struct keyring *keys, size_t index, struct slice text, unsigned char ret_mac[HMAC_SIZE]);
/* The index of the key that made MAC over TEXT, by constant-time comparison; -1 for none. */
int keyring_find(const struct keyring *keys, struct slice text, const unsigned char mac[HMAC_SIZE]);
/* Whether key INDEX made MAC over TEXT: two names may share a secret. */
bool keyring_fits(const struct keyring *keys, size_t index, struct slice text, const unsigned char mac[HMAC_SIZE]);
/* Calls log_hide for every secret. */
void keyring_hide_in_log(const struct keyring *keys);

#endif
