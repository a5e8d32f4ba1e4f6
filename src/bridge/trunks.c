/* Trunk id -> its one number. */
#include "bridge/trunks.h"

#include "base/hash.h"
#include "base/mem.h"

struct trunk_number {
    char *id;
    char *number; /* NULL: none, several, or one that no event would bring */
    UT_hash_handle hh;
};

static bool is_younger(mono_ms at, mono_ms now, int64_t than_ms) {
    return at != 0 && now - at < than_ms;
}

enum trunk_answer trunks_find(const struct trunks *trunks, struct slice id, mono_ms now, struct slice *ret_number) {
    struct trunk_number *found = NULL;
    HASH_FIND(hh, trunks->by_id, id.p, id.n, found);
    bool fresh = is_younger(trunks->listed_at, now, found != NULL ? TRUNKS_KEEP_MS : TRUNKS_MISS_MS);
    if (!fresh && !is_younger(trunks->tried_at, now, TRUNKS_MISS_MS)) {
        return TRUNK_PENDING;
    }
    if (found == NULL || found->number == NULL) {
        return TRUNK_NONE;
    }
    *ret_number = slice_of(found->number);
    return TRUNK_NUMBER;
}

bool trunks_ask(struct trunks *trunks) {
    bool first = !trunks->asking;
    trunks->asking = true;
    return first;
}

static void clear(struct trunks *trunks) {
    struct trunk_number *one, *next;
    HASH_ITER(hh, trunks->by_id, one, next) {
        HASH_DEL(trunks->by_id, one);
        free(one->id);
        free(one->number);
        free(one);
    }
}

static void add(struct trunks *trunks, const struct livekit_trunk *trunk) {
    struct trunk_number *one = NULL;
    HASH_FIND(hh, trunks->by_id, trunk->id.p, trunk->id.n, one);
    if (one != NULL) {
        return;
    }
    one = xcalloc(1, sizeof *one);
    one->id = xmemdup(trunk->id.p, trunk->id.n);
    bool is_known = trunk->numbers.count == 1 && trunk->numbers.at[0].n <= EVENT_MAX_NAME;
    one->number = is_known ? xmemdup(trunk->numbers.at[0].p, trunk->numbers.at[0].n) : NULL;
    HASH_ADD_KEYPTR(hh, trunks->by_id, one->id, trunk->id.n, one);
}

void trunks_take(struct trunks *trunks, const struct livekit_answer *answer, mono_ms now) {
    clear(trunks);
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->trunks[i].id.n > 0) {
            add(trunks, &answer->trunks[i]);
        }
    }
    trunks->listed_at = trunks->tried_at = now;
    trunks->asking = false;
}

void trunks_fail(struct trunks *trunks, mono_ms now) {
    trunks->tried_at = now;
    trunks->asking = false;
}

void trunks_release(struct trunks *trunks) {
    clear(trunks);
    *trunks = (struct trunks){0};
}
