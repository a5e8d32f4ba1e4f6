/* Webhooks become events of calls: whose room it is, which participant is who, and what the log says about it. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "bridge/internal.h"
#include "bridge/journal.h"

enum who { WHO_NOBODY, WHO_CALLER, WHO_OUTBOUND, WHO_OTHER, WHO_AGENT };

#define AGENT_PREFIX "sip-agent-"

bool bridge_is_ours(const struct bridge *bridge, struct slice room) {
    return slice_starts(room, slice_of(bridge->options.room_prefix));
}

static bool is_caller(const struct webhook_event *event) {
    return event->participant.kind == KIND_SIP && event->participant.rule_id.n > 0;
}

bool bridge_is_agent_of(struct slice sid, struct slice identity) {
    size_t prefix = sizeof AGENT_PREFIX - 1;
    return slice_starts(identity, SLICE(AGENT_PREFIX)) && slice_eq(slice_after(identity, prefix), sid);
}

char *bridge_agent_identity(struct slice sid) {
    return xasprintf(AGENT_PREFIX "%.*s", SLICE_ARG(sid));
}

static bool is_our_identity(const struct bridge_call *call, struct slice identity) {
    return bridge_is_agent_of(slice_of(call->entry.sid), identity);
}

/* Who the participant is to the call: egress, ingress and other people's agents are nobody. */
static enum who who_is(const struct bridge_call *call, const struct webhook_event *event) {
    if (is_our_identity(call, event->participant.identity)) {
        return WHO_AGENT;
    }
    switch (event->participant.kind) {
    case KIND_SIP: return is_caller(event) ? WHO_CALLER : WHO_OUTBOUND;
    case KIND_STANDARD: return WHO_OTHER;
    case KIND_AGENT: return call->entry.facts.any_agent ? WHO_AGENT : WHO_NOBODY;
    case KIND_INGRESS:
    case KIND_EGRESS:
    case KIND_OTHER: break;
    }
    return WHO_NOBODY;
}

/* Attributes may be as long as a body; an agent's line is not, and a call must not cost more than it can use. */
static struct slice fitting_attributes(const struct bridge_call *call, const struct webhook_event *event) {
    struct slice attributes = event->participant.attributes;
    if (attributes.n <= ENGINE_LINE_MAX) {
        return attributes;
    }
    bridge_warn_attributes(call, attributes.n);
    return SLICE("");
}

static void keep_leg(struct bridge_call *call, const struct webhook_event *event, uint64_t sid) {
    if (call->leg.known && call->entry.facts.choice != CHOSEN_NOBODY) {
        return; /* the first caller's words decide, unless they gave nobody */
    }
    bridge_leg_keep(&call->leg, &(struct journal_leg){
                                    .known = true,
                                    .sid = sid,
                                    .called = event->participant.called,
                                    .caller = event->participant.caller,
                                    .trunk_id = event->participant.trunk_id,
                                    .rule_id = event->participant.rule_id,
                                    .attributes = fitting_attributes(call, event),
                                    .identity = event->participant.identity,
                                });
}

/* "PREFIX_NUMBER" or "PREFIX_NUMBER_RANDOM", as LiveKit's callee rule names rooms. */
static void keep_room_number(const struct bridge *bridge, struct bridge_call *call, struct slice room) {
    size_t prefix = strlen(bridge->options.room_prefix);
    const char *start = room.n > prefix ? memchr(room.p + prefix, '_', room.n - prefix) : NULL;
    if (!bridge->options.room_names_called || start == NULL) {
        return;
    }
    size_t rest = room.n - (size_t)(start + 1 - room.p);
    const char *end = memchr(start + 1, '_', rest);
    struct slice number = {start + 1, end != NULL ? (size_t)(end - start - 1) : rest};
    bridge_leg_keep(&call->leg, &(struct journal_leg){.called = number});
}

static struct bridge_call *new_call(struct bridge *bridge, const struct webhook_event *event, mono_ms now) {
    struct bridge_call *call = xcalloc(1, sizeof *call);
    call_init(&call->entry.facts, now);
    snprintf(call->entry.sid, sizeof call->entry.sid, "%.*s", SLICE_ARG(event->room.sid));
    call->entry.room = (struct slice){xmemdup(event->room.name.p, event->room.name.n), event->room.name.n};
    call->phase = PHASE_DECIDING;
    keep_room_number(bridge, call, event->room.name);
    call->started_wall_ms = bridge->ports.wall_ms(bridge->ports.self);
    call->created_s = event->created_at_s;
    bridge->counters.calls++;
    return call;
}

