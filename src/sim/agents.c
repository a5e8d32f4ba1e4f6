/* What agent processes do in a call: join late, crash, hang, quit, are thrown out, reconnect. */
#include <stdio.h>

#include "sim/world.h"

/* How long one that will misbehave in the call does well at most. */
enum { WELL_MS = 40000, HASTY_WELL_MS = 200 };

static void end_later(struct world *world, const struct happening *happening) {
    processes_end(world, happening->subject, (enum process_ending)happening->detail);
}

void agents_quit(struct world *world, int place, enum process_ending how) {
    struct process *process = &world->processes[place];
    if (!process->live || process->leaving) {
        return;
    }
    process->leaving = true;
    if (process->guest != WORLD_NOBODY && dice_chance(&world->dice, CHOICE_LEAVES_FIRST, 50)) {
        server_leave(world, process->guest, DISCONNECT_CLIENT_INITIATED);
    }
    world_plan(world, dice_between(&world->dice, CHOICE_ENDS_AFTER, 0, 300), end_later, place, (int)how);
}

static void quit(struct world *world, const struct happening *happening) {
    agents_quit(world, happening->subject, (enum process_ending)happening->detail);
}

void agents_plan(struct world *world, int place, int64_t least, int64_t most,
                 void (*deed)(struct world *, const struct happening *), int detail) {
    world_plan(world, dice_between(&world->dice, CHOICE_AGENT_STEP, least, most), deed, place, detail);
}

static int join(struct world *world, int place) {
    struct process *process = &world->processes[place];
    struct guest guest = {.kind = KIND_AGENT, .caller = WORLD_NOBODY, .process = place};
    if (process->sales) { /* has a token of its own, of either kind */
        guest.kind = place % 2 == 0 ? KIND_AGENT : KIND_STANDARD;
        snprintf(guest.identity, sizeof guest.identity, "sales-%d", place);
    } else {
        snprintf(guest.identity, sizeof guest.identity, "sip-agent-%s", process->label);
    }
    int room = server_enter(world, world->rooms[process->room].name); /* its token opens the room again */
    process->guest = server_join(world, room, &guest);
    return process->guest;
}

static void speak(struct world *world, const struct happening *happening);

/* Else the joining of the one that was pushed out may be told last: then nobody can know which of the two is there. */
static bool keeps_order(const struct world *world) {
    return world->plan.network != NETWORK_REORDERING;
}

static void reconnect(struct world *world, const struct happening *happening) {
    struct process *process = &world->processes[happening->subject];
    if (!process->live || process->leaving || process->guest == WORLD_NOBODY || !world->guests[process->guest].here) {
        return;
    }
    process->reconnecting = true;
    if (join(world, happening->subject) != WORLD_NOBODY) {
        process->behaviour = BEHAVES_GOOD;
        agents_plan(world, happening->subject, 1, 100, speak, 0);
        if (!world->plan.healthy && keeps_order(world) && dice_chance(&world->dice, CHOICE_QUITS_RECONNECTED, 50)) {
            agents_plan(world, happening->subject, 100, 1500, quit, ENDS_CLEAN);
        }
    }
    process->reconnecting = false;
}

static void leave(struct world *world, const struct happening *happening) {
    const struct process *process = &world->processes[happening->subject];
    if (process->live && !process->leaving && process->guest != WORLD_NOBODY) {
        server_leave(world, process->guest, (enum disconnect_reason)happening->detail);
    }
}

static void speak(struct world *world, const struct happening *happening) {
    int place = happening->subject;
    const struct process *process = &world->processes[place];
    if (!process->live || process->leaving) {
        return;
    }
    int64_t well_ms = world->plan.hasty ? HASTY_WELL_MS : WELL_MS;
    server_speak(world, process->guest);
    switch (process->behaviour) {
    case BEHAVES_CRASHES: agents_plan(world, place, 10, well_ms, end_later, ENDS_CRASHED); break;
    case BEHAVES_QUITS: agents_plan(world, place, 10, well_ms, quit, ENDS_CLEAN); break;
    case BEHAVES_NEVER_AGAIN: agents_plan(world, place, 10, well_ms, quit, ENDS_NEVER_AGAIN); break;
    case BEHAVES_RECONNECTS: agents_plan(world, place, 10, well_ms / 2, reconnect, 0); break;
    case BEHAVES_REMOVED: agents_plan(world, place, 10, well_ms, leave, DISCONNECT_PARTICIPANT_REMOVED); break;
    default: break;
    }
}

