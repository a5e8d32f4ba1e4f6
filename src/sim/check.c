/* What must always hold, judged by what the bridge was told and by what is true, never by the bridge's own words. */
#include <stdio.h>

#include "sim/world.h"

enum {
    CALLER_WAIT_MS = 10000,
    REJOIN_MS = 5000,
    STOP_MS = 3000 + 5000, /* after_call and stop_timeout at most, of both agents */
    SLACK_MS = 1000,
    TOMBSTONE_MS = 120000,
    HOUR_MS = 3600 * 1000,
};

static unsigned told_callers(const struct world *world, int room) {
    unsigned callers = 0;
    for (int i = 0; i < world->guest_count; i++) {
        callers += world->guests[i].room == room && world->guests[i].told == TOLD_HERE;
    }
    return callers;
}

static void all_gone(struct world *world, int room) {
    for (int i = 0; i < world->guest_count; i++) {
        struct guest *guest = &world->guests[i];
        guest->told = guest->room == room && guest->told == TOLD_HERE ? TOLD_GONE : guest->told;
    }
}

/* Whether the bridge must take GUEST for a caller, by the rules it has now. */
static bool is_taken(const struct world *world, const struct guest *guest) {
    if (guest->caller == WORLD_NOBODY || world->plan.caller[guest->caller].spam) {
        return false;
    }
    bool rejects = world->rules_given == RULES_BY_NUMBER || world->rules_given == RULES_CERTAIN;
    return !world->plan.caller[guest->caller].blocked || !rejects;
}

/* The bridge hears that GUEST joined: of an identity only the newest counts. */
static void told_joined(struct world *world, struct room *room, int place) {
    struct guest *guest = &world->guests[place];
    if (!is_taken(world, guest) || guest->told != TOLD_NOTHING) {
        return;
    }
    for (int i = 0; i < world->guest_count; i++) {
        struct guest *other = &world->guests[i];
        bool old =
            other->room == guest->room && other->told == TOLD_HERE && strcmp(other->identity, guest->identity) == 0;
        other->told = old ? TOLD_GONE : other->told;
    }
    guest->told = TOLD_HERE;
    room->never_again = room->handed_over_now = false;
    room->over_by = MONO_NEVER;
}

static void told_left(struct world *world, struct room *room, int place) {
    struct guest *guest = &world->guests[place];
    bool was_here = guest->told == TOLD_HERE;
    guest->told = TOLD_GONE;
    if (was_here && told_callers(world, guest->room) == 0) {
        room->over_by = world->now + REJOIN_MS;
        room->lost_at = 0; /* whoever comes back may be served by either bridge */
    }
}

/* A room that was no call is forgotten at once, one that was when its tombstone is gone: it may be a call again, as
 * if never heard of. */
static void forget(const struct world *world, struct room *room) {
    bool remembered = room->told_caller && world->now - room->gone_at <= TOMBSTONE_MS;
    if (room->gone_at == 0 || remembered) {
        return;
    }
    room->told_at = room->gone_at = 0;
    room->told_started = room->told_caller = room->never_again = false;
    room->over_by = MONO_NEVER;
}

/* Of the rooms of one name the newest is the call. */
static void supersede(struct world *world, int newest) {
    for (int i = 0; i < world->room_count; i++) {
        bool former =
            i != newest && world->rooms[i].told_at != 0 && strcmp(world->rooms[i].name, world->rooms[newest].name) == 0;
        if (former) {
            all_gone(world, i);
            check_ended(world, i);
        }
    }
}

void check_told(struct world *world, enum event_kind kind, int place, int guest) {
    struct room *room = &world->rooms[place];
    forget(world, room);
    bool first = room->told_at == 0;
    room->told_caller = room->told_caller || (guest != WORLD_NOBODY && world->guests[guest].caller != WORLD_NOBODY);
    if (first && (kind == EVENT_participant_left || kind == EVENT_participant_connection_aborted)) {
        return; /* of a call that the bridge does not know */
    }
    if (first && (kind == EVENT_room_started || kind == EVENT_participant_joined)) {
        room->told_at = world->now;
        room->over_by = world->now + CALLER_WAIT_MS;
        supersede(world, place);
    }
    bool again = kind == EVENT_room_started && room->told_started;
    room->told_started = kind != EVENT_room_finished && (room->told_started || kind == EVENT_room_started);
    if (kind == EVENT_room_finished || again) {
        all_gone(world, place);
        mono_ms by = world->now + REJOIN_MS;
        room->over_by = by < room->over_by ? by : room->over_by;
    } else if (kind == EVENT_participant_joined) {
        told_joined(world, room, guest);
    } else if (kind == EVENT_participant_left || kind == EVENT_participant_connection_aborted) {
        told_left(world, room, guest);
    }
}

void check_lost(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        struct room *room = &world->rooms[i];
        if (room->over_by != MONO_NEVER && room->over_by >= world->now) {
            room->over_by = world->now + CALLER_WAIT_MS;
        }
    }
}

void check_ended(struct world *world, int room) {
    world->rooms[room].over_by = world->now;
}

static bool is_orderly(const struct world *world) {
    return world->plan.network == NETWORK_GOOD && world->plan.restart_at == PLAN_NEVER;
}

void check_start(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    if (room->never_again) {
        world_fail(world, "an agent that said never again is started in %s", room->sid);
    }
    if (room->handed_over_now) {
        world_fail(world, "an agent is started in %s, which was handed over", room->sid);
    }
    bool taken = room->lost_at != 0 && world->now - room->lost_at < 60000;
    if (taken && world->plan.healthy && is_orderly(world)) {
        world_fail(world, "an agent is started in %s, which another bridge has", room->sid);
    }
}

