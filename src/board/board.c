/* What changed since the last part, for all who look. */
#include "board/board.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/text.h"

enum { REST_PER_WORK = 20 }; /* looking at all calls takes at most a twentieth of the time */

struct shown {
    char sid[ENGINE_LABEL_MAX + 1];
    uint64_t hash; /* of what was sent of it */
    uint64_t seen; /* number of the look that saw it last */
    UT_hash_handle hh;
};

struct viewer {
    struct http_stream *stream;
    bool fresh; /* has nothing yet */
};

struct board {
    struct board_options options;
    struct http_stream_owner owner;
    struct viewer viewers[BOARD_MOST_VIEWERS];
    size_t viewer_count, fresh_count;
    struct shown *shown;
    size_t shown_count;
    uint64_t looks;
    struct buf ends[BOARD_ENDS]; /* a ring of members of "ends" */
    uint64_t end_count;          /* ever */
    uint64_t ends_sent;
    uint64_t health_hash; /* of what was sent of it */
    mono_ms sent_at, looked_at;
    int64_t apart_ms;
    struct timer timer;
};

/* --- one call --- */

enum state { STATE_RINGING, STATE_TALKING, STATE_ENDING, STATE_COUNT };
static const char *const state_names[STATE_COUNT] = {"ringing", "talking", "ending"};

static enum state state_of(const struct bridge_view *view) {
    if (view->why[0] != '\0') {
        return STATE_ENDING;
    }
    return view->facts->answered_at != 0 ? STATE_TALKING : STATE_RINGING;
}

static void add_masked(struct buf *out, const char *name, struct slice text) {
    cleanup_buf struct buf masked = {0};
    text.n = text.n < BOARD_MOST_TEXT ? text.n : BOARD_MOST_TEXT;
    text_mask_numbers(&masked, text);
    json_add_field(out, name, buf_slice(&masked));
}

/* Less than 0: it never was answered, or is not yet. */
static void add_ring(struct buf *out, int64_t ring_ms) {
    if (ring_ms >= 0) {
        json_add_number(out, "ring_ms", ring_ms);
    } else {
        json_add_raw(out, "ring_ms", SLICE("null"));
    }
}

/* Nothing that changes by itself: the page counts the time. */
static void add_call(struct buf *out, const struct bridge_view *view) {
    buf_addc(out, '{');
    json_add_field(out, "sid", slice_of(view->sid));
    json_add_field(out, "state", slice_of(state_names[state_of(view)]));
    json_add_field(out, "phase", slice_of(view->phase));
    json_add_field(out, "agent", slice_of(view->agent));
    add_masked(out, "called", view->called);
    add_masked(out, "caller", view->caller);
    json_add_field(out, "why", slice_of(view->why));
    json_add_number(out, "restarts", view->restarts);
    json_add_number(out, "since_ms", view->started_wall_ms);
    add_ring(out, view->facts->answered_at != 0 ? view->ring_ms : -1);
    buf_addc(out, '}');
}

/* --- all calls --- */

struct look {
    struct board *board;
    struct buf calls, gone;
    size_t counts[STATE_COUNT], unshown;
    bool all; /* not only what changed */
};

static struct shown *show(struct board *board, const char *sid) {
    struct shown *shown = NULL;
    HASH_FIND_STR(board->shown, sid, shown);
    if (shown == NULL && board->shown_count < BOARD_MOST_CALLS) {
        shown = xcalloc(1, sizeof *shown);
        memcpy(shown->sid, sid, strnlen(sid, ENGINE_LABEL_MAX));
        HASH_ADD_STR(board->shown, sid, shown);
        board->shown_count++;
    }
    return shown;
}

static void hide(struct board *board, struct shown *shown) {
    HASH_DEL(board->shown, shown);
    board->shown_count--;
    free(shown);
}

static void look_at(void *context, const struct bridge_view *view) {
    struct look *look = context;
    look->counts[state_of(view)]++;
    struct shown *shown = show(look->board, view->sid);
    if (shown == NULL) {
        look->unshown++;
        return;
    }
    size_t before = look->calls.len;
    buf_adds(&look->calls, before > 0 ? "," : "");
    size_t start = look->calls.len;
    add_call(&look->calls, view);
    uint64_t hash = slice_hash((struct slice){look->calls.p + start, look->calls.len - start}, 0);
    if (hash == shown->hash && !look->all) {
        look->calls.len = before;
    }
    shown->hash = hash;
    shown->seen = look->board->looks;
}

