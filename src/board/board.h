/* The live board: one page that shows the calls of now, fed by server-sent events. The page and what it loads are in
 * the binary; what it shows is what changed since the last part, made once for all who look.
 *
 * One event is `data: ` and a JSON object; every member may be missing but now_ms:
 *   now_ms   the time here, Unix ms
 *   full     true: forget what was there (always the first event)
 *   version, status ("healthy" …), message   who this is and how it feels
 *   counts   {"ringing","talking","ending","unshown"}: calls; at most BOARD_MOST_CALLS are shown
 *   calls    changed or new ones: {"sid","state" (as counts),"phase","agent","called","caller","restarts","why",
 *            "since_ms" (Unix ms when it began),"ring_ms" (null while it rings)}
 *   gone     sids that are shown no more
 *   ends     the last calls that ended, newest first: {"sid","agent","called","why","text","answered","ring_ms",
 *            "ended_ms","talk_ms"}
 *   errors   the last warnings and errors of the log, newest first: {"at_ms","text"}
 *   pools    standbys by agent: {"agent","ready","wanted","starting","handed_over","missed"}
 * Numbers of callers and called are masked. Nobody looks: it costs nothing. */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include "base/buf.h"
#include "bridge/bridge.h"
#include "calllog/record.h"
#include "http/stream.h"
#include "loop/loop.h"

enum {
    BOARD_MOST_VIEWERS = 50,
    BOARD_MOST_CALLS = 600,
    BOARD_MOST_TEXT = 64, /* bytes of a number or a name */
    BOARD_ENDS = 30,
    BOARD_APART_MS = 100, /* parts, at least; more when looking at all calls takes long */
    BOARD_BEAT_MS = 4000, /* a part at least so often: within half of http_limits' write_ms */
};

struct board_options {
    struct loop *loop;
    const struct bridge *bridge;
    void *context;
    /* Appends members without the braces: "status":"healthy","message":"…","errors":[…],"pools":[…] */
    void (*add_health)(void *context, struct buf *out);
};

struct board;

struct board *board_new(const struct board_options *options);
/* After the HTTP server: streams must be gone. */
void board_free(struct board *board);
/* A call or the health may have changed. */
void board_touched(struct board *board);
/* A call ended. */
void board_ended(struct board *board, const struct call_record *record);
/* What GET /board/events is answered with; NULL: BOARD_MOST_VIEWERS look already. */
const struct http_stream_owner *board_stream(struct board *board);

/* The page and its parts by their path behind /board: "", "/board.css", "/board.js". False: there is no such part. */
struct board_part {
    const char *content_type;
    struct slice body;
};
bool board_part(struct slice path, struct board_part *ret_part);

#endif
