/* The claims of each kind of token; auth/jwt signs them. */
#include "livekit/token.h"

#include <assert.h>
#include <jansson.h>

#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/mem.h"

enum { AGENT_BEFORE_S = 300, AGENT_TTL_S = 6 * 3600, WEBHOOK_TTL_S = 300 };

/* Takes over CLAIMS. */
static char *sign(const struct keyring *keys, json_t *claims) {
    assert(claims != NULL);
    json_object_set_new(claims, "iss", json_string(keyring_name(keys, 0)));
    char *text = json_dumps(claims, JSON_COMPACT);
    assert(text != NULL);
    char *token = jwt_sign(keys, slice_of(text));
    free(text);
    json_decref(claims);
    return token;
}

static json_t *text_of(struct slice text) {
    json_t *string = json_stringn(text.n > 0 ? text.p : "", text.n);
    assert(string != NULL); /* only for what is not UTF-8, and the event parser lets none of that in */
    return string;
}

char *token_for_agent(const struct keyring *keys, struct slice room, struct slice identity, int64_t now_s) {
    json_int_t starts = now_s - AGENT_BEFORE_S, expires = now_s + AGENT_TTL_S;
    json_t *video = json_pack("{s:b, s:o, s:b, s:b, s:b, s:b}", "roomJoin", 1, "room", text_of(room), "canPublish", 1,
                              "canPublishData", 1, "canSubscribe", 1, "canUpdateOwnMetadata", 1);
    /* The kind makes LiveKit close the room when only this participant is left; a standard one keeps it open. */
    return sign(keys, json_pack("{s:o, s:s, s:I, s:I, s:o}", "sub", text_of(identity), "kind", "agent", "nbf", starts,
                                "exp", expires, "video", video));
}

char *token_for_operator(const struct keyring *keys, bool reader, int64_t now_s, int64_t ttl_s) {
    json_int_t starts = now_s, expires = now_s + ttl_s;
    const char *scope = operator_scope_name(reader ? OPERATOR_READER : OPERATOR_FULL);
    return sign(keys, json_pack("{s:s, s:I, s:I}", OPERATOR_CLAIM, scope, "nbf", starts, "exp", expires));
}

char *token_for_webhook(const struct keyring *keys, struct slice body, int64_t now_s) {
    json_int_t starts = now_s, expires = now_s + WEBHOOK_TTL_S;
    unsigned char digest[HMAC_SIZE];
    hmac_hash(body, digest);
    struct buf sha256 cleanup_buf = {0};
    base64_encode(&sha256, BASE64_PADDED, (struct slice){(const char *)digest, sizeof digest});
    return sign(keys,
                json_pack("{s:I, s:I, s:I, s:s}", "nbf", starts, "iat", starts, "exp", expires, "sha256", sha256.p));
}
