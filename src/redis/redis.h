/* One connection to a Redis server: commands in a row, answers in the same order, messages of a subscription in
 * between. hiredis writes and reads the protocol (RESP2); the socket, the time-outs and the limits are ours: its
 * own asynchronous contexts resolve names while everybody waits, know no limit for an answer, lose a PING sent on
 * a subscribed connection, and free themselves inside callbacks.
 *
 * Nothing here blocks. A connection that is lost stays lost: free it and start another. redis_free is allowed in
 * every callback; no callback comes after it. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "base/histogram.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "redis/address.h"

struct redis;
struct redis_reply;

enum reply_kind {
    REPLY_TEXT, /* a string, or a status such as OK */
    REPLY_NUMBER,
    REPLY_LIST,
    REPLY_NONE,   /* nil */
    REPLY_ERROR,  /* the server's words are redis_reply_text */
    REPLY_TOO_BIG /* more than max_bytes arrived; they were read and thrown away */
};

/* Borrowed while the callback that got the reply runs. */
enum reply_kind redis_reply_kind(const struct redis_reply *reply);
/* Of REPLY_TEXT and REPLY_ERROR; else empty. */
struct slice redis_reply_text(const struct redis_reply *reply);
int64_t redis_reply_number(const struct redis_reply *reply);
/* Of REPLY_LIST; else 0. */
size_t redis_reply_count(const struct redis_reply *reply);
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t place);

struct redis_options {
    struct loop *loop;
    const struct address *address; /* copied */
    int64_t connect_timeout_ms;
    int64_t reply_timeout_ms;  /* longest silence of the server while an answer is due */
    size_t max_bytes;          /* all strings of one answer together */
    size_t max_elements;       /* of all lists of one answer together */
    struct histogram *latency; /* gets the time from each command to its answer; borrowed, or NULL */
    void (*on_connected)(void *context);
    /* A message of a subscribed channel; PAYLOAD as it came (a list of keys, or REPLY_NONE). May be NULL. */
    void (*on_message)(void *context, const struct redis_reply *payload);
    /* Once, also when it never connected; WHY is one phrase, borrowed, fit for a log. No other callback follows. */
    void (*on_lost)(void *context, const char *why);
    void *context;
};

/* Never fails: what goes wrong is told by on_lost, from the loop. */
struct redis *redis_start(const struct redis_options *options);
/* NULL is fine. */
void redis_free(struct redis *redis);

typedef void redis_answer(void *context, const struct redis_reply *reply);
enum { REDIS_MAX_WORDS = 6 };
struct redis_command {
    redis_answer *on_answer; /* once, unless the connection is lost or freed first */
    void *context;
    size_t count;
    struct slice words[REDIS_MAX_WORDS]; /* copied by redis_send */
};
/* Not before on_connected; does nothing once the connection is lost. */
void redis_send(struct redis *redis, const struct redis_command *command);

#endif
