/* Calls as status shows them. */
#include "bridge/internal.h"

static int64_t ring_ms(const struct bridge_call *call, mono_ms now) {
    const struct call *facts = &call->entry.facts;
    if (facts->answered_at != 0) {
        return facts->answered_at - facts->seen_at;
    }
    return call->end == END_NONE ? now - facts->seen_at : -1;
}

struct bridge_load bridge_load(const struct bridge *bridge, mono_ms now) {
    const struct limits *limits = &bridge->limits;
    return (struct bridge_load){
        .served = limits->calls,
        .max_served = limits->max_calls,
        .starts = limits_recent_starts(limits, now),
        .max_starts = limits->max_starts,
        .limit = limits_reached(limits, now),
    };
}

size_t bridge_ringing(const struct bridge *bridge) {
    return bridge->ringing;
}

void bridge_memory_short(struct bridge *bridge, bool is_short) {
    bridge->limits.memory_short = is_short;
}

void bridge_each(const struct bridge *bridge, mono_ms now, void (*each)(void *context, const struct bridge_view *view),
                 void *context) {
    for (struct call_entry *entry = bridge->table.by_sid; entry != NULL; entry = entry->by_sid.next) {
        const struct bridge_call *call = call_of(entry);
        if (entry->over) {
            continue;
        }
        struct bridge_view view = {
            .sid = entry->sid,
            .room = {entry->room, entry->room_size},
            .called = slice_of(call->leg.called),
            .caller = slice_of(call->leg.caller),
            .agent = call->agent_name != NULL ? call->agent_name : "",
            .phase = call_phase_label(call->phase),
            .why = call_end_label(call->end),
            .pid = call->pid,
            .started_wall_ms = call->started_wall_ms,
            .ring_ms = ring_ms(call, now),
            .restarts = call->starts > 1 ? call->starts - 1 : 0,
            .facts = &entry->facts,
        };
        each(context, &view);
    }
}
