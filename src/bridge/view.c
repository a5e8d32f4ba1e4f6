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

const struct bridge_times *bridge_times(const struct bridge *bridge) {
    return &bridge->times;
}

size_t bridge_tombstones(const struct bridge *bridge) {
    return bridge->table.over + bridge->graves.count;
}

void bridge_phases(const struct bridge *bridge, size_t ret_counts[CALL_PHASE_COUNT]) {
    memset(ret_counts, 0, CALL_PHASE_COUNT * sizeof ret_counts[0]);
    for (struct call_entry *entry = bridge->table.by_sid; entry != NULL; entry = entry->by_sid.next) {
        if (!entry->over) {
            ret_counts[call_of(entry)->phase]++;
        }
    }
}

static struct bridge_agent agent_view(const char *name, const struct agent_use *use, mono_ms now) {
    return (struct bridge_agent){
        .name = name,
        .calls = use != NULL && use->calls > 0 ? (size_t)use->calls : 0,
        .is_resting = use != NULL && circuit_state(&use->circuit, now) != CIRCUIT_CLOSED,
    };
}

void bridge_each_agent(const struct bridge *bridge, mono_ms now,
                       void (*each)(void *context, const struct bridge_agent *agent), void *context) {
    const struct directory *directory = bridge->directory;
    size_t count = directory != NULL ? directory_count(directory) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = directory_at(directory, i)->name;
        struct bridge_agent view = agent_view(name, bridge_use_of(bridge, slice_of(name)), now);
        each(context, &view);
    }
    for (const struct agent_use *use = bridge->uses; use != NULL; use = use->hh.next) {
        if (directory == NULL || directory_find(directory, slice_of(use->name)) == NULL) {
            struct bridge_agent view = agent_view(use->name, use, now);
            each(context, &view);
        }
    }
}

size_t bridge_ringing(const struct bridge *bridge) {
    return bridge->ringing;
}

void bridge_memory_short(struct bridge *bridge, bool is_short) {
    bridge->limits.memory_short = is_short;
}

static struct bridge_view view_of(const struct bridge_call *call, mono_ms now) {
    const struct call_entry *entry = &call->entry;
    return (struct bridge_view){
        .sid = entry->sid,
        .room = entry->room,
        .called = slice_of(call->leg.called),
        .caller = slice_of(call->leg.caller),
        .agent = call->agent_name != NULL ? call->agent_name : "",
        .phase = call_phase_label(call->phase),
        .why = call_end_label(call->end),
        .pid = call->pid,
        .started_wall_ms = call->started_wall_ms,
        .ring_ms = ring_ms(call, now),
        .restarts = bridge_restarts(call),
        .facts = &entry->facts,
    };
}

void bridge_each(const struct bridge *bridge, mono_ms now, void (*each)(void *context, const struct bridge_view *view),
                 void *context) {
    for (struct call_entry *entry = bridge->table.by_sid; entry != NULL; entry = entry->by_sid.next) {
        const struct bridge_call *call = call_of(entry);
        if (entry->over) {
            continue;
        }
        struct bridge_view view = view_of(call, now);
        each(context, &view);
    }
}
