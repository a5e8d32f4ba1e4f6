/* JSON Web Tokens as LiveKit makes them (RFC 7519; HS256 only). Opening one checks the signature over every key
 * before anything in it is decoded; what its claims must be is the caller's business. */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "auth/keyring.h"

struct tree;

enum { JWT_MAX_SIZE = 8192, JWT_LEEWAY_S = 60 };

enum jwt_result {
    JWT_OK,
    JWT_NOT_JWT,       /* not three base64url parts, or over JWT_MAX_SIZE */
    JWT_BAD_SIGNATURE, /* no key made it */
    JWT_BAD_HEADER,    /* "alg" is not HS256, or there is a "crit", or it is not JSON */
    JWT_BAD_CLAIMS,    /* the payload is not a JSON object, or names a claim twice */
};

struct jwt {
    const struct keyring *keys; /* borrowed */
    int key;                    /* index of the key that made the signature */
    struct slice signed_text;   /* borrowed from the token */
    unsigned char mac[HMAC_SIZE];
    struct tree *claims; /* NULL unless JWT_OK */
    const char *bad;     /* JWT_BAD_HEADER: the member that is wrong */
};

/* Fills RET as far as it came: key is -1 until a signature fits. Release it whatever the result. */
enum jwt_result jwt_open(const struct keyring *keys, struct slice token, struct jwt *ret)
    __attribute__((warn_unused_result));
void jwt_release(struct jwt *jwt);
#define cleanup_jwt __attribute__((cleanup(jwt_release)))

enum jwt_claim { JWT_ABSENT, JWT_GIVEN, JWT_WRONG_TYPE };
/* RET is set for JWT_GIVEN only; text lives as long as JWT. */
enum jwt_claim jwt_text(const struct jwt *jwt, const char *claim, struct slice *ret);
enum jwt_claim jwt_number(const struct jwt *jwt, const char *claim, double *ret);
bool jwt_has(const struct jwt *jwt, const char *claim);

/* Whether "iss" names a key that made the signature. */
enum jwt_claim jwt_issuer(const struct jwt *jwt, bool *ret_fits);

enum jwt_time { JWT_IN_TIME, JWT_EXPIRED, JWT_NOT_YET, JWT_BAD_TIME };
struct jwt_times {
    int64_t skew_s; /* JWT_EXPIRED: seconds past exp; JWT_NOT_YET: seconds too early */
    double exp;
    const char *claim; /* JWT_BAD_TIME: the claim that is missing or not a number */
};
/* "exp" is required; "nbf" and "iat" must not lie ahead; JWT_LEEWAY_S on both sides. */
enum jwt_time jwt_check_time(const struct jwt *jwt, int64_t now_s, struct jwt_times *ret);

/* A token over CLAIMS (the text of a JSON object), signed with the first key. The caller frees it. */
char *jwt_sign(const struct keyring *keys, struct slice claims);

#endif
