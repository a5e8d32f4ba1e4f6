/* The dry run: recorded webhooks in recorded time. */
#include "cli/dry_run.h"

#include <stdio.h>
#include <string.h>

#include "app/from_settings.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/retell.h"

enum { MOST_PENDING = 64, LONGEST_MS = 86400000 };

struct dry {
    struct bridge *bridge;
    mono_ms now, first;
    uint64_t instances;
    struct engine_event pending[MOST_PENDING]; /* what the engine has yet to tell */
    size_t count;
    char deleted[ENGINE_LABEL_MAX + 1]; /* the call whose room was deleted last */
};

static void later(struct dry *dry, enum engine_event_kind kind, const char *label, const char *instance) {
    if (dry->count == MOST_PENDING) {
        return;
    }
    struct engine_event *event = &dry->pending[dry->count++];
    *event = (struct engine_event){.kind = kind};
    snprintf(event->label, sizeof event->label, "%s", label);
    snprintf(event->instance, sizeof event->instance, "%s", instance);
}

static void ensure(void *self, const struct engine_job *job) {
    later(self, ENGINE_STARTED, job->label, job->instance);
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    (void)how;
    struct dry *dry = self;
    char instance[ENGINE_INSTANCE_SIZE];
    snprintf(instance, sizeof instance, "%032llx", (unsigned long long)dry->instances);
    later(dry, ENGINE_EXITED, label, instance);
}

static void list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    (void)self, (void)each, (void)context;
}

static char *mint(void *self, struct slice room, struct slice identity) {
    (void)self, (void)room, (void)identity;
    return xstrdup("dry-run");
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    struct dry *dry = self;
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%032llx", (unsigned long long)++dry->instances);
}

static int64_t wall_ms(void *self) {
    return ((const struct dry *)self)->now;
}

/* Nobody answers here, so it is wished for again and again until the recording says that the room is finished. */
static bool is_told(struct dry *dry, const char *sid, const char *line) {
    if (strcmp(line, "action: delete the room") != 0) {
        return false;
    }
    bool told = strcmp(dry->deleted, sid) == 0;
    snprintf(dry->deleted, sizeof dry->deleted, "%s", sid);
    return told;
}

static void print_line(void *self, const char *sid, const char *line) {
    struct dry *dry = self;
    if (is_told(dry, sid, line)) {
        return;
    }
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, slice_of(line), 400);
    printf("%9.3f s  %-20s  %s\n", (double)(dry->now - dry->first) / 1000, sid, shown.p);
}

static void tell_pending(struct dry *dry) {
    for (size_t i = 0; i < dry->count; i++) {
        struct engine_event event = dry->pending[i];
        bridge_engine(dry->bridge, &event, dry->now);
    }
    dry->count = 0;
}

/* Lets time pass until UNTIL, stopping at every deadline. */
static void pass(struct dry *dry, mono_ms until) {
    tell_pending(dry);
    for (mono_ms due; (due = bridge_next_due(dry->bridge)) <= until;) {
        dry->now = due > dry->now ? due : dry->now;
        bridge_tick(dry->bridge, dry->now);
        tell_pending(dry);
    }
    dry->now = until > dry->now ? until : dry->now;
}

static bool play_one(struct dry *dry, struct retell *retell, const struct recorded *item, struct diag *diag) {
    struct retell_clock clock = {0, 0, 1};
    cleanup_buf struct buf told = {0};
    if (!retell_body(retell, item->body, &clock, &told, diag)) {
        return false;
    }
    struct webhook_event *event = event_parse(buf_slice(&told), diag);
    if (event == NULL) {
        return false;
    }
    pass(dry, dry->first + item->at_ms);
    bridge_webhook(dry->bridge, event, dry->now);
    event_free(event);
    tell_pending(dry);
    return true;
}

static bool play_all(struct dry *dry, const struct recording *recording, struct diag *diag) {
    struct retell *retell = retell_new();
    for (size_t i = 0; i < recording->count; i++) {
        retell_learn(retell, recording->items[i].body);
    }
    bool good = true;
    for (size_t i = 0; i < recording->count && good; i++) {
        good = play_one(dry, retell, &recording->items[i], diag);
    }
    retell_free(retell);
    return good;
}

/* What is still going on when the recording ends goes on until it ends by itself, a day at most. */
static void play_out(struct dry *dry) {
    for (mono_ms due; bridge_live(dry->bridge) > 0 && (due = bridge_next_due(dry->bridge)) < dry->first + LONGEST_MS;) {
        pass(dry, due);
    }
    printf("%9.3f s  calls in progress at the end: %zu\n", (double)(dry->now - dry->first) / 1000,
           bridge_live(dry->bridge));
}

bool dry_run(const struct cli *cli, const struct settings *settings, const struct fetch *documents,
             const struct recording *recording) {
    struct dry dry = {.first = 1, .now = 1};
    struct bridge_options options = bridge_options_from(settings);
    struct bridge_ports ports = {
        .engine = {.self = &dry, .ensure = ensure, .stop = stop, .list = list},
        .livekit = livekit_unavailable,
        .self = &dry,
        .mint = mint,
        .new_instance = new_instance,
        .wall_ms = wall_ms,
        .trace = print_line,
    };
    dry.bridge = bridge_new(&options, &ports);
    bridge_set_rules(dry.bridge, documents->rules.rules, documents->agents.directory, true, dry.now);
    struct diag diag = {0};
    bool good = play_all(&dry, recording, &diag);
    if (good) {
        play_out(&dry);
    } else {
        cli_fail(cli, &diag);
    }
    bridge_free(dry.bridge);
    return good;
}
