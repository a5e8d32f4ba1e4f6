/* Acting on what is wanted: the agent, the questions to LiveKit, the room. */
#include "base/log.h"
#include "bridge/internal.h"

static void note_kind(struct bridge *bridge, struct bridge_call *call, enum call_event_kind kind, mono_ms now) {
    struct call_event event = {.kind = kind};
    call_note(&call->entry.facts, &event, bridge_policy(bridge, call), now);
}

/* Acting on what is wanted: each function returns true when it noted a new fact. */

static bool act_stop(struct bridge *bridge, struct bridge_call *call, enum want_agent how, mono_ms now) {
    struct call *facts = &call->entry.facts;
    bool kill = how == AGENT_KILL;
    if (facts->process == PROCESS_NONE || (facts->dismissed && (!kill || call->killed))) {
        return false;
    }
    call->killed = kill;
    bridge->counters.stops += !facts->dismissed;
    struct engine_stop stop = {
        .after_ms = kill ? 0 : call->after_call_ms,
        .timeout_ms = kill ? 0 : call->stop_timeout_ms,
        .kill = kill,
    };
    bridge_trace(bridge, call, "action: %s the agent's process", kill ? "kill" : "stop");
    bridge->ports.engine.stop(bridge->ports.engine.self, call->entry.sid, &stop);
    call->dismissed_at = facts->dismissed ? call->dismissed_at : now;
    note_kind(bridge, call, CALL_DISMISSED, now);
    return true;
}

static bool act_run(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    if (call->entry.facts.process != PROCESS_NONE || bridge->presumed_away) {
        return false;
    }
    if (call->agent == NULL && !bridge_regain(bridge, call, now)) {
        return false;
    }
    if (call->entry.facts.choice == CHOSEN_NOT) {
        return true;
    }
    call->killed = call->asked_ready = call->noted_voice = false;
    call->asked_at = now;
    bridge_start(bridge, call);
    if (!call->warm) { /* a standby is there already: SIP_MAX_STARTS is for what a start costs */
        limits_started(&bridge->limits, now);
    }
    note_kind(bridge, call, CALL_PROCESS_ASKED, now);
    return true;
}

static bool act_agent(struct bridge *bridge, struct bridge_call *call, enum want_agent agent, mono_ms now) {
    switch (agent) {
    case AGENT_LEAVE: return false;
    case AGENT_RUN: return act_run(bridge, call, now);
    case AGENT_STOP:
    case AGENT_KILL: return act_stop(bridge, call, agent, now);
    }
    return false;
}

static bool ask(struct bridge *bridge, struct bridge_call *call, enum want_ask what) {
    return bridge->ports.livekit.ask(bridge->ports.livekit.self, call->entry.sid, call->entry.room, what);
}

static bool act_ask_number(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    const struct call *facts = &call->entry.facts;
    bool final = now >= facts->seen_at + bridge_policy(bridge, call)->number_wait_ms;
    if (bridge_choose(bridge, call, final, now)) {
        return true;
    }
    if (!call->asked_number && !call->leg.known) {
        call->asked_number = ask(bridge, call, ASK_NUMBER);
    }
    return false;
}

/* Not ready in time. LiveKit is asked first, for webhooks get lost; where nobody can be asked they are the word. */
static bool act_ask_ready(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    if (call->asked_ready) {
        return false;
    }
    call->asked_ready = ask(bridge, call, ASK_READY);
    if (call->asked_ready) {
        return false;
    }
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "the agent published no audio within %lld ms of its start, killing it",
                (long long)bridge_policy(bridge, call)->ready_ms);
    note_kind(bridge, call, CALL_NOT_READY, now);
    return true;
}

/* No caller came, or the last one may have come back unheard. Where nobody can be asked the webhooks are the word. */
static bool act_ask_room(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    if (call->asked_room) {
        return false;
    }
    call->asked_room = true;
    if (ask(bridge, call, ASK_ROOM) || call->entry.facts.had_caller) {
        return false;
    }
    note_kind(bridge, call, CALL_NO_CALLER, now);
    return true;
}

static bool act_ask(struct bridge *bridge, struct bridge_call *call, enum want_ask what, mono_ms now) {
    switch (what) {
    case ASK_NUMBER: return act_ask_number(bridge, call, now);
    case ASK_READY: return act_ask_ready(bridge, call, now);
    case ASK_ROOM: return act_ask_room(bridge, call, now);
    case ASK_NOTHING: break;
    }
    return false;
}

static bool act_room(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    if (call->deleting || now < call->entry.facts.delete_at) {
        return false;
    }
    bridge_trace(bridge, call, "action: delete the room");
    call->deleting = bridge->ports.livekit.delete_room(bridge->ports.livekit.self, call->entry.sid, call->entry.room);
    if (!call->deleting) {
        note_kind(bridge, call, CALL_DELETE_FAILED, now);
    }
    return !call->deleting;
}

bool bridge_act(struct bridge *bridge, struct bridge_call *call, const struct want *want, mono_ms now) {
    bool noted = act_agent(bridge, call, want->agent, now);
    noted |= act_ask(bridge, call, want->ask, now);
    noted |= want->room == ROOM_DELETE && act_room(bridge, call, now);
    return noted;
}
