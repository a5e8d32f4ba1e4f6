/* A LiveKit webhook body (livekit/protocol livekit_webhook.proto, as protojson) as one typed value.
 * lowerCamelCase and snake_case names, 64-bit numbers as strings or numbers, defaults omitted, unknown fields and
 * events ignored. Parse only what webhooks/verify has accepted. */
#ifndef WEBHOOKS_EVENT_H
#define WEBHOOKS_EVENT_H

#include "base/diag.h"
#include "base/slice.h"

/* X(name): event names that mean something to a call; every other one is EVENT_OTHER. */
#define WEBHOOK_EVENTS(X)             \
    X(room_started)                   \
    X(room_finished)                  \
    X(participant_joined)             \
    X(participant_left)               \
    X(participant_connection_aborted) \
    X(track_published)                \
    X(track_unpublished)
enum event_kind {
    EVENT_OTHER,
#define X(name) EVENT_##name,
    WEBHOOK_EVENTS(X)
#undef X
};

enum participant_kind { KIND_STANDARD, KIND_INGRESS, KIND_EGRESS, KIND_SIP, KIND_AGENT, KIND_OTHER };
/* LiveKit omits AUDIO: it is the default. What LiveKit may add is read as TRACK_DATA: not audible. */
enum track_type { TRACK_AUDIO, TRACK_VIDEO, TRACK_DATA };

/* X(name, hard): livekit_models.proto DisconnectReason, in the order of its numbers. hard: the caller is gone for good (design, rule 1);
 * soft ones may come back within SIP_REJOIN_GRACE. */
#define DISCONNECT_REASONS(X)    \
    X(UNKNOWN_REASON, false)     \
    X(CLIENT_INITIATED, true)    \
    X(DUPLICATE_IDENTITY, false) \
    X(SERVER_SHUTDOWN, false)    \
    X(PARTICIPANT_REMOVED, true) \
    X(ROOM_DELETED, true)        \
    X(STATE_MISMATCH, false)     \
    X(JOIN_FAILURE, false)       \
    X(MIGRATION, false)          \
    X(SIGNAL_CLOSE, false)       \
    X(ROOM_CLOSED, true)         \
    X(USER_UNAVAILABLE, true)    \
    X(USER_REJECTED, true)       \
    X(SIP_TRUNK_FAILURE, true)   \
    X(CONNECTION_TIMEOUT, false) \
    X(MEDIA_FAILURE, false)      \
    X(AGENT_ERROR, false)        \
    X(SIP_OTHER, true)           \
    X(USER_OTHER, true)
/* SIP_OTHER and USER_OTHER stand for reasons with these prefixes that LiveKit may add. */
enum disconnect_reason {
#define X(name, hard) DISCONNECT_##name,
    DISCONNECT_REASONS(X)
#undef X
};
const char *disconnect_reason_name(enum disconnect_reason reason);
bool disconnect_reason_is_hard(enum disconnect_reason reason);

/* All slices point into the event's own block of memory (or, for events made by tests and the simulator, are
 * borrowed). Text is valid UTF-8 without NUL, otherwise arbitrary: kept as data. Absent means n == 0. */
struct webhook_event {
    enum event_kind kind;
    struct slice name; /* as sent */
    struct slice id;
    int64_t created_at_s; /* whole seconds, Unix; 0 when absent, or no moment until the year 9999 */
    struct {
        struct slice sid, name, metadata;
    } room;
    struct {
        struct slice sid, identity;
        enum participant_kind kind; /* track events carry only sid and identity: KIND_STANDARD there */
        enum disconnect_reason disconnect_reason;
        /* Listed by LiveKit's API, with its audio, and since when (Unix, whole seconds; else 0). No webhook says so. */
        bool audible;
        int64_t listed_since_s;
        /* attributes["sip.…"]; empty unless kind is KIND_SIP: any client may set attributes */
        struct slice called, caller, trunk_id, rule_id, call_id, call_status;
        struct slice attributes; /* all attributes as one compact JSON object; "" when there are none */
    } participant;
    struct {
        struct slice sid;
        enum track_type type;
    } track;
};

/* EVENT_MAX_NAME: bytes of room name, identity and each sip.* attribute; EVENT_MAX_SID: of sids, the event's id and
 * its name; EVENT_MAX_VALUES: of values and members in the whole body. Metadata and attributes are limited by the body's size,
 * which is the HTTP server's business. */
enum {
    EVENT_MAX_DEPTH = 16,
    EVENT_MAX_NAME = 512,
    EVENT_MAX_SID = 64,
    EVENT_MAX_ATTRIBUTES = 256,
    EVENT_MAX_VALUES = 16384,
};

/* NULL with DIAG (where = the JSON path, "participant.identity") for what cannot be an event: not JSON, not an
 * object, a wrong type, too deep, too long. A valid body without a known event name gives EVENT_OTHER. */
struct webhook_event *event_parse(struct slice body, struct diag *diag);
/* A deep copy, in one block. */
struct webhook_event *event_copy(const struct webhook_event *event);
void event_free(struct webhook_event *event);

#endif
