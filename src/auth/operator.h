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

/* AUTHORIZATION is the header's value: "Bearer TOKEN" or TOKEN. */
enum operator_scope operator_check(const struct keyring *keys, struct slice authorization, int64_t now_s);

#endif
