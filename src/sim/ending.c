/* What must hold of a call that ends: its agent is told to go at once, its caller is hung up soon and for the true
 * reason, and a room that is not ours to end is left alone. */
#include "sim/world.h"

enum {
    ARRIVING_MS = 3000, /* a phone whose room goes while it joins rings on */
    ON_ITS_WAY_MS = 500,
    HANG_UP_MS = 15000,
    NUMBER_WAIT_MS = 6000 + 100,
    BACK_OFF_MS = 900,
    HEARD_MS = 50,
    PARTING_MS = 2000,
};

/* Nothing goes wrong but agents: what must be done can be done at once. */
static bool is_easy(const struct world *world) {
    const struct plan *plan = &world->plan;
    return plan->can_ask && plan->api_fails_percent == 0 && plan->network == NETWORK_GOOD &&
           plan->restart_at == PLAN_NEVER && plan->loss_percent == 0 && plan->other_bridge_at == PLAN_NEVER;
}

static bool is_hung_up(enum call_end end) {
    switch (end) {
    case END_NONE:
    case END_SUPERSEDED:
    case END_TAKEN:
    case END_ROOM_FINISHED:
    case END_NOT_A_CALL:
    case CALL_END_COUNT: return false;
    case END_OPERATOR:
    case END_CALLER_LEFT:
    case END_REJECTED:
    case END_OVERLOAD:
    case END_NO_AGENT:
    case END_AGENT_FAILED:
    case END_AGENT_DONE:
    case END_TOO_LONG: break;
    }
    return true;
}

/* A phone was in it so long ago, or before. */
static bool had_phone(const struct world *world, int place, int64_t ago_ms) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->room == place && guest->caller != WORLD_NOBODY && guest->joined_at <= world->now - ago_ms) {
            return true;
        }
    }
    return false;
}

bool judge_may_delete(const struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    bool settled = room->end == END_NONE || world->now - room->ending_at > ON_ITS_WAY_MS;
    return had_phone(world, place, 0) &&
           (!is_easy(world) || !settled || room->end == END_NONE || is_hung_up(room->end));
}

bool judge_rings_on(const struct world *world, int place) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool joins = guest->here && guest->room == place && guest->caller != WORLD_NOBODY && !guest->audible;
        bool known = guest->joined_at + ON_ITS_WAY_MS < world->now;
        if (joins && known && world->now - guest->joined_at < ARRIVING_MS && is_easy(world)) {
            return true;
        }
    }
    return false;
}

/* Its reason is told to people: that the machine is full is another one than that nobody is there for the number. */
static void judge_reason(struct world *world, const struct room *room) {
    const struct plan *plan = &world->plan;
    bool sure = plan->callers == 1 && !plan->caller[0].nobodys && plan->rules_at == PLAN_NEVER;
    if (room->end == END_NO_AGENT && world->memory_short && sure && is_easy(world)) {
        world_fail(world, "%s ends for want of an agent, where the machine is full", room->sid);
    }
    bool told_all = plan->restart_at == PLAN_NEVER && plan->loss_percent == 0 && plan->callers == 1;
    bool ordered = plan->network == NETWORK_GOOD || plan->network == NETWORK_LOSSY;
    if (room->end == END_CALLER_LEFT && room->told.cut && told_all && ordered) {
        world_fail(world, "%s ends because its caller left, where the room was finished", room->sid);
    }
}

/* Who came with the room is in it still. */
static bool has_first_caller(const struct world *world, int place) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool first = guest->joined_at <= world->rooms[place].told.at + 1000;
        if (guest->here && guest->room == place && guest->caller != WORLD_NOBODY && first) {
            return true;
        }
    }
    return false;
}

/* Whoever was called, after six seconds somebody answers: a webhook may be lost, or say no number. */
static void judge_start(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    const struct plan *plan = &world->plan;
    bool plain = plan->healthy && plan->rules_at == PLAN_NEVER && plan->loss_percent == 0 && !world->memory_short &&
                 plan->callers == 1 && plan->operator_at == PLAN_NEVER && !plan->caller[0].spam &&
                 !plan->caller[0].blocked && !plan->caller[0].nobodys;
    bool known = plan->api_fails_percent == 0 || !plan->can_ask; /* else LiveKit may be taken for away */
    mono_ms waited = world->now - room->told.at;
    bool waits = room->open && room->told.at != 0 && has_first_caller(world, place);
    bool late = waited > NUMBER_WAIT_MS && waited < 5 * (int64_t)NUMBER_WAIT_MS;
    if (plain && known && waits && late && room->process == WORLD_NOBODY && world->server_up &&
        plan->restart_at == PLAN_NEVER) {
        world_fail(world, "%s has no agent yet, after all the time for its number", room->sid);
    }
}

