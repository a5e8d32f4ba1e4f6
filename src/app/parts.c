/* Building the parts of the daemon from the settings, and taking them apart. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "app/from_settings.h"
#include "app/internal.h"
#include "base/argv.h"
#include "base/log.h"
#include "base/mem.h"
#include "livekit/token.h"

/* REMEMBER_MS: LiveKit's tokens are good for 5 min, and 60 s of leeway. REMEMBERED_IDS: that many are there at 159 webhooks
 * a second; at 300 of them, 50 calls a second, those of the last 191 s, where LiveKit's last repeat comes after 15 s. Full,
 * the two tables of 65,536 slots have 1 MiB. */
enum { REMEMBERED_IDS = 57344, REMEMBER_MS = 360000, SHOWN_LINES = 20 };

static char *mint(void *self, struct slice room, struct slice identity) {
    const struct app *app = self;
    return token_for_agent(app->keys, room, identity, clock_wall_ms() / 1000);
}

void app_new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    const struct app *app = self;
    uint64_t own = 0; /* so few bytes are never cut short by the kernel */
    if (getrandom(&own, sizeof own, 0) != (ssize_t)sizeof own) {
        own = (uint64_t)clock_mono_us();
    }
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%016" PRIx64 "%s", own, app->state.mark);
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

/* Output that is being written into the log. */
struct showing {
    struct log_about about;
    bool any;
};

static void show_line(void *context, const char *line) {
    struct showing *showing = context;
    showing->any = true;
    log_info(&showing->about, "  agent says: %s", line);
}

void app_show_output(void *self, const char *label) {
    const struct app *app = self;
    struct showing showing = {.about = {.call = slice_of(label)}};
    local_tail(app->local, label, SHOWN_LINES, show_line, &showing);
    if (!showing.any) {
        log_info(&showing.about, "  the agent wrote nothing");
    }
}

static void on_engine(void *context, const struct engine_event *event) {
    struct app *app = context;
    if (!pool_event(app->pool, event)) {
        bridge_engine(app->bridge, event, loop_now(app->loop));
    }
    app_touched(app);
}

