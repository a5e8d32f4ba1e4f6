/* Participants as LiveKit's API lists them. */
#include "bridge/listed.h"

#include "base/mem.h"

bool listed_is_caller(const struct livekit_participant *listed) {
    return listed->kind == KIND_SIP && listed->rule_id.n > 0 && listed->state != LIVEKIT_DISCONNECTED;
}

bool listed_is_person(const struct livekit_participant *listed) {
    return listed->kind == KIND_SIP || listed->kind == KIND_STANDARD;
}

struct webhook_event listed_event(enum event_kind kind, struct slice sid, struct slice room,
                                  const struct livekit_participant *listed) {
    return (struct webhook_event){
        .kind = kind,
        .name = SLICE("listed by LiveKit"),
        .room = {.sid = sid, .name = room},
        .participant = {.sid = listed->sid,
                        .identity = listed->identity,
                        .kind = listed->kind,
                        .audible = listed->audio_tracks > 0,
                        .listed_since_s = listed->joined_at_s,
                        .called = listed->called,
                        .caller = listed->caller,
                        .trunk_id = listed->trunk_id,
                        .rule_id = listed->rule_id,
                        .call_id = listed->call_id,
                        .call_status = listed->call_status,
                        .attributes = listed->attributes},
        .track = {.type = TRACK_AUDIO},
    };
}

struct livekit_participant *listed_copy(const struct livekit_participant *listed) {
    struct livekit_participant copy = *listed;
    struct slice *const texts[] = {&copy.sid,         &copy.identity,   &copy.name,       &copy.called,
                                   &copy.caller,      &copy.trunk_id,   &copy.rule_id,    &copy.call_id,
                                   &copy.call_status, &copy.attributes, &copy.audio_track};
    size_t size = sizeof copy;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size += texts[i]->n;
    }
    char *block = xcalloc(1, size), *at = block + sizeof copy;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->n > 0) {
            memcpy(at, texts[i]->p, texts[i]->n);
        }
        texts[i]->p = at;
        at += texts[i]->n;
    }
    memcpy(block, &copy, sizeof copy);
    return (struct livekit_participant *)block;
}
