/* Rounds: when LiveKit is asked for its rooms, and what follows from the list. */
#include "bridge/reconcile.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "bridge/reconcile_internal.h"

enum {
    STALE_S = 60,       /* a room of ours without people is left alone for so long */
    FRESH_S = 2,        /* … and one without a webhook: that may still be on its way */
    SETTLED_MS = 10000, /* LiveKit's list counts participants some seconds late */
    CLOCKS_APART_S = 24 * 3600,
    HEARD_MS = 10000, /* a webhook says for so long that LiveKit is there */
    QUICK_MS = 2000,  /* an answer to "is LiveKit there?" */
    FAILURES_MOST = 5,
};

void reconcile_again(struct reconcile *reconcile, int64_t delay_ms) {
    mono_ms at = reconcile_now(reconcile) + delay_ms;
    reconcile->due = at < reconcile->due ? at : reconcile->due;
}

/* --- rooms that LiveKit lists --- */

static int64_t people_known(const struct call *facts) {
    return (int64_t)call_here(facts, LEG_CALLER) + call_here(facts, LEG_OUTBOUND) + call_here(facts, LEG_OTHER);
}

/* LiveKit counts fewer than we know: agents are no participants to it, but publish. */
static bool lacks_somebody(const struct call *facts, const struct livekit_room *room) {
    int64_t publishers = (int64_t)call_here(facts, LEG_CALLER) + (facts->voice == VOICE_SPEAKS);
    return room->num_participants < people_known(facts) || room->num_publishers < publishers;
}

/* Nothing was heard of its callers for an interval, nor were they asked for: after a crash that told nothing LiveKit's
 * lists go on to show who was there. */
static bool is_silent(const struct reconcile *reconcile, const struct bridge_call *call) {
    mono_ms heard = call->callers_at > call->confirmed_at ? call->callers_at : call->confirmed_at;
    return heard + reconcile->options.interval_ms <= reconcile->sent_at;
}

/* Somebody was not listed, or not there, once: the next answer counts. */
static bool is_in_doubt(const struct call *facts) {
    for (unsigned i = 0; i < facts->leg_count; i++) {
        const struct leg *leg = call_leg_at(facts, i);
        if (leg->state == LEG_HERE && leg->absences > 0) {
            return true;
        }
    }
    return facts->voice == VOICE_SPEAKS && facts->voice_absences > 0;
}

/* A call of ours: looked into when what LiveKit counts is not what we know, as soon as that cannot be the lag any more. */
static bool judge_call(struct reconcile *reconcile, const struct bridge_call *call, const struct livekit_room *room) {
    const struct call *facts = &call->entry.facts;
    bool polled = reconcile->view.unheard; /* no webhook tells of changes */
    bool uncountable = facts->any_agent;   /* one with a token of its own may be a participant to LiveKit, or not */
    bool silent = is_silent(reconcile, call);
    bool more = room->num_participants > people_known(facts), doubted = is_in_doubt(facts);
    bool thorough = uncountable || lacks_somebody(facts, room) || (silent && (polled || more));
    mono_ms settled_at = call->touched_at + (polled || doubted ? 0 : SETTLED_MS);
    if (call->end != END_NONE || (!thorough && !more && !polled && !doubted)) {
        return call->end == END_NONE && silent && check_callers(reconcile, call);
    }
    if (settled_at >= reconcile->sent_at) {
        reconcile_again(reconcile, settled_at + 1 - reconcile_now(reconcile));
        return false;
    }
    check_room(reconcile, room, thorough ? CHECK_THOROUGH : CHECK_LIST);
    return true;
}

static bool is_stale(const struct reconcile *reconcile, int64_t age_s) {
    bool ours = reconcile->options.bridge->options.room_prefix[0] != '\0';
    return reconcile->options.delete_stale && ours && age_s >= STALE_S;
}

/* In seconds; less than 0 where LiveKit's clock is ahead of ours. What cannot be true is neither fresh nor stale. */
static int64_t age_of(const struct reconcile *reconcile, const struct livekit_room *room) {
    int64_t now_s = reconcile->options.wall_ms(reconcile->options.context) / 1000;
    bool possible = room->creation_time_s > 0 && room->creation_time_s <= now_s + CLOCKS_APART_S;
    return possible ? now_s - room->creation_time_s : FRESH_S;
}