static void enter(struct world *world, const struct happening *happening) {
    int place = happening->subject;
    const struct process *process = &world->processes[place];
    if (!process->live || process->leaving) {
        return;
    }
    if (join(world, place) == WORLD_NOBODY) {
        agents_plan(world, place, 10, 500, end_later, ENDS_CRASHED);
    } else if (process->behaviour == BEHAVES_CRASHES_JOINED) {
        agents_plan(world, place, 0, 200, end_later, ENDS_CRASHED);
    } else if (process->behaviour != BEHAVES_NEVER_SPEAKS) {
        agents_plan(world, place, 1, 100, speak, 0);
    }
}

void agents_begin(struct world *world, int place) {
    switch (world->processes[place].behaviour) {
    case BEHAVES_CRASHES_EARLY: agents_plan(world, place, 1, 300, end_later, ENDS_CRASHED); break;
    case BEHAVES_QUITS_EARLY: agents_plan(world, place, 1, 300, end_later, ENDS_CLEAN); break;
    case BEHAVES_NEVER_JOINS: break;
    default: agents_plan(world, place, 20, 400, enter, 0); break;
    }
}

enum plan_behaviour agents_draw(struct world *world) {
    if (world->plan.healthy) {
        return dice_chance(&world->dice, CHOICE_GOOD_RECONNECTS, 5) ? BEHAVES_RECONNECTS : BEHAVES_GOOD;
    }
    if (world->plan.stubborn) {
        return world->plan.habit;
    }
    return dice_spared(&world->dice, CHOICE_MISBEHAVES, 40)
               ? BEHAVES_GOOD
               : (enum plan_behaviour)dice_below(&world->dice, CHOICE_BEHAVIOUR, BEHAVIOUR_COUNT);
}

/* The server is back: so is the agent, as a new participant. */
static void come_back(struct world *world, const struct happening *happening) {
    int place = happening->subject;
    const struct process *process = &world->processes[place];
    if (!process->live || process->leaving) {
        return;
    }
    if (join(world, place) == WORLD_NOBODY) {
        agents_plan(world, place, 10, 500, end_later, ENDS_CLEAN);
    } else {
        agents_plan(world, place, 1, 100, speak, 0);
    }
}

/* A well-behaved agent sees "disconnected" and exits 0, or joins again. */
void agents_disconnected(struct world *world, int place) {
    const struct process *process = &world->processes[place];
    if (!process->live || process->reconnecting) {
        return;
    }
    int64_t back = world->server_back_at - world->now;
    bool hangs = !world->plan.healthy && dice_chance(&world->dice, CHOICE_HANGS, 20);
    bool crashes = !world->plan.healthy && dice_chance(&world->dice, CHOICE_CRASHES, 20);
    if (!world->server_up && dice_chance(&world->dice, CHOICE_REJOINS, 30)) {
        agents_plan(world, place, back + 100, back + 4000, come_back, 0);
    } else if (!hangs) { /* after the webhook, for it has to notice first */
        agents_plan(world, place, 30, 300, end_later, crashes ? ENDS_CRASHED : ENDS_CLEAN);
    }
}

/* It looks once more, if it is a good one. */
static void quit_alone(struct world *world, const struct happening *happening) {
    const struct process *process = &world->processes[happening->subject];
    bool alone = process->guest == WORLD_NOBODY || server_callers(world, world->guests[process->guest].room) == 0;
    if (alone || !world->plan.healthy) {
        quit(world, happening);
    }
}

void agents_alone(struct world *world, int room) {
    int place = world->rooms[room].process;
    if (place != WORLD_NOBODY && world->processes[place].live && !world->processes[place].stays) {
        agents_plan(world, place, 5, 800, quit_alone, ENDS_CLEAN);
    }
}

/* Not when they have gone again. */
static void quit_handed_over(struct world *world, const struct happening *happening) {
    const struct process *process = &world->processes[happening->subject];
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->outbound && guest->here && guest->room == world->guests[process->guest].room) {
            quit(world, happening);
            return;
        }
    }
}

static bool talks(const struct world *world, int place) {
    return place != WORLD_NOBODY && world->processes[place].live && world->processes[place].guest != WORLD_NOBODY;
}

void agents_hand_over(struct world *world, int room) {
    int place = world->rooms[room].process;
    bool known =
        world->plan.can_ask && keeps_order(world); /* else who leaves at the same time leaves the caller alone */
    if (talks(world, place) && known) {
        agents_plan(world, place, 100, 5000, quit_handed_over, ENDS_CLEAN);
    }
}

void agents_leave(struct world *world, int room, int64_t most_ms) {
    int place = world->rooms[room].process;
    if (talks(world, place)) {
        agents_plan(world, place, 100, most_ms, quit, ENDS_CLEAN);
    }
}
