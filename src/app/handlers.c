/* What the daemon does when something happens: a signal, a deadline, a change of the keys. */
#include <signal.h>
#include <unistd.h>

#include "app/internal.h"
#include "base/log.h"
#include "base/mem.h"

static mono_ms earlier(mono_ms a, mono_ms b) {
    return a < b ? a : b;
}

void app_touched(struct app *app) {
    board_touched(app->board);
    pool_tick(app->pool);
    mono_ms due = earlier(bridge_next_due(app->bridge), pool_next_due(app->pool));
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

/* What SIGTERM means. As the first process of a container nothing outlives us, so calls are waited for there unless told
 * otherwise. */
static int on_exit_of(const struct settings *settings) {
    return getpid() == 1 && !settings_is_given(settings, SETTING_SIP_ON_EXIT) ? ON_EXIT_DRAIN : settings->on_exit;
}

/* True when calls and agents can be left to the next start. */
static bool leave(struct app *app) {
    if (!bridge_flush(app->bridge)) {
        log_error(NULL, "the journal cannot be written, so the next start could not take the calls back");
        return false;
    }
    app->leaving = true;
    http_server_stop_listening(app->server); /* who comes now waits for the next start, where the socket is held */
    timer_start(&app->hurry_timer, app->loop, LEAVE_MS);
    log_info(NULL, "told to stop; calls in progress: %zu; leaving them and their agents to the next start",
             bridge_live(app->bridge));
    return true;
}

void app_on_hurry_due(struct timer *timer) {
    container_of(timer, struct app, hurry_timer)->hurried = true;
}

static void told_to_stop(struct app *app) {
    app->stops++;
    app->ops.draining = true;
    app_manager_stopping(app);
    pool_close(app->pool);
    int how = on_exit_of(app->settings);
    if (app->leaving || (how == ON_EXIT_KEEP && app->stops == 1 && leave(app))) {
        return;
    }
    bool at_once = how == ON_EXIT_STOP || app->stops > 1;
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
    case SIGHUP: (void)app_reload(app, NULL); break;
    case SIGCHLD: local_reap(app->local); break;
    default: break;
    }
}