/* An event of an older room of that name, late: it says nothing of who is in the room now. */
static bool is_outdated(struct bridge *bridge, const struct webhook_event *event) {
    const struct bridge_call *newest = bridge_find_room(bridge, event->room.name);
    return newest != NULL && event->created_at_s != 0 && event->created_at_s < newest->newest_s;
}

/* A new sid for a known room name ends the old one's agent: its token would fit the new room (rule 7). */
static void supersede(struct bridge *bridge, const struct webhook_event *event, mono_ms now) {
    struct bridge_call *former = bridge_find_room(bridge, event->room.name);
    struct call_event superseded = {.kind = CALL_SUPERSEDED};
    if (former != NULL && former->entry.over) {
        call_note(&former->entry.facts, &superseded, bridge_policy(bridge, former), now); /* nothing is left to end */
        bridge_mark(bridge, former);
    } else if (former != NULL) {
        bridge_note(bridge, former, &superseded, now);
    }
}

bool bridge_is_new_call(const struct bridge *bridge, const struct webhook_event *event) {
    if (!text_is_sid(event->room.sid) || event->room.name.n == 0 || !bridge_is_ours(bridge, event->room.name) ||
        bridge_knows(bridge, event->room.sid)) {
        return false;
    }
    bool any_room = bridge->options.room_prefix[0] == '\0';
    return (event->kind == EVENT_room_started && !any_room) ||
           (event->kind == EVENT_participant_joined && is_caller(event));
}

static void refuse_call(struct bridge *bridge, const struct webhook_event *event, mono_ms now) {
    uint64_t skipped;
    bridge->counters.refused++;
    if (log_limit_pass(&bridge->refused_limit, now, &skipped)) {
        const struct log_about about = {.call = event->room.sid, .room = event->room.name};
        log_error(&about, "%zu calls are in progress, no more are taken: this one gets no agent (and %llu before it)",
                  bridge_live(bridge), (unsigned long long)skipped);
    }
}

/* The call EVENT is about, made if it begins one; NULL when it is none of ours. */
static struct bridge_call *call_for(struct bridge *bridge, const struct webhook_event *event, mono_ms now) {
    struct bridge_call *call = bridge_find(bridge, event->room.sid);
    if (call != NULL || !bridge_is_new_call(bridge, event)) {
        return call;
    }
    if (is_outdated(bridge, event)) {
        return NULL;
    }
    if (bridge_live(bridge) >= bridge->options.max_calls) {
        refuse_call(bridge, event, now);
        return NULL;
    }
    supersede(bridge, event, now);
    call = new_call(bridge, event, now);
    bridge_add(bridge, call);
    return call;
}

static struct call_event event_about(const struct bridge *bridge, enum call_event_kind kind,
                                     const struct webhook_event *event) {
    return (struct call_event){
        .kind = kind,
        .sid = slice_hash(event->participant.sid, bridge->options.seed),
        .identity = slice_hash(event->participant.identity, bridge->options.seed),
    };
}

/* The word of a caller who joined before the room was finished, told after it: they are gone. */
static bool joined_before_end(const struct bridge_call *call, const struct webhook_event *event) {
    return call->entry.facts.room == ROOM_FINISHED && event->created_at_s != 0 &&
           event->created_at_s <= call->finished_s;
}

/* A caller makes a call of what was over: with their own number, and an agent chosen for it. */
static void begin_again(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    struct call_event again = {.kind = CALL_AGAIN};
    call_note(&call->entry.facts, &again, bridge_policy(bridge, call), now);
    if (call->entry.facts.choice == CHOSEN_NOT) {
        bridge_leg_forget(&call->leg);
        call->started_wall_ms = bridge->ports.wall_ms(bridge->ports.self);
        call->created_s = call->newest_s;
        call->starts = call->kills = 0;
        call->answered = call->asked_number = false;
        free(take_ptr(call->agent_name));
    }
}