static void on_source_change(void *context) {
    struct app *app = context;
    bridge_set_rules(app->bridge, source_rules(app->source), source_directory(app->source), source_ready(app->source),
                     loop_now(app->loop));
    pool_set_directory(app->pool, source_directory(app->source));
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

/* A bridge that drains leaves new calls to its successor (one that leaves keeps them for it in the journal), and one that
 * ends its calls whoever joins them, for a caller would make a call of what is over: LiveKit tries again. */
static bool is_left_to_successor(const struct app *app, const struct webhook_event *event) {
    return app->ops.draining && !app->leaving &&
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

static bool reload(void *context, struct buf *said) {
    return app_reload(context, said);
}

struct bridge_options app_bridge_options(const struct app *app) {
    struct bridge_options options = bridge_options_from(app->settings);
    options.seed = app->state.seed;
    options.boot = app->boot;
    return options;
}

static void build_board(struct app *app) {
    struct board_options options = {
        .loop = app->loop,
        .bridge = app->bridge,
        .context = &app->ops,
        .add_health = ops_board_health,
    };
    app->board = board_new(&options);
}

static void build_bridge(struct app *app) {
    const struct bridge_options options = app_bridge_options(app);
    struct bridge_ports ports = {
        .engine = pool_engine(app->pool),
        .livekit = app->livekit_link != NULL ? livekit_link_port(app->livekit_link) : livekit_unavailable,
        .journal = adoption_port(app),
        .self = app,
        .mint = mint,
        .new_instance = app_new_instance,
        .show_output = app_show_output,
        .wall_ms = wall_ms,
        .on_ended = adoption_on_ended,
        .unknown_agent = unknown_agent,
    };
    app->bridge = bridge_new(&options, &ports);
    build_board(app);
    if (app->livekit_link != NULL) {
        app_build_reconcile(app);
    }
}

static bool build_engine(struct app *app, struct diag *diag) {
    if (!fence_make(&app->fence, app->settings->agent_user, app->settings->agent_limits, diag)) {
        return false;
    }
    const struct cgroup_options groups = {
        .where = app->settings->enabled ? app->settings->agent_cgroup : "off",
        .memory_max = app->settings->enabled ? app->settings->agent_memory_max : 0,
        .pids_max = app->settings->enabled ? app->settings->agent_pids_max : 0,
    };
    if (!cgroup_open(&app->cgroup, &groups, diag)) {
        return false;
    }
    struct local_options options = {
        .loop = app->loop,
        .output_dir = app->state.calls,
        .notify_dir = app->state.notify,
        .pass_env = app->settings->agent_env,
        .max_output = (size_t)app->settings->log_max,
        .keep_output_ms = app->settings->log_keep_ms,
        .fence = &app->fence,
        .cgroup = &app->cgroup,
        .mark = app->settings->enabled ? app->state.mark : NULL,
        .on_event = on_engine,
        .before_start = adoption_before_start,
        .context = app,
    };
    app->local = local_new(&options);
    standbys_build(app);
    return true;
}

static void on_pressure(void *context, bool is_short) {
    const struct app *app = context;
    bridge_memory_short(app->bridge, is_short);
    pool_hold(app->pool, is_short);
}

static void start_pressure(struct app *app) {
    const struct pressure_options options = {
        .loop = app->loop,
        .max_percent = app->settings->enabled ? app->settings->max_pressure : 0,
        .path = app->settings->pressure_file,
        .cgroup = app->cgroup.path,
        .on_change = on_pressure,
        .context = app,
    };
    pressure_start(&app->pressure, &options);
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
        .pool = app->pool,
        .source = app->source,
        .livekit = app->livekit != NULL ? livekit_contact(app->livekit) : NULL,
        .reconcile = app->reconcile,
        .memory = &app->pressure.seen,
        .local = app->local,
        .call_log = &app->call_log.state,
        .loop = app->loop,
        .queue_now = &app->queue.count,
        .queue_max = QUEUE_MAX,
        .errors = &app->errors,
        .board = app->board,
        .started_wall_ms = clock_wall_ms(),
        .started = clock_mono_ms(),
        .context = app,
        .stop_call = stop_call,
        .reload = reload,
        .clean_up = app_clean_up,
    };
}

static void add_listen(struct app *app, const char *address, bool admin) {
    assert(app->listen_count < MOST_LISTENS);
    size_t place = app->listen_count++;
    enum ops_door door = !admin ? DOOR_PUBLIC : ops_is_local(address) ? DOOR_ADMIN_LOCAL : DOOR_ADMIN_REMOTE;
    app->entrances[place] = (struct ops_entrance){.ops = &app->ops, .door = door};
    app->listens[place] = (struct http_listen){
        .address = address,
        .socket_mode = app->settings->socket_mode,
        .socket_group = app->settings->socket_group,
        .handle = ops_handle,
        .context = &app->entrances[place],
    };
}

/* What the service manager handed over takes the place of the addresses. */
static void add_listens(struct app *app, char *const *addresses, bool admin) {
    if (app_manager_listens(app, admin, add_listen)) {
        return;
    }
    for (; addresses != NULL && *addresses != NULL; addresses++) {
        add_listen(app, *addresses, admin);
    }
}

/* To be typed into a browser; ":8791" is every address, this machine's among them. */
static char *board_url(struct slice host, int port) {
    return xasprintf("http://%.*s:%d/board", (int)(host.n > 0 ? host.n : strlen("localhost")),
                     host.n > 0 ? host.p : "localhost", port);
}

static void log_listens(const struct app *app) {
    for (size_t i = 0; i < app->listen_count; i++) {
        const char *address = app->listens[i].address;
        bool is_public = app->entrances[i].door == DOOR_PUBLIC;
        const char *what = is_public ? "public" : "admin";
        const char *colon = strrchr(address, ':');
        int port = http_server_port(app->server, i);
        if (strncmp(address, "fd:", 3) == 0) {
            log_info(NULL, "listening on %s, handed over, port %d (%s)", address, port, what);
        } else if (port > 0 && colon != NULL && is_public) {
            log_info(NULL, "listening on %.*s:%d (public)", (int)(colon - address), address, port);
        } else if (port > 0 && colon != NULL) {
            struct slice host = {address, (size_t)(colon - address)};
            cleanup_free char *url = board_url(host, port);
            log_info(NULL, "listening on %.*s:%d (admin; the board: %s)", SLICE_ARG(host), port, url);
        } else {
            log_info(NULL, "listening on %s (%s)", address, what);
        }
    }
}

static bool build_server(struct app *app, struct diag *diag) {
    const struct http_limits limits = http_limits_from(app->settings);
    add_listens(app, app->settings->listen, false);
    add_listens(app, app->settings->admin_listen, true);
    app->server = http_server_new(app->loop, &limits, app->listens, app->listen_count, diag);
    if (app->server == NULL) {
        return false;
    }
    log_listens(app);
    app->ops.http = http_server_counters(app->server);
    return true;
}

bool app_build(struct app *app, struct diag *diag) {
    if (!app_manager_open(app, app->place->environment, diag)) {
        return false;
    }
    if (!state_dir_open(&app->state, app->settings->state_dir, diag) || !adoption_open(app, diag)) {
        return false;
    }
    app->loop = loop_new();
    app->signals.on_signal = app_on_signal;
    signals_start(&app->signals, app->loop);
    app->bridge_timer.on_due = app_on_bridge_due;
    app->log_timer.on_due = app_on_log_due;
    app->hurry_timer.on_due = app_on_hurry_due;
    queue_init(&app->queue, app->loop, on_queued, app);
    call_log_init(&app->call_log, app->loop, app->settings->call_log, app->settings->log_numbers == NUMBERS_MASK);
    log_listen(ops_errors_add, &app->errors);
    build_receiver(app);
    if (!build_engine(app, diag) || !app_build_livekit(app, diag)) {
        return false;
    }
    build_bridge(app);
    start_pressure(app);
    if (app->settings->enabled && !build_source(app, diag)) {
        return false;
    }
    build_ops(app);
    app->keys_watch.on_change = app_on_keys_changed;
    app_watch_keys(app);
    if (app->source != NULL) {
        on_source_change(app);
    }
    if (app->settings->enabled) {
        if (!adoption_restore(app, diag)) {
            return false;
        }
        standbys_end_left(app);
    }
    if (!build_server(app, diag)) {
        return false;
    }
    app_manager_start(app);
    return true;
}

void app_release(struct app *app) {
    log_listen(NULL, NULL);
    app_manager_close(app);
    adoption_close(app);
    http_server_free(app->server);
    board_free(app->board);
    file_watch_stop(&app->keys_watch);
    pressure_stop(&app->pressure);
    source_free(app->source);
    sweep_cancel(app->sweep);
    reconcile_free(app->reconcile);
    livekit_link_free(app->livekit_link);
    livekit_free(app->livekit);
    bridge_free(app->bridge);
    pool_free(app->pool);
    local_free(app->local);
    fence_release(&app->fence);
    cgroup_release(&app->cgroup);
    receiver_free(app->receiver);
    queue_release(&app->queue);
    timer_cancel(&app->bridge_timer);
    timer_cancel(&app->log_timer);
    timer_cancel(&app->hurry_timer);
    signals_stop(&app->signals);
    loop_free(app->loop);
    argv_free(app->command);
    journal_dir_close(&app->journal);
    standby_dir_close(&app->standby_dir);
    free(app->boot);
    state_dir_release(&app->state);
    keyring_free(app->keys);
}
