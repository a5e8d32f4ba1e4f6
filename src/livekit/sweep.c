/* Rounds of "delete what is left, look until it is gone": the first list says what there is to do, the later ones how
 * far it got. Of DeleteRoom so many are under way that calls of others find a place in the client's queue. */
#include "livekit/sweep.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "livekit/calls.h"

enum { MAX_DELETES = 6, MAX_ROUNDS = 3, SETTLE_MS = 1000, LOOK_MS = 100 };

struct deletion {
    struct sweep *sweep;
    struct sweep_room *room;
    struct livekit_call *call; /* NULL: free */
};

struct sweep {
    struct sweep_options options;
    char *prefix;
    struct sweep_report report;
    size_t next; /* the first room that this round has not come to */
    int rounds;
    mono_ms look_until; /* until then it only looks whether they go */
    struct livekit_call *list;
    struct deletion deletions[MAX_DELETES];
    struct timer pause;
};

static void sweep_free(struct sweep *sweep) {
    livekit_cancel(sweep->list);
    for (size_t i = 0; i < MAX_DELETES; i++) {
        livekit_cancel(sweep->deletions[i].call);
    }
    timer_cancel(&sweep->pause);
    for (size_t i = 0; i < sweep->report.count; i++) {
        free(sweep->report.rooms[i].name);
        free(sweep->report.rooms[i].sid);
        free(sweep->report.rooms[i].why);
    }
    free(sweep->report.rooms);
    free(sweep->prefix);
    free(sweep);
}

void sweep_cancel(struct sweep *sweep) {
    if (sweep != NULL) {
        sweep_free(sweep);
    }
}

/* The report outlives the sweep, as promised: it is freed with the rest when on_done has returned. */
static void finish(struct sweep *sweep) {
    for (size_t i = 0; i < MAX_DELETES; i++) {
        assert(sweep->deletions[i].call == NULL);
    }
    sweep->options.on_done(sweep->options.context, &sweep->report);
    sweep_free(sweep);
}

static void list(struct sweep *sweep);
static void fill(struct sweep *sweep);

static bool is_idle(const struct sweep *sweep) {
    for (size_t i = 0; i < MAX_DELETES; i++) {
        if (sweep->deletions[i].call != NULL) {
            return false;
        }
    }
    return true;
}

static void on_pause_over(struct timer *timer) {
    list(container_of(timer, struct sweep, pause));
}

static void look_after(struct sweep *sweep, int64_t pause_ms) {
    sweep->pause.on_due = on_pause_over;
    timer_start(&sweep->pause, sweep->options.loop, pause_ms);
}

/* Everything is asked for: LiveKit says what comes of it, and gets some time for it. */
static void end_round(struct sweep *sweep) {
    sweep->look_until = loop_now(sweep->options.loop) + SETTLE_MS;
    look_after(sweep, 0);
}

static void on_deleted(void *context, const struct livekit_result *result) {
    struct deletion *deletion = context;
    struct sweep *sweep = deletion->sweep;
    deletion->call = NULL;
    free(take_ptr(deletion->room->why));
    if (result->outcome != LIVEKIT_OK && result->outcome != LIVEKIT_NOT_FOUND) {
        deletion->room->why = xstrdup(result->why);
    }
    sweep->report.done++;
    if (sweep->options.on_progress != NULL) {
        sweep->options.on_progress(sweep->options.context, &sweep->report);
    }
    fill(sweep);
}

static void delete_room(struct sweep *sweep, struct deletion *deletion, struct sweep_room *room) {
    const struct livekit_ask ask = {.urgency = sweep->options.urgency, .on_done = on_deleted, .context = deletion};
    deletion->sweep = sweep;
    deletion->room = room;
    deletion->call = livekit_delete_room(sweep->options.api, &ask, slice_of(room->name));
}

/* The next room that is still there, or NULL. */
static struct sweep_room *next_room(struct sweep *sweep) {
    while (sweep->next < sweep->report.count && sweep->report.rooms[sweep->next].is_gone) {
        sweep->next++;
    }
    return sweep->next < sweep->report.count ? &sweep->report.rooms[sweep->next++] : NULL;
}

