/* Time in the simulation: what is due happens, one thing after the other, and after each of them everything that
 * must hold is looked at. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "sim/stock.h"

enum {
    ORDER_BITS = 20,           /* happenings at one time keep the order in which they were planned */
    END_MS = 12 * 3600 * 1000, /* after it nothing may be left to do */
    CLEAR_UP_MS = 5 * WORLD_RECONCILE_MS,
    MOST_EVENTS = 400000,
    MOST_UNANSWERED_PERCENT = 3,
    MOST_LOSSES = 60,
    WITHIN_PERCENT = 25, /* of the steps … */
    MOST_PORTS = 3,      /* … after so many port operations */
};

static void spare(struct world *world, struct happening *happening) {
    happening->next_spare = world->spare;
    world->spare = happening;
}

struct happening *world_plan(struct world *world, int64_t delay_ms,
                             void (*deed)(struct world *, const struct happening *), int subject, int detail) {
    struct happening *happening = world->spare != NULL ? world->spare : xmalloc(sizeof *happening);
    world->spare = world->spare != NULL ? happening->next_spare : NULL;
    *happening = (struct happening){.deed = deed, .subject = subject, .detail = detail};
    world->pending++;
    uint64_t order = world->sequence++ & ((1u << ORDER_BITS) - 1);
    heap_set(&world->due, &happening->item, (int64_t)(((uint64_t)(world->now + delay_ms) << ORDER_BITS) | order));
    return happening;
}

void world_say(const struct world *world, const char *format, ...) {
    if (world->trace == NULL) {
        return;
    }
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    world->trace->line(world->trace->context, world->now - WORLD_START_MS, line);
}

void world_fail(struct world *world, const char *format, ...) {
    struct sim_result *result = world->result;
    if (result->failed) {
        return;
    }
    result->failed = true;
    result->promise = format;
    va_list args;
    va_start(args, format);
    vsnprintf(result->what, sizeof result->what, format, args);
    va_end(args);
    world_say(world, "VIOLATION: %s", result->what);
}

static mono_ms next_happening(const struct world *world) {
    const struct heap_item *first = heap_first(&world->due);
    return first != NULL ? first->due >> ORDER_BITS : MONO_NEVER;
}

/* Whether it was more than a question on its way. */
static bool happen(struct world *world) {
    struct heap_item *first = heap_first(&world->due);
    heap_remove(&world->due, first);
    struct happening *happening = container_of(first, struct happening, item);
    bool of_api = happening->of_api;
    world->pending -= !of_api;
    happening->deed(world, happening);
    spare(world, happening);
    return !of_api;
}

/* Once in a moment at most: what a new bridge does at once would else be lost for ever. */
static bool may_lose(const struct world *world) {
    return world->now > world->lost_memory_at && world->losses < MOST_LOSSES;
}

static void lose(struct world *world) {
    world->lost_memory_at = world->now;
    world->losses++;
    memory_lose(world);
}

/* Seldom where there
 * was no NEWS but questions to LiveKit and answers: a bridge that dies before every answer learns nothing. */
static void maybe_lose_memory(struct world *world, bool news) {
    unsigned percent = world->plan.loss_percent;
    percent = !news && percent > MOST_UNANSWERED_PERCENT ? MOST_UNANSWERED_PERCENT : percent;
    if (percent > 0 && may_lose(world) && dice_chance(&world->dice, CHOICE_LOSES_MEMORY, percent)) {
        lose(world);
    }
}

static void end_turn(struct world *world, bool news) {
    if (world->dead) {
        told_forget(world);
        lose(world);
        return;
    }
    world->ports_left = WORLD_NOBODY;
    maybe_lose_memory(world, news);
}

/* The bridge may die in what it does now. What it did until then is in the journal. */
static void maybe_die_within(struct world *world) {
    if (world->plan.loses_within && may_lose(world) && dice_chance(&world->dice, CHOICE_DIES_WITHIN, WITHIN_PERCENT)) {
        bridge_flush(world->bridge);
        world->ports_left = (int)dice_below(&world->dice, CHOICE_DIES_AT, MOST_PORTS);
        told_keep(world);
    }
}

static void tick(struct world *world) {
    if (!world->dead && world->link != NULL) {
        livekit_link_tick(world->link, world->now);
    }
    if (!world->dead && world->link != NULL) {
        reconcile_tick(world->reconcile, world->now);
    }
    if (!world->dead) {
        standbys_tick(world);
    }
    if (!world->dead) {
        standbys_tell(world);
    }
}

