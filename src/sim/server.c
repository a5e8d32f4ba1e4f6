/* LiveKit as far as it matters: rooms with a sid, participants told apart by identity, one of an identity at a time,
 * a departure time-out that agents do not prolong, and a server that may die and come back. */
#include <stdio.h>

#include "sim/world.h"

enum { DEPARTURE_MS = 20000, EMPTY_MS = 300000 };

static bool keeps_open(const struct guest *guest) {
    return guest->kind != KIND_AGENT && guest->kind != KIND_EGRESS;
}

unsigned server_callers(const struct world *world, int room) {
    unsigned callers = 0;
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        callers += guest->here && guest->room == room && guest->caller != WORLD_NOBODY;
    }
    return callers;
}

static bool is_kept_open(const struct world *world, int room) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->here && guest->room == room && keeps_open(guest)) {
            return true;
        }
    }
    return false;
}

/* Everybody is put out and the room is finished. */
static void finish(struct world *world, int place, enum disconnect_reason reason) {
    struct room *room = &world->rooms[place];
    room->open = false;
    for (int i = 0; i < world->guest_count; i++) {
        if (world->guests[i].here && world->guests[i].room == place) {
            server_leave(world, i, reason);
        }
    }
    world_say(world, "livekit: %s is finished", room->sid);
    store_forget_room(world, place);
    network_send(world, EVENT_room_finished, place, WORLD_NOBODY);
}

static void time_out(struct world *world, const struct happening *happening) {
    struct room *room = &world->rooms[happening->subject];
    if (room->open && room->timer == (unsigned)happening->detail && !is_kept_open(world, happening->subject)) {
        finish(world, happening->subject, DISCONNECT_ROOM_CLOSED);
    }
}

static void watch_departure(struct world *world, int place, int64_t wait_ms) {
    struct room *room = &world->rooms[place];
    room->timer++;
    world_plan(world, wait_ms, time_out, place, (int)room->timer);
}

static void announce(struct world *world, int place) {
    world->rooms[place].open = true;
    world->rooms[place].stored = false;
    store_opened(world, place);
    world_say(world, "livekit: %s is open", world->rooms[place].sid);
    network_send(world, EVENT_room_started, place, WORLD_NOBODY);
    watch_departure(world, place, EMPTY_MS);
}

int server_find(const struct world *world, const char *name) {
    for (int i = world->room_count - 1; i >= 0; i--) {
        if (world->rooms[i].open && strcmp(world->rooms[i].name, name) == 0) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

static int open_room(struct world *world, const char *name) {
    for (int i = 0; i < world->room_count; i++) {
        if (world->rooms[i].stored && strcmp(world->rooms[i].name, name) == 0) {
            announce(world, i);
            return i;
        }
    }
    if (world->room_count == WORLD_ROOMS) {
        return WORLD_NOBODY;
    }
    int place = world->room_count++;
    struct room *room = &world->rooms[place];
    *room = (struct room){.process = WORLD_NOBODY, .told = {.over_by = MONO_NEVER}, .opened_at = world->now};
    snprintf(room->sid, sizeof room->sid, "RM_%d", place);
    world_copy(room->name, sizeof room->name, name);
    announce(world, place);
    return place;
}

int server_enter(struct world *world, const char *name) {
    if (!world->server_up) {
        return WORLD_NOBODY;
    }
    int room = server_find(world, name);
    return room != WORLD_NOBODY ? room : open_room(world, name);
}

static void push_out(struct world *world, int room, const struct guest *by) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->here && guest->room == room && strcmp(guest->identity, by->identity) == 0) {
            bool ours = guest->process != WORLD_NOBODY && world->processes[guest->process].live;
            world->rooms[room].lost_at = by->rival && ours ? world->now : world->rooms[room].lost_at;
            server_leave(world, i, DISCONNECT_DUPLICATE_IDENTITY);
        }
    }
}

