/* Where calls go that are over: into a grave as soon as the journal has them as they are, out of it when something is
 * heard of them, and away after a while. */
#include "bridge/internal.h"

/* Back into the table. */
static struct bridge_call *open(struct bridge *bridge, struct grave *grave) {
    struct bridge_call *call = graves_open(&bridge->graves, grave);
    table_add_over(&bridge->table, &call->entry);
    return call;
}

/* Into its grave again by the next flush, which keeps it; nothing is written if it did not change. */
static struct bridge_call *wake(struct bridge *bridge, struct grave *grave) {
    if (grave == NULL) {
        return NULL;
    }
    struct bridge_call *call = open(bridge, grave);
    bridge_mark(bridge, call);
    return call;
}

struct bridge_call *bridge_find(struct bridge *bridge, struct slice sid) {
    struct call_entry *entry = table_find(&bridge->table, sid);
    return entry != NULL ? call_of(entry) : wake(bridge, graves_find(&bridge->graves, sid));
}

bool bridge_knows(const struct bridge *bridge, struct slice sid) {
    return table_find(&bridge->table, sid) != NULL || graves_find(&bridge->graves, sid) != NULL;
}

struct bridge_call *bridge_find_room(struct bridge *bridge, struct slice room) {
    struct call_entry *entry = table_find_room(&bridge->table, room);
    return entry != NULL ? call_of(entry) : wake(bridge, graves_find_room(&bridge->graves, room));
}

void bridge_add(struct bridge *bridge, struct bridge_call *call) {
    (void)bridge_find_room(bridge, call->entry.room); /* it loses the name */
    table_add(&bridge->table, &call->entry);
}

void bridge_rest(struct bridge *bridge, struct bridge_call *call) {
    if (!call->entry.over || call->dirty) {
        return;
    }
    bool named = call->entry.named;
    bridge_leg_forget(&call->leg);
    bridge_forget_identities(call); /* a late word may have told one */
    table_remove(&bridge->table, &call->entry);
    call->entry.over = true;
    call->entry.named = named;
    graves_add(&bridge->graves, call);
}

void bridge_rest_all(struct bridge *bridge) {
    while (!bridge_keeps_journal(bridge) && bridge->table.tombstones != NULL) {
        bridge_rest(bridge, call_of(bridge->table.tombstones));
    }
}

void bridge_wake_all(struct bridge *bridge) {
    struct grave *grave;
    while ((grave = graves_oldest(&bridge->graves)) != NULL) {
        wake(bridge, grave);
    }
}

struct bridge_call *bridge_oldest(struct bridge *bridge) {
    struct grave *grave = graves_oldest(&bridge->graves);
    return grave != NULL ? open(bridge, grave) : NULL;
}

static bool are_too_many(const struct bridge *bridge) {
    return bridge_tombstones(bridge) > bridge->options.max_tombstones;
}

struct bridge_call *bridge_expired(struct bridge *bridge, mono_ms now) {
    const struct bridge_options *options = &bridge->options;
    struct grave *grave = graves_oldest(&bridge->graves);
    if (grave != NULL && (are_too_many(bridge) || now - grave_over_at(grave) > options->tombstone_ms)) {
        return bridge_oldest(bridge);
    }
    return call_of(table_expired(&bridge->table, now, options->tombstone_ms, options->max_tombstones));
}

mono_ms bridge_expiry(const struct bridge *bridge) {
    const struct grave *grave = graves_oldest(&bridge->graves);
    const struct call_entry *entry = bridge->table.tombstones;
    int64_t keep_ms = are_too_many(bridge) ? 0 : bridge->options.tombstone_ms + 1;
    mono_ms by_grave = grave != NULL ? grave_over_at(grave) + keep_ms : MONO_NEVER;
    mono_ms by_entry = entry != NULL ? entry->over_at + keep_ms : MONO_NEVER;
    return by_grave < by_entry ? by_grave : by_entry;
}
