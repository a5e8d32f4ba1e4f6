/* Ending things in LiveKit: a room (is it still this one, has nobody come meanwhile, then it is deleted), a leg. */
#include "base/mem.h"
#include "bridge/errand.h"

enum { REMOVE_TRIES = 8 };

static void delete_over(struct errand *errand, bool done) {
    mono_ms now = errand_now(errand->link);
    if (done) {
        bridge_room_deleted(errand->link->bridge, errand->sid, now);
    } else {
        bridge_delete_failed(errand->link->bridge, errand->sid, now);
    }
    errand_free(errand);
}

static void delete_failed(struct errand *errand, const struct livekit_result *result) {
    errand_log_failure(errand, result);
    delete_over(errand, false);
}

static void on_deleted(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND) {
        delete_over(errand, true);
    } else {
        delete_failed(errand, result);
    }
}

static const struct errand_kind delete_errand = {QUESTION_DELETE, on_deleted, "delete the room, trying again"};

/* A caller whose coming no webhook has told yet is not hung up with the others, nor is one who may be there. */
static void on_looked(struct errand *errand) {
    if (errand->unsure || !bridge_is_hanging_up(errand->link->bridge, errand->sid)) {
        delete_over(errand, false);
    } else {
        errand_go_on(errand, &delete_errand);
    }
}

static void on_last_look(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome != LIVEKIT_OK) {
        delete_failed(errand, result);
    } else if (!errand_confirm_callers(errand, &result->answer, on_looked)) {
        on_looked(errand);
    }
}

static const struct errand_kind last_look_errand = {QUESTION_PARTICIPANTS, on_last_look,
                                                    "tell who is in the room before it is deleted, trying again"};

static bool lists(const struct livekit_answer *answer, const char *sid) {
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_is(answer->rooms[i].sid, sid)) {
            return true;
        }
    }
    return false;
}

/* Rooms are deleted by name, and names come back: it must still be this call's. */
static void on_room(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome != LIVEKIT_OK) {
        delete_failed(errand, result);
    } else if (lists(&result->answer, errand->sid)) {
        errand_go_on(errand, &last_look_errand);
    } else {
        delete_over(errand, result->answer.left_out == 0); /* one that cannot be read may be it: again later */
    }
}

static const struct errand_kind room_errand = {QUESTION_ROOM, on_room, "tell which room to delete, trying again"};

bool errand_delete_room(void *self, const char *sid, struct slice room) {
    errand_ask(errand_new(self, &room_errand, slice_of(sid), room));
    return true;
}

/* --- rejecting one leg --- */

static void on_removed(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND) {
        errand_free(errand);
        return;
    }
    errand_log_failure(errand, result);
    if (errand->tries >= REMOVE_TRIES) {
        errand_free(errand);
    } else {
        errand_ask_again(errand, (int64_t)200 << errand->tries);
    }
}

static const struct errand_kind remove_errand = {QUESTION_REMOVE, on_removed, "remove a rejected caller, trying again"};

bool errand_reject(void *self, struct slice room, struct slice identity, enum reject_when when) {
    struct errand *waiting = errand_find(self, &remove_errand, room, identity);
    if (when == REJECT_NOW && waiting != NULL && waiting->asked == NULL) {
        errand_ask(waiting); /* they have arrived */
        return true;
    }
    struct errand *errand = errand_new(self, &remove_errand, SLICE(""), room);
    errand->identity = (struct slice){xmemdup(identity.p, identity.n), identity.n};
    if (when == REJECT_LATER) {
        errand->again_at = errand_now(errand->link) + errand->link->bridge->options.policy.arriving_ms;
    } else {
        errand_ask(errand);
    }
    return true;
}
