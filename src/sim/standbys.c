/* Standbys in the simulation: the production pool around the engine of processes.c, and processes that wait, cannot be
 * started, are never ready, die while they wait, die as they are told, or do not read what they are told. They are no
 * happenings: whether somebody waits keeps no world going. Whoever has its line is a process as others (processes.c).
 * When the bridge dies, those that wait see the end of file, of which nobody is told. */

#include "base/mem.h"
#include "sim/stock.h"
#include "sim/world.h"

enum {
    FAILS_PERCENT = 25,
    MOST_UNTAKEN = 3,
    READ_MS = 1000, /* so long a line may stay unread */
};

static void tell(struct world *world, const struct waiter *waiter, enum engine_event_kind kind) {
    struct engine_event event = {.kind = kind, .pid = 2, .exit_kind = EXIT_UNKNOWN};
    memcpy(event.label, waiter->label, sizeof event.label);
    memcpy(event.instance, waiter->instance, sizeof event.instance);
    if (!pool_event(world->pool, &event)) {
        world_fail(world, "the bridge is told of %s, which waits", waiter->label);
    }
}

static struct waiter *find(struct world *world, const char *label) {
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        bool known = waiter->state != WAITER_GONE && waiter->state != WAITER_LEFT;
        if (known && strcmp(waiter->state == WAITER_QUEUED ? waiter->call : waiter->label, label) == 0) {
            return waiter;
        }
    }
    return NULL;
}

static struct waiter *unused(struct world *world) {
    for (int i = 0; i < world->waiter_count; i++) {
        if (world->waiters[i].state == WAITER_GONE && !world->waiters[i].noted) {
            return &world->waiters[i];
        }
    }
    return world->waiter_count < WORLD_WAITERS ? &world->waiters[world->waiter_count++] : NULL;
}

static enum waiter_habit draw_habit(struct world *world) {
    static const enum waiter_habit habits[] = {WAITER_DIES_TOLD,   WAITER_DIES_TOLD,    WAITER_HANGS,
                                               WAITER_NEVER_READY, WAITER_DIES_WAITING, WAITER_NO_START};
    bool fails = dice_chance(&world->waiter_dice, CHOICE_STANDBY_FAILS, FAILS_PERCENT);
    return fails ? habits[dice_below(&world->waiter_dice, CHOICE_STANDBY_FAILS_HOW, ARRAY_LEN(habits))] : WAITER_GOOD;
}

static int64_t soon_ms(struct world *world) {
    return dice_between(&world->waiter_dice, CHOICE_STANDBY_ENDS, 0, 5);
}

static void begin(struct world *world, const struct engine_job *job) {
    struct waiter *waiter = unused(world);
    if (waiter == NULL) {
        world_fail(world, "more than %d processes wait for calls", WORLD_WAITERS);
        return;
    }
    int64_t ready_ms = dice_between(&world->waiter_dice, CHOICE_STANDBY_READY, 50, 3000);
    *waiter = (struct waiter){.state = WAITER_STARTING, .habit = draw_habit(world), .due = world->now + ready_ms};
    waiter->due = waiter->habit == WAITER_NEVER_READY ? MONO_NEVER : waiter->due;
    world_copy(waiter->label, sizeof waiter->label, job->label);
    world_copy(waiter->instance, sizeof waiter->instance, job->instance);
}

static void ensure(void *self, const struct engine_job *job) {
    struct world *world = self;
    if (!job->waits) {
        if (find(world, job->label) != NULL) {
            world_fail(world, "a second process of %s is started while a standby gets it", job->label);
        }
        struct engine engine = processes_engine(world);
        engine.ensure(engine.self, job);
    } else if (memory_passes(world)) {
        begin(world, job);
    }
}

static void not_taken(struct world *world, const struct happening *happening) {
    processes_lose(world, happening->subject);
}

/* WAITER is its call's process from now on. Not TOLD: its line is not written, and will not be. */
static void become(struct world *world, struct waiter *waiter, bool told) {
    waiter->state = WAITER_GONE;
    int place = processes_add(world, waiter->call, waiter->instance, "support");
    if (place == WORLD_NOBODY) {
        return;
    }
    struct process *process = &world->processes[place];
    process->warm = true;
    process->started = told;
    bool hangs = waiter->habit == WAITER_HANGS, dies = waiter->habit == WAITER_DIES_TOLD;
    bool starts = process->behaviour != BEHAVES_NO_START;
    process->habit = hangs || dies ? waiter->habit : WAITER_GOOD; /* it waits no more, so it does not die of that */
    process->behaviour = hangs || dies ? BEHAVES_NEVER_JOINS : starts ? process->behaviour : BEHAVES_CRASHES_EARLY;
    if (!told) {
        return;
    }
    processes_begin_warm(world, place);
    if (hangs || dies) {
        world_plan(world, hangs ? READ_MS : soon_ms(world), not_taken, place, 0);
    }
}