static void note_gone(struct look *look) {
    struct shown *shown, *next;
    HASH_ITER(hh, look->board->shown, shown, next) {
        if (shown->seen != look->board->looks) {
            buf_adds(&look->gone, look->gone.len > 0 ? "," : "");
            json_add_string(&look->gone, slice_of(shown->sid));
            hide(look->board, shown);
        }
    }
}

static void look_at_all(struct look *look) {
    struct board *board = look->board;
    int64_t began_us = clock_mono_us();
    board->looked_at = loop_now(board->options.loop);
    board->looks++;
    bridge_each(board->options.bridge, loop_now(board->options.loop), look_at, look);
    note_gone(look);
    int64_t took_ms = (clock_mono_us() - began_us) / 1000;
    board->apart_ms = took_ms * REST_PER_WORK > BOARD_APART_MS ? took_ms * REST_PER_WORK : BOARD_APART_MS;
}

/* --- calls that ended --- */

static const char *text_of(struct slice label) {
    for (unsigned end = END_NONE + 1; end < CALL_END_COUNT; end++) {
        if (slice_is(label, call_end_label((enum call_end)end))) {
            return call_end_text((enum call_end)end);
        }
    }
    return "";
}

void board_ended(struct board *board, const struct call_record *record) {
    struct buf *out = &board->ends[board->end_count++ % BOARD_ENDS];
    bool answered = record->answered != 0;
    buf_clear(out);
    buf_addc(out, '{');
    json_add_field(out, "sid", record->sid);
    json_add_field(out, "agent", record->agent);
    add_masked(out, "called", record->called);
    json_add_field(out, "why", record->end);
    json_add_field(out, "text", slice_of(text_of(record->end)));
    json_add_raw(out, "answered", answered ? SLICE("true") : SLICE("false"));
    add_ring(out, answered ? record->ring_ms : -1);
    json_add_number(out, "ended_ms", record->ended);
    json_add_number(out, "talk_ms", answered ? record->talk_ms : 0);
    buf_addc(out, '}');
    board_touched(board);
}

static void add_ends(const struct board *board, struct buf *out) {
    uint64_t most = board->end_count < BOARD_ENDS ? board->end_count : BOARD_ENDS;
    buf_adds(out, ",\"ends\":[");
    for (uint64_t i = 0; i < most; i++) {
        buf_adds(out, i > 0 ? "," : "");
        buf_add_slice(out, buf_slice(&board->ends[(board->end_count - 1 - i) % BOARD_ENDS]));
    }
    buf_addc(out, ']');
}

/* --- parts --- */

static void begin_part(struct buf *out) {
    buf_adds(out, "data: {");
    buf_addf(out, "\"now_ms\":%" PRId64, clock_wall_ms());
}

static void add_counts(struct buf *out, const struct look *look) {
    buf_addf(out, ",\"counts\":{\"ringing\":%zu,\"talking\":%zu,\"ending\":%zu,\"unshown\":%zu}",
             look->counts[STATE_RINGING], look->counts[STATE_TALKING], look->counts[STATE_ENDING], look->unshown);
}

static void add_list(struct buf *out, const char *name, const struct buf *list) {
    if (list->len > 0) {
        buf_addf(out, ",\"%s\":[", name);
        buf_add_slice(out, buf_slice(list));
        buf_addc(out, ']');
    }
}

/* HEALTH is empty when it is as it was. */
static void make_part(struct buf *out, const struct look *look, struct slice health, bool ends) {
    begin_part(out);
    if (look->all) {
        json_add_raw(out, "full", SLICE("true"));
        json_add_field(out, "version", SLICE(SIPBRIDGE_VERSION));
    }
    buf_adds(out, health.n > 0 ? "," : "");
    buf_add_slice(out, health);
    add_counts(out, look);
    add_list(out, "calls", &look->calls);
    add_list(out, "gone", &look->gone);
    if (ends) {
        add_ends(look->board, out);
    }
    buf_adds(out, "}\n\n");
}