/* One thing, then the bridge's own deadlines. */
static void step(struct world *world, mono_ms at) {
    bool news = false;
    world->now = at;
    world->result->events++;
    check_silence(world);
    maybe_die_within(world);
    if (next_happening(world) <= at) {
        news = happen(world);
    }
    if (!world->dead && bridge_next_due(world->bridge) <= at) {
        bridge_tick(world->bridge, at);
        news = true;
    }
    tick(world);
    end_turn(world, news);
    check_step(world);
}

static mono_ms earlier(mono_ms a, mono_ms b) {
    return a < b ? a : b;
}

static mono_ms next_due(const struct world *world) {
    mono_ms due = earlier(next_happening(world), bridge_next_due(world->bridge));
    if (world->link != NULL) {
        due = earlier(due, earlier(livekit_link_next_due(world->link), reconcile_next_due(world->reconcile)));
    }
    return standbys_due_before(world, due);
}

static bool any_room(const struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        if (store_is_listed(&world->rooms[i])) {
            return true;
        }
    }
    return false;
}

/* The reconcile goes on for ever; when it alone is left it has a while to clear up what there is, and as long again when
 * it was lost. */
static bool is_at_rest(struct world *world) {
    bool quiet = world->link != NULL && world->pending == 0 && bridge_next_due(world->bridge) == MONO_NEVER &&
                 livekit_link_next_due(world->link) == MONO_NEVER;
    world->quiet_since = !quiet ? 0 : world->quiet_since != 0 ? world->quiet_since : world->now;
    bool clear = !any_room(world) && bridge_live(world->bridge) == 0;
    world->quiet_since =
        quiet && world->lost_memory_at > world->quiet_since ? world->lost_memory_at : world->quiet_since;
    return quiet && (clear || world->now - world->quiet_since > CLEAR_UP_MS);
}

void world_give_rules(struct world *world) {
    const struct sim_stock *stock = world->stock;
    bridge_set_rules(world->bridge, stock->rules[world->rules_given], stock->directory, true, world->now);
    standbys_give(world);
}

static void give_rules(struct world *world, enum plan_rules rules) {
    world->rules_given = (int)rules;
    world_give_rules(world);
}

/* Redis has them, and is not always there. What was once loaded is kept on disk: a new bridge has it at once. */
static void rules_arrive(struct world *world, const struct happening *happening) {
    const struct plan *plan = &world->plan;
    mono_ms stops_at = WORLD_START_MS + plan->begins_at + plan->redis_stops_at;
    bool away = plan->redis_stops_at != PLAN_NEVER && world->now >= stops_at;
    if (away && world->now < stops_at + plan->redis_away_ms) {
        world_plan(world, stops_at + plan->redis_away_ms - world->now, rules_arrive, 0, happening->detail);
        return;
    }
    give_rules(world, (enum plan_rules)happening->detail);
}

static void begin(struct world *world) {
    const struct plan *plan = &world->plan;
    if (plan->rules_at == PLAN_NEVER) {
        give_rules(world, plan->rules);
    } else {
        world_plan(world, plan->begins_at + plan->rules_at, rules_arrive, 0, (int)plan->rules);
    }
    if (plan->new_rules_at != PLAN_NEVER) {
        world_plan(world, plan->begins_at + plan->new_rules_at, rules_arrive, 0,
                   (int)dice_below(&world->dice, CHOICE_WHICH_RULES, RULES_COUNT));
    }
    people_begin(world);
}

void world_run(struct world *world) {
    begin(world);
    while (!world->result->failed) {
        mono_ms next = next_due(world);
        if (next == MONO_NEVER || next > WORLD_START_MS + END_MS || is_at_rest(world)) {
            break;
        }
        if (world->result->events >= MOST_EVENTS) {
            world_fail(world, "the call does not come to rest");
        }
        step(world, next > world->now ? next : world->now);
    }
    if (!world->result->failed) {
        check_end(world);
    }
    while (heap_first(&world->due) != NULL) {
        struct heap_item *first = heap_first(&world->due);
        heap_remove(&world->due, first);
        spare(world, container_of(first, struct happening, item));
    }
}

void world_release(struct world *world) {
    while (world->spare != NULL) {
        struct happening *next = world->spare->next_spare;
        free(world->spare);
        world->spare = next;
    }
}
