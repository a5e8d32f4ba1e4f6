/* Keeping calls in the journal: which of them changed, and what is kept of one. */
#include "bridge/internal.h"
#include "bridge/journal.h"

bool bridge_keeps_journal(const struct bridge *bridge) {
    return bridge->ports.journal.keep != NULL;
}

void bridge_mark(struct bridge *bridge, struct bridge_call *call) {
    if (!bridge_keeps_journal(bridge) || call->dirty) {
        return;
    }
    call->dirty = true;
    TAILQ_INSERT_TAIL(&bridge->dirty, call, by_dirty);
    bridge->ports.journal.on_dirty(bridge->ports.journal.self);
}

void bridge_unmark(struct bridge *bridge, struct bridge_call *call) {
    if (call->dirty) {
        call->dirty = false;
        TAILQ_REMOVE(&bridge->dirty, call, by_dirty);
    }
}

void bridge_drop(struct bridge *bridge, struct bridge_call *call) {
    if (call->kept != 0) {
        bridge->ports.journal.drop(bridge->ports.journal.self, call->entry.sid);
        call->kept = 0;
    }
}

static void add_names(const struct bridge_call *call, struct journal_entry *entry) {
    unsigned count = call->entry.over ? 0 : bridge_identity_count(call); /* nobody is asked for any more */
    for (unsigned i = 0; i < count; i++) {                               /* the oldest first */
        const struct leg_identity *name = &call->identities[(call->next_identity + i) % count];
        entry->names[entry->name_count++] = (struct journal_name){name->sid, slice_of(name->text)};
    }
}

static struct journal_entry entry_of(const struct bridge *bridge, const struct bridge_call *call) {
    const struct call_entry *entry = &call->entry;
    bool process = entry->facts.process != PROCESS_NONE;
    return (struct journal_entry){
        .sid = slice_of(entry->sid),
        .room = entry->room,
        .boot = slice_of(bridge->options.boot),
        .facts = entry->facts,
        .over = entry->over,
        .over_at = entry->over ? entry->over_at : 0,
        .named = entry->named,
        .end = call->end,
        .agent = slice_of(call->agent_name),
        .metadata = slice_of(call->metadata),
        .after_call_ms = call->after_call_ms,
        .stop_timeout_ms = call->stop_timeout_ms,
        .room_agent = slice_of(call->room_agent),
        .looked_at_metadata = call->looked_at_metadata,
        .instance = process ? slice_of(call->instance) : (struct slice){0},
        .pid = process ? call->pid : 0,
        .birth = process ? call->birth : 0,
        .dismissed_at = process && entry->facts.dismissed ? call->dismissed_at : 0,
        .leg = bridge_leg_words(&call->leg),
        .started_wall_ms = call->started_wall_ms,
        .newest_s = call->newest_s,
        .finished_s = call->finished_s,
        .listed_s = call->listed_s,
        .room_event = call->room_event,
        .rearmed_at = call->rearmed_at,
        .starts = call->starts,
        .kills = call->kills,
        .created_s = call->created_s,
        .ended_at = call->ended_at,
        .chosen_by = call->chosen_by,
        .chosen_rule = slice_of(call->chosen_rule),
    };
}

/* False when it could not be kept. */
static bool keep(struct bridge *bridge, struct bridge_call *call) {
    cleanup_buf struct buf text = {0};
    struct journal_entry entry = entry_of(bridge, call);
    add_names(call, &entry);
    journal_write(&entry, &text);
    uint64_t hash = slice_hash(buf_slice(&text), 0) | 1;
    if (hash == call->kept) {
        return true;
    }
    const struct journal_port *journal = &bridge->ports.journal;
    if (!journal->keep(journal->self, call->entry.sid, buf_slice(&text))) {
        return false;
    }
    call->kept = hash;
    return true;
}

bool bridge_flush(struct bridge *bridge) {
    struct call_queue failed = TAILQ_HEAD_INITIALIZER(failed);
    struct bridge_call *call;
    while ((call = TAILQ_FIRST(&bridge->dirty)) != NULL) {
        TAILQ_REMOVE(&bridge->dirty, call, by_dirty);
        call->dirty = !keep(bridge, call);
        if (call->dirty) {
            TAILQ_INSERT_TAIL(&failed, call, by_dirty);
        } else {
            bridge_rest(bridge, call);
        }
    }
    TAILQ_CONCAT(&bridge->dirty, &failed, by_dirty);
    bridge->unkept = !TAILQ_EMPTY(&bridge->dirty);
    return !bridge->unkept;
}

bool bridge_is_unkept(const struct bridge *bridge) {
    return bridge->unkept;
}
