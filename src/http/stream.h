/* An answer without an end, for server-sent events: a handler puts a http_stream_owner into its answer; from then on
 * the owner writes until one side closes. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "base/slice.h"

struct http_stream;

enum { HTTP_STREAM_MOST_WAITING = 512 << 10 };

struct http_stream_owner {
    void *context;
    /* STREAM begins: what is sent from inside this call is its first part. */
    void (*on_open)(void *context, struct http_stream *stream);
    /* STREAM is gone, for whatever reason. */
    void (*on_closed)(void *context, struct http_stream *stream);
};

/* BYTES go out as soon as the client takes them; never blocks. A client for whom more than HTTP_STREAM_MOST_WAITING
 * would wait, or that takes nothing within http_limits' write_ms, is cut off (on_closed follows, not from inside this
 * call): so something must be sent in every half of that time, if only a comment. */
void http_stream_send(struct http_stream *stream, struct slice bytes);

#endif
