/* Tokens that LiveKit accepts (livekit/protocol auth/grants.go): JWT HS256, signed with the keyring's first key. */
#ifndef LIVEKIT_TOKEN_H
#define LIVEKIT_TOKEN_H

#include "auth/keyring.h"

/* For an agent to join one room: kind agent, room join, publish, publish data, subscribe, update own metadata;
 * nbf NOW_S - 300, exp NOW_S + 6 h. The caller frees it. Room and identity may be any valid UTF-8. */
char *token_for_agent(const struct keyring *keys, struct slice room, struct slice identity, int64_t now_s);
/* For one call of the server API: the least grant that it needs. */
enum token_grant {
    TOKEN_ROOM_LIST,
    TOKEN_ROOM_CREATE, /* LiveKit asks for it to delete a room, too */
    TOKEN_ROOM_ADMIN,  /* of one room */
    TOKEN_SIP_ADMIN,
};
/* nbf NOW_S - 300, exp NOW_S + 60: clocks may differ, and the call is over within seconds. ROOM (TOKEN_ROOM_ADMIN
 * only) may be any bytes; what is not UTF-8 becomes U+FFFD, as json_add_string writes it. The caller frees it. */
char *token_for_api(const struct keyring *keys, enum token_grant grant, struct slice room, int64_t now_s);
/* For our own operator interface: "sipbridge":"operator" or "reader", exp NOW_S + TTL_S. The caller frees it. */
char *token_for_operator(const struct keyring *keys, bool reader, int64_t now_s, int64_t ttl_s);
/* An operator's, good for METHOD PATH only and for a minute; no two are alike. The caller frees it. */
char *token_for_request(const struct keyring *keys, const char *method, const char *path, int64_t now_s);
/* For a webhook as LiveKit's sender signs it (replay, tests): sha256 of BODY, exp NOW_S + 300. The caller frees it. */
char *token_for_webhook(const struct keyring *keys, struct slice body, int64_t now_s);

#endif
