/* Whole answers, and those without an end: of these h2o sends one part at a time, what comes meanwhile waits. */
#include "http/answer.h"

#include <sys/socket.h>

#include <h2o.h>

#include "http/status.h"

struct http_stream {
    h2o_generator_t super; /* first: h2o gives it back */
    h2o_req_t *req;
    struct http_stream_owner owner;
    struct stream_place place;
    struct buf waiting, sending;
    bool busy; /* h2o has SENDING */
    bool ended;
};

static void cut(struct http_stream *stream) {
    stream->ended = true;
    shutdown(h2o_socket_get_fd(stream->req->conn->callbacks->get_socket(stream->req->conn)), SHUT_RDWR);
}

static void push(struct http_stream *stream) {
    struct buf swap = stream->sending;
    stream->sending = stream->waiting;
    stream->waiting = swap;
    h2o_iovec_t part = {stream->sending.p, stream->sending.len};
    stream->busy = true;
    *stream->place.wrote = true;
    h2o_send(stream->req, &part, part.len > 0 ? 1 : 0, H2O_SEND_STATE_IN_PROGRESS);
}

void http_stream_send(struct http_stream *stream, struct slice bytes) {
    if (stream->ended) {
        return;
    }
    if (stream->waiting.len + bytes.n > HTTP_STREAM_MOST_WAITING) {
        cut(stream);
        return;
    }
    buf_add_slice(&stream->waiting, bytes);
    if (!stream->busy) {
        push(stream);
    }
}

static void finish(struct http_stream *stream) {
    stream->ended = stream->busy = true;
    stream->req->http1_is_persistent = 0;
    *stream->place.wrote = true;
    h2o_send(stream->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_taken(h2o_generator_t *self, h2o_req_t *req) {
    struct http_stream *stream = (struct http_stream *)self;
    (void)req;
    ++*stream->place.progress;
    stream->busy = false;
    buf_clear(&stream->sending);
    if (stream->ended) {
        finish(stream); /* it was cut off, and took this all the same */
    } else if (stream->waiting.len > 0) {
        push(stream);
    }
}

/* The request's memory goes, and with it the stream. */
static void on_dispose(void *memory) {
    struct http_stream *stream = memory;
    *stream->place.stream = NULL;
    stream->owner.on_closed(stream->owner.context, stream);
    buf_release(&stream->waiting);
    buf_release(&stream->sending);
}

void answer_end(struct http_stream *stream) {
    if (stream->busy) {
        cut(stream);
    } else {
        finish(stream);
    }
}

static void begin(h2o_req_t *req, const struct http_stream_owner *owner, const struct stream_place *place) {
    struct http_stream *stream = h2o_mem_alloc_shared(&req->pool, sizeof *stream, on_dispose);
    *stream = (struct http_stream){
        .super.proceed = on_taken,
        .req = req,
        .owner = *owner,
        .place = *place,
        .busy = true, /* until its first part is whole */
    };
    *place->stream = stream;
    h2o_start_response(req, &stream->super);
    owner->on_open(owner->context, stream);
    push(stream);
}

static void add_header(h2o_req_t *req, const h2o_token_t *token, const char *value) {
    h2o_add_header(&req->pool, &req->res.headers, token, NULL, value, strlen(value));
}

static void add_headers(h2o_req_t *req, const struct http_answer *answer) {
    if (answer->content_type != NULL && (answer->body.len > 0 || answer->stream != NULL)) {
        add_header(req, H2O_TOKEN_CONTENT_TYPE, answer->content_type);
    }
    if (answer->allow != NULL) {
        add_header(req, H2O_TOKEN_ALLOW, answer->allow);
    }
    for (const struct http_header *more = answer->headers; more != NULL && more->name != NULL; more++) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, more->name, strlen(more->name), 1, NULL, more->value,
                              strlen(more->value));
    }
}

static void send_whole(h2o_req_t *req, const struct http_answer *answer, bool is_head) {
    static h2o_generator_t generator; /* nothing to continue: the whole answer is sent here */
    h2o_iovec_t body = {NULL, 0};
    req->res.content_length = answer->body.len; /* else h2o sends chunks, and Go clients give up the connection */
    if (answer->body.len > 0 && !is_head) {
        body = h2o_strdup(&req->pool, answer->body.p, answer->body.len);
    }
    h2o_start_response(req, &generator);
    h2o_send(req, &body, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void answer_send(h2o_req_t *req, const struct http_answer *answer, const struct stream_place *place) {
    bool is_head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    req->res.status = answer->status;
    req->res.reason = status_reason(answer->status);
    add_headers(req, answer);
    if (answer->stream != NULL && !is_head) {
        begin(req, answer->stream, place);
    } else {
        send_whole(req, answer, is_head);
    }
}
