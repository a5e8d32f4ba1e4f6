/* Opening and making tokens. The order in jwt_open is the point: length, characters, HMAC over every key, and
 * only then JSON, so that a stranger's token costs some hashing and reaches no parser. */
#include "auth/jwt.h"

#include <assert.h>

#include "auth/base64.h"
#include "base/mem.h"
#include "base/tree.h"

/* {"alg":"HS256","typ":"JWT"} as LiveKit's library writes it, and so do we. */
static const char usual_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

struct parts {
    struct slice header, payload, signature, signed_text;
};

static bool split(struct slice token, struct parts *ret) {
    const char *end = token.p + token.n;
    const char *first = token.n > 0 && token.n <= JWT_MAX_SIZE ? memchr(token.p, '.', token.n) : NULL;
    const char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (second == NULL) {
        return false;
    }
    *ret = (struct parts){
        .header = {token.p, (size_t)(first - token.p)},
        .payload = {first + 1, (size_t)(second - first - 1)},
        .signature = {second + 1, (size_t)(end - second - 1)},
        .signed_text = {token.p, (size_t)(second - token.p)},
    };
    return ret->header.n > 0 && ret->payload.n > 0 && base64_is_url_text(ret->header) &&
           base64_is_url_text(ret->payload) && base64_is_url_text(ret->signature);
}

/* The JSON object in a part; NULL when it is none. */
static struct tree *decode(struct slice part) {
    static const struct tree_limits limits = {.depth = 16, .values = JWT_MAX_SIZE, .no_nul = true};
    unsigned char text[JWT_MAX_SIZE];
    size_t size;
    if (!base64_decode(BASE64_URL, part, text, sizeof text, &size)) {
        return NULL;
    }
    cleanup_tree struct tree *tree = tree_parse((struct slice){(const char *)text, size}, &limits, NULL);
    return node_is(tree_root(tree), NODE_OBJECT) ? take_ptr(tree) : NULL;
}

/* What is wrong with the header, NULL for nothing. "crit" (RFC 7515 4.1.11) lists extensions that a receiver must
 * understand: we understand none. */
static const char *check_header(struct slice part) {
    if (slice_is(part, usual_header)) {
        return NULL;
    }
    cleanup_tree struct tree *header = decode(part);
    if (header == NULL) {
        return "header";
    }
    if (!slice_is(node_text(node_member(tree_root(header), "alg")), "HS256")) {
        return "alg";
    }
    return node_member(tree_root(header), "crit") != NULL ? "crit" : NULL;
}

enum jwt_result jwt_open(const struct keyring *keys, struct slice token, struct jwt *ret) {
    *ret = (struct jwt){.keys = keys, .key = -1};
    struct parts parts;
    size_t size;
    if (!split(token, &parts)) {
        return JWT_NOT_JWT;
    }
    if (!base64_decode(BASE64_URL, parts.signature, ret->mac, sizeof ret->mac, &size) || size != sizeof ret->mac) {
        return JWT_BAD_SIGNATURE;
    }
    ret->signed_text = parts.signed_text;
    ret->key = keyring_find(keys, parts.signed_text, ret->mac);
    if (ret->key < 0) {
        return JWT_BAD_SIGNATURE;
    }
    ret->bad = check_header(parts.header);
    if (ret->bad != NULL) {
        return JWT_BAD_HEADER;
    }
    ret->claims = decode(parts.payload);
    return ret->claims != NULL ? JWT_OK : JWT_BAD_CLAIMS;
}

void jwt_release(struct jwt *jwt) {
    tree_free(jwt->claims);
    jwt->claims = NULL;
}

bool jwt_has(const struct jwt *jwt, const char *claim) {
    return node_member(tree_root(jwt->claims), claim) != NULL;
}

enum jwt_claim jwt_text(const struct jwt *jwt, const char *claim, struct slice *ret) {
    const struct node *value = node_member(tree_root(jwt->claims), claim);
    if (!node_is(value, NODE_TEXT)) {
        return value == NULL ? JWT_ABSENT : JWT_WRONG_TYPE;
    }
    *ret = value->text;
    return JWT_GIVEN;
}

enum jwt_claim jwt_number(const struct jwt *jwt, const char *claim, double *ret) {
    const struct node *value = node_member(tree_root(jwt->claims), claim);
    if (!node_is(value, NODE_INTEGER) && !node_is(value, NODE_REAL)) {
        return value == NULL ? JWT_ABSENT : JWT_WRONG_TYPE;
    }
    *ret = value->type == NODE_INTEGER ? (double)value->integer : value->real;
    return JWT_GIVEN;
}

enum jwt_claim jwt_issuer(const struct jwt *jwt, bool *ret_fits) {
    struct slice issuer;
    enum jwt_claim claim = jwt_text(jwt, "iss", &issuer);
    if (claim != JWT_GIVEN) {
        return claim;
    }
    *ret_fits = slice_is(issuer, keyring_name(jwt->keys, (size_t)jwt->key));
    /* The first key that fits signed as far as the HMAC can tell; another with the same secret may be the one named. */
    for (size_t i = (size_t)jwt->key + 1; !*ret_fits && i < keyring_count(jwt->keys); i++) {
        *ret_fits =
            slice_is(issuer, keyring_name(jwt->keys, i)) && keyring_fits(jwt->keys, i, jwt->signed_text, jwt->mac);
    }
    return JWT_GIVEN;
}

/* Whole seconds for people; a claim may be any JSON number. */
static int64_t whole_seconds(double seconds) {
    const double limit = 1e15;
    return (int64_t)(seconds > limit ? limit : seconds);
}

enum jwt_time jwt_check_time(const struct jwt *jwt, int64_t now_s, struct jwt_times *ret) {
    *ret = (struct jwt_times){.claim = "exp"};
    double now = (double)now_s;
    if (jwt_number(jwt, "exp", &ret->exp) != JWT_GIVEN) {
        return JWT_BAD_TIME;
    }
    static const char *const starts[] = {"nbf", "iat"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        double start = 0;
        ret->claim = starts[i];
        if (jwt_number(jwt, starts[i], &start) == JWT_WRONG_TYPE) {
            return JWT_BAD_TIME;
        }
        if (start > now + JWT_LEEWAY_S) {
            ret->skew_s = whole_seconds(start - now);
            return JWT_NOT_YET;
        }
    }
    if (now > ret->exp + JWT_LEEWAY_S) {
        ret->skew_s = whole_seconds(now - ret->exp);
        return JWT_EXPIRED;
    }
    return JWT_IN_TIME;
}

char *jwt_sign(const struct keyring *keys, struct slice claims) {
    assert(keyring_count(keys) > 0);
    struct buf token = {0};
    buf_adds(&token, usual_header);
    buf_addc(&token, '.');
    base64_encode(&token, BASE64_URL, claims);
    unsigned char mac[HMAC_SIZE];
    keyring_sign(keys, 0, buf_slice(&token), mac);
    buf_addc(&token, '.');
    base64_encode(&token, BASE64_URL, (struct slice){(const char *)mac, sizeof mac});
    return buf_take(&token);
}
