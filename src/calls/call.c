/* Events become facts: one small handler per event. */
#include "calls/call.h"

#include <string.h>

#include "calls/exit.h"
#include "calls/ghosts.h"
#include "calls/legs.h"

const struct call_policy call_policy_default = {
    .number_wait_ms = 6000,
    .ready_ms = 10000,
    .rejoin_ms = 5000,
    .max_call_ms = 4 * 3600 * 1000,
    .caller_wait_ms = 10000,
    .parting_ms = 2000,
    .crash_window_ms = 60000,
    .arriving_ms = 3000,
    .close_room = true,
};

static const char *const event_names[] = {
#define X(symbol) [CALL_##symbol] = #symbol,
    CALL_EVENTS(X)
#undef X
};

const char *call_event_name(enum call_event_kind kind) {
    return event_names[kind];
}

void call_init(struct call *call, mono_ms now) {
    *call = (struct call){.seen_at = now};
}

/* Forgets the agent process that was: the next one starts with a clean record. */
static void forget_agent(struct call *call) {
    call->voice = VOICE_NONE;
    call->voice_sid = 0;
    call->spoke = call->room_again = call->left_client = call->confirmed = call->dismissed = false;
    call->voice_left_at = call->pushed_out_at = 0;
}

/* A live caller makes a call of what was over, except where another sid or another bridge has it. */
static void caller_came(struct call *call, const struct call_policy *policy, mono_ms now) {
    if (call_here(call, LEG_CALLER) == 0 || now >= call->caller_at + policy->max_call_ms) {
        call->caller_at = now;
    }
    call->gave_up = call->gave_up && !call->had_caller; /* before the first caller it was tried for them */
    call->had_caller = true;
    call->stopped = call->agent_done = call->handed_over = call->nobody_there = false;
    call->failed_starts = call->hangs = 0;
    call->retry_at = call->delete_at = 0;
    call->delete_tries = 0;
    if (call->choice == CHOSEN_NOBODY) {
        call->choice = CHOSEN_NOT;
        call->overloaded = false; /* there may be room by now */
    }
}

/* LiveKit restarted: who is still there joins again with a new sid, and what failed for want of it may work now. */
static void note_restart(struct call *call, mono_ms now) {
    legs_leave_all(call, LEG_LEFT_SOFT, now);
    call->voice = VOICE_NONE;
    call->room_again = true;
    call->taken = false; /* the other bridge's agent is out as well */
    call->pushed_out_at = 0;
    call->started_at = now;
    call->confirmed = false;
    call->gave_up = call->gave_up && call->exit == EXIT_NEVER_AGAIN;
    call->failed_starts = call->hangs = 0;
}

static void note_room_started(struct call *call, const struct call_event *event, mono_ms now) {
    bool again = event->again || (call->room_at != 0 && call->room_at < now); /* the first may follow a leg's joined */
    if (again) {
        note_restart(call, now);
    }
    call->room_at = now;
    if (call->room != ROOM_FINISHED) {
        call->room = ROOM_OPEN;
    }
}

static void note_room_finished(struct call *call, mono_ms now) {
    call->room = ROOM_FINISHED;
    call->room_at = 0;
    call->crowded = false;
    legs_leave_all(call, LEG_LEFT_HARD, now);
    call->voice = VOICE_NONE;
}

static void note_leg_joined(struct call *call, const struct call_event *event, const struct call_policy *policy,
                            mono_ms now) {
    struct leg *known = legs_find(call, event->sid);
    bool returns = known != NULL && legs_may_return(known);
    if (known != NULL && !returns) { /* repeated, late after it left, or rejected: what may be new is that it arrived */
        known->arriving = known->arriving && !event->audible;
        known->only_listed = known->only_listed && event->listed;
        known->absences = 0;
        return;
    }
    call->room = ROOM_OPEN;
    for (unsigned i = 0; i < call->leg_count; i++) {
        if (call_leg_at(call, i)->identity == event->identity) {
            legs_leave(call_leg_at(call, i), LEG_LEFT_HARD, now);
        }
    }
    if (event->role == LEG_CALLER) {
        caller_came(call, policy, now);
    }
    struct leg leg = legs_make(event, LEG_HERE, now);
    if (returns) {
        *known = leg;
    } else {
        legs_add(call, &leg);
    }
}