/* One that was not told its call yet goes without. */
static void stop(void *self, const char *label, const struct engine_stop *how) {
    struct world *world = self;
    struct waiter *waiter = find(world, label);
    if (waiter != NULL && waiter->state == WAITER_QUEUED) {
        become(world, waiter, false);
        waiter = NULL;
    }
    if (waiter == NULL) {
        struct engine engine = processes_engine(world);
        engine.stop(engine.self, label, how);
    } else if (memory_passes(world)) {
        bool obeys = waiter->habit != WAITER_HANGS || waiter->state == WAITER_DEAD;
        mono_ms due = world->now + soon_ms(world) + (how->kill || obeys ? 0 : how->after_ms + how->timeout_ms);
        waiter->due = waiter->state == WAITER_ENDING && waiter->due < due ? waiter->due : due;
        waiter->state = WAITER_ENDING;
    }
}

static bool is_there(void *self, const char *label) {
    const struct waiter *waiter = find(self, label);
    return waiter != NULL && waiter->state == WAITER_READY;
}

/* The last processes of the room at PLACE that were standbys and did not take it. */
static int untaken(const struct world *world, int place) {
    int count = 0;
    for (int i = world->process_count - 1; i >= 0; i--) {
        const struct process *process = &world->processes[i];
        if (process->room == place && !process->untaken) {
            break;
        }
        count += process->room == place;
    }
    return count;
}

static bool hand_over(void *self, const char *label, const struct engine_job *job) {
    struct world *world = self;
    struct waiter *waiter = find(world, label);
    if (!memory_passes(world)) {
        return true;
    }
    if (waiter == NULL || waiter->state != WAITER_READY) {
        world_fail(world, "%s is handed to a standby that is not there", job->label);
        return false;
    }
    int room = world_place(job->label);
    check_start(world, room, job->agent);
    if (strcmp(job->agent, "support") != 0) {
        world_fail(world, "%s, which is for %s, is handed to a standby of support", job->label, job->agent);
    }
    if (world->losses == 0 && untaken(world, room) >= MOST_UNTAKEN) {
        world_fail(world, "%s is handed to a standby again after %d that did not take it", job->label, MOST_UNTAKEN);
    }
    world_copy(waiter->call, sizeof waiter->call, job->label);
    waiter->state = WAITER_QUEUED;
    waiter->due = MONO_NEVER;
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
    memset(ret_instance, 'f', ENGINE_INSTANCE_SIZE);
    world_hex(ret_instance, 16, ++world->instances);
    ret_instance[ENGINE_INSTANCE_SIZE - 1] = '\0';
}

static bool is_busy(void *self) {
    const struct world *world = self;
    return bridge_ringing(world->bridge) > 0;
}

static void keep(void *self, const struct pool_waiting *waiting) {
    struct waiter *waiter = find(self, waiting->label);
    if (waiter == NULL) {
        world_fail(self, "%s, which is gone, is noted", waiting->label);
        return;
    }
    waiter->noted = true;
}

static void drop(void *self, const char *label) {
    struct world *world = self;
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        waiter->noted = waiter->noted && strcmp(waiter->label, label) != 0;
    }
}

struct engine standbys_engine(struct world *world) {
    struct engine engine = processes_engine(world);
    if (!world->plan.standbys) {
        return engine;
    }
    engine.ensure = ensure;
    engine.stop = stop;
    const struct pool_options options = {.livekit_url = "ws://livekit",
                                         .api_key = "secret",
                                         .api_secret = "secret",
                                         .starts_at_once = 2,
                                         .ready_ms = 10000};
    const struct pool_ports ports = {
        .engine = engine,
        .waiters = {.self = world, .is_there = is_there, .hand_over = hand_over, .memory = memory},
        .self = world,
        .now = now_of,
        .new_instance = new_instance,
        .is_busy = is_busy,
        .keep = keep,
        .drop = drop,
    };
    world->pool = pool_new(&options, &ports);
    return pool_engine(world->pool);
}

