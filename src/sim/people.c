/* Who calls, how long they stay, whether they come back, and what else befalls a call. */
#include <stdio.h>

#include "base/mem.h"
#include "sim/world.h"

enum { ROOM_NAME_SIZE = sizeof((struct room *)0)->name };

static void name_room(const struct world *world, int caller, char ret_name[ROOM_NAME_SIZE]) {
    snprintf(ret_name, ROOM_NAME_SIZE, "sip-inbound_+1000000111_%d", world->plan.own_rooms ? caller : 0);
}

static int open_room(struct world *world, int caller) {
    char name[ROOM_NAME_SIZE];
    name_room(world, caller, name);
    return server_enter(world, name);
}

static const char *number_of(const struct plan_caller *caller) {
    return caller->nobodys ? "+17770001" : caller->sales ? "+16660001" : "+15550001";
}

static const char *trunk_of(const struct plan_caller *caller) {
    switch (caller->trunk) {
    case TRUNK_OF_NUMBER: return caller->nobodys ? "ST_nobody" : caller->sales ? "ST_sales" : "ST_support";
    case TRUNK_OF_MANY: return "ST_many";
    case TRUNK_UNKNOWN: break;
    }
    return "ST_unknown";
}

struct people_phone people_phone(const struct world *world, const struct guest *guest) {
    if (guest->caller == WORLD_NOBODY) {
        return (struct people_phone){0};
    }
    const struct plan_caller *caller = &world->plan.caller[guest->caller];
    const char *from = caller->blocked ? "+1999000111" : "+1000000111";
    return (struct people_phone){
        .called = slice_of(caller->hidden ? "" : number_of(caller)),
        .caller = slice_of(caller->hidden ? "" : from),
        .trunk = slice_of(caller->spam ? "" : trunk_of(caller)),
        .rule = SLICE("SDR_rule"),
        .attributes = SLICE("{\"sip.callID\":\"SCL_1\"}"),
    };
}

const char *people_agent(const struct world *world, int room) {
    const struct plan *plan = &world->plan;
    const struct plan_caller *caller = &plan->caller[0];
    bool simple = plan->callers == 1 && plan->network == NETWORK_GOOD && plan->restart_at == PLAN_NEVER &&
                  plan->rules == RULES_BY_NUMBER && plan->rules_at == PLAN_NEVER && plan->new_rules_at == PLAN_NEVER &&
                  plan->api_fails_percent == 0 && !plan->loses_within && !caller->nobodys;
    if (!simple || server_callers(world, room) == 0) {
        return NULL;
    }
    bool known = !caller->hidden || (plan->can_ask && caller->trunk == TRUNK_OF_NUMBER);
    return known && caller->sales ? "sales" : "support"; /* which is also the first one */
}

/* For how long a caller whose line was lost once stays the second time. */
enum { SECOND_STAY_MS = 60000 };

static void hang_up(struct world *world, const struct happening *happening);

static void speak(struct world *world, const struct happening *happening) {
    server_speak(world, happening->subject);
}

/* Their own audio comes soon after them; if not, nobody waits for it for ever. */
static void announce_voice(struct world *world, int place) {
    if (dice_spared(&world->dice, CHOICE_MUTE, 95)) {
        bool slow = dice_chance(&world->dice, CHOICE_SLOW_VOICE, 20);
        world_plan(world, dice_between(&world->dice, CHOICE_VOICE_AFTER, 5, slow ? 4000 : 300), speak, place, 0);
    }
}

static void join(struct world *world, int caller, int room, mono_ms leaves_at) {
    struct guest guest = {.kind = KIND_SIP, .caller = caller, .process = WORLD_NOBODY, .leaves_at = leaves_at};
    snprintf(guest.identity, sizeof guest.identity, "sip_+100000%d", caller);
    int place = server_join(world, room, &guest);
    if (place != WORLD_NOBODY) {
        int64_t left = leaves_at > world->now ? leaves_at - world->now : 1;
        world_plan(world, left, hang_up, place, 0);
        announce_voice(world, place);
    }
}

/* The line was lost and is there again: LiveKit sees a new participant of the same identity. */
static void come_again(struct world *world, const struct happening *happening) {
    int room = open_room(world, happening->subject);
    join(world, happening->subject, room,
         world->now + dice_between(&world->dice, CHOICE_SECOND_STAY, 100, SECOND_STAY_MS));
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
    server_leave(world, happening->subject, lost[dice_below(&world->dice, CHOICE_LINE_LOST_HOW, 3)]);
}

