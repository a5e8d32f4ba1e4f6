/* All calls by sid, the newest sid of each room name, their deadlines, and the tombstones: calls that are over are
 * kept for a while with their facts, so that late and repeated events are recognised, in bounded number.
 * Entries are embedded in their owner's struct; the table allocates and frees none. */
#ifndef CALLS_TABLE_H
#define CALLS_TABLE_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/slice.h"
#include "calls/call.h"

enum { CALL_SID_MAX = 64 };

struct call_entry {
    struct call facts;
    char sid[CALL_SID_MAX + 1];
    struct slice room; /* its name, any bytes; p is freed by the owner after table_remove */
    bool over;         /* a tombstone */
    bool named;        /* the newest sid of its room name */
    mono_ms over_at;
    struct heap_item deadline;
    struct call_entry *prev, *next; /* tombstones, oldest first */
    UT_hash_handle by_sid, by_room;
};

struct call_table {
    struct call_entry *by_sid, *by_room, *tombstones;
    struct heap deadlines;
    size_t live, over;
};

/* Zero-initialise; entries must be removed before table_release. */
void table_release(struct call_table *table);
struct call_entry *table_find(const struct call_table *table, struct slice sid);
/* The entry whose sid is the newest of ROOM; NULL when none is known. */
struct call_entry *table_find_room(const struct call_table *table, struct slice room);
/* Adds ENTRY (zeroed but for facts, sid and room): a new sid, and the newest of its room name. */
void table_add(struct call_table *table, struct call_entry *entry);
/* Adds ENTRY, which was removed as a tombstone, as one: since when it is over, and whether it is the newest of its room
 * name (then no other entry is), is in it. */
void table_add_over(struct call_table *table, struct call_entry *entry);
void table_remove(struct call_table *table, struct call_entry *entry);
/* Looks at ENTRY again at DUE; MONO_NEVER: not by time. */
void table_schedule(struct call_table *table, struct call_entry *entry, mono_ms due);
/* An entry due at NOW, taken off its deadline; NULL: none. */
struct call_entry *table_due(struct call_table *table, mono_ms now);
mono_ms table_next_due(const struct call_table *table);
/* Makes ENTRY the newest tombstone; table_revive makes it live again. Both do nothing when it is already so. */
void table_retire(struct call_table *table, struct call_entry *entry, mono_ms now);
void table_revive(struct call_table *table, struct call_entry *entry);
/* The oldest tombstone if it is older than KEEP_MS or there are more than MOST; NULL: none has to go. */
struct call_entry *table_expired(const struct call_table *table, mono_ms now, int64_t keep_ms, size_t most);

#endif
