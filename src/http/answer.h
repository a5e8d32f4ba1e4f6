/* How an answer goes out through h2o: what server.c and answer.c share; nobody else includes it. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/server.h"
#include "http/stream.h"

struct st_h2o_req_t; /* h2o_req_t */

/* The connection that a stream is on. */
struct stream_place {
    struct http_stream **stream; /* NULL again when it is gone */
    uint64_t *progress;          /* counts every part that the client took */
    bool *wrote;                 /* set when h2o's loop has something to do without waiting */
};

/* Sends ANSWER; where it is without an end, PLACE holds the stream. */
void answer_send(struct st_h2o_req_t *req, const struct http_answer *answer, const struct stream_place *place);
/* Ends STREAM from outside h2o's turn; told again it does so without waiting for the client. */
void answer_end(struct http_stream *stream);

#endif
