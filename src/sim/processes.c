/* The engine of the simulation: processes start late or not at all, and end; agents.c says what they do in between. As
 * the engine's contract says, nothing is told from inside ensure or stop. */

#include "sim/world.h"

static void tell(struct world *world, int place, enum engine_event_kind kind, enum engine_exit_kind exit_kind,
                 int value) {
    const struct process *process = &world->processes[place];
    struct engine_event event = {.kind = kind, .pid = 1000 + place, .exit_kind = exit_kind, .exit_value = value};
    memcpy(event.label, process->label, sizeof event.label);
    memcpy(event.instance, process->instance, sizeof event.instance);
    if (world->pool == NULL || !pool_event(world->pool, &event)) {
        bridge_engine(world->bridge, &event, world->now);
    }
}

static void told_exit(struct world *world, const struct happening *happening) {
    static const struct {
        enum engine_exit_kind kind;
        int value;
    } exits[] = {[ENDS_CLEAN] = {EXIT_CODE, 0},
                 [ENDS_CRASHED] = {EXIT_CODE, 1},
                 [ENDS_KILLED] = {EXIT_SIGNAL, 9},
                 [ENDS_NEVER_AGAIN] = {EXIT_CODE, 125},
                 [ENDS_DROPPED] = {EXIT_UNKNOWN, 0}};
    const struct process *process = &world->processes[happening->subject];
    int how = process->adopted ? ENDS_DROPPED : happening->detail;
    world->rooms[process->room].told.never_again = how == ENDS_NEVER_AGAIN && !process->dismissed;
    world->processes[happening->subject].told_end = true;
    parting_told(world, happening->subject, (enum process_ending)how);
    tell(world, happening->subject, ENGINE_EXITED, exits[how].kind, exits[how].value);
}

static void leave_room(struct world *world, const struct happening *happening) {
    server_leave(world, happening->subject, (enum disconnect_reason)happening->detail);
}

/* The process is gone; the bridge is told a moment later. Who did not leave properly stays as a ghost for 20 s. */
void processes_end(struct world *world, int place, enum process_ending how) {
    struct process *process = &world->processes[place];
    if (!process->live) {
        return;
    }
    process->live = false;
    bool spoke = process->guest != WORLD_NOBODY && world->guests[process->guest].audible;
    process->crashed_at = how == ENDS_CRASHED && spoke ? world->now : 0;
    world_say(world, "engine: process %d of %s is gone (%d)", place, process->label, how);
    world_plan(world, dice_between(&world->dice, CHOICE_TOLD_AFTER, 0, 3), told_exit, place, (int)how);
    if (process->guest != WORLD_NOBODY) {
        bool proper = how == ENDS_CLEAN || how == ENDS_NEVER_AGAIN;
        world_plan(world, proper ? dice_between(&world->dice, CHOICE_LEAVES_AFTER, 0, 300) : 20000, leave_room,
                   process->guest, proper ? DISCONNECT_CLIENT_INITIATED : DISCONNECT_CONNECTION_TIMEOUT);
    }
}

static void start(struct world *world, const struct happening *happening) {
    int place = happening->subject;
    struct process *process = &world->processes[place];
    if (!process->live) {
        return;
    }
    process->started = true;
    if (process->behaviour == BEHAVES_NO_START) {
        process->live = false;
        process->told_end = true;
        tell(world, place, process->adopted ? ENGINE_EXITED : ENGINE_START_FAILED, EXIT_UNKNOWN, 0);
        return;
    }
    agents_begin(world, place);
    if (!process->warm || !process->adopted) { /* whoever took back a standby knows its pid */
        tell(world, place, ENGINE_STARTED, EXIT_UNKNOWN, 0);
    }
}

