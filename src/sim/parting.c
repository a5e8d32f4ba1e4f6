/* What must follow the end of an agent's process, by what is true of it: another one at once after a start that failed, a
 * first crash or an agent that was thrown out; the end of the call after one that left of its own will, which is not
 * started again. Judged in worlds where nothing but agents goes wrong, for one caller who was there long before. */
#include "sim/world.h"

enum {
    AT_ONCE_MS = 100,
    REST_MS = 1000,
    HEARD_MS = 50,
    CAME_BEFORE_MS = 2500,
    CROSSED_MS = 1500,
    ENDED_BY_MS = 2000 + 500
};

static bool must_be_served(const struct world *world, const struct guest *guest) {
    const struct plan_caller *caller = guest->caller != WORLD_NOBODY ? &world->plan.caller[guest->caller] : NULL;
    return caller != NULL && !caller->spam && !caller->blocked;
}

/* When the process at PLACE first spoke, be it as a participant before its last one; 0: it did not. */
static mono_ms first_spoke(const struct world *world, int place) {
    mono_ms first = 0;
    for (int i = 0; i < world->guest_count; i++) {
        mono_ms spoke_at = world->guests[i].process == place ? world->guests[i].spoke_at : 0;
        first = spoke_at != 0 && (first == 0 || spoke_at < first) ? spoke_at : first;
    }
    return first;
}

