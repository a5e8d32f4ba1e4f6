/* Standbys in the simulation: the production pool around the engine of processes.c, and processes that wait, die while they
 * wait, are never ready, die as they are told, or do not read what they are told. They are no happenings: whether somebody
 * waits keeps no world going. When the bridge dies, those that wait end with it. */
#include <stdio.h>

#include "sim/stock.h"
#include "sim/world.h"

enum { NEVER_READY_PERCENT = 5, DIES_WAITING_PERCENT = 5, DIES_TOLD_PERCENT = 10, HANGS_PERCENT = 5, READ_MS = 1000 };

static void tell(struct world *world, const struct waiter *waiter, const char *label, enum engine_event_kind kind) {
    struct engine_event event = {.kind = kind, .pid = 1, .exit_kind = EXIT_UNKNOWN};
    snprintf(event.label, sizeof event.label, "%s", label);
    memcpy(event.instance, waiter->instance, sizeof event.instance);
    if (!pool_event(world->pool, &event)) {
        bridge_engine(world->bridge, &event, world->now);
    }
}

static struct waiter *find(struct world *world, const char *label) {
    for (int i = world->waiter_count - 1; i >= 0; i--) {
        struct waiter *waiter = &world->waiters[i];
        bool is_its = strcmp(waiter->label, label) == 0 || strcmp(waiter->call, label) == 0;
        if (waiter->state != WAITER_GONE && is_its) {
            return waiter;
        }
    }
    return NULL;
}

static struct waiter *unused(struct world *world) {
    for (int i = 0; i < world->waiter_count; i++) {
        if (world->waiters[i].state == WAITER_GONE) {
            return &world->waiters[i];
        }
    }
    return world->waiter_count < WORLD_WAITERS ? &world->waiters[world->waiter_count++] : NULL;
}

static enum waiter_habit draw_habit(struct world *world) {
    unsigned at = dice_below(&world->waiter_dice, 100);
    unsigned bound = NEVER_READY_PERCENT;
    if (at < bound) {
        return WAITER_NEVER_READY;
    }
    if (at < (bound += DIES_WAITING_PERCENT)) {
        return WAITER_DIES_WAITING;
    }
    if (at < (bound += DIES_TOLD_PERCENT)) {
        return WAITER_DIES_TOLD;
    }
    return at < bound + HANGS_PERCENT ? WAITER_HANGS : WAITER_GOOD;
}

static void ensure(void *self, const struct engine_job *job) {
    struct world *world = self;
    if (!job->waits) {
        struct engine engine = processes_engine(world);
        engine.ensure(engine.self, job);
        return;
    }
    struct waiter *waiter = unused(world);
    if (waiter == NULL) {
        world_fail(world, "more than %d processes wait for calls", WORLD_WAITERS);
        return;
    }
    *waiter = (struct waiter){.state = WAITER_STARTING,
                              .habit = draw_habit(world),
                              .due = world->now + dice_between(&world->waiter_dice, 50, 3000)};
    waiter->due = waiter->habit == WAITER_NEVER_READY ? MONO_NEVER : waiter->due;
    snprintf(waiter->label, sizeof waiter->label, "%s", job->label);
    snprintf(waiter->instance, sizeof waiter->instance, "%s", job->instance);
}

/* Gone a moment later, which is when it is told. */
static void end(struct world *world, struct waiter *waiter) {
    waiter->state = WAITER_ENDING;
    waiter->due = world->now + dice_between(&world->waiter_dice, 0, 5);
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    struct world *world = self;
    struct waiter *waiter = find(world, label);
    if (waiter == NULL) {
        struct engine engine = processes_engine(world);
        engine.stop(engine.self, label, how);
        return;
    }
    if (waiter->state != WAITER_ENDING) {
        end(world, waiter);
        waiter->due += how->kill ? 0 : how->after_ms + how->timeout_ms;
    } else if (how->kill) {
        waiter->due = world->now;
    }
}

/* One that was just told has nobody who looks whether it reads: it is one of the agents that hang. */
static void adopt(void *self, const struct engine_adoption *adoption) {
    struct world *world = self;
    struct waiter *waiter = find(world, adoption->label);
    if (waiter == NULL || strcmp(waiter->instance, adoption->instance) != 0) {
        struct engine engine = processes_engine(world);
        engine.adopt(engine.self, adoption);
    } else if (waiter->state != WAITER_ENDING) {
        waiter->due = MONO_NEVER;
    }
}

static void list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    (void)self, (void)each, (void)context;
}

static bool is_there(void *self, const char *label) {
    const struct waiter *waiter = find(self, label);
    return waiter != NULL && waiter->state == WAITER_READY;
}

