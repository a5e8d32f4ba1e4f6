/* A list of members, walked by the sweep and by the search for the idlest. */
#include "http/crowd.h"

#include <assert.h>
#include <sys/random.h>

#include "base/mem.h"
#include "http/head.h"

#define SWEEP_MS 250
#define SWEEP_BUSY_MS 10
#define LEAST_IDLE_MS 1000 /* one that came or spoke later is about to speak; to close it would serve nobody */
#define ANSWER(line) "HTTP/1.1 " line "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

static int limit_ms(const struct http_limits *limits, enum crowd_phase phase) {
    switch (phase) {
    case CROWD_IDLE: return limits->idle_ms;
    case CROWD_HEADER: return limits->header_ms;
    case CROWD_BODY: return limits->body_ms;
    default: return limits->write_ms;
    }
}

static bool has_whole_head(struct member *member, struct slice input) {
    if (!member->whole) {
        member->whole = head_is_whole(input, member->searched);
        member->searched = input.n;
    }
    return member->whole;
}

static enum crowd_phase phase_of(struct member *member, const struct crowd_view *view) {
    if (!view->reading) {
        return CROWD_ANSWER;
    }
    if (view->input.n == 0) {
        return CROWD_IDLE;
    }
    return has_whole_head(member, view->input) ? CROWD_BODY : CROWD_HEADER;
}

/* Notes the phase; when it is new, from when on. */
static enum crowd_phase look_at(struct member *member, const struct crowd_view *view, mono_ms now) {
    bool is_new = member->requests_seen != member->requests;
    if (is_new) {
        member->requests_seen = member->requests;
        member->searched = 0;
        member->whole = false;
    }
    enum crowd_phase phase = phase_of(member, view);
    if (is_new || member->phase != phase) {
        member->phase = phase;
        member->since = now;
    }
    return phase;
}

static void dismiss(struct member *member, const char *answer) {
    member->doomed = true;
    member->crowd->close(member, answer);
}

/* True when MEMBER had to go. */
static bool sweep_one(struct crowd *crowd, struct member *member, const struct crowd_view *view) {
    enum crowd_phase phase = look_at(member, view, crowd->swept_at);
    if (member->doomed) {
        return true;
    }
    if (phase == CROWD_HEADER && view->input.n > crowd->limits.max_header) {
        crowd->counters.too_large++;
        dismiss(member, ANSWER("431 Request Header Fields Too Large"));
        return true;
    }
    if (crowd->swept_at - member->since >= limit_ms(&crowd->limits, phase)) {
        crowd->counters.too_slow += phase != CROWD_IDLE;
        dismiss(member, NULL); /* LiveKit sends an event again after a broken connection, after a 4xx never */
        return true;
    }
    return false;
}

/* Looks at all; the input that those who stay hold, and who of them holds most while still sending. */
static size_t sweep_all(struct crowd *crowd, struct member **ret_largest) {
    size_t bytes = 0, most = 0;
    *ret_largest = NULL;
    for (struct member *member = crowd->first, *next; member != NULL; member = next) {
        struct crowd_view view = crowd->view(member);
        next = member->next;
        if (sweep_one(crowd, member, &view)) {
            continue;
        }
        bytes += view.input.n;
        if (view.reading && view.input.n > most) {
            most = view.input.n;
            *ret_largest = member;
        }
    }
    return bytes;
}

static void sweep(struct crowd *crowd, mono_ms now) {
    struct member *largest;
    crowd->swept_at = now;
    while (sweep_all(crowd, &largest) > crowd->limits.max_bodies && largest != NULL) {
        crowd->counters.over_limit++;
        dismiss(largest, ANSWER("503 Service Unavailable"));
    }
}

static void on_due(struct timer *timer) {
    struct crowd *crowd = container_of(timer, struct crowd, timer);
    sweep(crowd, loop_now(crowd->loop));
    if (crowd->first != NULL) {
        timer_start(timer, crowd->loop, SWEEP_MS);
    }
}