static void reject(struct bridge *bridge, const struct bridge_call *call, const struct webhook_event *event,
                   enum reject_when when) {
    bridge->ports.livekit.reject(bridge->ports.livekit.self, call->entry.room, event->participant.identity, when);
}

/* A rejected caller whose audio is there now can be removed at once. */
static void reject_arrived(struct bridge *bridge, const struct bridge_call *call, const struct webhook_event *event,
                           uint64_t sid) {
    const struct leg *known = call_leg(&call->entry.facts, sid);
    if (known != NULL && known->state == LEG_REJECTED && known->arriving) {
        reject(bridge, call, event, REJECT_NOW);
    }
}

/* Told again, or listed. */
static void note_known_caller(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event,
                              mono_ms now) {
    struct call_event noted = event_about(bridge, CALL_LEG_JOINED, event);
    noted.audible = event->participant.audible;
    noted.listed = event->participant.listed_since_s != 0;
    if (call->entry.over) {
        return;
    }
    if (noted.audible) {
        reject_arrived(bridge, call, event, noted.sid);
    }
    bridge_note(bridge, call, &noted, now);
}

static void veto(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event, const char *why) {
    struct log_about about;
    bridge_about(call, &about);
    bridge->counters.rejected_legs++;
    log_warning(&about, "caller %.*s rejected: %s", SLICE_ARG(event->participant.caller), why);
    bridge_trace(bridge, call, "decision: reject the caller: %s", why);
    reject(bridge, call, event, event->participant.audible ? REJECT_NOW : REJECT_LATER);
}

static void note_caller(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event,
                        mono_ms now) {
    struct call_event noted = event_about(bridge, CALL_LEG_JOINED, event);
    noted.audible = event->participant.audible;
    noted.listed = event->participant.listed_since_s != 0;
    if (call_knows(&call->entry.facts, noted.sid)) {
        note_known_caller(bridge, call, event, now);
        return;
    }
    if (joined_before_end(call, event)) {
        noted.kind = CALL_LEG_LEFT;
        noted.hard = true;
        bridge_note(bridge, call, &noted, now);
        return;
    }
    if (call->entry.over) {
        begin_again(bridge, call, now);
    }
    const char *why;
    if (bridge_vetoes(bridge, call, event, &why)) {
        noted.kind = CALL_LEG_REJECTED;
        veto(bridge, call, event, why);
    } else {
        struct log_about about;
        bridge_about(call, &about);
        keep_leg(call, event, noted.sid);
        log_info(&about, "caller %.*s joined, called %.*s", SLICE_ARG(event->participant.caller),
                 SLICE_ARG(event->participant.called));
    }
    bridge_note(bridge, call, &noted, now);
}

static void note_joined(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event,
                        mono_ms now) {
    struct call_event noted = event_about(bridge, CALL_LEG_JOINED, event);
    struct log_about about;
    bridge_keep_identity(call, noted.sid, event->participant.identity);
    switch (who_is(call, event)) {
    case WHO_CALLER: note_caller(bridge, call, event, now); return;
    case WHO_OUTBOUND: noted.role = LEG_OUTBOUND; break;
    case WHO_OTHER: noted.role = LEG_OTHER; break;
    case WHO_AGENT:
        noted.kind = CALL_AGENT_JOINED;
        bridge_about(call, &about);
        log_info(&about, "agent joined the room");
        break;
    case WHO_NOBODY: return;
    }
    if (event->participant.audible) {
        call_note(&call->entry.facts, &noted, bridge_policy(bridge, call), now);
        noted.kind = CALL_AUDIO_PUBLISHED;
    }
    bridge_note(bridge, call, &noted, now);
}