/* A good agent is killed only when it is in the way of the next one. */
void check_kill(struct world *world, int place) {
    const struct process *process = &world->processes[place];
    bool speaks = process->guest != WORLD_NOBODY && world->guests[process->guest].audible;
    if (speaks && !process->dismissed && process->behaviour == BEHAVES_GOOD && is_orderly(world)) {
        world_fail(world, "process %d of %s is killed while it speaks", place, process->label);
    }
}

/* A human to whom the caller was handed over is not cut off because the agent left. */
void check_delete(struct world *world, int place) {
    bool human = false;
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        human = human ||
                (guest->room == place && guest->here && guest->outbound && world->now - guest->silent_since > 1000);
    }
    if (human && world->rooms[place].end == END_AGENT_DONE && is_orderly(world)) {
        world_fail(world, "%s is deleted although a human talks with the caller", world->rooms[place].sid);
    }
}

static bool has_company(const struct world *world, const struct guest *caller) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->room == caller->room && guest->here && guest->audible && guest->kind != KIND_EGRESS) {
            return true;
        }
    }
    return false;
}

/* How long a caller may hear nobody in this plan; MONO_NEVER: as long as they like. */
static int64_t silence_limit(const struct plan *plan) {
    bool excused = plan->network == NETWORK_LOSSY || plan->network == NETWORK_REPEATING ||
                   plan->operator_at != PLAN_NEVER || plan->other_bridge_at != PLAN_NEVER;
    if (excused || ((!plan->healthy || plan->loss_percent > 0) && !plan->can_ask)) {
        return MONO_NEVER;
    }
    if (!plan->healthy || plan->loss_percent > 0) {
        return 120000;
    }
    int64_t limit = 8000; /* SIP_NUMBER_WAIT and a start */
    limit += plan->network == NETWORK_SLOW ? 6000 : 0;
    limit += plan->network == NETWORK_REORDERING ? 12000 : 0;
    limit += plan->rules_at != PLAN_NEVER ? 8000 : 0;
    return limit + (plan->restart_at != PLAN_NEVER ? 8000 : 0);
}

void check_silence(struct world *world) {
    int64_t limit = silence_limit(&world->plan);
    for (int i = 0; i < world->guest_count && limit != MONO_NEVER; i++) {
        struct guest *guest = &world->guests[i];
        const struct room *room = &world->rooms[guest->room];
        if (!guest->here || guest->caller == WORLD_NOBODY) {
            continue;
        }
        const struct plan_caller *caller = &world->plan.caller[guest->caller];
        bool excused = caller->spam || caller->blocked || caller->nobodys || room->handed_over ||
                       world->now - room->told_at >= 4 * (int64_t)HOUR_MS;
        if (excused || has_company(world, guest)) {
            guest->silent_since = world->now;
        } else if (world->now - guest->silent_since > limit) {
            world_fail(world, "caller %s hears nobody for more than %lld ms", guest->sid, (long long)limit);
        }
    }
}

static void check_view(void *context, const struct bridge_view *view) {
    struct world *world = context;
    int place = 0;
    sscanf(view->sid, "RM_%d", &place);
    struct room *room = &world->rooms[place];
    room->visible = true;
    room->handed_over_now = view->facts->handed_over;
    room->handed_over = room->handed_over || room->handed_over_now;
    room->end = call_end(view->facts, &call_policy_default, world->now);
    if (room->agent[0] != '\0' && strcmp(room->agent, view->agent) != 0) {
        world_fail(world, "the agent of %s was %s and is %s", view->sid, room->agent, view->agent);
    }
    snprintf(room->agent, sizeof room->agent, "%s", view->agent);
}

static void check_outliving(struct world *world) {
    for (int i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        if (!process->live) {
            continue;
        }
        mono_ms by = world->rooms[process->room].over_by;
        if (by != MONO_NEVER && world->now > by + STOP_MS + SLACK_MS) {
            world_fail(world, "process %d of %s outlives its call", i, process->label);
        }
    }
}

/* Three replacements for each caller who comes, two for hangs, and those in a minute: no storm. */
static void check_starts(struct world *world) {
    int64_t minutes = (world->now - WORLD_START_MS) / 60000;
    int64_t most = 12 * (1 + (int64_t)world->joins + world->room_count) + 4 * minutes;
    if (world->process_count > most) {
        world_fail(world, "%d starts for %u callers within %lld min", world->process_count, world->joins,
                   (long long)minutes);
    }
}

void check_step(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        world->rooms[i].visible = false;
    }
    bridge_each(world->bridge, world->now, check_view, world);
    for (int i = 0; i < world->room_count; i++) {
        struct room *room = &world->rooms[i];
        room->gone_at = room->visible || room->told_at == 0 ? 0 : room->gone_at != 0 ? room->gone_at : world->now;
        if (!room->visible) {
            room->agent[0] = '\0';
        }
    }
    check_outliving(world);
    check_starts(world);
}

void check_end(struct world *world) {
    if (processes_any_live(world)) {
        world_fail(world, "at the end of time a process lives");
    }
    if (bridge_live(world->bridge) != 0) {
        world_fail(world, "at the end of time %zu calls live", bridge_live(world->bridge));
    }
    if (bridge_next_due(world->bridge) != MONO_NEVER) {
        world_fail(world, "at the end of time the call table is not empty");
    }
}
