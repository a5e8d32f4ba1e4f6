/* The claims of each kind of token; auth/jwt signs them. */
#include "livekit/token.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/random.h>

#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/json_text.h"
#include "base/mem.h"

enum {
    AGENT_BEFORE_S = 300,
    AGENT_TTL_S = 6 * 3600,
    WEBHOOK_TTL_S = 300,
    API_BEFORE_S = 300,
    API_TTL_S = 60,
    REQUEST_TTL_S = 60
};

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

char *token_for_api(const struct keyring *keys, enum token_grant grant, struct slice room, int64_t now_s) {
    static const char *const grants[] = {
        [TOKEN_ROOM_LIST] = "\"video\":{\"roomList\":true",
        [TOKEN_ROOM_CREATE] = "\"video\":{\"roomCreate\":true",
        [TOKEN_ROOM_ADMIN] = "\"video\":{\"roomAdmin\":true",
        [TOKEN_SIP_ADMIN] = "\"sip\":{\"admin\":true",
    };
    struct buf claims cleanup_buf = {0};
    buf_addf(&claims, "{\"nbf\":%" PRId64 ",\"exp\":%" PRId64, now_s - API_BEFORE_S, now_s + API_TTL_S);
    json_add_field(&claims, "iss", slice_of(keyring_name(keys, 0)));
    buf_addf(&claims, ",%s", grants[grant]);
    if (grant == TOKEN_ROOM_ADMIN) {
        json_add_field(&claims, "room", room);
    }
    buf_adds(&claims, "}}");
    return jwt_sign(keys, buf_slice(&claims));
}

char *token_for_operator(const struct keyring *keys, bool reader, int64_t now_s, int64_t ttl_s) {
    json_int_t starts = now_s, expires = now_s + ttl_s;
    const char *scope = operator_scope_name(reader ? OPERATOR_READER : OPERATOR_FULL);
    return sign(keys, json_pack("{s:s, s:I, s:I}", OPERATOR_CLAIM, scope, "nbf", starts, "exp", expires));
}

char *token_for_request(const struct keyring *keys, const char *method, const char *path, int64_t now_s) {
    json_int_t starts = now_s, expires = now_s + REQUEST_TTL_S;
    uint64_t random = 0;
    (void)!getrandom(&random, sizeof random, 0); /* so few bytes are never cut short by the kernel */
    cleanup_free char *request = xasprintf("%s %s", method, path), *id = xasprintf("%016" PRIx64, random);
    return sign(keys, json_pack("{s:s, s:s, s:s, s:I, s:I}", OPERATOR_CLAIM, operator_scope_name(OPERATOR_FULL),
                                OPERATOR_REQUEST, request, "jti", id, "nbf", starts, "exp", expires));
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
