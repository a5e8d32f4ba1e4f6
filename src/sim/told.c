/* What webhooks have told the bridge, and by when it must know from them that a call is over. */
#include "sim/world.h"

enum { CALLER_WAIT_MS = 10000, REJOIN_MS = 5000, TOMBSTONE_MS = 120000 };

unsigned told_callers(const struct world *world, int room) {
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
    room->told.never_again = room->handed_over_now = false;
    room->told.over_by = MONO_NEVER;
    room->told.back_by = 0; /* it may be the one who was waited for */
}

static void told_left(struct world *world, struct room *room, int place) {
    struct guest *guest = &world->guests[place];
    bool was_here = guest->told == TOLD_HERE, soft = !disconnect_reason_is_hard(guest->reason);
    mono_ms back_by = world->now + REJOIN_MS;
    /* Of whom only the leaving is told may come back all the same. */
    bool unheard = guest->told == TOLD_NOTHING && soft && guest->caller != WORLD_NOBODY;
    room->told.over_by = unheard && room->told.over_by < back_by ? back_by : room->told.over_by;
    guest->told = TOLD_GONE;
    room->told.back_by = was_here && soft ? back_by : room->told.back_by;
    if (was_here && told_callers(world, guest->room) == 0) {
        room->told.over_by = back_by;
        room->lost_at = 0; /* whoever comes back may be served by either bridge */
    }
}

/* A room that was no call is forgotten at once, one that was when its tombstone is gone: it may be a call again, as
 * if never heard of. */
static void forget(struct world *world, int place) {
    struct room *room = &world->rooms[place];
    bool remembered = room->told.caller && world->now - room->gone_at <= TOMBSTONE_MS;
    if (room->gone_at == 0 || remembered) {
        return;
    }
    for (int i = 0; i < world->guest_count; i++) {
        struct guest *guest = &world->guests[i];
        guest->told = guest->room == place ? TOLD_NOTHING : guest->told;
    }
    room->told.at = room->told.back_by = room->gone_at = 0;
    room->end = END_NONE;
    room->told.started = room->told.caller = room->told.never_again = false;
    room->told.over_by = MONO_NEVER;
}

/* Of the rooms of one name the newest is the call. */
static void supersede(struct world *world, int newest) {
    for (int i = 0; i < world->room_count; i++) {
        bool former =
            i != newest && world->rooms[i].told.at != 0 && strcmp(world->rooms[i].name, world->rooms[newest].name) == 0;
        if (former) {
            all_gone(world, i);
            told_ended(world, i);
        }
    }
}

void told(struct world *world, enum event_kind kind, int place, int guest) {
    struct room *room = &world->rooms[place];
    forget(world, place);
    bool first = room->told.at == 0;
    room->told.caller = room->told.caller || (kind != EVENT_track_published && guest != WORLD_NOBODY &&
                                              world->guests[guest].caller != WORLD_NOBODY);
    bool caller = guest != WORLD_NOBODY && world->guests[guest].caller != WORLD_NOBODY;
    if (first && kind != EVENT_room_started && !(kind == EVENT_participant_joined && caller)) {
        return; /* of a call that the bridge does not know */
    }
    if (first) {
        room->told.at = world->now;
        room->told.over_by = world->now + CALLER_WAIT_MS;
        supersede(world, place);
    }
    room->told.cut = kind == EVENT_room_finished && room->end == END_NONE && told_callers(world, place) > 0;
    bool again = kind == EVENT_room_started && room->told.started;
    room->told.started = kind != EVENT_room_finished && (room->told.started || kind == EVENT_room_started);
    if (kind == EVENT_room_finished || again) {
        all_gone(world, place);
        mono_ms by = world->now + (!again ? 0 : room->told.caller ? REJOIN_MS : CALLER_WAIT_MS);
        room->told.over_by = by < room->told.over_by ? by : room->told.over_by;
    } else if (kind == EVENT_participant_joined) {
        told_joined(world, room, guest);
    } else if (kind == EVENT_participant_left || kind == EVENT_participant_connection_aborted) {
        told_left(world, room, guest);
    }
}

/* A caller of whom no webhook told is a new one to the bridge, and has an agent though they may be gone by then. */
void told_confirmed(struct world *world, int guest) {
    const struct guest *who = &world->guests[guest];
    if (who->caller != WORLD_NOBODY && who->told == TOLD_NOTHING) {
        world->rooms[who->room].told.never_again = world->rooms[who->room].handed_over_now = false;
    }
}

void told_ended(struct world *world, int room) {
    world->rooms[room].told.over_by = world->now;
}

void told_keep(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        world->rooms[i].told_before = world->rooms[i].told;
    }
    for (int i = 0; i < world->guest_count; i++) {
        world->guests[i].told_before = world->guests[i].told;
    }
}

void told_keep_room(struct world *world, int room) {
    world->rooms[room].told_before = world->rooms[room].told;
    for (int i = 0; i < world->guest_count; i++) {
        struct guest *guest = &world->guests[i];
        guest->told_before = guest->room == room ? guest->told : guest->told_before;
    }
}

void told_forget(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        world->rooms[i].told = world->rooms[i].told_before;
    }
    for (int i = 0; i < world->guest_count; i++) {
        world->guests[i].told = world->guests[i].told_before;
    }
}

void told_lost(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        struct room *room = &world->rooms[i];
        if (room->told.over_by != MONO_NEVER && room->told.over_by >= world->now) {
            room->told.over_by = world->now + CALLER_WAIT_MS;
        }
    }
}
