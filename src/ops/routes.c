/* One table of routes, and the rules of who gets through which door. */
#include "auth/operator.h"
#include "base/json_text.h"
#include "base/text.h"
#include "http/listen.h"
#include "ops/metrics.h"
#include "ops/ops.h"

enum access {
    FOR_ANYONE,
    FOR_VISITORS,      /* reveals nothing, but is there at the admin doors only */
    FOR_READERS,       /* reveals calls and numbers */
    FOR_OPERATORS,     /* changes something: always with an operator's token */
    FOR_OPERATORS_ONCE /* done again it would do more: each token once */
};

struct visit {
    struct ops *ops;
    const struct http_request *request;
    struct http_answer *answer;
    struct slice rest; /* of the path, behind a route that ends in '*' */
};

struct route {
    const char *method, *path; /* "NAME/" matches what begins so, when `rest` is wanted */
    bool has_rest;
    enum access access;
    void (*serve)(const struct visit *visit);
};

static void answer_text(struct http_answer *answer, int status, const char *text) {
    answer->status = status;
    answer->content_type = "text/plain; charset=utf-8";
    buf_clear(&answer->body);
    buf_addf(&answer->body, "%s\n", text);
}

static void serve_health(const struct visit *visit) {
    visit->answer->content_type = "application/json";
    ops_health_json(visit->ops, &visit->answer->body);
}

static void serve_status(const struct visit *visit) {
    visit->answer->content_type = "application/json";
    ops_status_json(visit->ops, clock_mono_ms(), &visit->answer->body);
}

static void serve_metrics(const struct visit *visit) {
    visit->answer->content_type = METRICS_CONTENT_TYPE;
    metrics_write(visit->ops, clock_mono_ms(), &visit->answer->body);
}

static void serve_live(const struct visit *visit) {
    answer_text(visit->answer, 200, "ok");
}

static void serve_ready(const struct visit *visit) {
    const char *unready = ops_unready(visit->ops);
    answer_text(visit->answer, unready != NULL ? 503 : 200, unready != NULL ? unready : "ok");
}

static void serve_reload(const struct visit *visit) {
    struct http_answer *answer = visit->answer;
    answer->content_type = "text/plain; charset=utf-8";
    answer->status = visit->ops->reload(visit->ops->context, &answer->body) ? 200 : 409;
}

/* POST /api/calls/SID/stop */
static void serve_stop(const struct visit *visit) {
    struct slice tail = SLICE("/stop"), sid = visit->rest;
    bool fits = sid.n > tail.n && slice_eq((struct slice){sid.p + sid.n - tail.n, tail.n}, tail);
    sid.n -= fits ? tail.n : 0;
    if (!fits || !text_is_sid(sid)) {
        answer_text(visit->answer, 404, "not found; the path is /api/calls/SID/stop");
        return;
    }
    char text[EVENT_MAX_SID + 1] = "";
    memcpy(text, sid.p, sid.n);
    bool stopped = visit->ops->stop_call(visit->ops->context, text);
    answer_text(visit->answer, stopped ? 200 : 404, stopped ? "stopping" : "no such call");
}

/* POST /api/livekit/cleanup-sip-rooms. What comes of it is in the log. */
static void serve_cleanup(const struct visit *visit) {
    static const struct {
        int status;
        const char *rooms, *message;
    } words[] = {
        [CLEANUP_STARTED] = {202, "deleting", "calls are being stopped and rooms deleted"},
        [CLEANUP_RUNNING] = {202, "deleting", "calls are being stopped; rooms were being deleted already"},
        [CLEANUP_NO_LIVEKIT] = {202, "left",
                                "calls are being stopped; rooms stay: LiveKit's API is not used here "
                                "(LIVEKIT_API_URL, ENABLE_SIP_BRIDGE)"},
        [CLEANUP_NO_PREFIX] = {409, "left",
                               "nothing is done: SIP_ROOM_PREFIX is empty, every room of LiveKit would be "
                               "deleted; `sipbridge clear-rooms` does that"},
    };
    struct http_answer *answer = visit->answer;
    size_t calls = 0;
    enum ops_cleanup done = visit->ops->clean_up(visit->ops->context, &calls);
    answer->status = words[done].status;
    answer->content_type = "application/json";
    buf_addf(&answer->body, "{\"calls_stopping\":%zu", calls);
    json_add_field(&answer->body, "rooms", slice_of(words[done].rooms));
    json_add_field(&answer->body, "prefix", slice_of(visit->ops->room_prefix));
    json_add_field(&answer->body, "message", slice_of(words[done].message));
    buf_adds(&answer->body, "}\n");
}