static void note_left(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event, mono_ms now) {
    enum disconnect_reason reason = event->participant.disconnect_reason;
    struct call_event noted = event_about(bridge, CALL_LEG_LEFT, event);
    noted.hard = disconnect_reason_is_hard(reason);
    noted.client = reason == DISCONNECT_CLIENT_INITIATED;
    noted.duplicate = reason == DISCONNECT_DUPLICATE_IDENTITY;
    enum who who = who_is(call, event);
    switch (who) {
    case WHO_CALLER: noted.role = LEG_CALLER; break;
    case WHO_OUTBOUND: noted.role = LEG_OUTBOUND; break;
    case WHO_OTHER: noted.role = LEG_OTHER; break;
    case WHO_AGENT: noted.kind = CALL_AGENT_LEFT; break;
    case WHO_NOBODY: return;
    }
    struct log_about about;
    bridge_about(call, &about);
    log_info(&about, "%s left: %s",
             who == WHO_AGENT    ? "agent"
             : who == WHO_CALLER ? "caller"
                                 : "other participant",
             disconnect_reason_name(reason));
    bridge_note(bridge, call, &noted, now);
}

/* Our agent's audio also tells that it joined, should that word be lost or late. */
static void note_audio(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event,
                       mono_ms now) {
    if (event->track.type != TRACK_AUDIO) {
        return;
    }
    if (is_our_identity(call, event->participant.identity)) {
        struct call_event joined = event_about(bridge, CALL_AGENT_JOINED, event);
        call_note(&call->entry.facts, &joined, bridge_policy(bridge, call), now);
    }
    struct call_event noted = event_about(bridge, CALL_AUDIO_PUBLISHED, event);
    reject_arrived(bridge, call, event, noted.sid);
    bridge_note(bridge, call, &noted, now);
}

static void note_room(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event, mono_ms now) {
    bool started = event->kind == EVENT_room_started;
    bool late = event->created_at_s < call->newest_s || event->created_at_s <= call->listed_s;
    if (started && event->created_at_s != 0 && late) {
        return; /* those who came since are there; a list may have told of them before this */
    }
    uint64_t id = slice_hash(event->id, bridge->options.seed);
    if (event->id.n > 0 && id == call->room_event) {
        return; /* told again after a restart of ours, when the receiver remembers no ids */
    }
    call->room_event = id;
    call->finished_s = started ? call->finished_s : event->created_at_s;
    struct call_event noted = {.kind = started ? CALL_ROOM_STARTED : CALL_ROOM_FINISHED};
    noted.again = started && call->before_s != 0 && event->created_at_s > call->before_s; /* it comes first */
    struct log_about about;
    bridge_about(call, &about);
    if (started) {
        log_info(&about, "room started");
    } else {
        log_info(&about, "room finished");
    }
    bool again = call->entry.facts.room_again;
    call_note(&call->entry.facts, &noted, bridge_policy(bridge, call), now);
    if (call->entry.facts.room_again && !again) {
        bridge_forgive(bridge); /* LiveKit restarted: agents failed for that */
    }
    bridge_note(bridge, call, &noted, now);
}

static void note_event(struct bridge *bridge, struct bridge_call *call, const struct webhook_event *event,
                       mono_ms now) {
    switch (event->kind) {
    case EVENT_room_started:
    case EVENT_room_finished: note_room(bridge, call, event, now); break;
    case EVENT_participant_joined: note_joined(bridge, call, event, now); break;
    case EVENT_participant_left:
    case EVENT_participant_connection_aborted: note_left(bridge, call, event, now); break;
    case EVENT_track_published: note_audio(bridge, call, event, now); break;
    case EVENT_track_unpublished:
    case EVENT_OTHER: break;
    }
}

void bridge_webhook(struct bridge *bridge, const struct webhook_event *event, mono_ms now) {
    struct bridge_call *call = event->kind != EVENT_OTHER ? call_for(bridge, event, now) : NULL;
    if (call == NULL) {
        bridge->counters.ignored_events++;
        return;
    }
    if (!call->looked_at_metadata && event->room.metadata.n > 0) {
        call->looked_at_metadata = true;
        bridge_read_metadata(call, event->room.metadata);
    }
    bridge_trace(bridge, call, "event: %.*s%s%.*s", SLICE_ARG(event->name),
                 event->participant.identity.n > 0 ? " " : "", SLICE_ARG(event->participant.identity));
    int64_t listed_s = event->participant.listed_since_s;
    call->before_s = call->newest_s;
    call->newest_s = event->created_at_s > call->newest_s ? event->created_at_s : call->newest_s;
    call->listed_s = listed_s > call->listed_s ? listed_s : call->listed_s;
    note_event(bridge, call, event, now);
}
