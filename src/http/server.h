/* HTTP/1.1 server (libh2o) with hard limits, for handlers that answer at once.
 *
 * A handler runs with a complete request in memory and fills the answer before it returns (or names who goes on
 * writing it, stream.h): nothing can wait in the request path. Limits on header, body, time and connections are applied before the handler is called.
 * At a connection limit the connection that has been idle longest, at least a second, makes room; if there is none,
 * new ones wait.
 * The server owns the process's outermost loop: http_server_turn runs one batch of h2o events and then one turn
 * of LOOP. One server at a time, one thread only. Lets writes fail (loop/signals.h). */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/slice.h"
#include "loop/loop.h"

/* All slices live only during the call. */
struct http_request {
    struct slice method; /* HEAD comes as GET: the server leaves the body out */
    struct slice path;   /* as sent, without the query */
    struct slice query;  /* without '?' */
    struct slice host;   /* empty when there was none (HTTP/1.0) */
    struct slice authorization;
    unsigned authorization_count; /* how many Authorization headers came: more than one is suspicious */
    struct slice body;
    struct slice peer; /* "127.0.0.1", "::1", "unix"; from the socket only, never from a header */
};

struct http_header {
    const char *name, *value; /* static text; NAME in lower case */
};

struct http_stream_owner;

/* Prepared as 200 without a body. */
struct http_answer {
    int status;
    const char *content_type;               /* static text; NULL for no body */
    const char *allow;                      /* static text for a 405, else NULL */
    const struct http_header *headers;      /* static, more of them, up to one without a name; or NULL */
    const struct http_stream_owner *stream; /* instead of a body: an answer without an end (http/stream.h) */
    struct buf body;                        /* the server releases it */
};

typedef void http_handler(void *context, const struct http_request *request, struct http_answer *answer);

struct http_limits {
    size_t max_header;        /* bytes of request line and headers: 16 KiB */
    unsigned max_headers;     /* count: 100 */
    size_t max_body;          /* bytes: SIP_MAX_BODY */
    size_t max_bodies;        /* bytes of all bodies in flight: 64 MiB */
    int header_ms, body_ms;   /* time to a complete header (5 s) and from there to a complete body (10 s) */
    int idle_ms;              /* before and between requests: 120 s (LiveKit keeps idle connections 90 s) */
    int write_ms;             /* a client that does not read its answer: 10 s */
    unsigned max_connections; /* 1,024 */
    unsigned max_per_peer;    /* 512 from one IPv4 address or IPv6 /64 (unix sockets are not counted by peer) */
};
extern const struct http_limits http_limits_default;

/* One address to listen on: "127.0.0.1:8790", "[::1]:8790", ":8790" (every address), "unix:/path",
 * "fd:3" (a socket handed over by the service manager). */
struct http_listen {
    const char *address;
    unsigned socket_mode;     /* for unix: 0660 … */
    const char *socket_group; /* for unix: name, or NULL */
    http_handler *handle;
    void *context;
};

struct http_counters {
    uint64_t connections; /* accepted */
    uint64_t requests;    /* complete ones */
    uint64_t too_large;   /* 413, 431 */
    uint64_t too_slow;    /* closed: header, body or the reading of the answer took too long */
    uint64_t over_limit;  /* idle connections closed for new ones, new ones turned away, bodies refused with 503 */
    uint64_t bad;         /* 400: not HTTP, or HTTP that a proxy could read differently */
    unsigned open;        /* connections right now */
};

struct http_server;

/* Binds and listens. NULL with DIAG (where = the address) when one cannot be had: in use (by whom, where that can
 * be told), no permission, no such group … A unix socket file of a dead process is replaced, of a living one not. */
struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits,
                                    const struct http_listen *listens, size_t count, struct diag *diag);
/* Runs until something happened or MAX_WAIT_MS passed. */
void http_server_turn(struct http_server *server, int max_wait_ms);
/* Closes the listening sockets; open connections are served on. */
void http_server_stop_listening(struct http_server *server);
const struct http_counters *http_server_counters(const struct http_server *server);
/* The port of listen number INDEX (for port 0), 0 for unix sockets. */
int http_server_port(const struct http_server *server, size_t index);
void http_server_free(struct http_server *server);

#endif