/* --- the board --- */

static const struct http_header page_headers[] = {
    {"content-security-policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"},
    {"x-content-type-options", "nosniff"},
    {"referrer-policy", "no-referrer"},
    {"cache-control", "no-cache"},
    {NULL, NULL},
};

static void serve_board(const struct visit *visit) {
    struct board_part part;
    if (!board_part(visit->rest, &part)) {
        answer_text(visit->answer, 404, "not found");
        return;
    }
    visit->answer->content_type = part.content_type;
    visit->answer->headers = page_headers;
    buf_add_slice(&visit->answer->body, part.body);
}

static void serve_board_events(const struct visit *visit) {
    static const struct http_header headers[] = {{"cache-control", "no-store"},
                                                 {"x-accel-buffering", "no"},
                                                 {"x-content-type-options", "nosniff"},
                                                 {NULL, NULL}};
    visit->answer->stream = board_stream(visit->ops->board);
    if (visit->answer->stream == NULL) {
        answer_text(visit->answer, 503, "as many look at the board as can");
        return;
    }
    visit->answer->content_type = "text/event-stream";
    visit->answer->headers = headers;
}

static const struct route routes[] = {
    {"GET", "/health/sip-bridge", false, FOR_ANYONE, serve_health},
    {"GET", "/livez", false, FOR_ANYONE, serve_live},
    {"GET", "/readyz", false, FOR_ANYONE, serve_ready},
    {"GET", "/health/sip-bridge-status", false, FOR_READERS, serve_status},
    {"GET", "/board/events", false, FOR_READERS, serve_board_events},
    {"GET", "/board", true, FOR_VISITORS, serve_board},
    {"GET", "/metrics", false, FOR_READERS, serve_metrics},
    {"POST", "/api/reload", false, FOR_OPERATORS, serve_reload},
    {"POST", "/api/calls/", true, FOR_OPERATORS, serve_stop},
    {"POST", "/api/livekit/cleanup-sip-rooms", false, FOR_OPERATORS_ONCE, serve_cleanup},
};

static const struct route *find_route(struct slice path, struct slice *ret_rest) {
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        struct slice own = slice_of(routes[i].path);
        if (routes[i].has_rest ? slice_starts(path, own) : slice_eq(path, own)) {
            *ret_rest = slice_after(path, own.n);
            return &routes[i];
        }
    }
    return NULL;
}

/* "localhost", "127.x.y.z", "[::1]", each with or without a port: a page in a browser that resolves its own name to
 * 127.0.0.1 sends another. */
static bool names_loopback(struct slice host) {
    if (slice_is(host, "[::1]") || slice_starts(host, SLICE("[::1]:"))) {
        return true;
    }
    const char *colon = memchr(host.p, ':', host.n);
    struct slice name = {host.p, colon != NULL ? (size_t)(colon - host.p) : host.n};
    if (slice_is(name, "localhost")) {
        return true;
    }
    for (size_t i = 0; i < name.n; i++) {
        if (memchr("0123456789.", name.p[i], 11) == NULL) {
            return false;
        }
    }
    return slice_starts(name, SLICE("127."));
}

bool ops_is_local(const char *address) {
    return slice_starts(slice_of(address), SLICE("unix:")) || names_loopback(slice_of(address)) ||
           listen_fd_is_local(address);
}