static void note_leg_rejected(struct call *call, const struct call_event *event, mono_ms now) {
    call->had_reject = true;
    struct leg *known = legs_find(call, event->sid);
    if (known != NULL) {
        known->left_at = known->state != LEG_REJECTED ? now : known->left_at;
        known->state = LEG_REJECTED;
        known->arriving = known->arriving && !event->audible;
        return;
    }
    call->room = ROOM_OPEN;
    struct leg leg = legs_make(event, LEG_REJECTED, now);
    legs_add(call, &leg);
}

static void note_leg_left(struct call *call, const struct call_event *event, mono_ms now) {
    enum leg_state how = event->hard ? LEG_LEFT_HARD : LEG_LEFT_SOFT;
    struct leg *known = legs_find(call, event->sid);
    if (known != NULL) {
        legs_leave(known, how, now);
        known->arriving = known->only_listed = false;
        return;
    }
    struct leg leg = legs_make(event, how, now); /* its joined is lost or still to come: remember that it left */
    legs_add(call, &leg);
    call->had_caller = call->had_caller || (event->role == LEG_CALLER && !call->had_reject);
    call->nobody_there = call->nobody_there && !call->had_caller; /* there was one, who may come back */
}

/* Absence counts when it is said twice running (rule 8): one answer may be odd, or older than what webhooks told. */
static void note_leg_absent(struct call *call, const struct call_event *event, mono_ms now) {
    struct leg *known = legs_find(call, event->sid);
    if (known != NULL && known->state == LEG_HERE && ++known->absences >= CALL_ABSENCES) {
        legs_leave(known, LEG_LEFT_HARD, now);
    }
}

static void note_room_absent(struct call *call, mono_ms now) {
    if (call->room != ROOM_FINISHED && ++call->absences >= CALL_ABSENCES) {
        note_room_finished(call, now);
    }
}

static void note_speaks(struct call *call, mono_ms now) {
    call->voice = VOICE_SPEAKS;
    call->spoke_at = call->spoke ? call->spoke_at : now;
    call->spoke = true;
    call->failed_starts = call->hangs = 0;
    call->answered_at = call->answered_at != 0 ? call->answered_at : now;
}

/* It was not listed twice running, and is there all the same. */
static bool is_back(const struct call *call, uint64_t sid) {
    return sid == call->voice_sid && call->voice == VOICE_NONE && call->voice_absences >= CALL_ABSENCES;
}

static void note_agent_joined(struct call *call, const struct call_event *event, mono_ms now) {
    if ((call_is_ghost(call, event->sid) || event->sid == call->voice_sid) && !is_back(call, event->sid)) {
        call->voice_absences = 0;
        return;
    }
    if (call->any_agent && call->voice == VOICE_SPEAKS) {
        return; /* somebody else's: ours is here */
    }
    if (call->process == PROCESS_NONE) {
        ghosts_add(call, event->sid); /* of a process already gone */
        return;
    }
    if (call->voice_sid != 0 && !call->any_agent) { /* pushed out: a late word of it is none of this one */
        ghosts_add(call, call->voice_sid);
    }
    if (call->voice != VOICE_NONE) { /* the former one's leaving is not told yet */
        call->started_at = now;
    }
    call->voice = VOICE_JOINED;
    call->voice_sid = event->sid;
    call->voice_absences = 0;
    call->voice_left_at = 0;
    call->room_again = call->left_client = false; /* but not pushed_out_at: it may be the one who pushed */
    if (event->sid == call->audio_sid) {
        note_speaks(call, now);
    }
}

/* LEG is no leg after all, but an agent that joined with a token of its own; not one that was there before the last one's
 * process ended, whose ghost it may be. */
static bool is_agent_leg(const struct call *call, const struct leg *leg) {
    return call->any_agent && call->voice != VOICE_SPEAKS && call->process != PROCESS_NONE && leg->role == LEG_OTHER &&
           leg->state == LEG_HERE && leg->joined_at >= call->exit_at;
}

