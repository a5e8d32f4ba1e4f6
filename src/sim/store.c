/* LiveKit's Redis: rooms by name, and a copy of who is in them, by identity. The copy outlives a crash of the server,
 * the close of an old duplicate may take the new one's entry with it, and the people of a room are counted late. */
#include "sim/world.h"

bool store_is_listed(const struct room *room) {
    return room->open || room->stored;
}

/* Agents and recorders are not counted. */
static bool counts(const struct guest *guest) {
    return guest->kind != KIND_AGENT && guest->kind != KIND_EGRESS;
}

static struct head_count count_of(const struct world *world, const struct room *room) {
    bool settled = world->now - room->changed_at >= world->plan.lag_ms;
    return settled ? room->count : room->shown;
}

static void count(struct world *world, int place, int people, int publishers) {
    struct room *room = &world->rooms[place];
    if (world->now - room->changed_at >= world->plan.lag_ms) {
        room->shown = room->count;
        room->changed_at = world->now;
    }
    room->count.people += people;
    room->count.publishers += publishers;
}

/* The server counts anew when it begins anew. */
void store_opened(struct world *world, int room) {
    count(world, room, -world->rooms[room].count.people, -world->rooms[room].count.publishers);
}

static void unlist(struct world *world, const struct guest *like) {
    for (int i = 0; i < world->guest_count; i++) {
        struct guest *guest = &world->guests[i];
        bool same = guest->listed && guest->room == like->room && strcmp(guest->identity, like->identity) == 0;
        guest->listed = guest->listed && !same;
    }
}

static void list(struct world *world, struct guest *guest) {
    guest->listed_at = guest->listed ? guest->listed_at : world->now;
    unlist(world, guest);
    guest->listed = true;
    guest->listed_audible = guest->audible;
}

static bool has_duplicate(const struct world *world, const struct guest *guest) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *other = &world->guests[i];
        if (other != guest && other->room == guest->room && !other->here &&
            strcmp(other->identity, guest->identity) == 0) {
            return true;
        }
    }
    return false;
}

static void list_again(struct world *world, const struct happening *happening) {
    struct guest *guest = &world->guests[happening->subject];
    if (guest->here) {
        list(world, guest);
    }
}

/* The close of the one it pushed out may come after that, and takes its entry along. */
void store_joined(struct world *world, int place) {
    struct guest *guest = &world->guests[place];
    count(world, guest->room, counts(guest), 0);
    list(world, guest);
    if (has_duplicate(world, guest) && dice_chance(&world->dice, CHOICE_UNLISTED, 30)) {
        guest->listed = false;
        world_plan(world, dice_between(&world->dice, CHOICE_LISTED_AFTER, 1000, 60000), list_again, place,
                   0); /* an attribute changes */
    }
}

/* A recorder publishes nothing that the server counts. */
static bool publishes(const struct guest *guest) {
    return guest->audible && guest->kind != KIND_EGRESS;
}

void store_spoke(struct world *world, int place) {
    count(world, world->guests[place].room, 0, publishes(&world->guests[place]));
    if (!world->guests[place].listed && dice_chance(&world->dice, CHOICE_STAYS_UNLISTED, 50)) {
        return; /* told before the close of the old one */
    }
    list(world, &world->guests[place]);
}

void store_left(struct world *world, int place) {
    const struct guest *guest = &world->guests[place];
    count(world, guest->room, -counts(guest), -publishes(guest));
    unlist(world, guest);
}

void store_forget_room(struct world *world, int room) {
    for (int i = 0; i < world->guest_count; i++) {
        world->guests[i].listed = world->guests[i].listed && world->guests[i].room != room;
    }
}

void store_outlives(struct world *world, bool forgets) {
    for (int i = 0; i < world->guest_count && forgets; i++) {
        world->guests[i].listed = false;
    }
}

static void add(struct asked *asked, struct listed listed) {
    if (asked->count < WORLD_LISTED) {
        asked->listed[asked->count++] = listed;
    }
}

/* So many calls that two odd lists running are not believed. */
static bool are_many(const struct world *world) {
    unsigned calls = 0;
    for (int i = 0; i < world->room_count; i++) {
        calls += world->rooms[i].visible && world->rooms[i].open && world->rooms[i].end == END_NONE;
    }
    return calls > 3; /* one of them may just have been heard of */
}

void store_list_rooms(struct world *world, struct asked *asked) {
    bool all = asked->question.kind == QUESTION_ROOMS;
    bool first = world->odd_lists == world->plan.odd_lists;
    bool odd = all && world->odd_lists > 0 && (first || are_many(world));
    world->odd_lists -= odd;
    for (int i = 0; i < world->room_count; i++) {
        const struct room *room = &world->rooms[i];
        bool wanted = all || strcmp(asked->room, room->name) == 0;
        bool left_out = odd && (!world->plan.odd_is_half || i % 2 == 0);
        if (store_is_listed(room) && wanted && !left_out) {
            add(asked, (struct listed){.place = i, .count = count_of(world, room)});
        }
    }
}

void store_list_guests(const struct world *world, struct asked *asked) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->listed && strcmp(world->rooms[guest->room].name, asked->room) == 0) {
            add(asked, (struct listed){.place = i, .audible = guest->listed_audible});
        }
    }
}
