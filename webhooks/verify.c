/* The verdict on one request. auth/jwt opens the token (HMAC before any parsing); here its claims are held
 * against what LiveKit's sender writes, and the body against the hash in them. */
#include "webhooks/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"

static const struct {
    const char *label, *text;
} reasons[] = {
#define X(symbol, label, text) {label, text},
    VERIFY_REASONS(X)
#undef X
};

const char *verify_reason_label(enum verify_reason reason) {
    return reasons[reason].label;
}

const char *verify_reason_text(enum verify_reason reason) {
    return reasons[reason].text;
}

static enum verify_reason bad(enum verify_reason reason, const char *claim, struct verify_detail *detail) {
    snprintf(detail->claim, sizeof detail->claim, "%s", claim);
    return reason;
}

static enum verify_reason check_issuer(const struct jwt *jwt, struct verify_detail *detail) {
    bool fits = false;
    if (jwt_issuer(jwt, &fits) != JWT_GIVEN) {
        return bad(VERIFY_BAD_CLAIMS, "iss", detail);
    }
    return fits ? VERIFY_OK : VERIFY_WRONG_ISSUER;
}

static enum verify_reason check_time(const struct jwt *jwt, int64_t now_s, struct verify_detail *detail) {
    struct jwt_times times;
    enum jwt_time verdict = jwt_check_time(jwt, now_s, &times);
    detail->skew_s = times.skew_s;
    switch (verdict) {
    case JWT_IN_TIME: return VERIFY_OK;
    case JWT_EXPIRED: return VERIFY_EXPIRED;
    case JWT_NOT_YET: return VERIFY_NOT_YET;
    case JWT_BAD_TIME: break;
    }
    return bad(VERIFY_BAD_CLAIMS, times.claim, detail);
}

static enum verify_reason check_body(const struct jwt *jwt, struct slice body, struct verify_detail *detail) {
    /* Our own operator tokens are signed with the same key and must not pass here, whatever else they claim. */
    if (jwt_has(jwt, OPERATOR_CLAIM)) {
        return bad(VERIFY_BAD_CLAIMS, OPERATOR_CLAIM, detail);
    }
    struct slice text;
    enum jwt_claim claim = jwt_text(jwt, "sha256", &text);
    if (claim == JWT_ABSENT) {
        return VERIFY_NO_BODY_HASH;
    }
    unsigned char wanted[HMAC_SIZE], given[HMAC_SIZE];
    size_t size;
    if (claim != JWT_GIVEN || !base64_decode(BASE64_PADDED, text, wanted, sizeof wanted, &size) ||
        size != sizeof wanted) {
        return bad(VERIFY_BAD_CLAIMS, "sha256", detail);
    }
    hmac_hash(body, given);
    return hmac_equal(wanted, given) ? VERIFY_OK : VERIFY_BODY_CHANGED;
}

static enum verify_reason open_token(const struct keyring *keys, struct slice token, struct jwt *jwt,
                                     struct verify_detail *detail) {
    enum jwt_result result = jwt_open(keys, token, jwt);
    if (jwt->key >= 0) {
        snprintf(detail->key, sizeof detail->key, "%s", keyring_name(keys, (size_t)jwt->key));
    }
    switch (result) {
    case JWT_OK: return VERIFY_OK;
    case JWT_NOT_JWT: return VERIFY_NOT_JWT;
    case JWT_BAD_SIGNATURE: return VERIFY_BAD_SIGNATURE;
    case JWT_BAD_HEADER: return bad(VERIFY_BAD_HEADER, jwt->bad, detail);
    case JWT_BAD_CLAIMS: break;
    }
    return bad(VERIFY_BAD_CLAIMS, "payload", detail);
}

enum verify_reason webhook_verify(const struct keyring *keys, struct slice authorization, struct slice body,
                                  int64_t now_s, struct verify_detail *ret_detail) {
    struct verify_detail unwanted, *detail = ret_detail != NULL ? ret_detail : &unwanted;
    *detail = (struct verify_detail){0};
    if (authorization.n == 0) {
        return VERIFY_NO_TOKEN;
    }
    struct jwt jwt cleanup_jwt;
    enum verify_reason reason = open_token(keys, authorization, &jwt, detail);
    if (reason == VERIFY_OK) {
        reason = check_issuer(&jwt, detail);
    }
    if (reason == VERIFY_OK) {
        reason = check_time(&jwt, now_s, detail);
    }
    return reason == VERIFY_OK ? check_body(&jwt, body, detail) : reason;
}

void verify_hint(struct buf *out, enum verify_reason reason, const struct verify_detail *detail) {
    int64_t skew_s = detail->skew_s;
    switch (reason) {
    case VERIFY_OK: buf_addf(out, "signed with key %s", detail->key); break;
    case VERIFY_NO_TOKEN:
        buf_adds(out, "not sent by LiveKit, or a proxy in between drops the Authorization header");
        break;
    case VERIFY_TWO_TOKENS: buf_adds(out, "does a proxy in between add an Authorization header of its own?"); break;
    case VERIFY_NOT_JWT:
        buf_adds(out, "LiveKit sends the bare token, without \"Bearer\"; does a proxy change it?");
        break;
    case VERIFY_BAD_SIGNATURE:
        buf_adds(out, "wrong secret? LIVEKIT_API_SECRET or LIVEKIT_KEYS must hold the secret of the API key that "
                      "`webhook.api_key` names in LiveKit's configuration");
        break;
    case VERIFY_BAD_HEADER:
        buf_addf(out, "\"%s\" is wrong; LiveKit signs with HS256 and nothing else", detail->claim);
        break;
    case VERIFY_BAD_CLAIMS:
        buf_addf(out, "\"%s\" is wrong or missing; LiveKit did not make this token", detail->claim);
        break;
    case VERIFY_WRONG_ISSUER:
        buf_addf(out, "the secret is that of key %s here: is it under another name in LiveKit's configuration?",
                 detail->key);
        break;
    case VERIFY_EXPIRED:
        buf_addf(out,
                 "%" PRId64 " s too late: is the clock here ahead of LiveKit's, or is this an old request sent again?",
                 skew_s);
        break;
    case VERIFY_NOT_YET:
        buf_addf(out, "%" PRId64 " s too early: is the clock here behind LiveKit's? Let NTP set both", skew_s);
        break;
    case VERIFY_NO_BODY_HASH:
        buf_adds(out, "an access token of a room's client, not a webhook's; `sha256` would hold the hash of the body");
        break;
    case VERIFY_BODY_CHANGED:
        buf_adds(out, "does a proxy in between rewrite the body? It must pass byte for byte, white space included");
        break;
    case VERIFY_REASON_COUNT: break;
    }
}
