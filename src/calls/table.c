/* The call table on uthash: two hashes, one heap, one list. */
#include "calls/table.h"

#include <utlist.h>

#include "base/mem.h"

void table_release(struct call_table *table) {
    heap_release(&table->deadlines);
    *table = (struct call_table){0};
}

struct call_entry *table_find(const struct call_table *table, struct slice sid) {
    struct call_entry *entry = NULL;
    HASH_FIND(by_sid, table->by_sid, sid.p, sid.n, entry);
    return entry;
}

struct call_entry *table_find_room(const struct call_table *table, struct slice room) {
    struct call_entry *entry = NULL;
    HASH_FIND(by_room, table->by_room, room.p, room.n, entry);
    return entry;
}

static void drop_name(struct call_table *table, struct call_entry *entry) {
    if (entry->named) {
        HASH_DELETE(by_room, table->by_room, entry);
        entry->named = false;
    }
}

static void add_name(struct call_table *table, struct call_entry *entry) {
    HASH_ADD_KEYPTR(by_room, table->by_room, entry->room.p, entry->room.n, entry);
    entry->named = true;
}

void table_add(struct call_table *table, struct call_entry *entry) {
    HASH_ADD_KEYPTR(by_sid, table->by_sid, entry->sid, strlen(entry->sid), entry);
    struct call_entry *former = table_find_room(table, entry->room);
    if (former != NULL) {
        drop_name(table, former);
    }
    if (entry->room.n > 0) {
        add_name(table, entry);
    }
    table->live++;
}

void table_add_over(struct call_table *table, struct call_entry *entry) {
    HASH_ADD_KEYPTR(by_sid, table->by_sid, entry->sid, strlen(entry->sid), entry);
    if (entry->named) {
        add_name(table, entry);
    }
    DL_APPEND(table->tombstones, entry);
    table->over++;
}

void table_remove(struct call_table *table, struct call_entry *entry) {
    table_revive(table, entry);
    table->live--;
    drop_name(table, entry);
    heap_remove(&table->deadlines, &entry->deadline);
    HASH_DELETE(by_sid, table->by_sid, entry);
}

void table_schedule(struct call_table *table, struct call_entry *entry, mono_ms due) {
    if (due == MONO_NEVER) {
        heap_remove(&table->deadlines, &entry->deadline);
    } else if (entry->deadline.slot == 0 || entry->deadline.due != due) {
        heap_set(&table->deadlines, &entry->deadline, due);
    }
}

struct call_entry *table_due(struct call_table *table, mono_ms now) {
    struct heap_item *first = heap_first(&table->deadlines);
    if (first == NULL || first->due > now) {
        return NULL;
    }
    heap_remove(&table->deadlines, first);
    return container_of(first, struct call_entry, deadline);
}

mono_ms table_next_due(const struct call_table *table) {
    const struct heap_item *first = heap_first(&table->deadlines);
    return first != NULL ? first->due : MONO_NEVER;
}

void table_retire(struct call_table *table, struct call_entry *entry, mono_ms now) {
    if (entry->over) {
        return;
    }
    entry->over = true;
    entry->over_at = now;
    table_schedule(table, entry, MONO_NEVER);
    DL_APPEND(table->tombstones, entry);
    table->live--;
    table->over++;
}

void table_revive(struct call_table *table, struct call_entry *entry) {
    if (!entry->over) {
        return;
    }
    entry->over = false;
    DL_DELETE(table->tombstones, entry);
    table->live++;
    table->over--;
}

struct call_entry *table_expired(const struct call_table *table, mono_ms now, int64_t keep_ms, size_t most) {
    struct call_entry *oldest = table->tombstones;
    if (oldest == NULL || (table->over <= most && now - oldest->over_at <= keep_ms)) {
        return NULL;
    }
    return oldest;
}
