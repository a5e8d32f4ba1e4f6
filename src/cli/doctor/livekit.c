/* What LiveKit has, and a throw-away room: it shows whether rooms may be made, looked into and deleted, whether the
 * webhook about it reaches the bridge, and whether a worker without a name takes it. */
#include <signal.h>

#include "app/from_settings.h"
#include "base/clock.h"
#include "cli/doctor/gather.h"
#include "cli/doctor/watch.h"
#include "doctor/check.h"
#include "livekit/calls.h"
#include "loop/signals.h"

/* EMPTY_S: so long after the wait LiveKit deletes it by itself, should we be killed. LATEST_MS: after so long no room is
 * made: the rest must end in time. */
enum {
    ASK_TIMEOUT_MS = 4000,
    EMPTY_S = 10,
    LATEST_MS = 6000,
    LOOK_EVERY_MS = 100,
    ASK_EVERY_MS = 500,
    AFTER_REJECTION_MS = 1000
};

/* In place of what was there. */
static const struct livekit_result *keep(struct gather *gather, enum gather_result place, struct livekit_call *call) {
    struct livekit_result *result = livekit_wait(call);
    livekit_result_free(gather->results[place]);
    gather->results[place] = result;
    return result;
}

void gather_livekit(struct gather *gather) {
    struct exam_livekit *livekit = &gather->exam.livekit;
    const struct settings *settings = &gather->settings;
    livekit->wanted = livekit_is_wanted(settings);
    if (!livekit->wanted || gather->keys == NULL) {
        return;
    }
    gather->loop = loop_new();
    const struct livekit_options base = {.loop = gather->loop, .keys = gather->keys, .timeout_ms = ASK_TIMEOUT_MS};
    gather->api = livekit_from_settings(settings, &base, &livekit->failure);
    if (gather->api == NULL) {
        return;
    }
    gather->api_url =
        livekit_http_url(settings->livekit_api_url != NULL ? settings->livekit_api_url : settings->livekit_url, NULL);
    livekit->url = gather->api_url;
    struct livekit_call *rooms = livekit_list_rooms(gather->api, NULL, (struct livekit_texts){0});
    struct livekit_call *trunks = livekit_list_trunks(gather->api, NULL);
    struct livekit_call *rules = livekit_list_rules(gather->api, NULL);
    livekit->rooms = keep(gather, RESULT_ROOMS, rooms);
    livekit->trunks = keep(gather, RESULT_TRUNKS, trunks);
    livekit->rules = keep(gather, RESULT_RULES, rules);
    livekit->contact = livekit_contact(gather->api);
}

/* The room while it is there. */
struct stay {
    struct gather *gather;
    struct signals signals;
    char room[WATCH_ROOM_SIZE];
    struct watch watch;
    mono_ms since;
};

static void on_signal(struct signals *signals, int number) {
    struct stay *stay = container_of(signals, struct stay, signals);
    stay->gather->interrupted = stay->gather->interrupted || number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static bool is_waiting(const struct stay *stay, mono_ms until) {
    loop_refresh(stay->gather->loop);
    return !stay->gather->interrupted && loop_now(stay->gather->loop) < until;
}

/* Turns the loop until UNTIL or a signal. */
static void pass_time(const struct stay *stay, mono_ms until) {
    while (is_waiting(stay, until)) {
        struct loop *loop = stay->gather->loop;
        loop_turn(loop, loop_wait_ms(loop, (int)(until - loop_now(loop))));
    }
}

/* A refusal ends it soon: LiveKit does not repeat after 401. Others may be refused meanwhile, so not at once. */
static void wait_for_webhook(struct stay *stay) {
    struct exam_webhook *webhook = &stay->gather->exam.webhook;
    mono_ms end = stay->since + stay->gather->options.wait_ms;
    do {
        watch_look(&stay->watch, stay->room, &webhook->seen);
        mono_ms now = clock_mono_ms();
        if (webhook->seen.rejected > 0 && end > now + AFTER_REJECTION_MS) {
            end = now + AFTER_REJECTION_MS;
        }
        webhook->waited_ms = now - stay->since;
        if (!webhook->seen.looked || webhook->seen.arrived) {
            break;
        }
        pass_time(stay, now + LOOK_EVERY_MS < end ? now + LOOK_EVERY_MS : end);
    } while (is_waiting(stay, end));
    webhook->waited = !stay->gather->interrupted;
}

/* Whether more cannot become known. While a worker may still take it, the room has a dispatch. */
static bool is_settled(const struct exam_livekit *livekit) {
    bool may_be_taken = exam_is_ok(livekit->dispatches) && livekit->dispatches->answer.count > 0;
    return !may_be_taken || exam_worker_took_room(livekit);
}

/* LiveKit looks for workers for up to 5 s, when it has not looked in the last minute, and lists the job only then; the
 * worker's agent may join before that. */
static void wait_for_worker(struct stay *stay) {
    struct gather *gather = stay->gather;
    struct exam_livekit *livekit = &gather->exam.livekit;
    struct slice room = slice_of(stay->room);
    mono_ms end = stay->since + gather->options.wait_ms;
    for (bool more = true; more;) {
        more = is_waiting(stay, end);
        livekit->dispatches = keep(gather, RESULT_DISPATCHES, livekit_list_dispatches(gather->api, NULL, room));
        livekit->participants = keep(gather, RESULT_PARTICIPANTS, livekit_list_participants(gather->api, NULL, room));
        more = more && !is_settled(livekit);
        if (more) {
            mono_ms next = clock_mono_ms() + ASK_EVERY_MS;
            pass_time(stay, next < end ? next : end);
        }
    }
}

/* "Away" may mean that it was made all the same. */
static bool may_be_there(const struct livekit_result *created) {
    return created->outcome == LIVEKIT_OK || created->outcome == LIVEKIT_AWAY || created->outcome == LIVEKIT_ODD;
}

static void stay_in_room(struct stay *stay) {
    struct gather *gather = stay->gather;
    struct exam_livekit *livekit = &gather->exam.livekit;
    watch_start(&stay->watch, &gather->settings);
    stay->since = clock_mono_ms();
    int empty_s = EMPTY_S + (int)(gather->options.wait_ms / 1000);
    livekit->created =
        keep(gather, RESULT_CREATED, livekit_create_room(gather->api, NULL, slice_of(stay->room), empty_s));
    if (livekit->created->outcome == LIVEKIT_OK && !gather->interrupted) {
        if (gather->exam.daemon.state == DAEMON_UP && gather->settings.enabled) {
            wait_for_webhook(stay);
        }
        wait_for_worker(stay);
    }
    if (may_be_there(livekit->created)) {
        livekit_result_free(livekit_wait(livekit_delete_room(gather->api, NULL, slice_of(stay->room))));
    }
    watch_release(&stay->watch);
}

void gather_room(struct gather *gather) {
    if (gather->api == NULL || !exam_livekit_answers(&gather->exam) || !exam_key_accepted(&gather->exam) ||
        clock_mono_ms() - gather->started > LATEST_MS) {
        return;
    }
    sigset_t mask; /* signals_stop leaves them blocked, and there may be a question to come */
    sigprocmask(SIG_SETMASK, NULL, &mask);
    struct stay stay = {.gather = gather, .signals = {.on_signal = on_signal}};
    watch_room_name(stay.room);
    signals_start(&stay.signals, gather->loop);
    stay_in_room(&stay);
    signals_stop(&stay.signals);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}
