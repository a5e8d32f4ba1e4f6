/* Running: turns of the loop until the daemon was told to stop and nothing is left to wait for. */
#include "app/app.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>

#include "app/from_settings.h"
#include "app/internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/rights.h"

enum { LONGEST_TURN_MS = 60000 };

/* Rooms that LiveKit did not delete when asked keep nobody here, nor, told twice, those that it has not answered for. */
static bool is_done(const struct app *app) {
    if (app->leaving) {
        return app->hurried && app->queue.count == 0; /* what was answered 200 is in the journal before we go */
    }
    if (app->stops == 0 || !local_is_idle(app->local)) {
        return false; /* asked after every turn: the calls are counted only when it may be the last */
    }
    return app->hurried || bridge_live(app->bridge) == bridge_undeleted(app->bridge);
}

static void run(struct app *app) {
    log_batch(true);
    while (!is_done(app)) {
        http_server_turn(app->server, LONGEST_TURN_MS);
        if (log_flush() > 0 && app->log_timer.loop == NULL) {
            timer_start(&app->log_timer, app->loop, LOG_RETRY_MS);
        }
    }
    log_batch(false);
}

static void log_start(const struct app *app) {
    log_info(NULL, "sipbridge %s started: %s; API keys: %zu; state in %s", SIPBRIDGE_VERSION,
             app->settings->enabled ? "taking calls" : "disabled (ENABLE_SIP_BRIDGE=false)", keyring_count(app->keys),
             app->settings->state_dir);
    const char *secret = app->settings->livekit_api_secret; /* of this one the settings have told */
    if (keyring_shortest(app->keys) < 32 && (secret == NULL || strlen(secret) >= 32)) {
        log_warning(NULL, "a secret in LIVEKIT_KEYS is shorter than 32 bytes: it may be guessed; LiveKit asks for 32");
    }
}

/* Who reads the log may be slow; who does not read it at all must not keep us here. */
static void flush_log(void) {
    struct pollfd out = {.fd = log_fd(), .events = POLLOUT};
    mono_ms end = clock_mono_ms() + LAST_WORDS_MS;
    while (log_flush() > 0 && clock_mono_ms() < end) {
        poll(&out, 1, LOG_RETRY_MS);
    }
}

/* A running agent takes three descriptors: 1,000 calls do not fit into the usual 1,024. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int app_run(struct settings *settings, const struct settings_place *place, struct keyring *keys, struct diag *diag) {
    const struct log_options log = log_options_from(settings);
    log_init(&log);
    raise_file_limit();
    rights_keep(settings->agent_no_new_privs);
    keyring_hide_in_log(keys);
    struct app *app = xcalloc(1, sizeof *app);
    app->settings = settings;
    app->place = place;
    app->keys = keys;
    app->journal.fd = app->cgroup.fd = app->standby_dir.fd = -1;
    bool built = app_build(app, diag);
    if (built) {
        log_start(app);
        run(app);
        if (!app->leaving && bridge_live(app->bridge) > 0) {
            log_warning(NULL,
                        "rooms that LiveKit could not be asked to delete: %zu; `sipbridge clear-sip-bridge` does it",
                        bridge_live(app->bridge));
        }
        log_info(NULL, "stopped");
    }
    app_release(app);
    free(app);
    flush_log();
    return built ? 0 : 1;
}
