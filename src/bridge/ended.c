/* What is left of a call that is over: its record in the log, its line in the call log, its place in the counters. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "bridge/internal.h"

/* The one record a call leaves in the log: its facts are fields, for those who count. */
static void log_ended(const struct bridge_call *call, int64_t ended_ms) {
    const struct call *facts = &call->entry.facts;
    int64_t ring_ms = facts->answered_at != 0 ? facts->answered_at - facts->seen_at : -1;
    char started[24], ended[24], ring[24], restarts[16];
    snprintf(started, sizeof started, "%lld", (long long)call->started_wall_ms);
    snprintf(ended, sizeof ended, "%lld", (long long)ended_ms);
    snprintf(ring, sizeof ring, "%lld", (long long)ring_ms);
    snprintf(restarts, sizeof restarts, "%u", bridge_restarts(call));
    const struct log_field fields[] = {
        {"why", call_end_label(call->end), true},
        {"answered", facts->answered_at != 0 ? "true" : "false", false},
        {"ring_ms", ring, false},
        {"started_ms", started, false},
        {"ended_ms", ended, false},
        {"restarts", restarts, false},
        {"limit", limit_label(call->limit), true}, /* of END_OVERLOAD only */
    };
    struct log_about about;
    bridge_about(call, &about);
    about.fields = fields;
    about.field_count = ARRAY_LEN(fields) - (call->end != END_OVERLOAD);
    log_info(&about, "call ended: %s", call_end_text(call->end));
}

/* Durations are measured, moments are told by the wall's clock as it is now: it may have been set meanwhile. */
static void add_times(const struct bridge_call *call, mono_ms now, int64_t wall_ms, struct call_record *record) {
    const struct call *facts = &call->entry.facts;
    mono_ms ended_at = call->ended_at != 0 ? call->ended_at : now;
    bool answered = facts->answered_at != 0 && facts->answered_at <= ended_at;
    record->created = call->created_s * 1000;
    record->first_seen = call->started_wall_ms;
    record->ended = wall_ms - (now - ended_at);
    record->duration_ms = ended_at - facts->seen_at;
    record->answered = answered ? wall_ms - (now - facts->answered_at) : 0;
    record->ring_ms = answered ? facts->answered_at - facts->seen_at : -1;
    record->talk_ms = answered ? ended_at - facts->answered_at : -1;
}

static struct call_record record_of(const struct bridge_call *call) {
    static const char *const reasons[] = {
#define X(symbol, text) [CHOICE_BY_##symbol] = #symbol,
        CHOICE_REASONS(X)
#undef X
    };
    return (struct call_record){
        .sid = slice_of(call->entry.sid),
        .room = call->entry.room,
        .caller = slice_of(call->leg.caller),
        .called = slice_of(call->leg.called),
        .trunk = slice_of(call->leg.trunk_id),
        .dispatch_rule = slice_of(call->leg.rule_id),
        .agent = slice_of(call->agent_name),
        .chosen = slice_of(call->agent_name != NULL ? reasons[call->chosen_by] : NULL),
        .rule = slice_of(call->agent_name != NULL ? call->chosen_rule : NULL),
        .end = slice_of(call_end_label(call->end)),
        .limit = slice_of(call->end == END_OVERLOAD ? limit_label(call->limit) : NULL),
        .starts = call->starts,
        .restarts = bridge_restarts(call),
        .kills = call->kills,
        .version = slice_of(SIPBRIDGE_VERSION),
    };
}

unsigned bridge_restarts(const struct bridge_call *call) {
    return call->starts > 1 ? call->starts - 1 : 0;
}

void bridge_tell_ended(struct bridge *bridge, const struct bridge_call *call, mono_ms now) {
    int64_t wall_ms = bridge->ports.wall_ms(bridge->ports.self);
    log_ended(call, wall_ms);
    bridge->counters.ended++;
    bridge->counters.ends[call->end]++;
    bridge->counters.limited[call->limit] += call->end == END_OVERLOAD;
    if (bridge->ports.on_ended == NULL || call->end == END_NOT_A_CALL) {
        return;
    }
    struct call_record record = record_of(call);
    add_times(call, now, wall_ms, &record);
    bridge->ports.on_ended(bridge->ports.self, &record);
}

/* A caller who is hung up because of us is a warning, with the command to type. */
void bridge_say_end(const struct bridge_call *call, enum call_end end) {
    struct log_about about;
    bridge_about(call, &about);
    const char *sid = call->entry.sid;
    if (end == END_NO_AGENT) {
        log_warning(&about, "ending the call: %s (call %s): its caller is hung up", call_end_text(end), sid);
    } else if (end == END_AGENT_FAILED) {
        log_warning(&about, "ending the call: %s (call %s; sipbridge calls logs %s): its caller is hung up",
                    call_end_text(end), sid, sid);
    } else {
        log_info(&about, "ending the call: %s", call_end_text(end));
    }
}
