/* Request in, status out. What is not taken is logged at most once a second per reason, so that a flood fills no
 * disk, and never with anything of the body. */
#include "webhooks/receive.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "webhooks/repeats.h"

struct receiver {
    struct receiver_options options;
    struct receiver_counters counters;
    struct receiver_sightings sightings;
    struct histogram lag;
    struct repeats *repeats;
    struct log_limit rejected_limit[VERIFY_REASON_COUNT];
    struct log_limit bad_method_limit, invalid_limit, refused_limit, forgotten_limit, stray_limit;
};

struct receiver *receiver_new(const struct receiver_options *options) {
    struct receiver *receiver = xcalloc(1, sizeof *receiver);
    receiver->options = *options;
    histogram_init(&receiver->lag, &buckets_age);
    receiver->repeats = repeats_new(options->max_remembered, options->remember_ms);
    return receiver;
}

void receiver_free(struct receiver *receiver) {
    if (receiver != NULL) {
        repeats_free(receiver->repeats);
        free(receiver);
    }
}

/* " (and 12 more like it)" when records were left out. */
static const char *more(uint64_t skipped, char text[48]) {
    text[0] = '\0';
    if (skipped > 0) {
        snprintf(text, 48, " (and %" PRIu64 " more like it)", skipped);
    }
    return text;
}

static int bad_method(struct receiver *receiver, const struct receiver_request *request, mono_ms now) {
    receiver->counters.bad_method++;
    uint64_t skipped;
    if (log_limit_pass(&receiver->bad_method_limit, now, &skipped)) {
        char tail[48];
        struct slice method = request->method;
        method.n = method.n > 32 ? 32 : method.n;
        log_warning(NULL, "a %.*s request from %.*s to the webhook path, answered 405%s: LiveKit sends POST",
                    SLICE_ARG(method), SLICE_ARG(request->peer), more(skipped, tail));
    }
    return 405;
}

/* One request's verdict. */
struct verdict {
    enum verify_reason reason;
    struct verify_detail detail;
    int64_t wall_ms;
};

static void note_rejection(struct receiver_sightings *sightings, const struct verdict *verdict) {
    sightings->rejections[sightings->rejection_count++ % RECEIVER_REJECTIONS] =
        (struct receiver_rejection){verdict->wall_ms, verdict->reason, verdict->detail};
}

static int rejected(struct receiver *receiver, const struct receiver_request *request, const struct verdict *verdict,
                    mono_ms now) {
    enum verify_reason reason = verdict->reason;
    receiver->counters.rejected[reason]++;
    note_rejection(&receiver->sightings, verdict);
    uint64_t skipped;
    if (log_limit_pass(&receiver->rejected_limit[reason], now, &skipped)) {
        char tail[48];
        struct buf hint cleanup_buf = {0};
        verify_hint(&hint, reason, &verdict->detail);
        log_warning(NULL, "a webhook from %.*s is not verified (%s): %s, answered 401 and not acted on%s; %s",
                    SLICE_ARG(request->peer), verify_reason_label(reason), verify_reason_text(reason),
                    more(skipped, tail), hint.p);
    }
    return 401;
}

static int invalid(struct receiver *receiver, const struct receiver_request *request, const struct diag *diag,
                   mono_ms now) {
    receiver->counters.invalid++;
    uint64_t skipped;
    if (log_limit_pass(&receiver->invalid_limit, now, &skipped)) {
        char text[sizeof diag->where + sizeof diag->what + 4], tail[48];
        diag_text(diag, text, sizeof text);
        log_warning(NULL, "a signed webhook from %.*s is not an event: %s, answered 400, LiveKit will not repeat it%s",
                    SLICE_ARG(request->peer), text, more(skipped, tail));
    }
    return 400;
}

static void note_forgotten(struct receiver *receiver, mono_ms now) {
    uint64_t forgotten = repeats_forgotten(receiver->repeats), skipped;
    if (forgotten == receiver->counters.forgotten) {
        return;
    }
    receiver->counters.forgotten = forgotten;
    if (log_limit_pass(&receiver->forgotten_limit, now, &skipped)) {
        log_warning(NULL,
                    "more than %zu events within %" PRId64 " s: the oldest ids are forgotten early (%" PRIu64
                    " so far), a repeat of those would be looked at again",
                    receiver->options.max_remembered, receiver->options.remember_ms / 1000, forgotten);
    }
}

