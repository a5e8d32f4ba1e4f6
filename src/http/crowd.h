/* All open connections, and who has to go: limits on number, on number per peer, on the time each may spend in a
 * phase of a request, on the head, and on the input all hold together. Knows no HTTP library and does no I/O.
 *
 * A request costs nothing here: a sweep (every 250 ms, and under load every 10 ms) looks at the phase each
 * connection is in, so times are right to that. */
#ifndef HTTP_CROWD_H
#define HTTP_CROWD_H

#include "http/peers.h"
#include "http/server.h"
#include "loop/loop.h"

enum crowd_phase { CROWD_IDLE, CROWD_HEADER, CROWD_BODY, CROWD_ANSWER };

/* One connection; embedded in its owner's struct. */
struct member {
    struct crowd *crowd;
    struct member *next, **link; /* link: what points at this one */
    struct peer *peer;
    uint64_t requests;      /* the owner counts complete requests here, and parts of an answer without an end */
    uint64_t requests_seen; /* at the last look; another number means another request */
    size_t searched;        /* bytes of its input in which the end of the head was not */
    bool whole;             /* its head is whole */
    enum crowd_phase phase; /* at the last look */
    mono_ms since;          /* when that phase of that request was first seen */
    bool doomed;            /* was told to go; whatever it still asks is to be refused */
    char peer_text[PEER_TEXT];
};

/* What a connection is doing now. */
struct crowd_view {
    bool reading;       /* no answer is on its way out */
    struct slice input; /* of the request at hand, as far as it has come */
};

struct crowd {
    struct crowd_view (*view)(struct member *member);
    /* Ends the connection after sending ANSWER, a whole response or NULL; calls crowd_leave now or soon. */
    void (*close)(struct member *member, const char *answer);
    struct loop *loop;
    struct http_limits limits;
    struct http_counters counters;
    struct peers *peers;
    struct member *first;
    struct timer timer;
    mono_ms swept_at;
};

/* Set the two callbacks first. */
void crowd_init(struct crowd *crowd, struct loop *loop, const struct http_limits *limits);
/* All members must have left. */
void crowd_release(struct crowd *crowd);

bool crowd_is_full(const struct crowd *crowd);
/* True when one more connection may be taken. If need be another is closed for it: one that has sent nothing, or a
 * request slowly, for a second; else the one that has been idle longest. False when there is none such. */
bool crowd_has_room(struct crowd *crowd, mono_ms now);
/* MEMBER is zeroed. False, and nothing is kept, when its peer has too many connections and all are busy. */
bool crowd_join(struct crowd *crowd, struct member *member, const struct sockaddr *address, mono_ms now)
    __attribute__((warn_unused_result));
void crowd_leave(struct member *member);

/* Sweeps unless that was done in the last 10 ms: after every turn in which requests may have come. */
void crowd_tend(struct crowd *crowd, mono_ms now);
/* Closes all, without an answer. */
void crowd_close_all(struct crowd *crowd);

#endif
