/* One seed, one world: draws the plan, puts the production bridge into it, and lets time run. */
#include "sim/sim.h"

#include "base/mem.h"
#include "sim/stock.h"
#include "sim/world.h"

enum {
    SHORT_SEEDS = 64, /* one of so many bridges has no room for a call */
    STANDBY_PERCENT = 40,
};

struct sim {
    struct sim_stock stock;
    struct call_policy policy;
    struct world world; /* of the call that runs; large, so it is kept */
};

struct sim *sim_new(const struct call_policy *policy) {
    struct sim *sim = xcalloc(1, sizeof *sim);
    sim->policy = *policy;
    stock_load(&sim->stock);
    return sim;
}

void sim_free(struct sim *sim) {
    if (sim != NULL) {
        stock_release(&sim->stock);
        world_release(&sim->world);
        free(sim);
    }
}

static char *mint(void *self, struct slice room, struct slice identity) {
    (void)self, (void)room, (void)identity;
    return xstrdup("token");
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    struct world *world = self;
    memset(ret_instance, '0', ENGINE_INSTANCE_SIZE);
    world_hex(ret_instance + 16, 16, ++world->instances);
    ret_instance[ENGINE_INSTANCE_SIZE - 1] = '\0';
}

static int64_t wall_ms(void *self) {
    const struct world *world = self;
    return world->now;
}

static void trace(void *self, const char *sid, const char *line) {
    world_say(self, "bridge: %s %s", sid, line);
}

static mono_ms now_of(void *context) {
    const struct world *world = context;
    return world->now;
}

/* Time goes on by what is due next: nobody has to be woken. */
static void on_touched(void *context) {
    (void)context;
}

static void on_suspicion(void *context, const char *sid, struct slice room) {
    const struct world *world = context;
    reconcile_suspect(world->reconcile, sid, room);
}

static struct bridge *new_bridge(struct world *world) {
    struct bridge_options options = bridge_options_default;
    options.policy = *world->policy;
    options.policy.close_room = world->plan.can_ask;
    options.livekit_url = "ws://livekit";
    options.api_key = options.api_secret = "secret";
    struct bridge_ports ports = {
        .engine = standbys_engine(world),
        .livekit = world->link != NULL ? livekit_link_port(world->link) : livekit_unavailable,
        .journal = memory_port(world),
        .self = world,
        .mint = mint,
        .new_instance = new_instance,
        .wall_ms = wall_ms,
        .trace = world->trace != NULL ? trace : NULL,
    };
    struct bridge *bridge = bridge_new(&options, &ports);
    bridge_memory_short(bridge, world->memory_short);
    return bridge;
}

void sim_build(struct world *world) {
    const struct livekit_link_options link = {.asker = livekit_asker(world),
                                              .now = now_of,
                                              .on_touched = on_touched,
                                              .on_suspicion = on_suspicion,
                                              .context = world};
    world->link = world->plan.can_ask ? livekit_link_new(&link) : NULL;
    world->bridge = new_bridge(world);
    world->reconcile = NULL;
    if (world->link == NULL) {
        return;
    }
    livekit_link_attach(world->link, world->bridge);
    const struct reconcile_options reconcile = {.asker = livekit_asker(world),
                                                .link = world->link,
                                                .bridge = world->bridge,
                                                .interval_ms = WORLD_RECONCILE_MS,
                                                .delete_stale = true,
                                                .now = now_of,
                                                .wall_ms = wall_ms,
                                                .on_touched = on_touched,
                                                .context = world};
    world->reconcile = reconcile_new(&reconcile);
}

static void add_counters(struct bridge_counters *sum, const struct bridge_counters *one) {
    sum->calls += one->calls;
    sum->ended += one->ended;
    sum->answered += one->answered;
    sum->refused += one->refused;
    sum->rejected_legs += one->rejected_legs;
    sum->ignored_events += one->ignored_events;
    sum->starts += one->starts;
    sum->failed_starts += one->failed_starts;
    sum->exits += one->exits;
    sum->restarts += one->restarts;
    sum->restored += one->restored;
    sum->warm += one->warm;
    sum->lost += one->lost;
    for (unsigned i = 0; i < CALL_END_COUNT; i++) {
        sum->ends[i] += one->ends[i];
    }
}

