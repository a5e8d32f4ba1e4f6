/* Questions as calls of LiveKit's API. */
#include "bridge/asker.h"

#include "livekit/calls.h"

static void *start(void *self, const struct question *question) {
    const struct livekit_ask ask = {
        .urgency = question->urgent ? LIVEKIT_URGENT : LIVEKIT_ROUTINE,
        .timeout_ms = question->timeout_ms,
        .on_done = question->on_done,
        .context = question->context,
    };
    switch (question->kind) {
    case QUESTION_ROOMS: return livekit_list_rooms(self, &ask, (struct livekit_texts){0});
    case QUESTION_ROOM: return livekit_list_rooms(self, &ask, (struct livekit_texts){&question->room, 1});
    case QUESTION_PARTICIPANTS: return livekit_list_participants(self, &ask, question->room);
    case QUESTION_CONFIRM: return livekit_confirm_participant(self, &ask, question->room, question->identity);
    case QUESTION_TRUNKS: return livekit_list_trunks(self, &ask);
    case QUESTION_DELETE: return livekit_delete_room(self, &ask, question->room);
    case QUESTION_REMOVE: return livekit_remove_participant(self, &ask, question->room, question->identity);
    }
    return NULL;
}

static void cancel(void *self, void *asked) {
    (void)self;
    livekit_cancel(asked);
}

struct asker asker_of_api(struct livekit_api *api) {
    return (struct asker){.self = api, .start = start, .cancel = cancel};
}
