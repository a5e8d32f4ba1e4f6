/* The webhook endpoint without HTTP: request in, status out, verified new events to a sink. Counts everything,
 * logs rejections at most once a second per reason, and answers repeats (same event id) with 200 unseen. */
#ifndef WEBHOOKS_RECEIVE_H
#define WEBHOOKS_RECEIVE_H

#include "base/clock.h"
#include "base/histogram.h"
#include "webhooks/event.h"
#include "webhooks/verify.h"

struct receiver;

struct receiver_options {
    struct keyring *keys;  /* borrowed; may be reloaded in place */
    bool disabled;         /* ENABLE_SIP_BRIDGE=false: verified events are counted as ignored */
    size_t max_remembered; /* event ids remembered at least (repeats.h) */
    int64_t remember_ms;   /* for how long: as long as a webhook's token is good */
    /* Takes ownership of EVENT. Returns false when it cannot take more: the answer is then 503 and the id is forgotten. */
    bool (*on_event)(void *context, struct webhook_event *event);
    void *context;
};

struct receiver_request {
    struct slice method, authorization, body, peer;
    unsigned authorization_count;
};

/* received = bad_method + all of rejected + verified, and
 * verified = handed to the sink + ignored + duplicate + invalid + refused (but for a disabled bridge without any key:
 * it ignores all, unverified). */
struct receiver_counters {
    uint64_t received;
    uint64_t bad_method;                    /* 405: not POST */
    uint64_t rejected[VERIFY_REASON_COUNT]; /* 401: not verified; [VERIFY_OK] stays 0 */
    uint64_t verified;                      /* signed by LiveKit, whatever became of it */
    uint64_t ignored;                       /* 200: an event that means nothing to calls, or the bridge is disabled */
    uint64_t duplicate;                     /* 200: seen before */
    uint64_t invalid;                       /* 400: signed, but not an event */
    uint64_t refused;                       /* 503: the sink is full */
    uint64_t forgotten;                     /* ids that had to go before their time: max_remembered was reached */
    int64_t last_verified_wall_ms;          /* 0: never */
};

/* `sipbridge doctor` looks whether webhooks arrive, by rooms named so and by signed events about such rooms. They start
 * nothing: they are counted as ignored and noted. */
#define RECEIVER_PROBE_PREFIX "sipbridge-doctor-"
enum { RECEIVER_REJECTIONS = 8, RECEIVER_NAME_SIZE = 64 };

/* What came in of late, for those who ask why a webhook does not arrive. Nothing in it is a stranger's text. */
struct receiver_sightings {
    struct receiver_probe {                                       /* the last event about such a room */
        int64_t wall_ms;                                          /* 0: none yet */
        char room[RECEIVER_NAME_SIZE], event[RECEIVER_NAME_SIZE]; /* escaped, cut */
        char key[RECEIVER_NAME_SIZE];                             /* the key that signed it */
    } probe;
    struct receiver_rejection { /* answered 401; the newest is at (rejection_count - 1) % RECEIVER_REJECTIONS */
        int64_t wall_ms;
        enum verify_reason reason;
        struct verify_detail detail;
    } rejections[RECEIVER_REJECTIONS];
    uint64_t rejection_count; /* ever */
};

struct receiver *receiver_new(const struct receiver_options *options);
void receiver_free(struct receiver *receiver);
/* The HTTP status: 200 verified (also ignored, repeated); 400 verified but not an event; 401 not verified;
 * 405 not POST; 503 the sink is full. */
int receiver_take(struct receiver *receiver, const struct receiver_request *request, int64_t wall_ms, mono_ms now);
/* A request that came to a path where nothing is. If LiveKit signed it, its URL is wrong: that is logged. */
struct receiver_stray {
    struct slice path; /* where it came */
    const char *right; /* where webhooks are taken */
    int64_t wall_ms;
    mono_ms now;
};
void receiver_tell_stray(struct receiver *receiver, const struct receiver_request *request,
                         const struct receiver_stray *stray);
const struct receiver_counters *receiver_counters(const struct receiver *receiver);
/* How old events were when they came, by LiveKit's clock, which tells whole seconds. */
const struct histogram *receiver_lag(const struct receiver *receiver);
const struct receiver_sightings *receiver_sightings(const struct receiver *receiver);

#endif
