/* How many connections each peer has. A peer is one IPv4 address or one IPv6 /64 (what one customer gets);
 * an IPv4 address written as IPv6 (::ffff:192.0.2.1) is the IPv4 address. No I/O. */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_TEXT 48 /* bytes for an address as text, with the NUL */

struct peers;

struct peer {
    uint8_t key[8];
    unsigned connections;
    struct peer *next; /* in its bucket */
};

/* At most MOST peers are expected; SEED keeps others from choosing addresses that collide. */
struct peers *peers_new(size_t most, uint64_t seed);
/* All peers must have been put back. */
void peers_free(struct peers *peers);
/* The peer of ADDRESS, with one connection more. NULL when ADDRESS is not an internet address. */
struct peer *peers_take(struct peers *peers, const struct sockaddr *address);
/* One connection less; the peer is gone with its last. NULL does nothing. */
void peers_put(struct peers *peers, struct peer *peer);
/* "192.0.2.1", "2001:db8::1"; "unix" for whatever has no internet address. */
void peer_text(const struct sockaddr *address, char ret_text[PEER_TEXT]);

#endif
