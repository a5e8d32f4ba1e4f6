/* Any bytes as Authorization header and body. The first byte chooses: as they are; signed by us as claims, so that
 * what lies behind the signature is reached; or signed with any header. The header ends at the first newline. */
#include "auth/base64.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "fuzz.h"
#include "webhooks/verify.h"

enum { NOW = 1767225600 };

static struct keyring *keys(void) {
    static struct keyring *one;
    if (one == NULL) {
        one = keyring_new();
        demand(keyring_parse(one, SLICE("abcdefg: abababa\ntwin: abababa\nother: secret"), NULL));
    }
    return one;
}

/* "HEADER.CLAIMS", each encoded, and a right signature. */
static char *sign(struct slice header, struct slice claims) {
    struct buf token = {0};
    unsigned char mac[HMAC_SIZE];
    base64_encode(&token, BASE64_URL, header);
    buf_addc(&token, '.');
    base64_encode(&token, BASE64_URL, claims);
    keyring_sign(keys(), 0, buf_slice(&token), mac);
    buf_addc(&token, '.');
    base64_encode(&token, BASE64_URL, (struct slice){(char *)mac, sizeof mac});
    return buf_take(&token);
}

static void try_token(struct slice token, struct slice body, bool ours) {
    struct verify_detail detail;
    enum verify_reason reason = webhook_verify(keys(), token, body, NOW, &detail);
    demand(reason < VERIFY_REASON_COUNT);
    demand(ours || reason != VERIFY_OK); /* nobody guesses a signature */
    demand((detail.key[0] != '\0') == (reason == VERIFY_OK || reason > VERIFY_BAD_SIGNATURE));
    demand(reason != VERIFY_BAD_SIGNATURE || !ours);
    enum operator_scope scope = operator_check(keys(), token, NOW);
    demand(scope == OPERATOR_NONE || (ours && reason != VERIFY_OK));
    struct buf hint cleanup_buf = {0};
    verify_hint(&hint, reason, &detail);
    demand(hint.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    struct slice rest = {(const char *)data + 1, size - 1};
    const char *newline = memchr(rest.p, '\n', rest.n);
    struct slice line = {rest.p, newline != NULL ? (size_t)(newline - rest.p) : rest.n};
    struct slice body = {line.p + line.n, rest.n - line.n};
    if (data[0] % 3 == 0) {
        try_token(line, body, false);
        return 0;
    }
    char *token = data[0] % 3 == 1 ? jwt_sign(keys(), line) : sign(line, body);
    /* over the limit, or an empty part: not a token at all */
    bool whole = strlen(token) <= JWT_MAX_SIZE && line.n > 0 && (data[0] % 3 == 1 || body.n > 0);
    try_token(slice_of(token), body, whole);
    free(token);
    return 0;
}
