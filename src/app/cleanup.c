/* POST /api/livekit/cleanup-sip-rooms: every call is stopped, and every room of our prefix deleted, also those of which
 * no call is known (a bridge that was away, webhooks that were lost). */
#include "app/internal.h"
#include "base/log.h"
#include "base/mem.h"

static void on_swept(void *context, const struct sweep_report *report) {
    struct app *app = context;
    size_t gone = report->count - report->left;
    app->sweep = NULL;
    if (!report->is_known) {
        log_warning(
            NULL,
            "clean-up: LiveKit could not be asked which rooms are left; of those without a call %zu of %zu are known "
            "to be gone: %s",
            gone, report->count, report->why);
    } else if (report->left > 0) {
        log_warning(NULL, "clean-up: %zu of %zu rooms without a call deleted, %zu are still there", gone, report->count,
                    report->left);
    } else {
        log_info(NULL, "clean-up: %zu of %zu rooms without a call deleted", gone, report->count);
    }
}

/* The bridge hangs up its calls by itself. */
static bool is_of_a_call(void *context, const struct livekit_room *room) {
    const struct app *app = context;
    cleanup_free char *sid = xmemdup(room->sid.p, room->sid.n);
    return app->settings->close_room && bridge_is_live(app->bridge, sid);
}

enum ops_cleanup app_clean_up(void *context, size_t *ret_calls) {
    struct app *app = context;
    struct slice prefix = slice_of(app->settings->room_prefix);
    if (prefix.n == 0) {
        log_warning(NULL, "clean-up refused: SIP_ROOM_PREFIX is empty, every room of LiveKit would be deleted");
        return CLEANUP_NO_PREFIX;
    }
    *ret_calls = bridge_live(app->bridge);
    log_info(NULL, "clean-up: the operator ends every call (%zu in progress) and deletes the rooms %.*s…", *ret_calls,
             SLICE_ARG(prefix));
    bridge_stop_all(app->bridge, clock_mono_ms());
    app_touched(app);
    if (app->livekit == NULL) {
        return CLEANUP_NO_LIVEKIT;
    }
    if (app->sweep != NULL) {
        return CLEANUP_RUNNING;
    }
    const struct sweep_options sweep = {.api = app->livekit,
                                        .loop = app->loop,
                                        .prefix = prefix,
                                        .skips = is_of_a_call,
                                        .on_done = on_swept,
                                        .context = app};
    app->sweep = sweep_start(&sweep);
    return CLEANUP_STARTED;
}