/* A room that is no call to us: somebody may wait in it, or it is left over. */
static bool judge_stranger(struct reconcile *reconcile, const struct livekit_room *room) {
    int64_t age_s = age_of(reconcile, room);
    if (age_s < FRESH_S && age_s > -FRESH_S && reconcile->looks > 1) {
        reconcile_again(reconcile, UNHEARD_MS + LEAST_APART_MS);
        return false;
    }
    bool stale = is_stale(reconcile, age_s);
    if (room->num_participants > 0 || age_s < STALE_S || stale) { /* the number lags behind in a young room */
        check_room(reconcile, room, stale ? CHECK_STALE : CHECK_LIST);
        return true;
    }
    return false;
}

/* Let go for another bridge, which may have been taken for one that serves it, or may be gone. */
static bool judge_taken(struct reconcile *reconcile, const struct bridge_call *call, const struct livekit_room *room) {
    bool looks = call->entry.over && room->num_participants > 0;
    if (looks) {
        check_room(reconcile, room, CHECK_TAKEN);
    }
    return looks;
}

static bool judge_room(struct reconcile *reconcile, const struct livekit_room *room) {
    struct bridge *bridge = reconcile->options.bridge;
    if (!bridge_is_ours(bridge, room->name) || room->name.n == 0 || !text_is_sid(room->sid) ||
        check_is_running(reconcile, room->sid)) {
        return false;
    }
    const struct bridge_call *call = bridge_find(bridge, room->sid);
    if (call != NULL && call->entry.facts.superseded) {
        return false; /* a name that has come back */
    }
    if (call != NULL && call->entry.facts.taken) {
        return judge_taken(reconcile, call, room);
    }
    if (call == NULL || call->entry.over) {
        return judge_stranger(reconcile, room);
    }
    return judge_call(reconcile, call, room);
}

/* Where one round ends for its many checks the next one goes on, so that each room has its turn and then there is rest. */
static void judge_rooms(struct reconcile *reconcile, const struct livekit_answer *answer) {
    size_t checks = 0, at = reconcile->left_over < answer->count ? reconcile->left_over : 0;
    for (; at < answer->count && checks < MOST_CHECKS; at++) {
        checks += judge_room(reconcile, &answer->rooms[at]);
    }
    reconcile->left_over = at < answer->count ? at : 0;
    if (reconcile->left_over > 0) {
        reconcile_again(reconcile, DOUBT_MS);
    }
}

/* --- rounds --- */

/* Somebody else's agent is in a room of ours: another bridge's, or one that outlived its call's bridge. */
static void look_at_served(struct reconcile *reconcile) {
    reconcile->served_looks = reconcile->served ? reconcile->served_looks + 1 : 0;
    reconcile->served = false;
}

static void set_away(struct reconcile *reconcile, bool away) {
    reconcile->view.away = away;
    bridge_livekit_away(reconcile->options.bridge, away, reconcile_now(reconcile));
}

/* What cannot be asked for is not away if its webhooks come all the same: for a while, where it did answer before. */
static bool is_heard(const struct reconcile *reconcile) {
    bool lately = reconcile_now(reconcile) - reconcile->heard_at < HEARD_MS;
    return reconcile->heard_at >= reconcile->failing_since && (lately || reconcile->view.rounds == 0);
}

static void round_failed(struct reconcile *reconcile, const struct livekit_result *result) {
    static const int64_t again_ms[FAILURES_MOST + 1] = {0, 1000, 2000, 5000, 10000, 20000};
    if (reconcile->failing_since == 0) {
        reconcile->failing_since = reconcile->sent_at;
    }
    reconcile->failures += reconcile->failures < FAILURES_MOST;
    reconcile_again(reconcile, again_ms[reconcile->failures]);
    if (result->outcome == LIVEKIT_AWAY && !is_heard(reconcile)) {
        set_away(reconcile, true);
    } else if (result->outcome == LIVEKIT_REFUSED || !reconcile->view.away) {
        set_away(reconcile, false); /* it is there, also where that was presumed not to be so */
    }
}