static int live_of(const struct world *world, const char *label) {
    for (int i = world->process_count - 1; i >= 0; i--) {
        const struct process *process = &world->processes[i];
        bool is_real = process->started || process->owned; /* else its bridge died before it started or told it */
        if (process->live && is_real && strcmp(process->label, label) == 0) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

int processes_add(struct world *world, const char *label, const char *instance, const char *agent) {
    if (live_of(world, label) != WORLD_NOBODY) {
        world_fail(world, "a second process of %s is started while the first one lives", label);
        return WORLD_NOBODY;
    }
    if (world->process_count == WORLD_PROCESSES) {
        world_fail(world, "more than %d processes were started", WORLD_PROCESSES);
        return WORLD_NOBODY;
    }
    int room = world_place(label), place = world->process_count++;
    struct process *process = &world->processes[place];
    *process = (struct process){
        .live = true, .owned = true, .behaviour = agents_draw(world), .guest = WORLD_NOBODY, .room = room};
    process->ignores_term = !world->plan.healthy && dice_chance(&world->dice, CHOICE_IGNORES_TERM, 15);
    process->stays = dice_chance(&world->dice, CHOICE_STAYS_ALONE, 20);
    process->sales = strcmp(agent, "sales") == 0;
    world_copy(process->label, sizeof process->label, label);
    world_copy(process->instance, sizeof process->instance, instance);
    world->rooms[room].process = place;
    world_say(world, "engine: process %d of %s will be %s", place, label, plan_behaviour_name(process->behaviour));
    return place;
}

static void ensure(void *self, const struct engine_job *job) {
    struct world *world = self;
    if (!memory_passes(world)) {
        return;
    }
    check_start(world, world_place(job->label), job->agent);
    int place = processes_add(world, job->label, job->instance, job->agent);
    if (place != WORLD_NOBODY) {
        agents_plan(world, place, 1, 50, start, 0);
    }
}

void processes_begin_warm(struct world *world, int place) {
    agents_plan(world, place, 0, 1, start, 0);
}

void processes_lose(struct world *world, int place) {
    struct process *process = &world->processes[place];
    if (process->live && !process->adopted && !process->dismissed) {
        process->live = false;
        process->told_end = process->untaken = true;
        world->untaken++;
        world_say(world, "engine: process %d of %s did not take its call", place, process->label);
        tell(world, place, ENGINE_NOT_TAKEN, EXIT_UNKNOWN, 0);
        standbys_lost(world, process->instance);
    } else if (process->habit == WAITER_DIES_TOLD) {
        processes_end(world, place, ENDS_CRASHED);
    }
}

static void terminate(struct world *world, const struct happening *happening) {
    const struct process *process = &world->processes[happening->subject];
    if (happening->epoch == process->ladder && process->live && !process->ignores_term &&
        process->behaviour != BEHAVES_NEVER_JOINS) {
        agents_quit(world, happening->subject, (enum process_ending)happening->detail);
    }
}

static void kill_late(struct world *world, const struct happening *happening) {
    if (happening->epoch == world->processes[happening->subject].ladder) {
        processes_end(world, happening->subject, ENDS_KILLED);
    }
}

static void climb(struct world *world, int place, int64_t delay_ms,
                  void (*rung)(struct world *, const struct happening *)) {
    world_plan(world, delay_ms, rung, place, ENDS_CLEAN)->epoch = world->processes[place].ladder;
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    struct world *world = self;
    int place = live_of(world, label);
    if (!memory_passes(world) || place == WORLD_NOBODY) {
        return;
    }
    if (!world->processes[place].started) {
        processes_end(world, place, ENDS_DROPPED);
        return;
    }
    if (how->kill) {
        check_kill(world, place);
    }
    world->processes[place].dismissed = true;
    if (!how->kill) {
        climb(world, place, how->after_ms, terminate);
    }
    climb(world, place, how->kill ? 1 : how->after_ms + how->timeout_ms, kill_late);
}

static int find(const struct world *world, const char *label, const char *instance) {
    int place = world->process_count - 1;
    while (place >= 0 && (strcmp(world->processes[place].label, label) != 0 ||
                          strcmp(world->processes[place].instance, instance) != 0)) {
        place--;
    }
    return place;
}

static void told_start(struct world *world, const struct happening *happening) {
    if (world->processes[happening->subject].live) {
        tell(world, happening->subject, ENGINE_STARTED, EXIT_UNKNOWN, 0);
    }
}

/* The engine before knew how far it was with stopping it; this one does not. What was about to be started was, mostly. */
static void adopt(void *self, const struct engine_adoption *adoption) {
    struct world *world = self;
    int place = find(world, adoption->label, adoption->instance);
    if (place < 0) {
        world_fail(world, "a process of %s is adopted that never was", adoption->label);
        return;
    }
    struct process *process = &world->processes[place];
    process->adopted = process->owned = true;
    process->ladder++;
    if (!process->live && process->told_end) { /* whom it was told has died of it */
        agents_plan(world, place, 1, 3, told_exit, ENDS_DROPPED);
    }
    if (process->live && process->started && adoption->pid == 0) {
        agents_plan(world, place, 1, 3, told_start, 0);
    }
    world->rooms[process->room].lost_start |= process->habit != WAITER_GOOD; /* it hangs, or dies: as an agent may */
    bool lost = process->live && !process->started; /* it sees the end of file where its line never came */
    if (lost && (process->warm || dice_chance(&world->dice, CHOICE_START_LOST, 10))) {
        world->rooms[process->room].lost_start = true;
        processes_end(world, place, ENDS_DROPPED);
    }
}

static void list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    (void)self, (void)each, (void)context;
}

struct engine processes_engine(struct world *world) {
    return (struct engine){.self = world, .ensure = ensure, .stop = stop, .adopt = adopt, .list = list};
}

void processes_disown(struct world *world) {
    for (int i = 0; i < world->process_count; i++) {
        world->processes[i].owned = false;
    }
}

/* What was only to be started is not: its bridge died before it had kept that. */
void processes_orphans(struct world *world) {
    for (int i = 0; i < world->process_count; i++) {
        struct process *process = &world->processes[i];
        if (process->live && !process->owned && process->started) {
            world_fail(world, "process %d of %s runs, and the bridge that came back does not know it", i,
                       process->label);
        }
        process->live = process->live && process->owned;
    }
}

bool processes_any_live(const struct world *world) {
    for (int i = 0; i < world->process_count; i++) {
        if (world->processes[i].live) {
            return true;
        }
    }
    return false;
}
