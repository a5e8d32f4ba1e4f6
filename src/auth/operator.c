/* Operator tokens. */
#include "auth/operator.h"

#include <string.h>
#include <strings.h>

#include "auth/jwt.h"

const char *operator_scope_name(enum operator_scope scope) {
    static const char *const names[] = {
        [OPERATOR_NONE] = "none", [OPERATOR_READER] = "reader", [OPERATOR_FULL] = "operator"};
    return names[scope];
}

static struct slice without_scheme(struct slice authorization) {
    static const char scheme[] = "Bearer ";
    size_t size = sizeof scheme - 1;
    if (authorization.n < size || strncasecmp(authorization.p, scheme, size) != 0) {
        return authorization;
    }
    return slice_after(authorization, size);
}

/* What makes a token somebody else's: a grant for LiveKit's own interfaces, or the body hash of a webhook. */
static bool is_foreign(const struct jwt *jwt) {
    static const char *const claims[] = {"video", "sip", "sha256"};
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        if (jwt_has(jwt, claims[i])) {
            return true;
        }
    }
    return false;
}

/* "METHOD PATH" where the token is bound to a request. */
static bool is_for(const struct jwt *jwt, const struct operator_use *use) {
    struct slice bound = {0};
    enum jwt_claim found = jwt_text(jwt, OPERATOR_REQUEST, &bound);
    if (found != JWT_GIVEN) {
        return found == JWT_ABSENT;
    }
    size_t at = use->method.n;
    return bound.n == at + 1 + use->path.n && slice_starts(bound, use->method) && bound.p[at] == ' ' &&
           slice_eq((struct slice){bound.p + at + 1, use->path.n}, use->path);
}

static enum operator_scope scope_of(const struct jwt *jwt, int64_t now_s) {
    struct jwt_times times;
    struct slice scope = {0};
    bool issuer_fits = false;
    if (jwt_issuer(jwt, &issuer_fits) != JWT_GIVEN || !issuer_fits || is_foreign(jwt) ||
        jwt_text(jwt, OPERATOR_CLAIM, &scope) != JWT_GIVEN || jwt_check_time(jwt, now_s, &times) != JWT_IN_TIME) {
        return OPERATOR_NONE;
    }
    if (slice_is(scope, operator_scope_name(OPERATOR_READER))) {
        return OPERATOR_READER;
    }
    bool short_lived = times.exp <= (double)(now_s + OPERATOR_MAX_TTL_S + JWT_LEEWAY_S);
    return short_lived && slice_is(scope, operator_scope_name(OPERATOR_FULL)) ? OPERATOR_FULL : OPERATOR_NONE;
}

enum operator_scope operator_check_use(const struct keyring *keys, const struct operator_use *use, int64_t now_s,
                                       unsigned char ret_mac[HMAC_SIZE]) {
    struct jwt jwt cleanup_jwt;
    memset(ret_mac, 0, HMAC_SIZE);
    if (jwt_open(keys, without_scheme(use->authorization), &jwt) != JWT_OK || !is_for(&jwt, use)) {
        return OPERATOR_NONE;
    }
    enum operator_scope scope = scope_of(&jwt, now_s);
    if (scope != OPERATOR_NONE) {
        memcpy(ret_mac, jwt.mac, HMAC_SIZE);
    }
    return scope;
}

enum operator_scope operator_check(const struct keyring *keys, struct slice authorization, int64_t now_s) {
    unsigned char mac[HMAC_SIZE];
    return operator_check_use(keys, &(struct operator_use){.authorization = authorization}, now_s, mac);
}