/* As many as may be under way; the end of the round when there are none. */
static void fill(struct sweep *sweep) {
    for (size_t i = 0; i < MAX_DELETES; i++) {
        struct sweep_room *room = sweep->deletions[i].call == NULL ? next_room(sweep) : NULL;
        if (room != NULL) {
            delete_room(sweep, &sweep->deletions[i], room);
        }
    }
    if (is_idle(sweep)) {
        end_round(sweep);
    }
}

static int by_sid(const void *a, const void *b) {
    return strcmp(((const struct sweep_room *)a)->sid, ((const struct sweep_room *)b)->sid);
}

static void take_rooms(struct sweep *sweep, const struct livekit_answer *answer) {
    struct sweep_report *report = &sweep->report;
    report->rooms = xcalloc(answer->count + 1, sizeof *report->rooms);
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_room *room = &answer->rooms[i];
        bool skipped = sweep->options.skips != NULL && sweep->options.skips(sweep->options.context, room);
        if (slice_starts(room->name, slice_of(sweep->prefix)) && !skipped) {
            report->rooms[report->count++] = (struct sweep_room){.name = xmemdup(room->name.p, room->name.n),
                                                                 .sid = xmemdup(room->sid.p, room->sid.n)};
        }
    }
    qsort(report->rooms, report->count, sizeof *report->rooms, by_sid);
    report->left = report->count;
}

/* A room that came back under its old name is another one: it has another sid. */
static void mark_gone(struct sweep *sweep, const struct livekit_answer *answer) {
    struct sweep_report *report = &sweep->report;
    for (size_t i = 0; i < report->count; i++) {
        report->rooms[i].is_gone = true;
    }
    report->left = 0;
    for (size_t i = 0; i < answer->count; i++) {
        cleanup_free char *sid = xmemdup(answer->rooms[i].sid.p, answer->rooms[i].sid.n);
        const struct sweep_room wanted = {.sid = sid};
        struct sweep_room *room = bsearch(&wanted, report->rooms, report->count, sizeof wanted, by_sid);
        if (room != NULL) {
            room->is_gone = false;
            report->left++;
        }
    }
}

static void start_round(struct sweep *sweep) {
    sweep->rounds++;
    sweep->next = sweep->report.done = 0;
    fill(sweep);
}

/* What is left is known: it may still go by itself, is deleted (again), or stays. */
static void go_on(struct sweep *sweep) {
    if (sweep->report.left > 0 && loop_now(sweep->options.loop) < sweep->look_until) {
        look_after(sweep, LOOK_MS);
    } else if (sweep->report.left > 0 && sweep->rounds < MAX_ROUNDS) {
        start_round(sweep);
    } else {
        finish(sweep);
    }
}

static void on_listed(void *context, const struct livekit_result *result) {
    struct sweep *sweep = context;
    sweep->list = NULL;
    if (result->outcome != LIVEKIT_OK) {
        snprintf(sweep->report.why, sizeof sweep->report.why, "%s", result->why);
        finish(sweep);
        return;
    }
    if (sweep->report.rooms == NULL) {
        take_rooms(sweep, &result->answer);
    } else {
        mark_gone(sweep, &result->answer);
    }
    sweep->report.is_known = true;
    go_on(sweep);
}

static void list(struct sweep *sweep) {
    const struct livekit_ask ask = {.urgency = sweep->options.urgency, .on_done = on_listed, .context = sweep};
    sweep->report.is_known = false;
    sweep->list = livekit_list_rooms(sweep->options.api, &ask, (struct livekit_texts){0});
}

struct sweep *sweep_start(const struct sweep_options *options) {
    assert(options->prefix.n > 0 || options->is_every_room);
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    sweep->options = *options;
    sweep->prefix = xmemdup(options->prefix.n > 0 ? options->prefix.p : "", options->prefix.n);
    sweep->options.prefix = slice_of(sweep->prefix);
    sweep->options.listed = NULL;
    sweep->look_until = loop_now(options->loop) + options->patience_ms;
    if (options->listed != NULL) {
        take_rooms(sweep, options->listed);
        look_after(sweep, 0);
    } else {
        list(sweep);
    }
    return sweep;
}
