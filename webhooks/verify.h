/* Is this request LiveKit's? HS256 JWT in Authorization with the SHA-256 of the raw body (livekit/protocol
 * auth/verifier.go, webhook/verifier.go; the strictest common subset of the official verifiers).
 * The HMAC comes first, over every key; nothing of the token is parsed before one fits. */
#ifndef WEBHOOKS_VERIFY_H
#define WEBHOOKS_VERIFY_H

#include "auth/keyring.h"
#include "base/buf.h"
#include "base/slice.h"

/* X(symbol, label, text): label is what logs, status and metrics say; text is for people. */
#define VERIFY_REASONS(X)                                                                          \
    X(OK, "ok", "signed by LiveKit with a known key")                                              \
    X(NO_TOKEN, "no_token", "no Authorization header")                                             \
    X(TWO_TOKENS, "two_tokens", "more than one Authorization header")                              \
    X(NOT_JWT, "not_jwt", "Authorization is not a JWT: three base64url parts joined by dots")      \
    X(BAD_SIGNATURE, "bad_signature", "no known key made this signature")                          \
    X(BAD_HEADER, "bad_header", "the token's header is not plain HS256")                           \
    X(BAD_CLAIMS, "bad_claims", "the token's claims are not what LiveKit sends")                   \
    X(WRONG_ISSUER, "wrong_issuer", "the token names another API key than the one that signed it") \
    X(EXPIRED, "expired", "the token has expired")                                                 \
    X(NOT_YET, "not_yet", "the token is not valid yet")                                            \
    X(NO_BODY_HASH, "no_body_hash", "the token carries no body hash: it is not a webhook's")       \
    X(BODY_CHANGED, "body_changed", "the body is not the one that was signed")
enum verify_reason {
#define X(symbol, label, text) VERIFY_##symbol,
    VERIFY_REASONS(X)
#undef X
        VERIFY_REASON_COUNT
};
const char *verify_reason_label(enum verify_reason reason);
const char *verify_reason_text(enum verify_reason reason);

/* Filled as far as the check came; for verify_hint. */
struct verify_detail {
    char key[64];   /* the key that signed; empty when none did */
    int64_t skew_s; /* EXPIRED: seconds past exp; NOT_YET: seconds before nbf or iat */
    char claim[32]; /* BAD_CLAIMS, BAD_HEADER: which one */
};

/* DETAIL may be NULL. */
enum verify_reason webhook_verify(const struct keyring *keys, struct slice authorization, struct slice body,
                                  int64_t now_s, struct verify_detail *ret_detail);
/* A sentence or two on what to do about REASON (wrong secret? body changed by a proxy? clock off by N s?). */
void verify_hint(struct buf *out, enum verify_reason reason, const struct verify_detail *detail);

#endif
