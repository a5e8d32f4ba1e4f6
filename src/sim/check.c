/* What must always hold, judged by what the bridge was told and by what is true, never by the bridge's own words. */

#include "sim/world.h"

enum {
    STOP_MS = 5000, /* after_call and stop_timeout, of either agent */
    SLACK_MS = 1000,
    HOUR_MS = 3600 * 1000,
    START_MS = 8000,   /* SIP_NUMBER_WAIT and a start */
    UNTAKEN_MS = 3500, /* three standbys that do not take their call */
    /* Where LiveKit can be asked it tells what webhooks did not. Of a caller: in the next round, of which the first may
     * come while its list still lags (10 s); the answers to three questions (rooms, people, are they there: 5 s at most
     * each); then the decision and the start. */
    UNTOLD_CALLER_MS = WORLD_RECONCILE_MS + 10000 + 3 * 5000 + START_MS,
    /* Of one whose call was let go for another bridge: it is looked at twice. */
    UNSERVED_MS = UNTOLD_CALLER_MS + 5000,
    /* Of an end: absence must be said in two rounds; an odd or failed one is repeated. */
    UNTOLD_END_MS = 2 * WORLD_RECONCILE_MS + 20000,
    ASKING_MS = 15000,    /* a room without a caller is asked for twice, with a confirmation, before it is given up */
    ON_THE_WAY_MS = 8000, /* a DeleteRoom that was right when it was sent may be on its way so long */
    SETTLED_MS = 10000,
    ANSWER_MS = 50,
};

static mono_ms later(mono_ms a, mono_ms b) {
    return a > b ? a : b;
}

static bool is_orderly(const struct world *world) {
    return world->plan.network == NETWORK_GOOD && world->plan.restart_at == PLAN_NEVER && !world->plan.loses_within;
}

/* Somebody of whom no webhook told, but LiveKit's list may have; its answer may be on the way when they leave. */
static bool untold_caller(const struct world *world, int place) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool was_here = guest->here || (guest->left_at != 0 && world->now - guest->left_at < ANSWER_MS);
        bool in_it = strcmp(world->rooms[guest->room].name, world->rooms[place].name) == 0; /* it is asked by name */
        if (was_here && in_it && guest->caller != WORLD_NOBODY && guest->told != TOLD_HERE) {
            return world->link != NULL;
        }
    }
    return false;
}

void check_start(struct world *world, int place, const char *agent) {
    const struct room *room = &world->rooms[place];
    const char *right = people_agent(world, place);
    if (right != NULL && strcmp(agent, right) != 0) {
        world_fail(world, "%s is given to %s, not to %s", room->sid, agent, right);
    }
    judge_back_off(world, place);
    parting_start(world, place);
    bool untold = untold_caller(world, place);
    if (room->told.never_again && !untold) {
        world_fail(world, "an agent that said never again is started in %s", room->sid);
    }
    if (room->handed_over_now && !untold) {
        world_fail(world, "an agent is started in %s, which was handed over", room->sid);
    }
    bool taken = room->lost_at != 0 && world->now - room->lost_at < 60000;
    if (taken && world->plan.healthy && is_orderly(world)) {
        world_fail(world, "an agent is started in %s, which another bridge has", room->sid);
    }
}

/* A good agent is killed only when it is in the way of the next one. Which of two with tokens of their own speaks, a late
 * webhook does not tell, and only LiveKit's list could. */
void check_kill(struct world *world, int place) {
    const struct process *process = &world->processes[place];
    bool speaks = process->guest != WORLD_NOBODY && world->guests[process->guest].audible;
    bool known = world->plan.can_ask || !process->sales;
    if (speaks && known && !process->dismissed && process->behaviour == BEHAVES_GOOD && is_orderly(world)) {
        world_fail(world, "process %d of %s is killed while it speaks", place, process->label);
    }
}

static bool must_be_served(const struct world *world, const struct guest *guest) {
    const struct plan_caller *caller = &world->plan.caller[guest->caller];
    return !caller->spam && !caller->blocked;
}

/* A caller who has been in the room, and in LiveKit's list, for a while; STALE: whoever it is, else who must be served. */
static bool somebody_stays(const struct world *world, int place, bool stale) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool here = guest->here && guest->room == place && guest->caller != WORLD_NOBODY && guest->listed;
        mono_ms since = guest->listed_at > guest->joined_at ? guest->listed_at : guest->joined_at;
        if (here && world->now - since > ON_THE_WAY_MS && (stale || must_be_served(world, guest))) {
            return true;
        }
    }
    return false;
}