static enum operator_scope scope_of(const struct ops *ops, const struct http_request *request,
                                    unsigned char ret_mac[HMAC_SIZE]) {
    const struct operator_use use = {request->authorization, request->method, request->path};
    if (request->authorization_count != 1) {
        return OPERATOR_NONE;
    }
    return operator_check_use(ops->keys, &use, clock_wall_ms() / 1000, ret_mac);
}

/* 0: may pass; else the status to refuse with. RET_MAC: of the token. */
static int refuse(const struct ops_entrance *entrance, const struct route *route, const struct http_request *request,
                  unsigned char ret_mac[HMAC_SIZE]) {
    if (route->access == FOR_ANYONE || (route->access == FOR_VISITORS && entrance->door != DOOR_PUBLIC)) {
        return 0;
    }
    if (route->access == FOR_VISITORS) {
        return 404;
    }
    if (request->authorization_count > 0) {
        enum operator_scope least = route->access == FOR_READERS ? OPERATOR_READER : OPERATOR_FULL;
        return scope_of(entrance->ops, request, ret_mac) >= least ? 0 : 401;
    }
    if (entrance->door == DOOR_PUBLIC) {
        return 404;
    }
    if (route->access >= FOR_OPERATORS || entrance->door == DOOR_ADMIN_REMOTE) {
        return 401;
    }
    return slice_is(request->peer, "unix") || names_loopback(request->host) ? 0 : 403;
}

static void answer_refusal(struct http_answer *answer, int status) {
    const char *text = status == 401   ? "an operator's token is needed: `sipbridge token` makes one"
                       : status == 403 ? "without a token the Host header must name a loopback"
                                       : "not found";
    answer_text(answer, status, text);
}

static struct receiver_request webhook_of(const struct http_request *request) {
    return (struct receiver_request){
        .method = request->method,
        .authorization = request->authorization,
        .authorization_count = request->authorization_count,
        .body = request->body,
        .peer = request->peer,
    };
}

static void take_webhook(const struct ops *ops, const struct http_request *request, struct http_answer *answer) {
    const struct receiver_request taken = webhook_of(request);
    answer->status = receiver_take(ops->receiver, &taken, clock_wall_ms(), clock_mono_ms());
    answer->allow = answer->status == 405 ? "POST" : NULL;
}

static void tell_stray(const struct ops *ops, const struct http_request *request) {
    const struct receiver_request taken = webhook_of(request);
    receiver_tell_stray(ops->receiver, &taken,
                        &(struct receiver_stray){request->path, ops->webhook_path, clock_wall_ms(), clock_mono_ms()});
}

void ops_handle(void *context, const struct http_request *request, struct http_answer *answer) {
    const struct ops_entrance *entrance = context;
    if (slice_is(request->path, entrance->ops->webhook_path)) {
        take_webhook(entrance->ops, request, answer);
        return;
    }
    struct slice rest;
    const struct route *route = find_route(request->path, &rest);
    unsigned char mac[HMAC_SIZE];
    int refused = route == NULL ? 404 : refuse(entrance, route, request, mac);
    if (refused != 0) {
        if (route == NULL) {
            tell_stray(entrance->ops, request);
        }
        answer_refusal(answer, refused);
        return;
    }
    bool reads = slice_is(request->method, "GET") || slice_is(request->method, "HEAD");
    if (strcmp(route->method, "GET") == 0 ? !reads : !slice_is(request->method, route->method)) {
        answer->status = 405;
        answer->allow = route->method;
        return;
    }
    if (route->access == FOR_OPERATORS_ONCE && !once_take(&entrance->ops->used, mac)) {
        answer_text(answer, 401, "this token was used for it before: each is good for one");
        return;
    }
    struct visit visit = {.ops = entrance->ops, .request = request, .answer = answer, .rest = rest};
    route->serve(&visit);
}