/* A caller who is in the room of PROCESS since long before it ends, or since before it spoke; WORLD_NOBODY: none. */
static int old_caller(const struct world *world, const struct process *process) {
    mono_ms spoke_at = first_spoke(world, (int)(process - world->processes));
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool here = guest->room == process->room && guest->here && must_be_served(world, guest);
        bool before = guest->joined_at + 2 * HEARD_MS < spoke_at;
        if (here && (before || guest->joined_at + CAME_BEFORE_MS < world->now)) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

static bool is_plain(const struct world *world) {
    const struct plan *plan = &world->plan;
    return plan->can_ask && plan->api_fails_percent == 0 && plan->network == NETWORK_GOOD &&
           plan->restart_at == PLAN_NEVER && plan->loss_percent == 0 && plan->other_bridge_at == PLAN_NEVER &&
           plan->operator_at == PLAN_NEVER && plan->odd_list_at == PLAN_NEVER && plan->rules_at == PLAN_NEVER &&
           plan->new_rules_at == PLAN_NEVER && !world->memory_short;
}

/* Crashes and the like of ROOM's agents in the last minute, this one too. */
static unsigned failures_lately(const struct world *world, int room) {
    unsigned count = 0;
    for (int i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        count += process->room == room && process->ended_at != 0 && world->now - process->ended_at < 65000;
    }
    return count;
}

/* Its participant left while the process went on: not of its own will, and the bridge has heard. */
static bool was_thrown_out(const struct world *world, const struct guest *guest) {
    return !guest->here && guest->left_at != 0 && guest->reason != DISCONNECT_CLIENT_INITIATED &&
           world->now - guest->left_at > HEARD_MS;
}

/* By when the next one is started: at once, and after the second and third failure in a minute with a rest; 0: that cannot
 * be said so simply. */
static mono_ms followed_by(const struct world *world, const struct process *process, enum process_ending how) {
    bool joined = process->guest != WORLD_NOBODY;
    const struct guest *guest = joined ? &world->guests[process->guest] : NULL;
    bool failed = how == ENDS_CRASHED || how == ENDS_CLEAN;
    bool spoke = first_spoke(world, (int)(process - world->processes)) != 0;
    bool heard = joined && guest->spoke_at != 0 && world->now - guest->spoke_at > 2 * HEARD_MS;
    bool crashed = heard && (how == ENDS_CRASHED || was_thrown_out(world, guest));
    unsigned count = failures_lately(world, process->room);
    if (!failed || world->plan.standbys || (spoke && (!crashed || count > 3))) {
        return 0;
    }
    return world->now + AT_ONCE_MS + (spoke ? (int64_t)(count - 1) * REST_MS : 0);
}

/* It spoke, and then ended with status 0 and left the room. */
static bool ended_its_call(const struct world *world, const struct process *process, enum process_ending how) {
    const struct guest *guest = process->guest != WORLD_NOBODY ? &world->guests[process->guest] : NULL;
    bool heard = guest != NULL && guest->spoke_at != 0 && world->now - guest->spoke_at > 2 * HEARD_MS;
    bool leaves = guest != NULL && (guest->here || guest->reason == DISCONNECT_CLIENT_INITIATED);
    return how == ENDS_CLEAN && process->leaving && heard && leaves && !process->sales;
}

/* Who came while the agent spoke, shortly before it left, and is no caller whom it may have meant to leave; WORLD_NOBODY:
 * nobody. */
static int crossing_caller(const struct world *world, const struct process *process) {
    const struct guest *agent = &world->guests[process->guest];
    mono_ms gone = agent->here ? world->now : agent->left_at;
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool here = guest->room == process->room && guest->here && must_be_served(world, guest);
        bool late = guest->joined_at > agent->spoke_at + HEARD_MS && guest->joined_at + CROSSED_MS > gone;
        if (here && late) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

void parting_told(struct world *world, int place, enum process_ending how) {
    struct process *process = &world->processes[place];
    struct room *room = &world->rooms[process->room];
    process->ended_at = world->now;
    room->next_by = room->done_at = room->crossed_at = 0;
    bool plain = is_plain(world) && room->open && !process->dismissed && room->end == END_NONE;
    room->done_for = old_caller(world, process);
    bool judged = plain && world->plan.callers == 1 && room->done_for != WORLD_NOBODY;
    int crossing = plain && ended_its_call(world, process, how) ? crossing_caller(world, process) : WORLD_NOBODY;
    if (crossing != WORLD_NOBODY) {
        room->crossed_at = world->now;
        room->done_for = crossing;
    } else if (judged && ended_its_call(world, process, how)) {
        room->done_at = world->now;
    } else if (judged) {
        room->next_by = followed_by(world, process, how);
    }
}

void parting_start(struct world *world, int place) {
    struct room *room = &world->rooms[place];
    room->next_by = room->crossed_at = 0;
    if (room->done_at != 0 && world->guests[room->done_for].here) {
        world_fail(world, "an agent is started in %s, though the one before it ended the call", room->sid);
    }
}

static void check_taken(struct world *world) {
    const struct plan *plan = &world->plan;
    bool none = plan->other_bridge_at == PLAN_NEVER && plan->network == NETWORK_GOOD &&
                plan->restart_at == PLAN_NEVER && plan->loss_percent == 0;
    if (none && bridge_counters(world->bridge)->ends[END_TAKEN] > 0) {
        world_fail(world, "a call is let go for another bridge, which there is not");
    }
}

/* Whoever came in that very moment is told of a little later, or found by the last look before the room is deleted. */
static bool is_hung_up(const struct world *world, const struct room *room) {
    const struct guest *guest = &world->guests[room->done_for];
    return guest->here ? world->now - room->crossed_at > HEARD_MS : guest->reason == DISCONNECT_ROOM_DELETED;
}

void parting_check(struct world *world, int place) {
    check_taken(world);
    const struct room *room = &world->rooms[place];
    bool lives = room->visible && room->open && room->end == END_NONE;
    if (lives && room->next_by != 0 && world->now > room->next_by && world->guests[room->done_for].here) {
        world_fail(world, "the agent of %s failed, and no other is started in time", room->sid);
    }
    if (room->crossed_at != 0 && room->end == END_AGENT_DONE && is_hung_up(world, room)) {
        world_fail(world, "%s is hung up for its agent, which left as another caller came", room->sid);
    }
    bool human = world->plan.outbound_at != PLAN_NEVER; /* to whom it may have handed over */
    if (lives && room->done_at != 0 && world->now - room->done_at > ENDED_BY_MS && !human &&
        world->guests[room->done_for].here) {
        world_fail(world, "%s goes on, though its agent ended the call", room->sid);
    }
}
