/* What the daemon does when something happens: a signal, a deadline, a change of the keys. */
#include <signal.h>

#include "app/internal.h"
#include "app/keys.h"
#include "base/log.h"
#include "base/mem.h"

static mono_ms earlier(mono_ms a, mono_ms b) {
    return a < b ? a : b;
}

void app_touched(struct app *app) {
    mono_ms due = bridge_next_due(app->bridge);
    if (app->reconcile != NULL) {
        due = earlier(due, earlier(livekit_link_next_due(app->livekit_link), reconcile_next_due(app->reconcile)));
    }
    if (due == MONO_NEVER) {
        timer_cancel(&app->bridge_timer);
    } else {
        timer_start_at(&app->bridge_timer, app->loop, due);
    }
}

void app_on_bridge_due(struct timer *timer) {
    struct app *app = container_of(timer, struct app, bridge_timer);
    mono_ms now = loop_now(app->loop);
    bridge_tick(app->bridge, now);
    if (app->reconcile != NULL) {
        livekit_link_tick(app->livekit_link, now);
        reconcile_tick(app->reconcile, now);
    }
    app_touched(app);
}

/* Standard output was full: records wait in the log's ring. */
void app_on_log_due(struct timer *timer) {
    struct app *app = container_of(timer, struct app, log_timer);
    if (log_flush() > 0) {
        timer_start(timer, app->loop, LOG_RETRY_MS);
    }
}

void app_reload(struct app *app) {
    struct diag diag = {0};
    struct keyring *fresh = keys_load(app->settings, &diag);
    if (fresh != NULL) {
        keyring_replace(app->keys, fresh);
        keyring_hide_in_log(app->keys);
    } else {
        log_error(NULL, "the keys could not be read again, keeping the %zu in use: %s: %s", keyring_count(app->keys),
                  diag.where, diag.what);
    }
    if (app->source != NULL) {
        source_reload(app->source);
    }
    log_info(NULL, "reloaded; API keys: %zu; rules and agents are being read again", keyring_count(app->keys));
}

static void hurry(void *context, const struct engine_view *view) {
    const struct app *app = context;
    const struct engine_stop stop = {.timeout_ms = app->settings->stop_timeout_ms};
    struct engine engine = local_engine(app->local);
    engine.stop(engine.self, view->label, &stop);
}

/* Agents that were left alone after their call are told to stop too. */
static void hurry_all(struct app *app) {
    struct engine engine = local_engine(app->local);
    engine.list(engine.self, hurry, app);
}

void app_on_hurry_due(struct timer *timer) {
    container_of(timer, struct app, hurry_timer)->hurried = true;
}

static void told_to_stop(struct app *app) {
    app->stops++;
    app->ops.draining = true;
    bool at_once = app->settings->on_exit == ON_EXIT_STOP || app->stops > 1;
    log_info(NULL, "told to stop; calls in progress: %zu; %s", bridge_live(app->bridge),
             at_once ? "ending them" : "waiting for them (a second signal ends them)");
    if (!at_once) {
        return;
    }
    app->ending = true;
    bridge_stop_all(app->bridge, loop_now(app->loop));
    if (app->stops > 1) {
        hurry_all(app);
        timer_start(&app->hurry_timer, app->loop, HURRY_MS);
    }
    app_touched(app);
}

void app_on_signal(struct signals *signals, int number) {
    struct app *app = container_of(signals, struct app, signals);
    switch (number) {
    case SIGTERM:
    case SIGINT: told_to_stop(app); break;
    case SIGHUP: app_reload(app); break;
    case SIGCHLD: local_reap(app->local); break;
    default: break;
    }
}
