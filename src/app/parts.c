/* Building the parts of the daemon from the settings, and taking them apart. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "app/from_settings.h"
#include "app/internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "livekit/token.h"

enum { REMEMBERED_IDS = 200000, REMEMBER_MS = 600000, SHOWN_LINES = 20 };

static char *mint(void *self, struct slice room, struct slice identity) {
    const struct app *app = self;
    return token_for_agent(app->keys, room, identity, clock_wall_ms() / 1000);
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    (void)self;
    unsigned char bytes[(ENGINE_INSTANCE_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        memset(bytes, 0, sizeof bytes); /* so few bytes are never cut short by the kernel */
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(ret_instance + 2 * i, 3, "%02x", bytes[i]);
    }
}

static int64_t wall_ms(void *self) {
    (void)self;
    return clock_wall_ms();
}

static void unknown_agent(void *self) {
    const struct app *app = self;
    if (app->source != NULL) {
        source_miss(app->source);
    }
}

static void show_line(void *context, const char *line) {
    const struct log_about about = {.call = slice_of(context)};
    log_info(&about, "  agent says: %s", line);
}

static void show_output(void *self, const char *sid) {
    const struct app *app = self;
    cleanup_free char *label = xstrdup(sid);
    local_tail(app->local, sid, SHOWN_LINES, show_line, label);
}

static void on_engine(void *context, const struct engine_event *event) {
    struct app *app = context;
    bridge_engine(app->bridge, event, loop_now(app->loop));
    app_touched(app);
}

static void on_source_change(void *context) {
    struct app *app = context;
    bridge_set_rules(app->bridge, source_rules(app->source), source_directory(app->source), source_ready(app->source),
                     loop_now(app->loop));
    app_touched(app);
}

static void on_queued(void *context, const struct webhook_event *event) {
    struct app *app = context;
    if (app->reconcile != NULL) {
        reconcile_heard(app->reconcile);
    }
    bridge_webhook(app->bridge, event, loop_now(app->loop));
    app_touched(app);
}

/* A bridge that drains leaves new calls to its successor, and one that ends its calls whoever joins them, for a caller
 * would make a call of what is over: LiveKit tries again. */
static bool is_left_to_successor(const struct app *app, const struct webhook_event *event) {
    return app->ops.draining &&
           (bridge_is_new_call(app->bridge, event) || (app->ending && event->kind == EVENT_participant_joined));
}

static bool on_verified(void *context, struct webhook_event *event) {
    struct app *app = context;
    bool taken = !is_left_to_successor(app, event) && queue_add(&app->queue, event);
    if (!taken) {
        event_free(event);
    }
    return taken;
}

static bool stop_call(void *context, const char *sid) {
    struct app *app = context;
    bool known = bridge_stop(app->bridge, sid, clock_mono_ms());
    app_touched(app);
    return known;
}

static void reload(void *context) {
    app_reload(context);
}

static void build_bridge(struct app *app) {
    struct bridge_options options = bridge_options_from(app->settings);
    if (getrandom(&options.seed, sizeof options.seed, 0) < 0) {
        options.seed = (uint64_t)clock_mono_us();
    }
    struct bridge_ports ports = {
        .engine = local_engine(app->local),
        .livekit = app->livekit_link != NULL ? livekit_link_port(app->livekit_link) : livekit_unavailable,
        .self = app,
        .mint = mint,
        .new_instance = new_instance,
        .show_output = show_output,
        .wall_ms = wall_ms,
        .unknown_agent = unknown_agent,
    };
    app->bridge = bridge_new(&options, &ports);
    if (app->livekit_link != NULL) {
        app_build_reconcile(app);
    }
}

static void build_engine(struct app *app) {
    struct local_options options = {
        .loop = app->loop,
        .output_dir = app->state.calls,
        .notify_dir = app->state.notify,
        .pass_env = app->settings->agent_env,
        .max_output = (size_t)app->settings->log_max,
        .keep_output_ms = app->settings->log_keep_ms,
        .on_event = on_engine,
        .context = app,
    };
    app->local = local_new(&options);
}

static bool build_source(struct app *app, struct diag *diag) {
    struct source_options options;
    source_options_from(app->settings, &options, &app->command);
    options.loop = app->loop;
    options.state_dir = app->state.root;
    options.on_change = on_source_change;
    options.context = app;
    app->source = source_start(&options, diag);
    return app->source != NULL;
}

static void build_receiver(struct app *app) {
    struct receiver_options options = {
        .keys = app->keys,
        .disabled = !app->settings->enabled,
        .max_remembered = REMEMBERED_IDS,
        .remember_ms = REMEMBER_MS,
        .on_event = on_verified,
        .context = app,
    };
    app->receiver = receiver_new(&options);
}

