/* Any bytes as an operator's token. The first byte chooses: as they are; or as claims that we sign, against a judge
 * that reads the claims with its own eyes. Nobody guesses a signature, and nobody gets more than the claims say. */
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/mem.h"
#include "fuzz.h"

enum { NOW = 1767225600 };

static struct keyring *keys(void) {
    static struct keyring *one;
    if (one == NULL) {
        one = keyring_new();
        demand(keyring_parse(one, SLICE("devkey: 0123456789abcdef0123456789abcdef"), NULL));
    }
    return one;
}

static bool is_text(const json_t *claims, const char *name, const char *wanted) {
    const json_t *value = json_object_get(claims, name);
    return json_is_string(value) && strcmp(json_string_value(value), wanted) == 0 &&
           json_string_length(value) == strlen(wanted);
}

/* A time that is not there is no obstacle, but for exp. */
static bool is_past(const json_t *claims, const char *name) {
    const json_t *value = json_object_get(claims, name);
    return value == NULL || json_number_value(value) <= NOW + JWT_LEEWAY_S;
}

/* The most that these claims may give. */
static enum operator_scope judge(const json_t *claims) {
    double exp = json_number_value(json_object_get(claims, "exp"));
    bool foreign = json_object_get(claims, "video") != NULL || json_object_get(claims, "sip") != NULL ||
                   json_object_get(claims, "sha256") != NULL;
    bool bound =
        json_object_get(claims, OPERATOR_REQUEST) != NULL && !is_text(claims, OPERATOR_REQUEST, "POST /api/reload");
    if (!is_text(claims, "iss", "devkey") || foreign || bound || exp < NOW - JWT_LEEWAY_S || !is_past(claims, "nbf") ||
        !is_past(claims, "iat")) {
        return OPERATOR_NONE;
    }
    if (is_text(claims, OPERATOR_CLAIM, "reader")) {
        return OPERATOR_READER;
    }
    bool short_lived = exp <= NOW + OPERATOR_MAX_TTL_S + JWT_LEEWAY_S;
    return short_lived && is_text(claims, OPERATOR_CLAIM, "operator") ? OPERATOR_FULL : OPERATOR_NONE;
}

static void try_claims(struct slice text) {
    cleanup_free char *token = jwt_sign(keys(), text);
    json_t *claims = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const struct operator_use use = {slice_of(token), SLICE("POST"), SLICE("/api/reload")};
    unsigned char mac[HMAC_SIZE];
    enum operator_scope scope = operator_check_use(keys(), &use, NOW, mac);
    demand(scope <= (claims != NULL ? judge(claims) : OPERATOR_NONE));
    cleanup_free char *header = xasprintf("bearer %s", token);
    const struct operator_use with_scheme = {slice_of(header), use.method, use.path};
    demand(operator_check_use(keys(), &with_scheme, NOW, mac) == scope);
    demand(operator_check(keys(), slice_of(token), NOW) <= scope ||
           is_text(claims, OPERATOR_REQUEST, " ")); /* for the request without method and path */
    token[strlen(token) - 2] = token[strlen(token) - 2] == 'A' ? 'B' : 'A';
    demand(operator_check(keys(), slice_of(token), NOW) == OPERATOR_NONE);
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = {(const char *)data, size};
    if (take_byte(&rest) % 2 == 0) {
        demand(operator_check(keys(), rest, NOW) == OPERATOR_NONE);
    } else if (rest.n > 0) {
        try_claims(rest);
    }
    return 0;
}