/* What came up while the question was under way is not forgotten. */
static void plan_next(struct reconcile *reconcile) {
    reconcile->soon_after = reconcile_now(reconcile) + LEAST_APART_MS;
    if (reconcile->due < reconcile->soon_after) {
        reconcile->due = reconcile->soon_after;
    }
    reconcile_again(reconcile, reconcile->options.interval_ms);
}

static void on_rooms(void *context, const struct livekit_result *result) {
    struct reconcile *reconcile = context;
    reconcile->asked = NULL;
    plan_next(reconcile);
    if (result->outcome != LIVEKIT_OK) {
        round_failed(reconcile, result);
        reconcile->options.on_touched(reconcile->options.context);
        return;
    }
    reconcile->failures = 0;
    reconcile->failing_since = 0;
    set_away(reconcile, false);
    reconcile->view.rounds++;
    reconcile->looks++;
    missing_judge(reconcile, &result->answer);
    judge_rooms(reconcile, &result->answer);
    look_at_served(reconcile);
    if (reconcile->looks == 1) {
        reconcile_again(reconcile, DOUBT_MS);
    }
    if (reconcile->view.unheard) {
        reconcile_again(reconcile, UNHEARD_MS);
    }
    reconcile->options.on_touched(reconcile->options.context);
}

static void begin_round(struct reconcile *reconcile, mono_ms now) {
    const struct asker *asker = &reconcile->options.asker;
    reconcile->sent_at = now;
    reconcile->due = MONO_NEVER;
    bool quick = reconcile->failures == 0 && reconcile->looks > 0;
    reconcile->asked = asker->start(asker->self, &(struct question){.kind = QUESTION_ROOMS,
                                                                    .timeout_ms = quick ? QUICK_MS : 0,
                                                                    .on_done = on_rooms,
                                                                    .context = reconcile});
}

void reconcile_tick(struct reconcile *reconcile, mono_ms now) {
    check_tick(reconcile, now);
    if (reconcile->asked == NULL && reconcile->due <= now) {
        begin_round(reconcile, now);
    }
}

mono_ms reconcile_next_due(const struct reconcile *reconcile) {
    mono_ms round = reconcile->asked == NULL ? reconcile->due : MONO_NEVER, check = check_next_due(reconcile);
    return round < check ? round : check;
}

void reconcile_suspect(struct reconcile *reconcile, const char *sid, struct slice room) {
    reconcile_soon(reconcile);
    check_suspect(reconcile, sid, room);
}

void reconcile_soon(struct reconcile *reconcile) {
    mono_ms now = reconcile_now(reconcile);
    mono_ms at = reconcile->soon_after > now ? reconcile->soon_after : now;
    reconcile->due = at < reconcile->due ? at : reconcile->due;
}

void reconcile_answers(struct reconcile *reconcile) {
    if (reconcile->failures > 0) {
        reconcile_soon(reconcile);
    }
}

void reconcile_heard(struct reconcile *reconcile) {
    reconcile->heard_at = reconcile_now(reconcile);
    if (reconcile->view.unheard) {
        reconcile->view.unheard = false;
        log_info(NULL, "webhooks arrive again");
    }
    if (reconcile->view.away || reconcile->options.bridge->presumed_away) {
        set_away(reconcile, false);
        reconcile_soon(reconcile);
    }
}

struct reconcile *reconcile_new(const struct reconcile_options *options) {
    struct reconcile *reconcile = xcalloc(1, sizeof *reconcile);
    reconcile->options = *options;
    reconcile->due = reconcile_now(reconcile);
    reconcile->began_wall_ms = options->wall_ms(options->context);
    return reconcile;
}

void reconcile_change(struct reconcile *reconcile, int64_t interval_ms, bool delete_stale) {
    reconcile->options.interval_ms = interval_ms;
    reconcile->options.delete_stale = delete_stale;
}

void reconcile_free(struct reconcile *reconcile) {
    if (reconcile == NULL) {
        return;
    }
    reconcile->options.asker.cancel(reconcile->options.asker.self, reconcile->asked);
    check_cancel_all(reconcile);
    free(reconcile);
}

struct reconcile_view reconcile_view(const struct reconcile *reconcile) {
    return reconcile->view;
}
