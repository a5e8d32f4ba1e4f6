/* LiveKit's server API (Twirp: JSON over HTTP), asynchronous on struct loop. This header is the client: options,
 * results, waiting, cancelling, health. What can be asked is in livekit/calls.h.
 *
 * Every call has a deadline, by default 5 s, from the asking to the result: time in the queue and repeated tries
 * included. Reads, DeleteRoom and RemoveParticipant are tried again when LiveKit is away, after 0.1, 0.2, 0.4 … s
 * (give or take half), or later where it says Retry-After (at most 3 s of that); calls that make something are sent
 * once. At most max_in_flight requests are under way; a quarter of those is kept for urgent calls, which also leave
 * the queue first. With 1,000 calls waiting, one that cannot be sent at once is LIVEKIT_AWAY. One thread only.
 *
 *     struct livekit_api *api = livekit_new(&(struct livekit_options){.loop = loop, .url = url, .keys = keys});
 *
 * On the loop (the bridge): the callback gets the result, the returned handle can be cancelled until then.
 *
 *     const struct livekit_ask ask = {.urgency = LIVEKIT_URGENT, .on_done = on_participants, .context = pending};
 *     pending->call = livekit_list_participants(api, &ask, room);
 *
 *     static void on_participants(void *context, const struct livekit_result *result) {
 *         struct pending *pending = context;
 *         pending->call = NULL;
 *         if (result->outcome == LIVEKIT_OK) { … result->answer.participants[i].called … }
 *     }
 *
 * Blocking (a command): ask is NULL, and the result is waited for.
 *
 *     struct livekit_result *result = livekit_wait(livekit_list_trunks(api, NULL));
 *     if (result->outcome != LIVEKIT_OK) { … result->why … }
 *     livekit_result_free(result);
 */
#ifndef LIVEKIT_API_H
#define LIVEKIT_API_H

#include "auth/keyring.h"
#include "livekit/contact.h"
#include "livekit/model.h"
#include "loop/loop.h"

struct livekit_api;
struct livekit_call;

struct livekit_options {
    struct loop *loop;
    const char *url;            /* http:// or https://, as livekit_http_url gives it */
    const char *ca_file;        /* PEM with the only authorities to trust; NULL or "": the system's */
    const struct keyring *keys; /* borrowed; its first key signs, also after a rotation */
    int timeout_ms;             /* 0: 5000 */
    int max_in_flight;          /* 0: 16 */
    /* LiveKit came, went, or answers otherwise than before (livekit_contact says how). Called from a task of the
     * loop; may do whatever on_done may. May be NULL. */
    void (*on_contact)(void *context);
    void *context;
};

/* The URL of the API from LIVEKIT_URL: ws -> http, wss -> https, http and https as they are, no "/" at the end.
 * NULL with DIAG for anything else, and for a user name, a query or a fragment in it. The caller frees it. */
char *livekit_http_url(const char *livekit_url, struct diag *diag);

/* X(name, text): a call's outcome, decided on the HTTP status and Twirp's code, never on its message. */
#define LIVEKIT_OUTCOMES(X)   \
    X(OK, "ok")               \
    X(NOT_FOUND, "not found") \
    X(REFUSED, "refused")     \
    X(AWAY, "away")           \
    X(ODD, "odd")
enum livekit_outcome {
#define X(name, text) LIVEKIT_##name,
    LIVEKIT_OUTCOMES(X)
#undef X
};
/* NOT_FOUND: LiveKit says that there is no such thing (a 404 without its code does not).
 * REFUSED: it will not, and will not next time either: key, grant, request.
 * AWAY: no answer, or 408, 429, 5xx: nothing is known and nothing may be concluded. What was asked for may still
 * have been done.
 * ODD: an answer that is not LiveKit's, or one that cannot be read. */

struct livekit_result {
    enum livekit_outcome outcome;
    int status;    /* HTTP; 0 without an answer */
    bool is_late;  /* the request was sent, and no answer came in time */
    char code[32]; /* Twirp's: "not_found", "already_exists" …; "" when there was none */
    char why[352]; /* for people: what is wrong and, where known, what would be right; "" for LIVEKIT_OK */
    int tries;     /* requests sent */
    struct livekit_answer answer; /* empty unless LIVEKIT_OK */
};
const char *livekit_outcome_name(enum livekit_outcome outcome);

enum livekit_urgency { LIVEKIT_ROUTINE, LIVEKIT_URGENT };

struct livekit_ask {
    enum livekit_urgency urgency;
    int timeout_ms; /* 0: the api's */
    /* At most once, never before the call was returned, never after livekit_cancel or livekit_free. The call is gone
     * when it begins; RESULT lives until it returns. It may start and cancel calls and free the api. */
    void (*on_done)(void *context, const struct livekit_result *result);
    void *context;
};

/* OPTIONS is copied. NULL: libcurl cannot be had. */
struct livekit_api *livekit_new(const struct livekit_options *options);
/* Cancels everything, waited for or not. Allowed inside on_done. */
void livekit_free(struct livekit_api *api);
/* Nobody is told; whether LiveKit did it is not known. NULL is allowed. */
void livekit_cancel(struct livekit_call *call);
/* Turns the loop until CALL, which was asked for without a livekit_ask, has its result; then CALL is gone. */
struct livekit_result *livekit_wait(struct livekit_call *call) __attribute__((returns_nonnull));
void livekit_result_free(struct livekit_result *result);

/* Health, counters, clock skew: as of the last result. */
const struct contact *livekit_contact(const struct livekit_api *api);
/* Calls that have no result yet, and how many of them are requests under way. */
size_t livekit_waiting(const struct livekit_api *api, size_t *ret_in_flight);

#endif
