/* A chained hash of the few peers that are connected right now. */
#include "http/peers.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

struct peers {
    uint64_t seed;
    size_t mask;
    struct peer **buckets;
};

struct peers *peers_new(size_t most, uint64_t seed) {
    struct peers *peers = xcalloc(1, sizeof *peers);
    size_t count = 16;
    while (count < most) {
        count *= 2;
    }
    peers->seed = seed;
    peers->mask = count - 1;
    peers->buckets = xcalloc(count, sizeof(struct peer *));
    return peers;
}

void peers_free(struct peers *peers) {
    if (peers == NULL) {
        return;
    }
    for (size_t i = 0; i <= peers->mask; i++) {
        assert(peers->buckets[i] == NULL);
    }
    free(peers->buckets);
    free(peers);
}

/* The IPv4 address inside ADDRESS, if there is one. */
static const void *v4_of(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    }
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_V4MAPPED(v6) ? &v6->s6_addr[12] : NULL;
    }
    return NULL;
}

static const struct in6_addr *v6_of(const struct sockaddr *address) {
    return address->sa_family == AF_INET6 ? &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr : NULL;
}

/* IPv4 lies in ::/64, where no host of the IPv6 internet can be. */
static bool make_key(const struct sockaddr *address, uint8_t ret_key[8]) {
    const void *v4 = v4_of(address);
    const struct in6_addr *v6 = v6_of(address);
    if (v4 != NULL) {
        memset(ret_key, 0, 4);
        memcpy(ret_key + 4, v4, 4);
        return true;
    }
    if (v6 != NULL) {
        memcpy(ret_key, v6, 8);
        return true;
    }
    return false;
}

static struct peer **bucket_of(struct peers *peers, const uint8_t key[8]) {
    struct slice bytes = {(const char *)key, 8};
    return &peers->buckets[slice_hash(bytes, peers->seed) & peers->mask];
}

struct peer *peers_take(struct peers *peers, const struct sockaddr *address) {
    uint8_t key[8];
    if (!make_key(address, key)) {
        return NULL;
    }
    struct peer **bucket = bucket_of(peers, key);
    for (struct peer *peer = *bucket; peer != NULL; peer = peer->next) {
        if (memcmp(peer->key, key, sizeof key) == 0) {
            peer->connections++;
            return peer;
        }
    }
    struct peer *peer = xcalloc(1, sizeof *peer);
    memcpy(peer->key, key, sizeof key);
    peer->connections = 1;
    peer->next = *bucket;
    *bucket = peer;
    return peer;
}

void peers_put(struct peers *peers, struct peer *peer) {
    if (peer == NULL || --peer->connections > 0) {
        return;
    }
    struct peer **at = bucket_of(peers, peer->key);
    while (*at != peer) {
        at = &(*at)->next;
    }
    *at = peer->next;
    free(peer);
}

void peer_text(const struct sockaddr *address, char ret_text[PEER_TEXT]) {
    const void *v4 = v4_of(address);
    const struct in6_addr *v6 = v6_of(address);
    if (v4 != NULL) {
        inet_ntop(AF_INET, v4, ret_text, PEER_TEXT);
    } else if (v6 != NULL) {
        inet_ntop(AF_INET6, v6, ret_text, PEER_TEXT);
    } else {
        memcpy(ret_text, "unix", sizeof "unix");
    }
}