static void note_audio(struct call *call, const struct call_event *event, mono_ms now) {
    struct leg *leg = legs_find(call, event->sid);
    if (leg != NULL) {
        leg->arriving = false;
    }
    if (leg != NULL && is_agent_leg(call, leg)) {
        legs_leave(leg, LEG_LEFT_HARD, now);
        note_agent_joined(call, event, now);
    }
    if (event->sid == call->voice_sid && call->voice != VOICE_NONE) {
        note_speaks(call, now);
    } else if (leg == NULL) {
        call->audio_sid = event->sid;
    }
}

/* Pushed out for its identity: by its own reconnection, as the ghost of its predecessor, or by another bridge's
 * agent. How its process ends will tell (calls/exit.h). */
static void note_voice_left(struct call *call, const struct call_event *event, mono_ms now) {
    call->left_client = event->client;
    call->voice_left_at = now;
    call->pushed_out_at = event->duplicate && !call->any_agent ? now : 0; /* only our identity can be taken */
}

static void note_agent_left(struct call *call, const struct call_event *event, mono_ms now) {
    if (event->sid == call->ghost_sid && call->exit_open) {
        note_voice_left(call, event, now); /* the word that follows the exit (rule 5) */
    }
    if (event->sid == call->ghost_sid && !event->duplicate) {
        call->taken = false; /* whoever took its place has left it */
    }
    if (event->sid == call->voice_sid) {
        call->voice_absences = 0; /* its own word: it does not come back */
    }
    if (event->sid == call->voice_sid && call->voice != VOICE_NONE) {
        note_voice_left(call, event, now);
        call->voice = VOICE_NONE;
        call->started_at = now; /* its process lives: it may come back, or hang */
        call->confirmed = false;
    }
}

static void note_agent_absent(struct call *call, mono_ms now) {
    if (call->voice == VOICE_SPEAKS && ++call->voice_absences >= CALL_ABSENCES) {
        struct call_event left = {.kind = CALL_AGENT_LEFT, .sid = call->voice_sid};
        note_agent_left(call, &left, now);
        call->voice_absences = CALL_ABSENCES;
    }
}

static void note_exited(struct call *call, const struct call_event *event, mono_ms now) {
    if (call->process == PROCESS_NONE) {
        return;
    }
    call->process = PROCESS_NONE;
    call->exit = (uint8_t)event->exit;
    call->exit_at = now;
    call->exit_open = true;
    ghosts_add(call, call->voice_sid);
    call->voice = VOICE_NONE;
}

/* Nothing failed that the call began: who is wanted is asked for again at once. */
static void note_lost(struct call *call) {
    if (call->process != PROCESS_NONE) {
        call->process = PROCESS_NONE;
        forget_agent(call);
    }
}

static void note_asked(struct call *call, mono_ms now) {
    if (call->process == PROCESS_NONE) {
        call->process = PROCESS_STARTING;
        call->started_at = now;
        forget_agent(call);
    }
}

static void note_choice(struct call *call, const struct call_event *event) {
    if (call->choice == CHOSEN_NOT) { /* a decision is never revised */
        call->choice = event->kind == CALL_CHOSEN ? CHOSEN_AGENT : CHOSEN_NOBODY;
        call->any_agent = event->any_agent;
        call->overloaded = event->kind == CALL_OVERLOAD;
    }
}

/* Deleting was tried and failed: again after 0.2, 1, 2, 4 … s, at most a minute (rule 3). */
static void note_delete_failed(struct call *call, mono_ms now) {
    if (now < call->delete_at) {
        return;
    }
    int64_t wait = call->delete_tries == 0 ? 200 : (int64_t)500 << call->delete_tries;
    call->delete_at = now + (wait < 60000 ? wait : 60000);
    call->delete_tries = (uint8_t)(call->delete_tries < 8 ? call->delete_tries + 1 : 8);
}

/* Past the ready time-out and nobody knows better: it is killed; once more is one try too many. */
static void note_not_ready(struct call *call) {
    if (call->process == PROCESS_NONE || call->voice == VOICE_SPEAKS || call->confirmed) {
        return;
    }
    call->confirmed = true;
    call->hangs++;
    call->gave_up = call->gave_up || call->hangs >= CALL_HANGS;
}