static bool hand_over(void *self, const char *label, const struct engine_job *job) {
    struct world *world = self;
    struct waiter *waiter = find(world, label);
    if (waiter->habit == WAITER_GOOD) {
        waiter->state = WAITER_GONE;
        processes_hand_over(world, job);
        return true;
    }
    int room = WORLD_NOBODY;
    sscanf(job->label, "RM_%d", &room);
    check_start(world, room, job->agent);
    world_say(world, "engine: a standby is handed %s and %s", job->label,
              waiter->habit == WAITER_HANGS ? "hangs" : "dies");
    snprintf(waiter->call, sizeof waiter->call, "%s", job->label);
    waiter->state = WAITER_TOLD;
    waiter->due = world->now + (waiter->habit == WAITER_HANGS ? READ_MS : dice_between(&world->waiter_dice, 0, 5));
    return true;
}

static int64_t memory(void *self, const char *label) {
    (void)self, (void)label;
    return 0;
}

static mono_ms now_of(void *self) {
    const struct world *world = self;
    return world->now;
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    struct world *world = self;
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%016llxffffffffffffffff", (unsigned long long)++world->instances);
}

static bool is_busy(void *self) {
    const struct world *world = self;
    return bridge_ringing(world->bridge) > 0;
}

struct engine standbys_engine(struct world *world) {
    if (!world->plan.standbys) {
        return processes_engine(world);
    }
    const struct pool_options options = {.livekit_url = "ws://livekit",
                                         .api_key = "secret",
                                         .api_secret = "secret",
                                         .starts_at_once = 2,
                                         .ready_ms = 10000};
    const struct pool_ports ports = {
        .engine = {.self = world, .ensure = ensure, .stop = stop, .adopt = adopt, .list = list},
        .waiters = {.self = world, .is_there = is_there, .hand_over = hand_over, .memory = memory},
        .self = world,
        .now = now_of,
        .new_instance = new_instance,
        .is_busy = is_busy,
    };
    world->pool = pool_new(&options, &ports);
    pool_set_directory(world->pool, world->stock->waiting);
    return pool_engine(world->pool);
}

/* End of file on standard input: those that wait are gone, without anybody who would be told. */
void standbys_take_apart(struct world *world) {
    pool_free(world->pool);
    world->pool = NULL;
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        waiter->state = waiter->call[0] != '\0' ? waiter->state : WAITER_GONE;
    }
}

static void happens(struct world *world, struct waiter *waiter) {
    char call[sizeof waiter->call];
    waiter->due = MONO_NEVER;
    switch (waiter->state) {
    case WAITER_STARTING:
        waiter->state = WAITER_READY;
        tell(world, waiter, waiter->label, ENGINE_STARTED);
        tell(world, waiter, waiter->label, ENGINE_READY);
        if (waiter->habit == WAITER_DIES_WAITING) {
            waiter->due = world->now + dice_between(&world->waiter_dice, 0, 30000);
        }
        break;
    case WAITER_READY:
        waiter->state = WAITER_GONE;
        tell(world, waiter, waiter->label, ENGINE_EXITED);
        break;
    case WAITER_TOLD: /* killed where it hangs: its end is nobody's call's */
        waiter->state = WAITER_GONE;
        memcpy(call, waiter->call, sizeof call);
        tell(world, waiter, call, ENGINE_NOT_TAKEN);
        break;
    case WAITER_ENDING:
        waiter->state = WAITER_GONE;
        tell(world, waiter, waiter->call[0] != '\0' ? waiter->call : waiter->label, ENGINE_EXITED);
        break;
    case WAITER_GONE: break;
    }
}

void standbys_tick(struct world *world) {
    if (world->pool == NULL) {
        return;
    }
    for (int i = 0; i < world->waiter_count; i++) {
        if (world->waiters[i].state != WAITER_GONE && world->waiters[i].due <= world->now) {
            happens(world, &world->waiters[i]);
        }
    }
    pool_tick(world->pool);
}

mono_ms standbys_due_before(const struct world *world, mono_ms due) {
    bool talks = standbys_any_live(world, NULL);
    if (world->pool == NULL || (due == MONO_NEVER && !talks)) {
        return due;
    }
    mono_ms first = pool_next_due(world->pool);
    first = first < due ? first : due;
    for (int i = 0; i < world->waiter_count; i++) {
        const struct waiter *waiter = &world->waiters[i];
        first = waiter->state != WAITER_GONE && waiter->due < first ? waiter->due : first;
    }
    return first;
}

bool standbys_any_live(const struct world *world, const char *label) {
    for (int i = 0; i < world->waiter_count; i++) {
        const struct waiter *waiter = &world->waiters[i];
        bool is_its = label == NULL ? waiter->call[0] != '\0' : strcmp(waiter->call, label) == 0;
        if (waiter->state != WAITER_GONE && is_its) {
            return true;
        }
    }
    return false;
}
