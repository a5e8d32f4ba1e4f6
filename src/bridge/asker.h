/* What the bridge asks of LiveKit, behind one function: production has the API client there, the simulation a server
 * of its own. Answers are those of livekit/api.h. */
#ifndef BRIDGE_ASKER_H
#define BRIDGE_ASKER_H

#include "livekit/api.h"

enum question_kind {
    QUESTION_ROOMS,        /* all of them */
    QUESTION_ROOM,         /* the one named `room`, if it is there */
    QUESTION_PARTICIPANTS, /* of `room` */
    QUESTION_CONFIRM,      /* whether `identity` is really in `room` */
    QUESTION_TRUNKS,       /* all inbound ones */
    QUESTION_DELETE,       /* deletes `room` */
    QUESTION_REMOVE,       /* removes `identity` from `room` */
};

struct question {
    enum question_kind kind;
    struct slice room, identity; /* borrowed for the call of start */
    bool urgent;                 /* a caller hears ringing, or silence */
    int timeout_ms;              /* 0: the client's */
    /* As livekit_ask's: at most once, never before start returned, never after cancel. */
    void (*on_done)(void *context, const struct livekit_result *result);
    void *context;
};

struct asker {
    void *self;
    void *(*start)(void *self, const struct question *question); /* the question, for cancel */
    void (*cancel)(void *self, void *asked);                     /* NULL is fine */
};

/* API is borrowed. */
struct asker asker_of_api(struct livekit_api *api);

#endif
