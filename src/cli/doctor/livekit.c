/* What LiveKit has, and a throw-away room: it shows whether rooms may be made, looked into and deleted, whether the
 * webhook about it reaches the bridge, and whether a worker without a name takes it. */
#include <signal.h>

#include "app/from_settings.h"
#include "app/keys.h"
#include "base/clock.h"
#include "cli/doctor/gather.h"
#include "cli/doctor/watch.h"
#include "livekit/calls.h"
#include "loop/signals.h"

/* EMPTY_S: LiveKit deletes it by itself, should we be killed. STAY_MS: a worker that would take it has had its time.
 * LATEST_MS: after so long no room is made: the rest must end in time. */
enum { EMPTY_S = 10, STAY_MS = 700, LATEST_MS = 9000, LOOK_EVERY_MS = 100, AFTER_REJECTION_MS = 1000 };

static const struct livekit_result *wait_for(struct gather *gather, struct livekit_call *call) {
    struct livekit_result *result = livekit_wait(call);
    gather->results[gather->result_count++] = result;
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
    gather->api = livekit_from_settings(settings, gather->loop, gather->keys, &livekit->failure);
    if (gather->api == NULL) {
        return;
    }
    gather->api_url =
        livekit_http_url(settings->livekit_api_url != NULL ? settings->livekit_api_url : settings->livekit_url, NULL);
    livekit->url = gather->api_url;
    struct livekit_call *rooms = livekit_list_rooms(gather->api, NULL, (struct livekit_texts){0});
    struct livekit_call *trunks = livekit_list_trunks(gather->api, NULL);
    struct livekit_call *rules = livekit_list_rules(gather->api, NULL);
    livekit->rooms = wait_for(gather, rooms);
    livekit->trunks = wait_for(gather, trunks);
    livekit->rules = wait_for(gather, rules);
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

static void look_around(struct stay *stay) {
    struct gather *gather = stay->gather;
    struct exam_livekit *livekit = &gather->exam.livekit;
    struct slice room = slice_of(stay->room);
    livekit->participants = wait_for(gather, livekit_list_participants(gather->api, NULL, room));
    if (gather->exam.daemon.state == DAEMON_UP && gather->settings.enabled) {
        wait_for_webhook(stay);
    }
    pass_time(stay, stay->since + STAY_MS);
    livekit->dispatches = wait_for(gather, livekit_list_dispatches(gather->api, NULL, room));
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
    livekit->created = wait_for(gather, livekit_create_room(gather->api, NULL, slice_of(stay->room), EMPTY_S));
    if (livekit->created->outcome == LIVEKIT_OK && !gather->interrupted) {
        look_around(stay);
    }
    if (may_be_there(livekit->created)) {
        livekit_result_free(livekit_wait(livekit_delete_room(gather->api, NULL, slice_of(stay->room))));
    }
    watch_release(&stay->watch);
}

void gather_room(struct gather *gather) {
    if (gather->api == NULL || gather->exam.livekit.rooms->outcome == LIVEKIT_AWAY ||
        clock_mono_ms() - gather->started > LATEST_MS) {
        return;
    }
    struct stay stay = {.gather = gather, .signals = {.on_signal = on_signal}};
    watch_room_name(stay.room);
    signals_start(&stay.signals, gather->loop);
    stay_in_room(&stay);
    signals_stop(&stay.signals);
}
