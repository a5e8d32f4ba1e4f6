/* The bridge's memory: a journal, and what happens when all else is taken away. A new bridge goes on with the journal
 * alone, as after kill -9 and a start that takes no time; what was being asked of LiveKit is never answered. */
#include <stdlib.h>

#include "bridge/journal.h"
#include "sim/world.h"

static void on_dirty(void *self) {
    (void)self; /* it is flushed before it is lost */
}

bool memory_passes(struct world *world) {
    if (world->ports_left == 0) {
        world->dead = true;
    }
    world->ports_left -= world->ports_left > 0;
    return !world->dead;
}

static bool keep(void *self, const char *sid, struct slice text) {
    struct world *world = self;
    if (!memory_passes(world)) {
        return true;
    }
    buf_clear(&world->journal[world_place(sid)]);
    buf_add_slice(&world->journal[world_place(sid)], text);
    told_keep_room(world, world_place(sid));
    return true;
}

static void drop(void *self, const char *sid) {
    struct world *world = self;
    if (memory_passes(world)) {
        buf_clear(&world->journal[world_place(sid)]);
    }
}

struct journal_port memory_port(struct world *world) {
    return (struct journal_port){.self = world, .on_dirty = on_dirty, .keep = keep, .drop = drop};
}

static void restore(struct world *world) {
    struct journal_entry entries[WORLD_ROOMS];
    struct diag diag = {0};
    size_t count = 0;
    for (int i = 0; i < world->room_count; i++) {
        struct slice text = buf_slice(&world->journal[i]);
        if (text.n > 0 && !journal_read(text, &entries[count++], &diag)) {
            world_fail(world, "the journal of %s cannot be read: %s %s", world->rooms[i].sid, diag.where, diag.what);
            count--;
        }
    }
    if (count > 0 && world->reconcile != NULL) {
        bridge_presume_away(world->bridge);
    }
    qsort(entries, count, sizeof entries[0], journal_order);
    for (size_t i = 0; i < count; i++) {
        if (!bridge_restore(world->bridge, &entries[i], world->now, &diag)) {
            world_fail(world, "a call is not taken back: its %s %s", diag.where, diag.what);
        }
        journal_release(&entries[i]);
    }
}

void memory_lose(struct world *world) {
    world_say(world, "bridge: dies%s; the next one has the journal alone",
              world->dead ? " of this, before it has done all that follows from it" : "");
    if (!world->dead) {
        bridge_flush(world->bridge);
    }
    sim_take_apart(world);
    world->dead = false;
    world->ports_left = WORLD_NOBODY;
    processes_disown(world);
    sim_build(world);
    if (world->rules_given != WORLD_NOBODY) {
        world_give_rules(world);
    }
    told_lost(world);
    restore(world);
    processes_orphans(world);
}

void memory_release(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        buf_release(&world->journal[i]);
    }
}