static bool human_talks(const struct world *world, int place) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        bool before = guest->joined_at + 1000 < world->rooms[place].ending_at;
        if (guest->room == place && guest->here && guest->outbound && before) {
            return true;
        }
    }
    return false;
}

/* Nobody who waits is hung up on, and a human to whom the caller was handed over is not cut off because the agent
 * left. */
void check_delete(struct world *world, int place, bool urgent) {
    const struct room *room = &world->rooms[place];
    if (urgent && !judge_may_delete(world, place)) {
        world_fail(world, "%s is deleted, which is not ours to do (%s)", room->sid, call_end_label(room->end));
    }
    if (urgent && judge_rings_on(world, place)) {
        world_fail(world, "%s is deleted while a phone joins it, which then rings on", room->sid);
    }
    if (human_talks(world, place) && room->end == END_AGENT_DONE && is_orderly(world)) {
        world_fail(world, "%s is deleted although a human talks with the caller", room->sid);
    }
    if (!urgent && somebody_stays(world, place, true)) {
        world_fail(world, "%s is deleted as a stale room although a phone is in it", room->sid);
    }
    bool right =
        room->end != END_CALLER_LEFT &&
        (room->end != END_NONE || world->now - room->ended_at < ON_THE_WAY_MS); /* or it was, when it was sent */
    if (urgent && !right && somebody_stays(world, place, false)) {
        world_fail(world, "%s is deleted although a caller waits in it", room->sid);
    }
}

static bool has_company(const struct world *world, const struct guest *caller) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->room == caller->room && guest->here && guest->audible && guest->kind != KIND_EGRESS &&
            guest->caller == WORLD_NOBODY) {
            return true;
        }
    }
    return false;
}

/* Webhooks do not tell all, or tell what is not so. One that the bridge dies of is answered, and lost. */
static bool is_misled(const struct plan *plan) {
    return plan->loses_within || plan->network == NETWORK_LOSSY || plan->network == NETWORK_DEAD ||
           plan->network == NETWORK_REPEATING;
}

/* How long a caller may hear nobody in this plan; MONO_NEVER: as long as they like. */
static int64_t silence_limit(const struct plan *plan) {
    bool excused = plan->operator_at != PLAN_NEVER || (plan->other_bridge_at != PLAN_NEVER && !plan->can_ask);
    /* After a loss how an adopted agent ended is not known, and waits begin anew: as with agents that fail. */
    bool ails = !plan->healthy || plan->loss_percent > 0;
    bool blames = plan->restart_at != PLAN_NEVER && plan->forgets; /* agents, for what fails for want of LiveKit */
    bool unready = plan->rules_at != PLAN_NEVER && plan->redis_stops_at != PLAN_NEVER; /* for long: nobody is chosen */
    if (excused || (!plan->can_ask && (is_misled(plan) || ails || blames || unready))) {
        return MONO_NEVER;
    }
    int64_t limit = ails ? 120000 : START_MS;
    limit += plan->standbys ? UNTAKEN_MS : 0;
    bool let_go = plan->other_bridge_at != PLAN_NEVER || plan->network == NETWORK_REORDERING; /* or it may seem so */
    limit += let_go ? UNSERVED_MS : is_misled(plan) ? UNTOLD_CALLER_MS : 0;
    limit += plan->can_ask && plan->api_fails_percent > 0 ? UNTOLD_CALLER_MS : 0;
    limit += is_misled(plan) && plan->odd_list_at != PLAN_NEVER ? WORLD_RECONCILE_MS : 0;
    limit += plan->network == NETWORK_SLOW ? 6000 : 0;
    limit += plan->network == NETWORK_REORDERING ? 12000 : 0;
    limit += plan->rules_at != PLAN_NEVER ? 8000 : 0;
    return limit + (plan->restart_at != PLAN_NEVER ? 8000 : 0);
}

static bool is_served(const struct world *world, const struct guest *guest) {
    const struct room *room = &world->rooms[guest->room];
    const struct plan_caller *caller = &world->plan.caller[guest->caller];
    bool nobodys = caller->nobodys && !world->plan.can_ask; /* else they are hung up */
    bool excused = caller->spam || caller->blocked || nobodys || room->handed_over ||
                   world->now - room->told.at >= 4 * (int64_t)HOUR_MS ||
                   world->now - guest->joined_at >= 4 * (int64_t)HOUR_MS;
    bool mistaken = world->plan.network == NETWORK_REORDERING && bridge_counters(world->bridge)->ends[END_TAKEN] > 0;
    bool unknowable = world->plan.can_ask ? !guest->listed : mistaken; /* not even LiveKit shows them, or who pushed
                                                                          out whom is told in the wrong order */
    return excused || unknowable || has_company(world, guest);
}

