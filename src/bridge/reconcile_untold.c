/* Callers of whom no webhook told, found in LiveKit's list: asked for, told of, and counted. */
#include "base/log.h"
#include "bridge/listed.h"
#include "bridge/reconcile_internal.h"

enum { STARTED_SLACK_S = 2 };

bool untold_is(const struct check *check, const struct livekit_participant *listed) {
    struct bridge *bridge = check->reconcile->options.bridge;
    const struct bridge_call *call = bridge_find(bridge, slice_of(check->sid));
    uint64_t sid = slice_hash(listed->sid, bridge->options.seed);
    return listed_is_caller(listed) && (call == NULL || !call_knows(&call->entry.facts, sid));
}

static void on_unserved(void *context, enum livekit_outcome outcome) {
    struct reconcile *reconcile = context;
    if (outcome == LIVEKIT_OK) {
        reconcile->view.started++;
    } else if (outcome != LIVEKIT_NOT_FOUND) {
        reconcile_again(reconcile, DOUBT_MS); /* they may be waiting */
    }
}

static void on_untold(void *context, enum livekit_outcome outcome) {
    on_unserved(context, outcome);
    if (outcome == LIVEKIT_OK) {
        log_info(NULL, "a caller whom no webhook told of was found in LiveKit and is served");
    }
}

static void on_unheard(void *context, enum livekit_outcome outcome) {
    struct reconcile *reconcile = context;
    on_untold(reconcile, outcome);
    if (outcome != LIVEKIT_OK) {
        return;
    }
    if (!reconcile->view.unheard) {
        reconcile->view.unheard = true;
        log_error(NULL,
                  "LiveKit has a call that no webhook told of; until one comes LiveKit is asked every %d s. Add to "
                  "its configuration: webhook: {api_key: <LIVEKIT_API_KEY>, urls: [\"http://<this "
                  "machine>:8790/webhooks/livekit\"]}; `sipbridge doctor` tries it",
                  UNHEARD_MS / 1000);
    }
    reconcile_again(reconcile, UNHEARD_MS);
}

/* A caller from before our start could not be told of. */
static bool came_before_us(const struct check *check, const struct livekit_participant *listed) {
    int64_t began_s = check->reconcile->began_wall_ms / 1000;
    return listed->joined_at_s <= began_s + STARTED_SLACK_S;
}

typedef void on_confirmed(void *context, enum livekit_outcome outcome);

static on_confirmed *meaning_of(const struct check *check, const struct livekit_participant *listed) {
    if (check->how == CHECK_TAKEN) {
        return on_unserved; /* they were told of, before their call was let go */
    }
    return came_before_us(check, listed) ? on_untold : on_unheard;
}

void untold_confirm(struct check *check, const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (untold_is(check, listed)) {
            livekit_link_confirm(check->reconcile->options.link, slice_of(check->sid), check->room, listed,
                                 meaning_of(check, listed), check->reconcile);
        }
    }
}

void untold_answered(struct check *check, const struct livekit_participant *listed, enum livekit_outcome outcome) {
    struct bridge *bridge = check->reconcile->options.bridge;
    on_confirmed *tell = meaning_of(check, listed);
    if (outcome == LIVEKIT_OK && !untold_is(check, listed)) {
        return; /* a webhook told meanwhile */
    }
    if (outcome == LIVEKIT_OK) {
        struct webhook_event joined = listed_event(EVENT_participant_joined, slice_of(check->sid), check->room, listed);
        bridge_webhook(bridge, &joined, check_now(check));
    }
    tell(check->reconcile, outcome);
}