static void build_ops(struct app *app) {
    app->ops = (struct ops){
        .enabled = app->settings->enabled,
        .webhook_path = app->settings->webhook_path,
        .room_prefix = app->settings->room_prefix,
        .keys = app->keys,
        .receiver = app->receiver,
        .bridge = app->bridge,
        .source = app->source,
        .livekit = app->livekit != NULL ? livekit_contact(app->livekit) : NULL,
        .reconcile = app->reconcile,
        .errors = &app->errors,
        .started_wall_ms = clock_wall_ms(),
        .started = clock_mono_ms(),
        .context = app,
        .stop_call = stop_call,
        .reload = reload,
        .clean_up = app_clean_up,
    };
}

static void add_listens(struct app *app, char *const *addresses, bool admin) {
    for (size_t i = 0; addresses != NULL && addresses[i] != NULL && app->listen_count < MOST_LISTENS; i++) {
        size_t place = app->listen_count++;
        enum ops_door door = !admin ? DOOR_PUBLIC : ops_is_local(addresses[i]) ? DOOR_ADMIN_LOCAL : DOOR_ADMIN_REMOTE;
        app->entrances[place] = (struct ops_entrance){.ops = &app->ops, .door = door};
        app->listens[place] = (struct http_listen){
            .address = addresses[i],
            .socket_mode = app->settings->socket_mode,
            .socket_group = app->settings->socket_group,
            .handle = ops_handle,
            .context = &app->entrances[place],
        };
    }
}

static void log_listens(const struct app *app) {
    for (size_t i = 0; i < app->listen_count; i++) {
        const char *address = app->listens[i].address;
        const char *what = app->entrances[i].door == DOOR_PUBLIC ? "public" : "admin";
        const char *colon = strrchr(address, ':');
        int port = http_server_port(app->server, i);
        if (port > 0 && colon != NULL) {
            log_info(NULL, "listening on %.*s:%d (%s)", (int)(colon - address), address, port, what);
        } else {
            log_info(NULL, "listening on %s (%s)", address, what);
        }
    }
}

static bool build_server(struct app *app, struct diag *diag) {
    struct http_limits limits = http_limits_default;
    limits.max_body = (size_t)app->settings->max_body;
    add_listens(app, app->settings->listen, false);
    add_listens(app, app->settings->admin_listen, true);
    app->server = http_server_new(app->loop, &limits, app->listens, app->listen_count, diag);
    if (app->server == NULL) {
        return false;
    }
    log_listens(app);
    return true;
}

static void on_keys_changed(struct file_watch *watch) {
    app_reload(container_of(watch, struct app, keys_watch));
}

static void watch_keys(struct app *app) {
    const char *path = settings_keys_file(app->settings);
    app->keys_watch.on_change = on_keys_changed;
    if (path != NULL && !file_watch_start(&app->keys_watch, app->loop, path)) {
        log_warning(NULL, "LIVEKIT_KEYS: %s cannot be watched for changes; SIGHUP reads it again", path);
    }
}

bool app_build(struct app *app, struct diag *diag) {
    if (!state_dir_open(&app->state, app->settings->state_dir, diag)) {
        return false;
    }
    app->loop = loop_new();
    app->signals.on_signal = app_on_signal;
    signals_start(&app->signals, app->loop);
    app->bridge_timer.on_due = app_on_bridge_due;
    app->log_timer.on_due = app_on_log_due;
    app->hurry_timer.on_due = app_on_hurry_due;
    queue_init(&app->queue, app->loop, on_queued, app);
    log_listen(ops_errors_add, &app->errors);
    build_receiver(app);
    build_engine(app);
    if (!app_build_livekit(app, diag)) {
        return false;
    }
    build_bridge(app);
    if (app->settings->enabled && !build_source(app, diag)) {
        return false;
    }
    build_ops(app);
    watch_keys(app);
    if (app->source != NULL) {
        on_source_change(app);
    }
    return build_server(app, diag);
}

void app_release(struct app *app) {
    log_listen(NULL, NULL);
    http_server_free(app->server);
    file_watch_stop(&app->keys_watch);
    source_free(app->source);
    sweep_cancel(app->sweep);
    reconcile_free(app->reconcile);
    livekit_link_free(app->livekit_link);
    livekit_free(app->livekit);
    bridge_free(app->bridge);
    local_free(app->local);
    receiver_free(app->receiver);
    queue_release(&app->queue);
    timer_cancel(&app->bridge_timer);
    timer_cancel(&app->log_timer);
    timer_cancel(&app->hurry_timer);
    signals_stop(&app->signals);
    loop_free(app->loop);
    argv_free(app->command);
    state_dir_release(&app->state);
    keyring_free(app->keys);
}
