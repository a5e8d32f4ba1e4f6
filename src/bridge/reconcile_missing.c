/* Calls that LiveKit does not list any more: over when that is said twice running, and never in bulk. */
#include "base/log.h"
#include "base/mem.h"
#include "bridge/reconcile_internal.h"

/* --- the index of one answer --- */

struct listed_room {
    const struct livekit_room *room;
    UT_hash_handle hh;
};

struct index {
    struct listed_room *by_sid, *items;
};

static void index_build(struct index *index, const struct livekit_answer *answer) {
    *index = (struct index){.items = xcalloc(answer->count + 1, sizeof *index->items)};
    for (size_t i = 0; i < answer->count; i++) {
        struct listed_room *item = &index->items[i], *same = NULL;
        item->room = &answer->rooms[i];
        if (item->room->sid.n == 0) {
            continue;
        }
        HASH_FIND(hh, index->by_sid, item->room->sid.p, item->room->sid.n, same);
        if (same == NULL) {
            HASH_ADD_KEYPTR(hh, index->by_sid, item->room->sid.p, item->room->sid.n, item);
        }
    }
}

static const struct livekit_room *index_find(const struct index *index, const char *sid) {
    struct listed_room *item = NULL;
    HASH_FIND_STR(index->by_sid, sid, item);
    return item != NULL ? item->room : NULL;
}

static void index_release(struct index *index) {
    HASH_CLEAR(hh, index->by_sid);
    free(index->items);
}

/* --- what it lacks --- */

/* Nothing was heard of it since the question was sent. */
static bool is_missing(const struct reconcile *reconcile, const struct call_entry *entry, const struct index *index) {
    const struct bridge_call *call = container_of(entry, struct bridge_call, entry);
    return !entry->over && entry->facts.room != ROOM_FINISHED && call->touched_at < reconcile->sent_at &&
           index_find(index, entry->sid) == NULL;
}

/* How many calls the list lacks, whether that is said for the first time or would end them now. */
static unsigned count_missing(const struct reconcile *reconcile, const struct index *index) {
    unsigned missing = 0;
    const struct call_entry *entry;
    for (entry = reconcile->options.bridge->table.by_sid; entry != NULL; entry = entry->by_sid.next) {
        missing += is_missing(reconcile, entry, index);
    }
    return missing;
}

/* One odd answer must not end calls in bulk. */
static bool is_refused(struct reconcile *reconcile, const struct index *index) {
    struct reconcile_view *view = &reconcile->view;
    size_t live = bridge_live(reconcile->options.bridge);
    unsigned missing = count_missing(reconcile, index);
    bool was_refused = view->refused;
    view->refused = missing > 2 && (size_t)missing * 2 > live;
    view->missing = missing;
    view->live = (unsigned)live;
    if (view->refused && !was_refused) {
        log_error(
            NULL,
            "LiveKit lists %u of %zu calls no more: too many to be believed, none is ended for it, but LiveKit is "
            "asked for their callers one by one; is it the right LiveKit, and was its Redis emptied? `sipbridge "
            "calls stop` ends single ones",
            missing, live);
    } else if (was_refused && !view->refused) {
        log_info(NULL, "LiveKit's list of rooms is believable again");
    }
    return view->refused;
}

static void note_missing(struct reconcile *reconcile, struct bridge_call *call) {
    struct call_event event = {.kind = CALL_ROOM_ABSENT};
    if (call->entry.facts.absences + 1 >= CALL_ABSENCES) {
        struct log_about about;
        bridge_about(call, &about);
        log_warning(&about, "LiveKit does not list this room any more, and no webhook said so: the call is over");
        reconcile->view.ended++;
    } else {
        reconcile_again(reconcile, DOUBT_MS);
    }
    bridge_note(reconcile->options.bridge, call, &event, reconcile_now(reconcile));
}

/* A list that is not believed: LiveKit is asked for the callers of each call that it lacks. */
static void ask_for_missing(struct reconcile *reconcile, const struct index *index) {
    struct call_entry *entry, *next;
    size_t checks = 0;
    HASH_ITER(by_sid, reconcile->options.bridge->table.by_sid, entry, next) {
        if (checks < MOST_CHECKS && is_missing(reconcile, entry, index)) {
            checks += check_callers(reconcile, call_of(entry));
        }
    }
    reconcile_again(reconcile, DOUBT_MS);
}

static void judge_calls(struct reconcile *reconcile, const struct index *index) {
    if (is_refused(reconcile, index)) {
        ask_for_missing(reconcile, index);
        return;
    }
    struct call_entry *entry, *next;
    HASH_ITER(by_sid, reconcile->options.bridge->table.by_sid, entry, next) {
        if (is_missing(reconcile, entry, index)) {
            note_missing(reconcile, call_of(entry));
        } else if (!entry->over && entry->facts.absences > 0 && index_find(index, entry->sid) != NULL) {
            struct call_event event = {.kind = CALL_ROOM_LISTED};
            bridge_note(reconcile->options.bridge, call_of(entry), &event, reconcile_now(reconcile));
        }
    }
}

void missing_judge(struct reconcile *reconcile, const struct livekit_answer *answer) {
    struct index index;
    index_build(&index, answer);
    judge_calls(reconcile, &index);
    index_release(&index);
}
