/* A ring of ids in the order they came, which is the order they expire in, with hash chains through it. */
#include "webhooks/repeats.h"

#include <assert.h>

#include "auth/hmac.h"
#include "base/mem.h"

struct digest {
    uint64_t half[2];
};

struct entry {
    struct digest digest;
    mono_ms until;
    uint32_t next; /* in its chain: index + 1, 0 at the end */
};

/* Entry number N (0 is the first ever) is at ring[N % max]; alive are first <= N < end. */
struct repeats {
    size_t max, chain_mask;
    int64_t remember_ms;
    uint64_t first, end, forgotten;
    uint32_t *chains; /* heads: index + 1, 0 for none */
    struct entry *ring;
};

struct repeats *repeats_new(size_t max, int64_t remember_ms) {
    assert(max >= 1 && max < UINT32_MAX);
    struct repeats *repeats = xcalloc(1, sizeof *repeats);
    size_t chains = 16;
    while (chains < max) {
        chains *= 2;
    }
    *repeats = (struct repeats){.max = max, .chain_mask = chains - 1, .remember_ms = remember_ms};
    repeats->chains = xcalloc(chains, sizeof *repeats->chains);
    repeats->ring = xcalloc(max, sizeof *repeats->ring);
    return repeats;
}

void repeats_free(struct repeats *repeats) {
    if (repeats != NULL) {
        free(repeats->chains);
        free(repeats->ring);
        free(repeats);
    }
}

static struct digest digest_of(struct slice id) {
    unsigned char hash[HMAC_SIZE];
    struct digest digest;
    hmac_hash(id, hash);
    memcpy(&digest, hash, sizeof digest);
    return digest;
}

static uint32_t *chain_of(struct repeats *repeats, struct digest digest) {
    return &repeats->chains[digest.half[0] & repeats->chain_mask];
}

static void unlink_entry(struct repeats *repeats, uint64_t number) {
    uint32_t index = (uint32_t)(number % repeats->max);
    uint32_t *link = chain_of(repeats, repeats->ring[index].digest);
    while (*link != index + 1) {
        link = &repeats->ring[*link - 1].next;
    }
    *link = repeats->ring[index].next;
}

static void expire(struct repeats *repeats, mono_ms now) {
    while (repeats->first < repeats->end && repeats->ring[repeats->first % repeats->max].until <= now) {
        unlink_entry(repeats, repeats->first++);
    }
}

static bool find(struct repeats *repeats, struct digest digest) {
    for (uint32_t at = *chain_of(repeats, digest); at != 0; at = repeats->ring[at - 1].next) {
        const struct digest *other = &repeats->ring[at - 1].digest;
        if (other->half[0] == digest.half[0] && other->half[1] == digest.half[1]) {
            return true;
        }
    }
    return false;
}

bool repeats_seen(struct repeats *repeats, struct slice id, mono_ms now) {
    expire(repeats, now);
    struct digest digest = digest_of(id);
    if (find(repeats, digest)) {
        return true;
    }
    if (repeats->end - repeats->first == repeats->max) {
        unlink_entry(repeats, repeats->first++);
        repeats->forgotten++;
    }
    uint32_t index = (uint32_t)(repeats->end++ % repeats->max), *chain = chain_of(repeats, digest);
    repeats->ring[index] = (struct entry){digest, now + repeats->remember_ms, *chain};
    *chain = index + 1;
    return false;
}

void repeats_undo(struct repeats *repeats) {
    assert(repeats->end > repeats->first);
    unlink_entry(repeats, --repeats->end);
}

size_t repeats_count(const struct repeats *repeats) {
    return (size_t)(repeats->end - repeats->first);
}

uint64_t repeats_forgotten(const struct repeats *repeats) {
    return repeats->forgotten;
}