static void note_process(struct call *call, const struct call_event *event, mono_ms now) {
    if (event->kind == CALL_PROCESS_STARTED && call->process == PROCESS_STARTING) {
        call->process = PROCESS_RUNNING;
        call->started_at = now;
    } else if (event->kind == CALL_PROCESS_FAILED && call->process == PROCESS_STARTING) {
        struct call_event gone = {.kind = CALL_PROCESS_EXITED, .exit = EXIT_CRASHED};
        note_exited(call, &gone, now);
    } else if (event->kind == CALL_PROCESS_EXITED) {
        note_exited(call, event, now);
    }
}

/* All is new but who was there: another caller's number, agent and ring time are not this one's. Not where another
 * sid or another bridge has the call. */
static void note_again(struct call *call, mono_ms now) {
    if (call->superseded || call->taken || call->process != PROCESS_NONE) {
        return;
    }
    struct call fresh = {.room = ROOM_OPEN, .room_at = call->room_at, .leg_count = call->leg_count};
    fresh.seen_at = fresh.caller_at = now; /* also where others, who had no agent, never left */
    fresh.ghost_sid = call->ghost_sid;
    memcpy(fresh.older_ghosts, call->older_ghosts, sizeof fresh.older_ghosts);
    memcpy(fresh.legs, call->legs, sizeof fresh.legs);
    fresh.more = call->more;
    *call = fresh;
}

void call_note(struct call *call, const struct call_event *event, const struct call_policy *policy, mono_ms now) {
    if (call_event_is_word(event->kind) || event->kind == CALL_ROOM_LISTED) {
        call->absences = 0; /* whoever comes, speaks or goes does so in a room that is there */
    }
    switch (event->kind) {
    case CALL_ROOM_STARTED: note_room_started(call, event, now); break;
    case CALL_ROOM_FINISHED:
    case CALL_ROOM_DELETED: note_room_finished(call, now); break;
    case CALL_LEG_JOINED:
        note_leg_joined(call, event, policy, now);
        if (event->sid == call->audio_sid) {
            note_audio(call, event, now);
        }
        break;
    case CALL_LEG_REJECTED: note_leg_rejected(call, event, now); break;
    case CALL_LEG_LEFT:
        note_leg_left(call, event, now);
        note_agent_left(call, event, now); /* an agent with a token of its own left as it joined: as a person */
        break;
    case CALL_LEG_ABSENT: note_leg_absent(call, event, now); break;
    case CALL_ROOM_ABSENT: note_room_absent(call, now); break;
    case CALL_NO_CALLER: call->nobody_there = !call->had_caller; break;
    case CALL_AGENT_JOINED: note_agent_joined(call, event, now); break;
    case CALL_AUDIO_PUBLISHED: note_audio(call, event, now); break;
    case CALL_AGENT_LEFT: note_agent_left(call, event, now); break;
    case CALL_AGENT_ABSENT: note_agent_absent(call, now); break;
    case CALL_CHOSEN:
    case CALL_NOBODY:
    case CALL_OVERLOAD: note_choice(call, event); break;
    case CALL_CHOICE_LOST: call->choice = CHOSEN_NOT; break;
    case CALL_PROCESS_ASKED: note_asked(call, now); break;
    case CALL_PROCESS_STARTED:
    case CALL_PROCESS_FAILED:
    case CALL_PROCESS_EXITED: note_process(call, event, now); break;
    case CALL_PROCESS_LOST: note_lost(call); break;
    case CALL_DISMISSED: call->dismissed = call->process != PROCESS_NONE; break;
    case CALL_NOT_READY: note_not_ready(call); break;
    case CALL_DELETE_FAILED: note_delete_failed(call, now); break;
    case CALL_AGAIN: note_again(call, now); break;
    case CALL_STOP: call->stopped = true; break;
    case CALL_SUPERSEDED: call->superseded = true; break;
    case CALL_ROOM_LISTED:
    case CALL_TICK:
    case CALL_EVENT_COUNT: break;
    }
    exit_judge(call, policy, now);
}
