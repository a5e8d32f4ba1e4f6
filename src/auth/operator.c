/* Operator tokens. */
#include "auth/operator.h"

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
    return (struct slice){authorization.p + size, authorization.n - size};
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

enum operator_scope operator_check(const struct keyring *keys, struct slice authorization, int64_t now_s) {
    struct jwt jwt cleanup_jwt;
    struct jwt_times times;
    struct slice scope = {0};
    bool issuer_fits = false;
    if (jwt_open(keys, without_scheme(authorization), &jwt) != JWT_OK || jwt_issuer(&jwt, &issuer_fits) != JWT_GIVEN ||
        !issuer_fits || is_foreign(&jwt) || jwt_text(&jwt, OPERATOR_CLAIM, &scope) != JWT_GIVEN ||
        jwt_check_time(&jwt, now_s, &times) != JWT_IN_TIME) {
        return OPERATOR_NONE;
    }
    if (slice_is(scope, operator_scope_name(OPERATOR_READER))) {
        return OPERATOR_READER;
    }
    bool short_lived = times.exp <= (double)(now_s + OPERATOR_MAX_TTL_S + JWT_LEEWAY_S);
    return short_lived && slice_is(scope, operator_scope_name(OPERATOR_FULL)) ? OPERATOR_FULL : OPERATOR_NONE;
}
