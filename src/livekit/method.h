/* The methods of LiveKit's API as rows: where they are, what grant they need, what they answer, and whether a second
 * request does harm. For livekit/calls.c, which asks, and livekit/api.c, which sends; nobody else. */
#ifndef LIVEKIT_METHOD_H
#define LIVEKIT_METHOD_H

#include "livekit/api.h"
#include "livekit/parse.h"
#include "livekit/token.h"

enum method_care {
    METHOD_ONCE,   /* makes or changes something: sent once */
    METHOD_REPEAT, /* may be tried again */
    /* Goes to whoever serves one participant. Nobody there: LiveKit looks for them for seconds and then says
     * "unavailable", which tells nothing about LiveKit. */
    METHOD_PRESENCE,
};

/* X(name, path, grant, care, what, list) */
#define METHODS(X)                                                                                         \
    X(LIST_ROOMS, "RoomService/ListRooms", ROOM_LIST, REPEAT, ROOMS, "rooms")                              \
    X(CREATE_ROOM, "RoomService/CreateRoom", ROOM_CREATE, ONCE, ROOMS, NULL)                               \
    X(DELETE_ROOM, "RoomService/DeleteRoom", ROOM_CREATE, REPEAT, NOTHING, NULL)                           \
    X(LIST_PARTICIPANTS, "RoomService/ListParticipants", ROOM_ADMIN, REPEAT, PARTICIPANTS, "participants") \
    X(REMOVE_PARTICIPANT, "RoomService/RemoveParticipant", ROOM_ADMIN, REPEAT, NOTHING, NULL)              \
    X(CONFIRM_PARTICIPANT, "RoomService/UpdateSubscriptions", ROOM_ADMIN, PRESENCE, NOTHING, NULL)         \
    X(LIST_TRUNKS, "SIP/ListSIPInboundTrunk", SIP_ADMIN, REPEAT, TRUNKS, "items")                          \
    X(CREATE_TRUNK, "SIP/CreateSIPInboundTrunk", SIP_ADMIN, ONCE, TRUNKS, NULL)                            \
    X(UPDATE_TRUNK, "SIP/UpdateSIPInboundTrunk", SIP_ADMIN, ONCE, TRUNKS, NULL)                            \
    X(DELETE_TRUNK, "SIP/DeleteSIPTrunk", SIP_ADMIN, ONCE, NOTHING, NULL)                                  \
    X(LIST_RULES, "SIP/ListSIPDispatchRule", SIP_ADMIN, REPEAT, RULES, "items")                            \
    X(CREATE_RULE, "SIP/CreateSIPDispatchRule", SIP_ADMIN, ONCE, RULES, NULL)                              \
    X(DELETE_RULE, "SIP/DeleteSIPDispatchRule", SIP_ADMIN, ONCE, NOTHING, NULL)                            \
    X(LIST_DISPATCHES, "AgentDispatchService/ListDispatch", ROOM_ADMIN, REPEAT, DISPATCHES, "agent_dispatches")
enum method_name {
#define X(name, path, grant, care, what, list) METHOD_##name,
    METHODS(X)
#undef X
};

struct method {
    const char *path; /* "RoomService/ListRooms" */
    enum token_grant grant;
    enum method_care care;
    struct parse_shape shape;
};
const struct method *method_get(enum method_name name);

/* What came back for a request of METHOD, judged. RET is filled but for tries; its answer is released by the caller.
 * Gives what it says of LiveKit, CONTACT_UNTRIED for nothing. */
struct http_multi_answer;
enum contact_state method_judge(const struct method *method, const struct http_multi_answer *answer, const char *key,
                                struct livekit_result *ret);

struct api_request {
    const struct livekit_ask *ask; /* NULL: it is waited for */
    const struct method *method;
    struct slice room; /* for the token of ROOM_ADMIN */
    struct buf *body;  /* a JSON object; taken over */
};
/* In livekit/api.c. */
struct livekit_call *livekit_send(struct livekit_api *api, const struct api_request *request);

#endif