void standbys_give(struct world *world) {
    if (world->pool != NULL) {
        pool_set_directory(world->pool, world->stock->directory);
    }
}

void standbys_lost(struct world *world, const char *instance) {
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        if (waiter->state == WAITER_GONE && strcmp(waiter->instance, instance) == 0) {
            waiter->state = WAITER_ENDING;
            waiter->due = world->now + soon_ms(world);
        }
    }
}

/* Of one that was about to be told its call the next bridge knows if it is in the journal. */
void standbys_take_apart(struct world *world) {
    pool_free(world->pool);
    world->pool = NULL;
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        waiter->noted = false; /* whoever starts next clears up */
        if (waiter->state == WAITER_QUEUED) {
            become(world, waiter, false);
        } else if (waiter->state != WAITER_GONE && waiter->state != WAITER_LEFT) {
            waiter->state = WAITER_LEFT;
            waiter->due = world->now + soon_ms(world);
        }
    }
}

static void on_start(struct world *world, struct waiter *waiter) {
    if (waiter->habit == WAITER_NO_START) {
        waiter->state = WAITER_GONE;
        tell(world, waiter, ENGINE_START_FAILED);
        return;
    }
    waiter->state = WAITER_READY;
    if (waiter->habit == WAITER_DIES_WAITING) {
        waiter->due = world->now + dice_between(&world->waiter_dice, CHOICE_STANDBY_WAITS, 0, 30000);
    }
    tell(world, waiter, ENGINE_STARTED);
    tell(world, waiter, ENGINE_READY);
}

static void happens(struct world *world, struct waiter *waiter) {
    waiter->due = MONO_NEVER;
    switch (waiter->state) {
    case WAITER_STARTING: on_start(world, waiter); break;
    case WAITER_READY:
        waiter->state = WAITER_DEAD;
        waiter->due = world->now + soon_ms(world);
        break;
    case WAITER_DEAD:
    case WAITER_ENDING:
        waiter->state = WAITER_GONE;
        tell(world, waiter, ENGINE_EXITED);
        break;
    case WAITER_LEFT: waiter->state = WAITER_GONE; break;
    case WAITER_GONE:
    case WAITER_QUEUED: break;
    }
}

void standbys_tick(struct world *world) {
    if (world->pool == NULL) {
        return;
    }
    for (int i = 0; i < world->waiter_count && !world->dead; i++) {
        if (world->waiters[i].state != WAITER_GONE && world->waiters[i].due <= world->now) {
            happens(world, &world->waiters[i]);
        }
    }
    if (!world->dead) {
        pool_tick(world->pool);
    }
}

static bool any_queued(const struct world *world) {
    for (int i = 0; i < world->waiter_count; i++) {
        if (world->waiters[i].state == WAITER_QUEUED) {
            return true;
        }
    }
    return false;
}

void standbys_tell(struct world *world) {
    if (!any_queued(world)) {
        return;
    }
    bridge_flush(world->bridge);
    for (int i = 0; i < world->waiter_count; i++) {
        struct waiter *waiter = &world->waiters[i];
        if (waiter->state == WAITER_QUEUED && memory_passes(world)) {
            become(world, waiter, true);
        }
    }
}

mono_ms standbys_due_before(const struct world *world, mono_ms due) {
    if (world->pool == NULL || due == MONO_NEVER) {
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

static void add_known(void *context, const struct pool_view *view) {
    *(unsigned *)context += view->starting + view->ready;
}

void standbys_check(struct world *world) {
    unsigned known = 0, there = 0;
    if (world->pool == NULL) {
        return;
    }
    pool_each(world->pool, add_known, &known);
    for (int i = 0; i < world->waiter_count; i++) {
        enum waiter_state state = world->waiters[i].state;
        there += state == WAITER_STARTING || state == WAITER_READY || state == WAITER_DEAD;
    }
    if (known != there) {
        world_fail(world, "%u processes wait for calls, of which the pool knows %u", there, known);
    }
}

void standbys_check_end(struct world *world) {
    for (int i = 0; i < world->waiter_count; i++) {
        const struct waiter *waiter = &world->waiters[i];
        if (waiter->state == WAITER_LEFT && waiter->due < world->now) {
            world_fail(world, "at the end of time a standby of a dead bridge is there");
        }
        if (waiter->state == WAITER_GONE && waiter->noted) {
            world_fail(world, "at the end of time %s, which is gone, is noted", waiter->label);
        }
    }
}
