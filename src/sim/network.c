/* The way of webhooks: in order or not, late, twice, or never. What arrives is told to the bridge as LiveKit's words. */

#include "sim/world.h"

static struct slice name_of(enum event_kind kind) {
    switch (kind) {
#define X(name) \
    case EVENT_##name: return SLICE(#name);
        WEBHOOK_EVENTS(X)
#undef X
    case EVENT_OTHER: break;
    }
    return SLICE("");
}

static void add_person(const struct world *world, const struct guest *guest, struct webhook_event *event) {
    event->participant.sid = slice_of(guest->sid);
    event->participant.identity = slice_of(guest->identity);
    if (event->kind == EVENT_track_published) {
        return; /* carries nothing else */
    }
    event->participant.kind = guest->kind;
    event->participant.disconnect_reason = guest->reason;
    struct people_phone phone = people_phone(world, guest);
    event->participant.rule_id = phone.rule;
    event->participant.trunk_id = phone.trunk;
    event->participant.called = phone.called;
    event->participant.caller = phone.caller;
    event->participant.attributes = phone.attributes;
}

static void arrive(struct world *world, const struct happening *post) {
    if (post->epoch != world->epoch) {
        world->result->lost++; /* it was still in the queue of a server that died */
        return;
    }
    const struct room *room = &world->rooms[post->subject];
    struct webhook_event event = {.kind = post->kind,
                                  .name = name_of(post->kind),
                                  .created_at_s = post->sent_at / 1000};
    event.room.sid = slice_of(room->sid);
    event.room.name = slice_of(room->name);
    if (post->detail != WORLD_NOBODY) {
        add_person(world, &world->guests[post->detail], &event);
    }
    world->result->webhooks++;
    told(world, post->kind, post->subject, post->detail);
    if (world->reconcile != NULL) {
        reconcile_heard(world->reconcile);
    }
    bridge_webhook(world->bridge, &event, world->now);
}

static int64_t delay_of(struct world *world) {
    switch (world->plan.network) {
    case NETWORK_SLOW:
        return dice_chance(&world->dice, CHOICE_LATE, 20) ? dice_between(&world->dice, CHOICE_DELAY, 20, 3000)
                                                          : dice_between(&world->dice, CHOICE_DELAY, 1, 50);
    case NETWORK_REORDERING: return dice_between(&world->dice, CHOICE_DELAY, 1, 300);
    case NETWORK_GOOD:
    case NETWORK_LOSSY:
    case NETWORK_DEAD:
    case NETWORK_REPEATING:
    case NETWORK_COUNT: break;
    }
    return dice_between(&world->dice, CHOICE_DELAY, 1, 20);
}

static void post(struct world *world, int64_t delay, enum event_kind kind, int room, int guest) {
    struct happening *happening = world_plan(world, delay, arrive, room, guest);
    happening->kind = kind;
    happening->epoch = world->epoch;
    happening->sent_at = world->now;
}

void network_send(struct world *world, enum event_kind kind, int room, int guest) {
    enum plan_network network = world->plan.network;
    if (network == NETWORK_DEAD || (network == NETWORK_LOSSY && dice_chance(&world->dice, CHOICE_LOST, 12))) {
        world_say(world, "lost on its way: %s", name_of(kind).p);
        world->result->lost++;
        return;
    }
    mono_ms at = world->now + delay_of(world);
    if (network != NETWORK_REORDERING) {
        at = at > world->last_arrival ? at : world->last_arrival;
        world->last_arrival = at;
    }
    post(world, at - world->now, kind, room, guest);
    /* A repeated room_started means that LiveKit restarted, a repeated room_finished that it ended again: only the
     * receiver's memory of event ids can tell, and it does. */
    bool of_room = kind == EVENT_room_started || kind == EVENT_room_finished;
    if (network == NETWORK_REPEATING && !of_room && dice_chance(&world->dice, CHOICE_TWICE, 30)) {
        post(world, at - world->now + dice_between(&world->dice, CHOICE_AGAIN_AFTER, 0, 5000), kind, room, guest);
    }
}
