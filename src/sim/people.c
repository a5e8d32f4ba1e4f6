/* Who calls, how long they stay, whether they come back, and what else befalls a call. */
#include <stdio.h>

#include "base/mem.h"
#include "sim/world.h"

#define ROOM_NAME "sip-inbound_+1000000111_x"

/* For how long a caller whose line was lost once stays the second time. */
enum { SECOND_STAY_MS = 60000 };

static void hang_up(struct world *world, const struct happening *happening);

static void join(struct world *world, int caller, int room, mono_ms leaves_at) {
    struct guest guest = {.kind = KIND_SIP, .caller = caller, .process = WORLD_NOBODY, .leaves_at = leaves_at};
    snprintf(guest.identity, sizeof guest.identity, "sip_+100000%d", caller);
    int place = server_join(world, room, &guest);
    if (place != WORLD_NOBODY) {
        int64_t left = leaves_at > world->now ? leaves_at - world->now : 1;
        world_plan(world, left, hang_up, place, 0);
    }
}

static int open_room(struct world *world) {
    if (!world->server_up) {
        return WORLD_NOBODY;
    }
    int room = server_find(world, ROOM_NAME);
    return room != WORLD_NOBODY ? room : server_open(world, ROOM_NAME);
}

/* The line was lost and is there again: LiveKit sees a new participant of the same identity. */
static void come_again(struct world *world, const struct happening *happening) {
    int room = open_room(world);
    join(world, happening->subject, room, world->now + dice_between(&world->dice, 100, SECOND_STAY_MS));
}

static void hang_up(struct world *world, const struct happening *happening) {
    static const enum disconnect_reason lost[] = {DISCONNECT_SIGNAL_CLOSE, DISCONNECT_CONNECTION_TIMEOUT,
                                                  DISCONNECT_STATE_MISMATCH};
    const struct guest *guest = &world->guests[happening->subject];
    struct plan_caller *caller = &world->plan.caller[guest->caller];
    if (!guest->here) {
        return;
    }
    if (caller->back_after_ms == PLAN_NEVER) {
        server_leave(world, happening->subject, DISCONNECT_CLIENT_INITIATED);
        return;
    }
    world_plan(world, caller->back_after_ms, come_again, guest->caller, 0);
    caller->back_after_ms = PLAN_NEVER;
    server_leave(world, happening->subject, lost[dice_below(&world->dice, 3)]);
}

void people_rejoin(struct world *world, int guest, int room) {
    join(world, world->guests[guest].caller, room, world->guests[guest].leaves_at);
}

static void enter(struct world *world, const struct happening *happening) {
    mono_ms leaves_at = world->now + world->plan.caller[happening->subject].stays_ms;
    join(world, happening->subject, happening->detail, leaves_at);
}

static void call(struct world *world, const struct happening *happening) {
    int room = open_room(world);
    if (room != WORLD_NOBODY) {
        world_plan(world, dice_between(&world->dice, 3, 210), enter, happening->subject, room);
    }
}

static void open_only(struct world *world, const struct happening *happening) {
    (void)happening;
    open_room(world);
}

static int newest_open(const struct world *world) {
    return server_find(world, ROOM_NAME);
}

static void join_other(struct world *world, const struct guest *guest) {
    int place = server_join(world, newest_open(world), guest);
    server_speak(world, place);
}

/* Another bridge's agent, with the identity that is one per call. */
static void other_bridge(struct world *world, const struct happening *happening) {
    (void)happening;
    int room = newest_open(world);
    struct guest guest = {.kind = KIND_AGENT, .caller = WORLD_NOBODY, .process = WORLD_NOBODY, .rival = true};
    if (room != WORLD_NOBODY && server_callers(world, room) > 0) {
        snprintf(guest.identity, sizeof guest.identity, "sip-agent-%s", world->rooms[room].sid);
        join_other(world, &guest);
    }
}

static void egress(struct world *world, const struct happening *happening) {
    (void)happening;
    struct guest guest = {.kind = KIND_EGRESS, .caller = WORLD_NOBODY, .process = WORLD_NOBODY, .identity = "EG_1"};
    join_other(world, &guest);
}

static void outbound_leaves(struct world *world, const struct happening *happening) {
    server_leave(world, happening->subject, DISCONNECT_CLIENT_INITIATED);
}

/* A human the agent dialled. */
static void outbound(struct world *world, const struct happening *happening) {
    (void)happening;
    struct guest guest = {
        .kind = KIND_SIP, .caller = WORLD_NOBODY, .process = WORLD_NOBODY, .identity = "sip_human", .outbound = true};
    int room = newest_open(world);
    if (room == WORLD_NOBODY || server_callers(world, room) == 0) {
        return;
    }
    int place = server_join(world, room, &guest);
    if (place != WORLD_NOBODY) {
        server_speak(world, place);
        world_plan(world, dice_between(&world->dice, 500, 90000), outbound_leaves, place, 0);
    }
}

static void operator_stops(struct world *world, const struct happening *happening) {
    (void)happening;
    int room = newest_open(world);
    if (room != WORLD_NOBODY) {
        if (bridge_stop(world->bridge, world->rooms[room].sid, world->now)) {
            check_ended(world, room);
        }
    }
}

static void restart(struct world *world, const struct happening *happening) {
    (void)happening;
    server_restart(world);
}

void people_begin(struct world *world) {
    const struct plan *plan = &world->plan;
    if (plan->no_caller) {
        world_plan(world, 0, open_only, 0, 0);
    }
    for (unsigned i = 0; i < plan->callers; i++) {
        world_plan(world, plan->caller[i].at_ms, call, (int)i, 0);
    }
    const struct {
        int64_t at;
        void (*deed)(struct world *, const struct happening *);
    } odd[] = {{plan->restart_at, restart},
               {plan->other_bridge_at, other_bridge},
               {plan->operator_at, operator_stops},
               {plan->outbound_at, outbound},
               {plan->egress_at, egress}};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        if (odd[i].at != PLAN_NEVER) {
            world_plan(world, odd[i].at, odd[i].deed, 0, 0);
        }
    }
}