/* What is found out by asking LiveKit is asked anew after each loss of memory; 0: nothing need be. */
static mono_ms asked_anew_at(const struct world *world) {
    const struct plan *plan = &world->plan;
    return plan->healthy && !is_misled(plan) && plan->api_fails_percent == 0 ? 0 : world->lost_memory_at;
}

void check_silence(struct world *world) {
    int64_t limit = silence_limit(&world->plan);
    for (int i = 0; i < world->guest_count && limit != MONO_NEVER; i++) {
        struct guest *guest = &world->guests[i];
        if (!guest->here || guest->caller == WORLD_NOBODY) {
            continue;
        }
        if (is_served(world, guest)) {
            guest->silent_since = world->now;
        } else if (world->now - later(guest->silent_since, asked_anew_at(world)) > limit) {
            world_fail(world, "caller %s hears nobody for more than %lld ms", guest->sid, (long long)limit);
        }
    }
}

static void check_view(void *context, const struct bridge_view *view) {
    struct world *world = context;
    struct room *room = &world->rooms[world_place(view->sid)];
    room->visible = true;
    room->handed_over_now = view->facts->handed_over;
    room->handed_over = room->handed_over || room->handed_over_now;
    enum call_end end = call_end(view->facts, &call_policy_default, world->now);
    bool alone = end == END_AGENT_DONE && told_callers(world, world_place(view->sid)) == 0; /* it may leave for that */
    bool gives_up = end == END_CALLER_LEFT || alone;
    if (gives_up && room->end == END_NONE && world->now < room->told.back_by && is_orderly(world)) {
        world_fail(world, "%s is given up before the time to come back to it is over", room->sid);
    }
    room->ending_at = room->end == END_NONE || room->gone_at != 0 ? world->now : room->ending_at;
    room->begun_at = room->end != END_NONE && end == END_NONE ? world->now : room->begun_at;
    room->end = end;
    room->ended_at = room->end != END_NONE ? world->now : room->ended_at;
    mono_ms seen_at = view->facts->seen_at;
    room->begun_at = seen_at > room->begun_at ? seen_at : room->begun_at;
    judge_phase(world, (int)(room - world->rooms), view->phase);
    if (strcmp(room->agent, view->agent) == 0) {
        return;
    }
    if (room->agent[0] != '\0') {
        world_fail(world, "the agent of %s was %s and is %s", view->sid, room->agent, view->agent);
    }
    world_copy(room->agent, sizeof room->agent, view->agent);
}

/* What ListRooms said was odd, or was misread: a call that is there is given up for it. */
static void check_given_up(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    if (world->plan.can_ask && room->visible && room->open && room->end == END_ROOM_FINISHED) {
        for (int i = 0; i < world->guest_count; i++) {
            const struct guest *guest = &world->guests[i];
            bool waits = guest->here && guest->room == place && guest->caller != WORLD_NOBODY;
            if (waits && world->now - guest->joined_at > SETTLED_MS) {
                world_fail(world, "%s is taken for finished although a caller is in it", room->sid);
            }
        }
    }
}

/* What fails for want of LiveKit is not held against agents that are good. */
static void check_blame(struct world *world, int place) {
    const struct plan *plan = &world->plan;
    bool fair = plan->healthy && plan->can_ask && plan->network == NETWORK_GOOD && !plan->loses_within &&
                plan->api_fails_percent == 0 && plan->other_bridge_at == PLAN_NEVER;
    bool away =
        !world->server_up || world->now - world->server_back_at < SETTLED_MS; /* a room cannot be deleted then */
    fair = fair && !world->rooms[place].lost_start; /* to the next bridge that is a start that failed */
    if (fair && !away && world->rooms[place].visible && world->rooms[place].end == END_AGENT_FAILED) {
        world_fail(world, "the agents of %s are good, but taken for failed", world->rooms[place].sid);
    }
}

/* How long after its last caller a call may go on because nothing told of that; MONO_NEVER: for ever. */
static int64_t end_limit(const struct plan *plan) {
    if (!plan->can_ask) {
        return MONO_NEVER;
    }
    return UNTOLD_END_MS + (plan->api_fails_percent > 0 || plan->odd_list_at != PLAN_NEVER ? UNTOLD_END_MS : 0);
}

/* Since when the call has had no caller, by what the bridge could know: a stale room that is deleted may be told of as
 * begun, and makes a call for a moment. A bridge that loses its memory forgets what it was asking LiveKit, and that
 * somebody was absent once: it finds that out anew. */
