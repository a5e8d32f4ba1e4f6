/* Two generations of ids, each an open hash table that grows with what it holds and keeps its block when it is emptied:
 * so memory stays what it was at the busiest time. New ids go into the one; when it is full or has been filled for long
 * enough, the other, whose ids are all older, is emptied and takes its place. */
#include "webhooks/repeats.h"

#include <assert.h>

#include "auth/hmac.h"
#include "base/mem.h"

enum { SLOTS_LEAST = 16 };

struct generation {
    uint64_t *slots; /* hashes; 0: none. Their number is a power of two, and an eighth of them is free */
    size_t size, count;
};

struct repeats {
    size_t max;
    int64_t remember_ms;
    struct generation young, old;
    mono_ms since; /* the young one is filled since then */
    uint64_t *last;
    uint64_t forgotten;
};

struct repeats *repeats_new(size_t max, int64_t remember_ms) {
    assert(max >= 1 && max < UINT32_MAX);
    struct repeats *repeats = xcalloc(1, sizeof *repeats);
    *repeats = (struct repeats){.max = max, .remember_ms = remember_ms};
    return repeats;
}

void repeats_free(struct repeats *repeats) {
    if (repeats != NULL) {
        free(repeats->young.slots);
        free(repeats->old.slots);
        free(repeats);
    }
}

static uint64_t hash_of(struct slice id) {
    unsigned char digest[HMAC_SIZE];
    uint64_t hash;
    hmac_hash(id, digest);
    memcpy(&hash, digest, sizeof hash);
    return hash != 0 ? hash : 1;
}

/* The slot that has HASH, or the free one where it belongs; NULL: nothing was ever in there. */
static uint64_t *slot_of(const struct generation *generation, uint64_t hash) {
    if (generation->size == 0) {
        return NULL;
    }
    size_t at = hash & (generation->size - 1);
    while (generation->slots[at] != 0 && generation->slots[at] != hash) {
        at = (at + 1) & (generation->size - 1);
    }
    return &generation->slots[at];
}

static bool has(const struct generation *generation, uint64_t hash) {
    const uint64_t *slot = slot_of(generation, hash);
    return slot != NULL && *slot == hash;
}

static void grow(struct generation *generation) {
    struct generation next = {.size = generation->size > 0 ? 2 * generation->size : SLOTS_LEAST};
    next.count = generation->count;
    next.slots = xcalloc(next.size, sizeof *next.slots);
    for (size_t i = 0; i < generation->size; i++) {
        if (generation->slots[i] != 0) {
            *slot_of(&next, generation->slots[i]) = generation->slots[i];
        }
    }
    free(generation->slots);
    *generation = next;
}

static uint64_t *add(struct generation *generation, uint64_t hash) {
    if (generation->count >= generation->size - generation->size / 8) {
        grow(generation);
    }
    uint64_t *slot = slot_of(generation, hash);
    *slot = hash;
    generation->count++;
    return slot;
}

static void turn_over(struct repeats *repeats, mono_ms since) {
    struct generation emptied = repeats->old;
    if (emptied.count > 0) {
        memset(emptied.slots, 0, emptied.size * sizeof *emptied.slots);
        emptied.count = 0;
    }
    repeats->old = repeats->young;
    repeats->young = emptied;
    repeats->since = since;
}

/* After a long silence both are too old. */
static void expire(struct repeats *repeats, mono_ms now) {
    int64_t terms = (now - repeats->since) / repeats->remember_ms;
    mono_ms since = repeats->since + terms * repeats->remember_ms;
    for (int64_t i = 0; i < terms && i < 2; i++) {
        turn_over(repeats, since);
    }
}

bool repeats_seen(struct repeats *repeats, struct slice id, mono_ms now) {
    expire(repeats, now);
    uint64_t hash = hash_of(id);
    if (has(&repeats->young, hash) || has(&repeats->old, hash)) {
        return true;
    }
    if (repeats->young.count == repeats->max) {
        repeats->forgotten += repeats->old.count;
        turn_over(repeats, now);
    }
    repeats->last = add(&repeats->young, hash);
    return false;
}

void repeats_undo(struct repeats *repeats) {
    assert(repeats->last != NULL);
    *take_ptr(repeats->last) = 0; /* nothing came after it that would have to be found behind it */
    repeats->young.count--;
}

size_t repeats_count(const struct repeats *repeats) {
    return repeats->young.count + repeats->old.count;
}

uint64_t repeats_forgotten(const struct repeats *repeats) {
    return repeats->forgotten;
}