static void send_to(struct board *board, bool fresh, struct slice part) {
    for (size_t i = 0; i < board->viewer_count; i++) {
        if (board->viewers[i].fresh == fresh) {
            http_stream_send(board->viewers[i].stream, part);
        }
    }
}

static void health_of(const struct board *board, struct buf *out) {
    board->options.add_health(board->options.context, out);
}

/* To those who have seen all before; what they get is what changed. */
static void send_changes(struct board *board) {
    struct look look = {.board = board};
    cleanup_buf struct buf health = {0}, part = {0};
    look_at_all(&look);
    health_of(board, &health);
    uint64_t hash = slice_hash(buf_slice(&health), 0);
    bool felt = hash != board->health_hash, ended = board->ends_sent != board->end_count;
    bool beats = loop_now(board->options.loop) - board->sent_at >= BOARD_BEAT_MS;
    if (look.calls.len > 0 || look.gone.len > 0 || felt || ended || beats) {
        make_part(&part, &look, felt ? buf_slice(&health) : (struct slice){0}, ended);
        send_to(board, false, buf_slice(&part));
        board->sent_at = loop_now(board->options.loop);
    }
    board->health_hash = hash;
    board->ends_sent = board->end_count;
    buf_release(&look.calls);
    buf_release(&look.gone);
}

/* To those who come: everything. The others have seen it. */
static void send_all(struct board *board) {
    struct look look = {.board = board, .all = true};
    cleanup_buf struct buf health = {0}, part = {0};
    look_at_all(&look);
    health_of(board, &health);
    make_part(&part, &look, buf_slice(&health), true);
    send_to(board, true, buf_slice(&part));
    for (size_t i = 0; i < board->viewer_count; i++) {
        board->viewers[i].fresh = false;
    }
    board->fresh_count = 0;
    buf_release(&look.calls);
    buf_release(&look.gone);
}

static void on_due(struct timer *timer) {
    struct board *board = container_of(timer, struct board, timer);
    send_changes(board);
    if (board->fresh_count > 0) {
        send_all(board);
    }
    if (board->viewer_count > 0) {
        timer_start(timer, board->options.loop, BOARD_BEAT_MS);
    }
}

/* At once, or when the last look is long enough ago. */
static void plan(struct board *board) {
    mono_ms now = loop_now(board->options.loop), at = board->looked_at + board->apart_ms;
    timer_start_at(&board->timer, board->options.loop, at > now ? at : now);
}

void board_touched(struct board *board) {
    if (board->viewer_count > 0) {
        plan(board);
    }
}

/* --- who looks --- */

static void on_open(void *context, struct http_stream *stream) {
    struct board *board = context;
    board->viewers[board->viewer_count++] = (struct viewer){.stream = stream, .fresh = true};
    board->fresh_count++;
    http_stream_send(stream, SLICE("retry: 1000\n\n"));
    plan(board);
}

static void forget_all(struct board *board) {
    struct shown *shown, *next;
    HASH_ITER(hh, board->shown, shown, next) {
        hide(board, shown);
    }
    timer_cancel(&board->timer);
}

static void on_closed(void *context, struct http_stream *stream) {
    struct board *board = context;
    for (size_t i = 0; i < board->viewer_count; i++) {
        if (board->viewers[i].stream == stream) {
            board->fresh_count -= board->viewers[i].fresh;
            board->viewers[i] = board->viewers[--board->viewer_count];
            break;
        }
    }
    if (board->viewer_count == 0) {
        forget_all(board);
    }
}

const struct http_stream_owner *board_stream(struct board *board) {
    return board->viewer_count < BOARD_MOST_VIEWERS ? &board->owner : NULL;
}

struct board *board_new(const struct board_options *options) {
    struct board *board = xcalloc(1, sizeof *board);
    board->options = *options;
    board->owner = (struct http_stream_owner){.context = board, .on_open = on_open, .on_closed = on_closed};
    board->apart_ms = BOARD_APART_MS;
    board->timer.on_due = on_due;
    return board;
}

void board_free(struct board *board) {
    if (board == NULL) {
        return;
    }
    forget_all(board);
    for (size_t i = 0; i < BOARD_ENDS; i++) {
        buf_release(&board->ends[i]);
    }
    free(board);
}