void crowd_tend(struct crowd *crowd, mono_ms now) {
    if (crowd->first != NULL && now - crowd->swept_at >= SWEEP_BUSY_MS) {
        sweep(crowd, now);
    }
}

void crowd_init(struct crowd *crowd, struct loop *loop, const struct http_limits *limits) {
    uint64_t seed = 0;
    assert(crowd->view != NULL && crowd->close != NULL);
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0) {
        seed = (uint64_t)clock_mono_us();
    }
    crowd->loop = loop;
    crowd->limits = *limits;
    crowd->peers = peers_new(limits->max_connections, seed);
    crowd->timer.on_due = on_due;
}

void crowd_release(struct crowd *crowd) {
    assert(crowd->first == NULL);
    timer_cancel(&crowd->timer);
    peers_free(crowd->peers);
    crowd->peers = NULL;
}

/* How gladly MEMBER is let go for a new one: who never asked anything, then the slow, and only then kept-alive
 * connections (LiveKit's is one: strangers who only open connections must not push it out). 0: not at all. */
static unsigned dispensable(struct crowd *crowd, struct member *member, mono_ms now) {
    struct crowd_view view = crowd->view(member);
    enum crowd_phase phase = look_at(member, &view, now);
    if (member->doomed || phase == CROWD_ANSWER || now - member->since < LEAST_IDLE_MS) {
        return 0;
    }
    return phase != CROWD_IDLE ? 2 : member->requests > 0 ? 1 : 3;
}

/* Closes the most dispensable connection (of PEER, if that is not NULL), of equals the one that was so longest. */
static bool make_room(struct crowd *crowd, const struct peer *peer, mono_ms now) {
    struct member *first = NULL;
    unsigned most = 1;
    for (struct member *member = crowd->first; member != NULL; member = member->next) {
        unsigned rank = peer != NULL && peer != member->peer ? 0 : dispensable(crowd, member, now);
        bool longer = first == NULL || member->since <= first->since; /* new ones are in front: of equals the older */
        if (rank > most || (rank == most && longer)) {
            first = member;
            most = rank;
        }
    }
    crowd->counters.over_limit++;
    if (first == NULL) {
        return false;
    }
    dismiss(first, NULL);
    return true;
}

bool crowd_is_full(const struct crowd *crowd) {
    return crowd->counters.open >= crowd->limits.max_connections;
}

bool crowd_has_room(struct crowd *crowd, mono_ms now) {
    return !crowd_is_full(crowd) || make_room(crowd, NULL, now);
}

bool crowd_join(struct crowd *crowd, struct member *member, const struct sockaddr *address, mono_ms now) {
    struct peer *peer = peers_take(crowd->peers, address);
    if (peer != NULL && peer->connections > crowd->limits.max_per_peer && !make_room(crowd, peer, now)) {
        peers_put(crowd->peers, peer);
        return false;
    }
    member->crowd = crowd;
    member->peer = peer;
    member->since = now;
    peer_text(address, member->peer_text);
    member->next = crowd->first;
    member->link = &crowd->first;
    if (member->next != NULL) {
        member->next->link = &member->next;
    }
    crowd->first = member;
    crowd->counters.connections++;
    crowd->counters.open++;
    if (crowd->timer.loop == NULL) {
        timer_start(&crowd->timer, crowd->loop, SWEEP_MS);
    }
    return true;
}

void crowd_leave(struct member *member) {
    struct crowd *crowd = member->crowd;
    *member->link = member->next;
    if (member->next != NULL) {
        member->next->link = member->link;
    }
    crowd->counters.open--;
    peers_put(crowd->peers, member->peer);
}

void crowd_close_all(struct crowd *crowd) {
    for (struct member *member = crowd->first, *next; member != NULL; member = next) {
        next = member->next;
        dismiss(member, NULL);
    }
}
