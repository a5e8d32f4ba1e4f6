/* Reading everything again while calls go on: the settings where they are written, keys, rules, agents. What is wrong
 * keeps what was. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/from_settings.h"
#include "app/internal.h"
#include "app/keys.h"
#include "base/argv.h"
#include "base/log.h"
#include "base/mem.h"
#include "settings/change.h"

enum { LINE_SIZE = 2048 };

/* A line of what comes of it, for the log and for who asked. */
__attribute__((format(printf, 3, 4))) static void log_and_tell(struct buf *said, enum log_level level,
                                                               const char *format, ...) {
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (log_enabled(level)) {
        log_write(level, NULL, "%s", line);
    }
    if (said != NULL) {
        buf_addf(said, "%s%s\n", level == LOG_ERROR ? "error: " : level == LOG_WARNING ? "warning: " : "", line);
    }
}

static void say_all(struct buf *said, enum log_level level, const struct diag *diags, size_t count) {
    for (size_t i = 0; i < count && i < SETTINGS_MAX_PROBLEMS; i++) {
        char text[sizeof *diags + 4];
        diag_text(&diags[i], text, sizeof text);
        log_and_tell(said, level, "settings: %s", text);
    }
}

static void say_change(struct buf *said, const struct settings_change *change) {
    cleanup_buf struct buf taken = {0};
    cleanup_buf struct buf waiting = {0};
    settings_names(change->taken, &taken);
    settings_names(change->waiting, &waiting);
    if (taken.len > 0) {
        log_and_tell(said, LOG_INFO, "changed: %s", taken.p);
    }
    if (waiting.len > 0) {
        log_and_tell(said, LOG_WARNING, "changed, but taken over by a restart only: %s", waiting.p);
    }
}

void app_watch_keys(struct app *app) {
    const char *path = settings_keys_file(app->settings);
    file_watch_stop(&app->keys_watch);
    if (path != NULL && !file_watch_start(&app->keys_watch, app->loop, path)) {
        log_warning(NULL, "LIVEKIT_KEYS: %s cannot be watched for changes; SIGHUP reads it again", path);
    }
}

/* Keys of SETTINGS instead of those in use; false after saying why not. */
static bool take_keys(struct app *app, const struct settings *settings, struct buf *said) {
    struct diag diag = {0};
    struct keyring *fresh = keys_of_daemon(settings, &diag);
    if (fresh == NULL) {
        log_and_tell(said, LOG_ERROR, "the keys could not be read again, keeping the %zu in use: %s: %s",
                     keyring_count(app->keys), diag.where, diag.what);
        return false;
    }
    keyring_replace(app->keys, fresh);
    keyring_hide_in_log(app->keys);
    return true;
}

static void hand_on_agents(struct app *app) {
    struct source_options options;
    char **former = app->command;
    source_options_from(app->settings, &options, &app->command);
    if (app->source != NULL) {
        source_change(app->source, &options.defaults, options.check);
    }
    argv_free(former);
}

/* To every part that was built with some of the settings that can change. */
static void hand_on(struct app *app) {
    const struct settings *settings = app->settings;
    const struct log_options log = log_options_from(settings);
    const struct bridge_options bridge = app_bridge_options(app);
    log_change(&log);
    bridge_set_options(app->bridge, &bridge);
    if (app->reconcile != NULL) {
        reconcile_change(app->reconcile, settings->reconcile_ms, settings->close_room);
    }
    local_change(app->local, settings->agent_env, (size_t)settings->log_max, settings->log_keep_ms);
    hand_on_agents(app);
    call_log_change(&app->call_log, settings->call_log, settings->log_numbers == NUMBERS_MASK);
    standbys_change(app);
    app->ops.webhook_path = settings->webhook_path;
    app->ops.room_prefix = settings->room_prefix;
    app_watch_keys(app);
}

static bool reload_settings(struct app *app, struct buf *said) {
    cleanup_free struct settings_report *report = xmalloc(sizeof *report);
    cleanup_settings struct settings fresh = {0};
    bool good = settings_load_again(&fresh, app->place, report);
    say_all(said, LOG_WARNING, report->warnings, report->warning_count);
    say_all(said, LOG_ERROR, report->errors, report->error_count);
    if (!good || !take_keys(app, &fresh, said)) {
        log_and_tell(said, LOG_ERROR, "the settings stay as they were: nothing of what is written now is taken over");
        return false;
    }
    struct settings_change change = settings_take_over(app->settings, &fresh);
    hand_on(app); /* before the former values, which FRESH has now, are released */
    say_change(said, &change);
    return true;
}

bool app_reload(struct app *app, struct buf *said) {
    app_manager_reloading(app);
    bool good = reload_settings(app, said);
    if (app->source != NULL) {
        source_reload(app->source);
    }
    pool_renew(app->pool); /* whatever agents load may have changed, too */
    log_and_tell(said, LOG_INFO, "reloaded; API keys: %zu; rules and agents are being read again",
                 keyring_count(app->keys));
    app_manager_reloaded(app);
    app_touched(app);
    return good;
}

void app_on_keys_changed(struct file_watch *watch) {
    struct app *app = container_of(watch, struct app, keys_watch);
    if (take_keys(app, app->settings, NULL)) {
        log_info(NULL, "the file of LIVEKIT_KEYS changed: reloaded; API keys: %zu", keyring_count(app->keys));
    }
}