static mono_ms idle_since(const struct world *world, const struct room *room) {
    return later(later(room->empty_since, room->begun_at), world->lost_memory_at);
}

static void check_untold_end(struct world *world, int place) {
    const struct room *room = &world->rooms[place];
    int64_t limit = end_limit(&world->plan);
    bool lives = room->visible && room->end == END_NONE;
    mono_ms since = idle_since(world, room);
    if (lives && limit != MONO_NEVER && room->empty_since != 0 && world->now - since > limit) {
        world_fail(world, "the call of %s goes on for more than %lld ms after its last caller", room->sid,
                   (long long)limit);
    }
}

/* When a process of ROOM must be gone. What webhooks told counts where LiveKit does not say otherwise. */
static mono_ms gone_by(const struct world *world, const struct room *room) {
    const struct plan *plan = &world->plan;
    mono_ms told_by = room->told.over_by != MONO_NEVER ? room->told.over_by + STOP_MS + SLACK_MS : MONO_NEVER;
    if (!plan->can_ask) {
        return told_by;
    }
    if (room->empty_since == 0) {
        return MONO_NEVER;
    }
    bool sure = !is_misled(plan) && plan->restart_at == PLAN_NEVER && plan->api_fails_percent == 0;
    mono_ms untold_by = idle_since(world, room) + end_limit(plan) + STOP_MS + SLACK_MS;
    if (!sure || told_by == MONO_NEVER) {
        return untold_by;
    }
    mono_ms empty_by = later(room->empty_since, world->lost_memory_at) + STOP_MS + SLACK_MS; /* it asks anew */
    return later(told_by, empty_by) + ASKING_MS;
}

static void check_outliving(struct world *world) {
    for (int i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        if (process->live && world->now > gone_by(world, &world->rooms[process->room])) {
            world_fail(world, "process %d of %s outlives its call", i, process->label);
        }
    }
}

static void note_empty(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        struct room *room = &world->rooms[i];
        bool empty = world->server_up && server_callers(world, i) == 0;
        room->empty_since = !empty ? 0 : room->empty_since != 0 ? room->empty_since : world->now;
    }
}

/* Three replacements for each caller who comes, two for hangs, and those in a minute: no storm. */
static void check_starts(struct world *world) {
    int64_t minutes = (world->now - WORLD_START_MS) / 60000;
    int64_t most = 12 * (1 + (int64_t)world->joins + world->room_count) + 4 * minutes;
    int starts = world->process_count - world->untaken;
    if (starts > most) {
        world_fail(world, "%d starts for %u callers within %lld min", starts, world->joins, (long long)minutes);
    }
}

void check_step(struct world *world) {
    for (int i = 0; i < world->room_count; i++) {
        world->rooms[i].visible = false;
    }
    bridge_each(world->bridge, world->now, check_view, world);
    note_empty(world);
    for (int i = 0; i < world->room_count; i++) {
        struct room *room = &world->rooms[i];
        room->gone_at = room->visible || room->told.at == 0 ? 0 : room->gone_at != 0 ? room->gone_at : world->now;
        if (!room->visible) {
            room->agent[0] = '\0';
            room->handed_over_now = false;
        }
        check_given_up(world, i);
        check_untold_end(world, i);
        check_blame(world, i);
        judge_ending(world, i);
        parting_check(world, i);
    }
    check_outliving(world);
    check_starts(world);
    standbys_check(world);
}

/* More people are counted than listed: for all that can be known somebody is in it. */
static bool hides_somebody(const struct world *world, int place) {
    int listed = 0;
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        listed += guest->listed && guest->room == place && guest->kind != KIND_AGENT && guest->kind != KIND_EGRESS;
    }
    return world->rooms[place].count.people > listed;
}

void check_end(struct world *world) {
    standbys_check_end(world);
    if (processes_any_live(world)) {
        world_fail(world, "at the end of time a process lives");
    }
    if (bridge_live(world->bridge) != 0) {
        world_fail(world, "at the end of time %zu calls live", bridge_live(world->bridge));
    }
    if (bridge_next_due(world->bridge) != MONO_NEVER) {
        world_fail(world, "at the end of time the call table is not empty");
    }
    bridge_flush(world->bridge);
    for (int i = 0; i < world->room_count; i++) {
        if (world->journal[i].len > 0) {
            world_fail(world, "at the end of time the journal has something of %s", world->rooms[i].sid);
        }
        if (world->link != NULL && world->rooms[i].stored && !hides_somebody(world, i)) {
            world_fail(world, "at the end of time the stale room %s is there", world->rooms[i].sid);
        }
    }
}
