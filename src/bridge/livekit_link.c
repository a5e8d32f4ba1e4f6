/* Questions to LiveKit on behalf of calls: one struct errand each, from the asking to the last answer. */
#include "bridge/livekit_link.h"

#include <stdio.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

enum { READY_AGAIN_MS = 2000 };

/* ListParticipants right after room_started may come before the phone is in the room. */
static const int number_again_ms[] = {20, 50, 100};

struct errand {
    struct livekit_link *link;
    enum want_ask ask; /* ASK_NOTHING: it is about deleting the room */
    char sid[ENGINE_LABEL_MAX + 1];
    struct slice room; /* owned */
    size_t tries;
    struct timer again;
    struct livekit_call *call; /* NULL while it waits to ask again */
    struct errand *prev, *next;
};

struct livekit_link {
    struct livekit_link_options options;
    struct bridge *bridge;
    struct errand *errands;
};

static struct errand *errand_new(struct livekit_link *link, const char *sid, struct slice room, enum want_ask ask) {
    struct errand *errand = xcalloc(1, sizeof *errand);
    errand->link = link;
    errand->ask = ask;
    snprintf(errand->sid, sizeof errand->sid, "%s", sid);
    errand->room = (struct slice){xmemdup(room.p, room.n), room.n};
    DL_APPEND(link->errands, errand);
    return errand;
}

static void errand_free(struct errand *errand) {
    DL_DELETE(errand->link->errands, errand);
    livekit_cancel(errand->call);
    timer_cancel(&errand->again);
    free((char *)errand->room.p);
    free(errand);
}

static void touched(const struct livekit_link *link) {
    link->options.on_touched(link->options.context);
}

static void log_failure(const struct errand *errand, const char *what, const struct livekit_result *result) {
    const struct log_about about = {.call = slice_of(errand->sid), .room = errand->room};
    log_warning(&about, "LiveKit could not be asked to %s: %s", what, result->why);
}

/* What LiveKit lists, as the webhook that would have told it. */
static struct webhook_event event_of(const struct errand *errand, enum event_kind kind,
                                     const struct livekit_participant *listed) {
    return (struct webhook_event){
        .kind = kind,
        .name = SLICE("listed by LiveKit"),
        .room = {.sid = slice_of(errand->sid), .name = errand->room},
        .participant = {.sid = listed->sid,
                        .identity = listed->identity,
                        .kind = listed->kind,
                        .called = listed->called,
                        .caller = listed->caller,
                        .trunk_id = listed->trunk_id,
                        .rule_id = listed->rule_id,
                        .call_id = listed->call_id,
                        .call_status = listed->call_status,
                        .attributes = listed->attributes},
    };
}

static void tell(const struct errand *errand, enum event_kind kind, const struct livekit_participant *listed) {
    struct webhook_event event = event_of(errand, kind, listed);
    bridge_webhook(errand->link->bridge, &event, loop_now(errand->link->options.loop));
}

/* Tells of every phone in the room; false when there is none. */
static bool tell_callers(const struct errand *errand, const struct livekit_answer *answer) {
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (listed->kind == KIND_SIP && listed->rule_id.n > 0 && listed->state != LIVEKIT_DISCONNECTED) {
            tell(errand, EVENT_participant_joined, listed);
            any = true;
        }
    }
    return any;
}

/* Tells of the agent, if it is there and speaks; else that it is not ready. */
static void tell_ready(const struct errand *errand, const struct livekit_answer *answer) {
    cleanup_free char *identity = xasprintf("sip-agent-%s", errand->sid);
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (slice_is(listed->identity, identity) && listed->audio_tracks > 0) {
            tell(errand, EVENT_participant_joined, listed);
            tell(errand, EVENT_track_published, listed);
            return;
        }
    }
    bridge_not_ready(errand->link->bridge, errand->sid, loop_now(errand->link->options.loop));
}

static void ask_participants(struct errand *errand);

static void on_again(struct timer *timer) {
    ask_participants(container_of(timer, struct errand, again));
}

static void ask_again(struct errand *errand, int64_t delay_ms) {
    errand->tries++;
    errand->again.on_due = on_again;
    timer_start(&errand->again, errand->link->options.loop, delay_ms);
}

static void on_number(struct errand *errand, const struct livekit_result *result) {
    bool told = result->outcome == LIVEKIT_OK && tell_callers(errand, &result->answer);
    if (told || errand->tries >= ARRAY_LEN(number_again_ms) || result->outcome == LIVEKIT_REFUSED) {
        errand_free(errand); /* else participant_joined tells, or SIP_NUMBER_WAIT is over */
    } else {
        ask_again(errand, number_again_ms[errand->tries]);
    }
}