/* In the call, as the bridge had heard. */
static bool crashed_lately(const struct world *world, const struct process *process) {
    return process->crashed_at != 0 && world->now - process->crashed_at < 50000 &&
           process->crashed_at - world->guests[process->guest].spoke_at > HEARD_MS;
}

/* Whoever comes, or comes back, is served at once. */
static bool came_since(const struct world *world, int place, mono_ms since) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->room == place && guest->caller != WORLD_NOBODY && guest->joined_at + HEARD_MS >= since) {
            return true;
        }
    }
    return false;
}

/* The second crash in a minute is followed by a second of rest. */
void judge_back_off(struct world *world, int place) {
    mono_ms last = 0;
    unsigned crashes = 0;
    for (int i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        bool counts =
            process->room == place && crashed_lately(world, process) && !came_since(world, place, process->crashed_at);
        crashes += counts;
        last = counts ? process->crashed_at : last;
    }
    bool soon = crashes >= 2 && world->now - last < BACK_OFF_MS;
    if (soon && world->plan.callers == 1 && is_easy(world)) {
        world_fail(world, "the agent of %s crashed %u times, and is started at once", world->rooms[place].sid, crashes);
    }
}

/* The word of an agent's leaving is not waited for for long. */
static void judge_parting(struct world *world, struct room *room, bool parts) {
    room->parting_since = !parts ? 0 : room->parting_since != 0 ? room->parting_since : world->now;
    if (parts && world->now - room->parting_since > PARTING_MS) {
        world_fail(world, "%s waits for the word of its agent's leaving for more than %d ms", room->sid, PARTING_MS);
    }
}

/* Whether its agent has joined, and speaks, is what status says of it. */
void judge_phase(struct world *world, int place, const char *phase) {
    const struct room *room = &world->rooms[place];
    judge_parting(world, &world->rooms[place], strcmp(phase, "parting") == 0);
    const struct process *process = room->process != WORLD_NOBODY ? &world->processes[room->process] : NULL;
    const struct guest *guest =
        process != NULL && process->guest != WORLD_NOBODY ? &world->guests[process->guest] : NULL;
    bool away = process != NULL && process->live && process->guest == WORLD_NOBODY && !process->sales;
    if (away && world->process_count == 1 && is_easy(world) && strcmp(phase, "joined") == 0) {
        world_fail(world, "%s is joined, says status, but its agent has not joined yet", room->sid);
    }
    bool here = guest != NULL && !process->sales && process->live && guest->here && guest->kind == KIND_AGENT;
    if (!here || !is_easy(world) || world->now - guest->joined_at < ON_ITS_WAY_MS) {
        return;
    }
    bool speaks = guest->audible && process->behaviour == BEHAVES_GOOD;
    bool silent = !guest->audible && process->behaviour == BEHAVES_NEVER_SPEAKS;
    bool waits = strcmp(phase, "joining") == 0 || strcmp(phase, "not-ready") == 0;
    if ((speaks && (waits || strcmp(phase, "joined") == 0)) || (silent && strcmp(phase, "joining") == 0)) {
        world_fail(world, "%s is %s, says status, but its agent %s", room->sid, phase,
                   speaks ? "speaks" : "has joined");
    }
}

/* Over in the step in which it ended, so that nobody saw why: who waits in it is hung up, too. */
static void judge_abandoned(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    bool late = room->open && room->gone_at != 0 && world->now - room->gone_at > HANG_UP_MS;
    for (int i = 0; i < world->guest_count && late && is_easy(world); i++) {
        const struct guest *guest = &world->guests[i];
        bool waits = guest->here && guest->room == place && guest->caller != WORLD_NOBODY;
        bool counts = waits && !world->plan.caller[guest->caller].spam && !world->plan.caller[guest->caller].blocked;
        if (counts && guest->joined_at + ON_ITS_WAY_MS < room->gone_at) {
            world_fail(world, "%s is over, and %s waits in it", room->sid, guest->sid);
        }
    }
}

void judge_ending(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    if (room->end == END_NONE) {
        judge_start(world, place);
        judge_abandoned(world, place);
        return;
    }
    const struct process *process = room->process != WORLD_NOBODY ? &world->processes[room->process] : NULL;
    if (room->visible && process != NULL && process->live && process->owned && !process->dismissed) {
        world_fail(world, "%s ends, and its agent is not told to go", room->sid);
    }
    bool late = room->open && is_hung_up(room->end) && world->now - room->ending_at > HANG_UP_MS;
    if (late && had_phone(world, place, HANG_UP_MS) && is_easy(world)) {
        world_fail(world, "%s is over (%s), and its phone is not hung up", room->sid, call_end_label(room->end));
    }
    judge_reason(world, room);
}