void people_rejoin(struct world *world, int guest) {
    int caller = world->guests[guest].caller;
    mono_ms leaves_at = world->guests[guest].leaves_at;
    if (leaves_at > world->now) {
        join(world, caller, open_room(world, caller), leaves_at);
    }
}

static void enter(struct world *world, const struct happening *happening) {
    mono_ms leaves_at = world->now + world->plan.caller[happening->subject].stays_ms;
    bool crosses = !world->plan.healthy && happening->subject > 0 && dice_chance(&world->dice, CHOICE_CROSSES, 20);
    join(world, happening->subject, happening->detail, leaves_at);
    if (crosses) {
        agents_leave(world, happening->detail, 1000);
    }
}

static void call(struct world *world, const struct happening *happening) {
    int room = open_room(world, happening->subject);
    if (room != WORLD_NOBODY) {
        world_plan(world, dice_between(&world->dice, CHOICE_ENTERS_AFTER, 3, 210), enter, happening->subject, room);
    }
}

static void open_only(struct world *world, const struct happening *happening) {
    open_room(world, happening->subject);
}

static int newest_open(const struct world *world) {
    char name[ROOM_NAME_SIZE];
    name_room(world, 0, name);
    return server_find(world, name);
}

static int join_other(struct world *world, const struct guest *guest) {
    int place = server_join(world, newest_open(world), guest);
    server_speak(world, place);
    return place;
}

/* With its bridge: nobody takes its place. */
static void rival_leaves(struct world *world, const struct happening *happening) {
    world->rooms[world->guests[happening->subject].room].lost_at = 0;
    server_leave(world, happening->subject, DISCONNECT_CLIENT_INITIATED);
}

/* Another bridge's agent, with the identity that is one per call. */
static void other_bridge(struct world *world, const struct happening *happening) {
    (void)happening;
    int room = newest_open(world);
    struct guest guest = {.kind = KIND_AGENT, .caller = WORLD_NOBODY, .process = WORLD_NOBODY, .rival = true};
    if (room != WORLD_NOBODY && server_callers(world, room) > 0) {
        snprintf(guest.identity, sizeof guest.identity, "sip-agent-%s", world->rooms[room].sid);
        int place = join_other(world, &guest);
        if (place != WORLD_NOBODY) {
            world_plan(world, dice_between(&world->dice, CHOICE_RIVAL_STAYS, 500, 200000), rival_leaves, place, 0);
        }
    }
}

static void egress(struct world *world, const struct happening *happening) {
    (void)happening;
    struct guest guest = {.kind = KIND_EGRESS, .caller = WORLD_NOBODY, .process = WORLD_NOBODY, .identity = "EG_1"};
    (void)join_other(world, &guest);
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
        world_plan(world, dice_between(&world->dice, CHOICE_HUMAN_STAYS, 500, 90000), outbound_leaves, place, 0);
        if (dice_chance(&world->dice, CHOICE_HANDS_OVER, 70)) {
            agents_hand_over(world, room);
        }
    }
}

static void operator_stops(struct world *world, const struct happening *happening) {
    (void)happening;
    int room = newest_open(world);
    if (room != WORLD_NOBODY) {
        if (bridge_stop(world->bridge, world->rooms[room].sid, world->now)) {
            told_ended(world, room);
        }
    }
}

static void odd_lists(struct world *world, const struct happening *happening) {
    (void)happening;
    world->odd_lists = world->plan.odd_lists;
}

static void restart(struct world *world, const struct happening *happening) {
    (void)happening;
    server_restart(world);
}

void people_begin(struct world *world) {
    const struct plan *plan = &world->plan;
    if (plan->no_caller) {
        world_plan(world, plan->begins_at, open_only, 0, 0);
    }
    for (unsigned i = 0; i < plan->callers; i++) {
        world_plan(world, plan->begins_at + plan->caller[i].at_ms, call, (int)i, 0);
    }
    const struct {
        int64_t at;
        void (*deed)(struct world *, const struct happening *);
    } odd[] = {{plan->restart_at, restart},           {plan->odd_list_at, odd_lists},
               {plan->other_bridge_at, other_bridge}, {plan->operator_at, operator_stops},
               {plan->outbound_at, outbound},         {plan->egress_at, egress}};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        if (odd[i].at != PLAN_NEVER) {
            world_plan(world, plan->begins_at + odd[i].at, odd[i].deed, 0, 0);
        }
    }
}
