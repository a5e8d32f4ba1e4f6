/* LiveKit's API as the bridge's port: answers later, or says that it failed. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

enum { LEAST_MS = 2, MOST_MS = 80 };

static void plan_answer(struct world *world, void (*deed)(struct world *, const struct happening *), int subject) {
    world_plan(world, dice_between(&world->dice, LEAST_MS, MOST_MS), deed, subject, 0);
}

static int room_of(const char *sid) {
    int room = 0;
    sscanf(sid, "RM_%d", &room);
    return room;
}

/* The agent is there and speaks: as webhooks would have told, had they not been lost. */
static void tell_agent(struct world *world, const struct room *room, const struct guest *guest) {
    static const enum event_kind kinds[] = {EVENT_participant_joined, EVENT_track_published};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct webhook_event event = {.kind = kinds[i], .name = SLICE("listed by LiveKit")};
        event.room.sid = slice_of(room->sid);
        event.room.name = slice_of(room->name);
        event.participant.sid = slice_of(guest->sid);
        event.participant.identity = slice_of(guest->identity);
        event.participant.kind = guest->kind;
        bridge_webhook(world->bridge, &event, world->now);
    }
}

static void answer_ready(struct world *world, const struct happening *happening) {
    const struct room *room = &world->rooms[happening->subject];
    int process = room->process;
    int guest = process != WORLD_NOBODY ? world->processes[process].guest : WORLD_NOBODY;
    if (guest == WORLD_NOBODY || !world->guests[guest].audible) {
        bridge_not_ready(world->bridge, room->sid, world->now);
    } else {
        tell_agent(world, room, &world->guests[guest]);
    }
}

static bool ask(void *self, const char *sid, struct slice room, enum want_ask what) {
    (void)room;
    struct world *world = self;
    if (!world->plan.can_ask || what != ASK_READY) {
        return false;
    }
    plan_answer(world, answer_ready, room_of(sid));
    return true;
}

static void answer_delete(struct world *world, const struct happening *happening) {
    const char *sid = world->rooms[happening->subject].sid;
    if (!world->server_up || dice_chance(&world->dice, world->plan.delete_fails_percent)) {
        bridge_delete_failed(world->bridge, sid, world->now);
        return;
    }
    check_delete(world, happening->subject);
    server_delete(world, happening->subject);
    bridge_room_deleted(world->bridge, sid, world->now);
}

static bool delete_room(void *self, const char *sid, struct slice room) {
    (void)room;
    struct world *world = self;
    if (world->plan.can_ask) {
        plan_answer(world, answer_delete, room_of(sid));
    }
    return world->plan.can_ask;
}

static void remove_guest(struct world *world, const struct happening *happening) {
    server_leave(world, happening->subject, DISCONNECT_PARTICIPANT_REMOVED);
}

static void forget_number(void *self, const char *sid) {
    (void)self, (void)sid;
}

static bool reject(void *self, struct slice room, struct slice identity, enum reject_when when) {
    (void)when;
    struct world *world = self;
    for (int i = 0; i < world->guest_count && world->plan.can_ask; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->here && slice_is(identity, guest->identity) && slice_is(room, world->rooms[guest->room].name)) {
            plan_answer(world, remove_guest, i);
        }
    }
    return world->plan.can_ask;
}

struct livekit_port livekit_fake(struct world *world) {
    return (struct livekit_port){
        .self = world,
        .ask = ask,
        .forget_number = forget_number,
        .delete_room = delete_room,
        .reject = reject,
        .trunk_number = livekit_unavailable.trunk_number,
        .suspect = livekit_unavailable.suspect,
    };
}
