/* Who may use sipbridge's own interface: the bearer of a token signed with an API key that carries our claim
 * "sipbridge": "operator" (everything; exp at most an hour ahead) or "reader" (GET only, for monitoring; any exp).
 * LiveKit's grants do not count: the browsers of people in a room hold those. Nor does a webhook's token. */
#ifndef AUTH_OPERATOR_H
#define AUTH_OPERATOR_H

#include "auth/keyring.h"

enum operator_scope { OPERATOR_NONE, OPERATOR_READER, OPERATOR_FULL };

enum { OPERATOR_MAX_TTL_S = 3600 };

/* The claim that carries it, and what it says for OPERATOR_READER and OPERATOR_FULL. */
#define OPERATOR_CLAIM "sipbridge"
const char *operator_scope_name(enum operator_scope scope);

/* A token may be bound to one request by this claim: "POST /api/reload". It opens no other. */
#define OPERATOR_REQUEST "request"

struct operator_use {
    struct slice authorization; /* the header's value: "Bearer TOKEN" or TOKEN */
    struct slice method, path;
};

/* What the bearer may do with USE. RET_MAC is the token's signature, by which it is known again; all zeros with
 * OPERATOR_NONE. */
enum operator_scope operator_check_use(const struct keyring *keys, const struct operator_use *use, int64_t now_s,
                                       unsigned char ret_mac[HMAC_SIZE]);
/* The same for a token that is bound to no request. */
enum operator_scope operator_check(const struct keyring *keys, struct slice authorization, int64_t now_s);

#endif