int server_join(struct world *world, int room, const struct guest *guest) {
    if (!world->server_up || room == WORLD_NOBODY || !world->rooms[room].open || world->guest_count == WORLD_GUESTS) {
        return WORLD_NOBODY;
    }
    push_out(world, room, guest);
    int place = world->guest_count++;
    struct guest *added = &world->guests[place];
    *added = *guest;
    snprintf(added->sid, sizeof added->sid, "PA_%d", place);
    added->room = room;
    added->here = true;
    added->joined_at = added->silent_since = world->now;
    world->rooms[room].timer += keeps_open(added);
    world->joins += added->caller != WORLD_NOBODY;
    world_say(world, "livekit: %s (%s) joins %s", added->identity, added->sid, world->rooms[room].sid);
    store_joined(world, place);
    network_send(world, EVENT_participant_joined, room, place);
    return place;
}

void server_speak(struct world *world, int guest) {
    if (guest != WORLD_NOBODY && world->guests[guest].here && !world->guests[guest].audible) {
        world->guests[guest].audible = true;
        world->guests[guest].spoke_at = world->now;
        store_spoke(world, guest);
        network_send(world, EVENT_track_published, world->guests[guest].room, guest);
    }
}

void server_leave(struct world *world, int place, enum disconnect_reason reason) {
    struct guest *guest = &world->guests[place];
    if (!guest->here) {
        return;
    }
    store_left(world, place);
    guest->here = guest->audible = false;
    guest->left_at = world->now;
    guest->reason = reason;
    world_say(world, "livekit: %s (%s) left: %s", guest->identity, guest->sid, disconnect_reason_name(reason));
    bool aborted = reason == DISCONNECT_DUPLICATE_IDENTITY && guest->caller != WORLD_NOBODY;
    network_send(world, aborted ? EVENT_participant_connection_aborted : EVENT_participant_left, guest->room, place);
    if (reason != DISCONNECT_CLIENT_INITIATED && guest->process != WORLD_NOBODY) {
        agents_disconnected(world, guest->process);
    }
    if (guest->caller != WORLD_NOBODY && server_callers(world, guest->room) == 0) {
        agents_alone(world, guest->room);
    }
    if (world->rooms[guest->room].open && !is_kept_open(world, guest->room)) {
        watch_departure(world, guest->room, DEPARTURE_MS);
    }
}

/* A room that nobody was in since the server came back is begun for its end, or just forgotten. */
static void delete_stored(struct world *world, int room) {
    if (dice_chance(&world->dice, CHOICE_FINISHED_TOLD, 50)) {
        announce(world, room);
        finish(world, room, DISCONNECT_ROOM_DELETED);
    }
    world->rooms[room].stored = false;
    store_forget_room(world, room);
}

void server_delete(struct world *world, int room) {
    if (world->rooms[room].open) {
        finish(world, room, DISCONNECT_ROOM_DELETED);
    } else if (world->rooms[room].stored) {
        delete_stored(world, room);
    }
}

static void come_back(struct world *world, const struct happening *happening) {
    (void)happening;
    world_say(world, "livekit: the server is back");
    world->server_up = true;
}

/* livekit-sip keeps the line and joins again; the first who does opens the room again, with the same sid. */
static void rejoin(struct world *world, const struct happening *happening) {
    people_rejoin(world, happening->subject);
}

static void lose_guest(struct world *world, int place) {
    struct guest *guest = &world->guests[place];
    if (!guest->here) {
        return;
    }
    guest->here = guest->audible = false;
    if (guest->caller != WORLD_NOBODY) {
        int64_t back = world->server_back_at - world->now;
        world_plan(world, back + dice_between(&world->dice, CHOICE_REJOINS_AFTER, 0, 3000), rejoin, place, 0);
    } else if (guest->process != WORLD_NOBODY) {
        agents_disconnected(world, guest->process);
    }
}

void server_restart(struct world *world) {
    world_say(world, "livekit: the server dies");
    world->server_up = false;
    world->server_back_at = world->now + world->plan.back_after_ms;
    world->epoch++;
    world_plan(world, world->plan.back_after_ms, come_back, WORLD_NOBODY, 0);
    store_outlives(world, world->plan.forgets);
    for (int i = 0; i < world->guest_count; i++) {
        lose_guest(world, i);
    }
    for (int i = 0; i < world->room_count; i++) {
        world->rooms[i].stored = (world->rooms[i].stored || world->rooms[i].open) && !world->plan.forgets;
        world->rooms[i].open = false;
    }
}