/* Takes over EVENT. */
static int hand_over(struct receiver *receiver, struct webhook_event *event, mono_ms now) {
    bool has_id = event->id.n > 0; /* without one there is nothing to know a repeat by */
    if (has_id && repeats_seen(receiver->repeats, event->id, now)) {
        receiver->counters.duplicate++;
        event_free(event);
        return 200;
    }
    note_forgotten(receiver, now);
    if (receiver->options.on_event(receiver->options.context, event)) {
        return 200;
    }
    receiver->counters.refused++;
    if (has_id) {
        repeats_undo(receiver->repeats); /* LiveKit's retry must find it new */
    }
    uint64_t skipped;
    if (log_limit_pass(&receiver->refused_limit, now, &skipped)) {
        char tail[48];
        log_warning(NULL, "an event could not be queued, answered 503%s: LiveKit sends it again", more(skipped, tail));
    }
    return 503;
}

static struct verdict verify(const struct receiver *receiver, const struct receiver_request *request, int64_t wall_ms) {
    struct verdict verdict = {.reason = VERIFY_TWO_TOKENS, .wall_ms = wall_ms};
    if (request->authorization_count <= 1) {
        struct slice token = request->authorization_count == 1 ? request->authorization : (struct slice){0};
        verdict.reason = webhook_verify(receiver->options.keys, token, request->body, wall_ms / 1000, &verdict.detail);
    }
    return verdict;
}

static void keep_name(char ret_name[RECEIVER_NAME_SIZE], struct slice name) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, name, RECEIVER_NAME_SIZE - 4); /* the mark of a cut takes three bytes more */
    snprintf(ret_name, RECEIVER_NAME_SIZE, "%s", shown.p != NULL ? shown.p : "");
}

/* Whether EVENT is of `sipbridge doctor`; then it is noted. */
static bool is_probe(struct receiver *receiver, const struct webhook_event *event, const struct verdict *verdict) {
    struct receiver_probe *probe = &receiver->sightings.probe;
    if (!slice_starts(event->room.name, SLICE(RECEIVER_PROBE_PREFIX))) {
        return false;
    }
    probe->wall_ms = verdict->wall_ms;
    keep_name(probe->room, event->room.name);
    keep_name(probe->event, event->name);
    keep_name(probe->key, slice_of(verdict->detail.key));
    return true;
}

/* A verified body. */
static int take_verified(struct receiver *receiver, const struct receiver_request *request,
                         const struct verdict *verdict, mono_ms now) {
    struct diag diag = {0};
    struct webhook_event *event = event_parse(request->body, &diag);
    if (event == NULL) {
        return invalid(receiver, request, &diag, now);
    }
    if (event->created_at_s != 0) {
        histogram_add(&receiver->lag, (verdict->wall_ms - event->created_at_s * 1000) * 1000);
    }
    if (is_probe(receiver, event, verdict) || event->kind == EVENT_OTHER) {
        receiver->counters.ignored++;
        event_free(event);
        return 200;
    }
    return hand_over(receiver, event, now);
}

int receiver_take(struct receiver *receiver, const struct receiver_request *request, int64_t wall_ms, mono_ms now) {
    receiver->counters.received++;
    if (!slice_is(request->method, "POST")) {
        return bad_method(receiver, request, now);
    }
    if (receiver->options.disabled && keyring_count(receiver->options.keys) == 0) {
        receiver->counters.ignored++; /* nobody to verify with, and nothing that could be done */
        return 200;
    }
    struct verdict verdict = verify(receiver, request, wall_ms);
    if (verdict.reason != VERIFY_OK) {
        return rejected(receiver, request, &verdict, now);
    }
    receiver->counters.verified++;
    receiver->counters.last_verified_wall_ms = wall_ms;
    if (receiver->options.disabled) {
        receiver->counters.ignored++;
        return 200;
    }
    return take_verified(receiver, request, &verdict, now);
}

void receiver_tell_stray(struct receiver *receiver, const struct receiver_request *request,
                         const struct receiver_stray *stray) {
    uint64_t skipped;
    if (!slice_is(request->method, "POST") || request->authorization_count != 1 ||
        verify(receiver, request, stray->wall_ms).reason != VERIFY_OK ||
        !log_limit_pass(&receiver->stray_limit, stray->now, &skipped)) {
        return;
    }
    char path[RECEIVER_NAME_SIZE], tail[48];
    keep_name(path, stray->path);
    log_warning(NULL, "a webhook of LiveKit's from %.*s came to %s, answered 404%s: the path is %s",
                SLICE_ARG(request->peer), path, more(skipped, tail), stray->right);
}

const struct receiver_counters *receiver_counters(const struct receiver *receiver) {
    return &receiver->counters;
}

const struct histogram *receiver_lag(const struct receiver *receiver) {
    return &receiver->lag;
}

const struct receiver_sightings *receiver_sightings(const struct receiver *receiver) {
    return &receiver->sightings;
}
