/* One question to LiveKit: made, asked, asked again, freed. */
#include "bridge/errand.h"

#include <stdio.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

struct errand *errand_new(struct livekit_link *link, const struct errand_kind *kind, struct slice sid,
                          struct slice room) {
    struct errand *errand = xcalloc(1, sizeof *errand);
    errand->link = link;
    errand->kind = kind;
    errand->again_at = MONO_NEVER;
    snprintf(errand->sid, sizeof errand->sid, "%.*s", SLICE_ARG(sid));
    errand->room = (struct slice){xmemdup(room.p, room.n), room.n};
    DL_APPEND(link->errands, errand);
    return errand;
}

void errand_free(struct errand *errand) {
    struct livekit_link *link = errand->link;
    DL_DELETE(link->errands, errand);
    link->options.asker.cancel(link->options.asker.self, errand->asked);
    free((char *)errand->room.p);
    free((char *)errand->identity.p);
    free(errand->listed);
    free(errand);
}

mono_ms errand_now(const struct livekit_link *link) {
    return link->options.now(link->options.context);
}

static void on_answer(void *context, const struct livekit_result *result) {
    struct errand *errand = context;
    const struct livekit_link *link = errand->link;
    errand->asked = NULL;
    errand->kind->on_answer(errand, result);
    link->options.on_touched(link->options.context);
}

struct errand *errand_find(const struct livekit_link *link, const struct errand_kind *kind, struct slice room,
                           struct slice identity) {
    struct errand *errand;
    DL_FOREACH(link->errands, errand) {
        if (errand->kind == kind && slice_eq(errand->identity, identity) && slice_eq(errand->room, room)) {
            return errand;
        }
    }
    return NULL;
}

void errand_ask(struct errand *errand) {
    const struct asker *asker = &errand->link->options.asker;
    errand->again_at = MONO_NEVER;
    errand->asked = asker->start(asker->self, &(struct question){.kind = errand->kind->question,
                                                                 .room = errand->room,
                                                                 .identity = errand->identity,
                                                                 .urgent = true,
                                                                 .on_done = on_answer,
                                                                 .context = errand});
}

void errand_ask_again(struct errand *errand, int64_t delay_ms) {
    errand->tries++;
    errand->again_at = errand_now(errand->link) + delay_ms;
}

void errand_go_on(struct errand *errand, const struct errand_kind *kind) {
    errand->kind = kind;
    errand->tries = 0;
    errand_ask(errand);
}

void errand_log_failure(const struct errand *errand, const struct livekit_result *result) {
    const struct log_about about = {.call = slice_of(errand->sid), .room = errand->room};
    struct log_limit *limit = &errand->link->failure_limit;
    mono_ms now = errand_now(errand->link);
    uint64_t skipped;
    if (log_limit_pass(limit, now, &skipped)) {
        limit->next_ms = now + FAILURES_APART_MS;
        log_warning(&about, "LiveKit could not be asked to %s: %s (and %llu questions before it)", errand->kind->what,
                    result->why, (unsigned long long)skipped);
    } else {
        log_debug(&about, "LiveKit could not be asked to %s: %s", errand->kind->what, result->why);
    }
}