/* No answer means no action: it is asked again for as long as the call lives. */
static void on_ready(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome == LIVEKIT_OK) {
        tell_ready(errand, &result->answer);
        errand_free(errand);
    } else if (bridge_is_live(errand->link->bridge, errand->sid)) {
        log_failure(errand, "tell whether the agent speaks", result);
        ask_again(errand, READY_AGAIN_MS);
    } else {
        errand_free(errand);
    }
}

static void on_participants(void *context, const struct livekit_result *result) {
    struct errand *errand = context;
    const struct livekit_link *link = errand->link;
    errand->call = NULL;
    if (errand->ask == ASK_NUMBER) {
        on_number(errand, result);
    } else {
        on_ready(errand, result);
    }
    touched(link);
}

static void ask_participants(struct errand *errand) {
    const struct livekit_ask ask = {.urgency = LIVEKIT_URGENT, .on_done = on_participants, .context = errand};
    errand->call = livekit_list_participants(errand->link->options.api, &ask, errand->room);
}

static bool port_ask(void *self, const char *sid, struct slice room, enum want_ask what) {
    if (what == ASK_NUMBER || what == ASK_READY) {
        ask_participants(errand_new(self, sid, room, what));
    }
    return true;
}

static void delete_over(struct errand *errand, bool done) {
    struct livekit_link *link = errand->link;
    mono_ms now = loop_now(link->options.loop);
    if (done) {
        bridge_room_deleted(link->bridge, errand->sid, now);
    } else {
        bridge_delete_failed(link->bridge, errand->sid, now);
    }
    errand_free(errand);
    touched(link);
}

static void on_deleted(void *context, const struct livekit_result *result) {
    struct errand *errand = context;
    errand->call = NULL;
    bool done = result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND;
    if (!done) {
        log_failure(errand, "delete the room, trying again", result);
    }
    delete_over(errand, done);
}

/* Rooms are deleted by name, and names come back: it must still be this call's, and nobody may have come meanwhile. */
static void on_room(void *context, const struct livekit_result *result) {
    struct errand *errand = context;
    struct livekit_link *link = errand->link;
    errand->call = NULL;
    if (result->outcome != LIVEKIT_OK) {
        log_failure(errand, "delete the room, trying again", result);
        delete_over(errand, false);
        return;
    }
    bool same = result->answer.count > 0 && slice_is(result->answer.rooms[0].sid, errand->sid);
    if (!same || !bridge_is_ending(link->bridge, errand->sid)) {
        delete_over(errand, !same);
        return;
    }
    const struct livekit_ask ask = {.urgency = LIVEKIT_URGENT, .on_done = on_deleted, .context = errand};
    errand->call = livekit_delete_room(link->options.api, &ask, errand->room);
}

static bool port_delete(void *self, const char *sid, struct slice room) {
    struct livekit_link *link = self;
    struct errand *errand = errand_new(link, sid, room, ASK_NOTHING);
    const struct livekit_ask ask = {.urgency = LIVEKIT_URGENT, .on_done = on_room, .context = errand};
    errand->call = livekit_list_rooms(link->options.api, &ask, (struct livekit_texts){&errand->room, 1});
    return true;
}

static void on_rejected(void *context, const struct livekit_result *result) {
    struct errand *errand = context;
    errand->call = NULL;
    if (result->outcome != LIVEKIT_OK && result->outcome != LIVEKIT_NOT_FOUND) {
        log_failure(errand, "remove a rejected caller", result);
    }
    errand_free(errand);
}

static bool port_reject(void *self, struct slice room, struct slice identity) {
    struct livekit_link *link = self;
    struct errand *errand = errand_new(link, "", room, ASK_NOTHING);
    const struct livekit_ask ask = {.urgency = LIVEKIT_URGENT, .on_done = on_rejected, .context = errand};
    errand->call = livekit_remove_participant(link->options.api, &ask, room, identity);
    return true;
}

struct livekit_link *livekit_link_new(const struct livekit_link_options *options) {
    struct livekit_link *link = xcalloc(1, sizeof *link);
    link->options = *options;
    return link;
}

struct livekit_port livekit_link_port(struct livekit_link *link) {
    return (struct livekit_port){.self = link, .ask = port_ask, .delete_room = port_delete, .reject = port_reject};
}

void livekit_link_attach(struct livekit_link *link, struct bridge *bridge) {
    link->bridge = bridge;
}

void livekit_link_free(struct livekit_link *link) {
    if (link == NULL) {
        return;
    }
    while (link->errands != NULL) {
        errand_free(link->errands);
    }
    free(link);
}
