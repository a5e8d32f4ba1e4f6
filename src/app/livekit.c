/* LiveKit's API wired to the bridge: the questions of its calls, the reconcile, and what is said when it comes or goes. */
#include "app/from_settings.h"
#include "app/internal.h"
#include "base/log.h"

static mono_ms now_of(void *context) {
    const struct app *app = context;
    return loop_now(app->loop);
}

static int64_t wall_of(void *context) {
    (void)context;
    return clock_wall_ms();
}

static void on_touched(void *context) {
    app_touched(context);
}

static void on_suspicion(void *context, const char *sid, struct slice room) {
    struct app *app = context;
    reconcile_suspect(app->reconcile, sid, room);
}

static void on_contact(void *context) {
    struct app *app = context;
    const struct contact *contact = livekit_contact(app->livekit);
    if (contact->state == CONTACT_CONNECTED) {
        log_info(NULL, "LiveKit's API answers");
        reconcile_answers(app->reconcile);
    } else {
        log_warning(NULL, "LiveKit's API is not to be had: %s; calls in progress live on, it is asked again",
                    contact->error);
    }
    app_touched(app);
}

static void build_link(struct app *app) {
    struct livekit_link_options options = {.asker = asker_of_api(app->livekit),
                                           .now = now_of,
                                           .on_touched = on_touched,
                                           .on_suspicion = on_suspicion,
                                           .context = app};
    app->livekit_link = livekit_link_new(&options);
}

bool app_build_livekit(struct app *app, struct diag *diag) {
    if (!app->settings->enabled || !livekit_is_wanted(app->settings)) {
        return true;
    }
    const struct livekit_options base = {.loop = app->loop,
                                         .keys = app->keys,
                                         .on_contact = on_contact,
                                         .context = app};
    app->livekit = livekit_from_settings(app->settings, &base, diag);
    if (app->livekit == NULL) {
        return false;
    }
    build_link(app);
    return true;
}

void app_build_reconcile(struct app *app) {
    livekit_link_attach(app->livekit_link, app->bridge);
    struct reconcile_options options = {.asker = asker_of_api(app->livekit),
                                        .link = app->livekit_link,
                                        .bridge = app->bridge,
                                        .interval_ms = app->settings->reconcile_ms,
                                        .delete_stale = app->settings->close_room,
                                        .now = now_of,
                                        .wall_ms = wall_of,
                                        .on_touched = on_touched,
                                        .context = app};
    app->reconcile = reconcile_new(&options);
}
