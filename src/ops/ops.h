/* What operators and probes see over HTTP: health, status, the operator's actions; and who may see what. Works on
 * const views of the rest; only the actions go through functions that the application gives. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "auth/keyring.h"
#include "base/log.h"
#include "board/board.h"
#include "bridge/bridge.h"
#include "bridge/reconcile.h"
#include "calllog/calllog.h"
#include "http/server.h"
#include "livekit/contact.h"
#include "loop/loop.h"
#include "ops/once.h"
#include "pool/pool.h"
#include "source/source.h"
#include "spawner/local/local.h"
#include "webhooks/receive.h"

enum { OPS_ERRORS = 20, OPS_ERROR_SIZE = 512, OPS_ABOUT_SIZE = 136 };

/* One of them, and what it is about: "" for what it is not. What is too long is cut. */
struct ops_error {
    int64_t wall_ms;
    char text[OPS_ERROR_SIZE];
    char call[OPS_ABOUT_SIZE], room[OPS_ABOUT_SIZE], agent[OPS_ABOUT_SIZE];
};

/* The last warnings and errors of the log, newest last. */
struct ops_errors {
    struct ops_error list[OPS_ERRORS];
    uint64_t count; /* ever */
};
/* A log_listener; CONTEXT is a struct ops_errors. */
void ops_errors_add(void *context, const struct log_heard *record);

/* Memory pressure as it was last looked at. */
struct ops_memory {
    int64_t max_percent; /* SIP_MAX_PRESSURE; 0: it is not looked at */
    bool is_known;
    int64_t hundredths; /* of a percent of the last ten seconds */
};

/* What came of the wish to end all calls and delete their rooms. */
enum ops_cleanup {
    CLEANUP_STARTED,    /* calls are being stopped and rooms deleted */
    CLEANUP_RUNNING,    /* calls are being stopped; rooms were being deleted already */
    CLEANUP_NO_LIVEKIT, /* calls are being stopped; rooms stay, for LiveKit's API is not used */
    CLEANUP_NO_PREFIX,  /* nothing is done: SIP_ROOM_PREFIX is empty, so that every room would go */
};

struct ops {
    bool enabled, draining;
    const char *webhook_path, *room_prefix;
    const struct keyring *keys;
    struct receiver *receiver;
    const struct bridge *bridge;
    const struct pool *pool;           /* of standbys; NULL: there are none */
    const struct contact *livekit;     /* NULL: it is not asked */
    const struct reconcile *reconcile; /* NULL with it */
    const struct source *source;       /* NULL while the bridge is disabled */
    const struct ops_memory *memory;
    /* Each of these may be NULL: then nothing is told of it. */
    const struct local *local;
    const struct call_log_state *call_log;
    const struct loop *loop;
    const struct http_counters *http;
    const size_t *queue_now; /* verified webhooks that wait for the bridge, of at most queue_max */
    size_t queue_max;
    const struct ops_errors *errors;
    struct board *board;
    struct once used; /* operators' tokens that ended all calls */
    int64_t started_wall_ms;
    mono_ms started;
    void *context;
    bool (*stop_call)(void *context, const char *sid); /* false: no such live call */
    /* SAID gets lines of what came of it; false: something written is wrong, and stays as it was. */
    bool (*reload)(void *context, struct buf *said);
    /* Never waits for LiveKit. */
    enum ops_cleanup (*clean_up)(void *context, size_t *ret_calls);
};

/* Where a request came in decides what it may do without a token. */
enum ops_door {
    DOOR_PUBLIC,       /* the webhook and the basic health; the rest is not there without a token */
    DOOR_ADMIN_LOCAL,  /* loopback or a unix socket: reading needs no token if Host names a loopback too */
    DOOR_ADMIN_REMOTE, /* everything but the basic health needs a token */
};

struct ops_entrance {
    struct ops *ops;
    enum ops_door door;
};
/* An http_handler; CONTEXT is a struct ops_entrance. */
void ops_handle(void *context, const struct http_request *request, struct http_answer *answer);

/* Whether ADDRESS of SIP_ADMIN_LISTEN is a loopback or a unix socket; "fd:3": what that is bound to. */
bool ops_is_local(const char *address);

enum ops_health { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_DISABLED };
/* A state of health: one sentence that names what is wrong without details a stranger could use, and what an operator
 * does about it ("" where nothing is wrong). */
struct ops_state {
    enum ops_health health;
    const char *message, *remedy;
};
/* How it is now: the first thing that is wrong, by weight. Never NULL. */
const struct ops_state *ops_state(const struct ops *ops);
/* All that there are (ops/health_table.h). */
size_t ops_state_count(void);
const struct ops_state *ops_state_at(size_t place);

/* What /readyz answers with 503, and what to do. */
struct ops_unready {
    const char *answer, *remedy;
};
/* NULL: ready. */
const char *ops_unready(const struct ops *ops);
size_t ops_unready_count(void);
const struct ops_unready *ops_unready_at(size_t place);
/* "healthy", "degraded", "disabled". */
const char *ops_health_name(enum ops_health health);
/* Bodies of GET /health/sip-bridge and /health/sip-bridge-status. */
void ops_health_json(const struct ops *ops, struct buf *out);
/* What struct board_options wants; CONTEXT is a struct ops. */
void ops_board_health(void *context, struct buf *out);
void ops_status_json(const struct ops *ops, mono_ms now, struct buf *out);

#endif