/* A bridge that dies is replaced: all of them count. */
static void keep_counters(const struct world *world, struct sim_result *result) {
    add_counters(&result->counters, bridge_counters(world->bridge));
    if (world->reconcile != NULL) {
        struct reconcile_view view = reconcile_view(world->reconcile);
        result->found += view.started;
        result->ended += view.ended;
        result->left += view.left;
        result->stale += view.deleted;
    }
}

void sim_take_apart(struct world *world) {
    keep_counters(world, world->result);
    reconcile_free(world->reconcile);
    livekit_link_free(world->link);
    bridge_free(world->bridge);
    standbys_take_apart(world);
}

/* Only what the last call used is cleared: most of a world is never touched. */
static void clear(struct world *world) {
    heap_release(&world->due);
    world->now = WORLD_START_MS;
    world->sequence = world->instances = 0;
    world->room_count = world->guest_count = world->process_count = world->question_count = 0;
    world->waiter_count = world->untaken = 0;
    world->odd_lists = 0;
    world->pending = 0;
    world->quiet_since = 0;
    world->server_up = true;
    world->server_back_at = 0;
    world->epoch = world->joins = 0;
    world->last_arrival = world->lost_memory_at = 0;
    world->losses = 0;
    world->ports_left = WORLD_NOBODY;
    world->dead = false;
    world->rules_given = WORLD_NOBODY;
}

/* The world's dice are ready; DRAWN_FULL is whether chance gives the machine too little memory. */
static void run(struct sim *sim, bool drawn_full, const struct sim_trace *wanted, struct sim_result *ret_result) {
    struct world *world = &sim->world;
    clear(world);
    *ret_result = (struct sim_result){0};
    world->stock = &sim->stock;
    world->policy = &sim->policy;
    world->trace = wanted;
    world->result = ret_result;
    plan_draw(&world->plan, &world->dice);
    world_say(world, "plan: network %s, %s agents, LiveKit's API %s, %u caller%s",
              plan_network_name(world->plan.network),
              world->plan.healthy    ? "healthy"
              : world->plan.stubborn ? plan_behaviour_name(world->plan.habit)
                                     : "mixed",
              world->plan.can_ask ? "there" : "unavailable", world->plan.callers, world->plan.callers == 1 ? "" : "s");
    world->memory_short = dice_take(&world->dice, CHOICE_FULL, world->plan.can_ask && drawn_full) != 0;
    world->plan.standbys = dice_chance(&world->waiter_dice, CHOICE_STANDBYS, STANDBY_PERCENT);
    sim_build(world);
    world_run(world);
    ret_result->questions = (uint64_t)world->question_count;
    sim_take_apart(world);
    memory_release(world);
    heap_release(&world->due);
}

void sim_run(struct sim *sim, uint64_t seed, const struct sim_trace *wanted, struct sim_result *ret_result) {
    dice_init(&sim->world.dice, seed);
    dice_init(&sim->world.waiter_dice, ~seed);
    run(sim, seed % SHORT_SEEDS == 0, wanted, ret_result);
}

void sim_record(struct sim *sim, uint64_t seed, struct tape *ret_tape, struct sim_result *ret_result) {
    *ret_tape = (struct tape){0};
    dice_record(&sim->world.dice, seed, ret_tape);
    dice_record(&sim->world.waiter_dice, ~seed, ret_tape);
    run(sim, seed % SHORT_SEEDS == 0, NULL, ret_result);
    tape_sort(ret_tape);
}

void sim_replay(struct sim *sim, const struct tape *tape, const struct sim_trace *wanted,
                struct sim_result *ret_result) {
    dice_replay(&sim->world.dice, tape);
    dice_replay(&sim->world.waiter_dice, tape);
    run(sim, false, wanted, ret_result);
}

void sim_add(struct sim_result *total, const struct sim_result *result) {
    total->events += result->events;
    total->webhooks += result->webhooks;
    total->lost += result->lost;
    total->questions += result->questions;
    total->found += result->found;
    total->ended += result->ended;
    total->left += result->left;
    total->stale += result->stale;
    add_counters(&total->counters, &result->counters);
}
