/* What the service manager gives and is told: sockets instead of our own, READY when there is something to decide with,
 * the state in one line, and that we stop. */
#include <stdio.h>
#include <string.h>

#include "app/internal.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
    READY_LOOK_MS = 50,           /* how soon it is seen that rules cannot be had … */
    READY_BY_MS = 8000,           /* … and when we are ready without them, as calls wait no longer either */
    STATUS_LOOK_MS = 1000,        /* how often the line is looked at; it is sent when it changed */
    STOP_EXTENSION_US = 15000000, /* while calls are waited for, the manager's time to stop begins anew */
};

enum role { ROLE_NONE, ROLE_PUBLIC, ROLE_ADMIN };

static enum role role_of(const char *name) {
    if (strcmp(name, "public") == 0 || strcmp(name, "sipbridge.socket") == 0) {
        return ROLE_PUBLIC;
    }
    bool admin = strcmp(name, "admin") == 0 || strcmp(name, "sipbridge-admin.socket") == 0;
    return admin ? ROLE_ADMIN : ROLE_NONE;
}

static bool lists(char *const *addresses, const char *address) {
    for (; addresses != NULL && *addresses != NULL; addresses++) {
        if (strcmp(*addresses, address) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_named_in_settings(const struct app *app, const char *address) {
    return lists(app->settings->listen, address) || lists(app->settings->admin_listen, address);
}

bool app_manager_open(struct app *app, char *const *environment, struct diag *diag) {
    if (!manager_open(&app->manager, environment, diag)) {
        return false;
    }
    for (unsigned i = 0; i < app->manager.socket_count; i++) {
        const struct manager_socket *socket = &app->manager.sockets[i];
        if (role_of(socket->name) == ROLE_NONE && !is_named_in_settings(app, socket->address)) {
            return diag_fail(diag, "LISTEN_FDNAMES",
                             "%s was handed over as \"%s\", which says not what comes in there: FileDescriptorName= of "
                             "its .socket unit must be public or admin, or SIP_LISTEN or SIP_ADMIN_LISTEN name %s",
                             socket->address, socket->name, socket->address);
        }
    }
    return true;
}

bool app_manager_listens(struct app *app, bool admin, void (*add)(struct app *app, const char *address, bool admin)) {
    bool any = false;
    for (unsigned i = 0; i < app->manager.socket_count; i++) {
        const struct manager_socket *socket = &app->manager.sockets[i];
        if (role_of(socket->name) == (admin ? ROLE_ADMIN : ROLE_PUBLIC) &&
            !is_named_in_settings(app, socket->address)) {
            add(app, socket->address, admin);
            any = true;
        }
    }
    return any;
}

/* There are rules and agents, or it is known that there are none to be had now. */
static bool is_ready(const struct app *app) {
    const struct source *source = app->source;
    if (source == NULL || source_ready(source) || clock_mono_ms() - app->ops.started >= READY_BY_MS) {
        return true;
    }
    return source_rules_state(source)->error[0] != '\0' || source_directory_state(source)->error[0] != '\0' ||
           source_redis(source)->error[0] != '\0' || source_stimm(source)->status.error[0] != '\0';
}

static void tell_ready(struct app *app) {
    if (!app->manager_told && is_ready(app)) {
        app->manager_told = manager_tell(&app->manager, "READY=1\n");
    }
}

static void tell_status(struct app *app) {
    const struct ops_state *state = ops_state(&app->ops);
    char line[sizeof app->manager_status];
    snprintf(line, sizeof line, "STATUS=%s: %s; calls: %zu\n", ops_health_name(state->health), state->message,
             bridge_live(app->bridge));
    if (strcmp(line, app->manager_status) != 0 && manager_tell(&app->manager, line)) {
        memcpy(app->manager_status, line, sizeof line);
    }
}

static void on_due(struct timer *timer) {
    struct app *app = container_of(timer, struct app, manager_timer);
    tell_ready(app);
    tell_status(app);
    if (app->stops > 0) {
        char line[64];
        snprintf(line, sizeof line, "EXTEND_TIMEOUT_USEC=%d\n", STOP_EXTENSION_US);
        (void)manager_tell(&app->manager, line);
    }
    timer_start(timer, app->loop, app->manager_told ? STATUS_LOOK_MS : READY_LOOK_MS);
}

void app_manager_start(struct app *app) {
    watchdog_start(&app->watchdog, app->loop, &app->manager);
    app->manager_timer.on_due = on_due;
    if (app->manager.fd >= 0) {
        timer_start(&app->manager_timer, app->loop, 0);
    }
}

void app_manager_reloading(const struct app *app) {
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld\n", (long long)clock_mono_us());
    (void)manager_tell(&app->manager, lines);
}

/* Until this has come through, the manager takes us for reloading. */
void app_manager_reloaded(struct app *app) {
    app->manager_told = false;
    if (app->manager.fd >= 0) {
        timer_start(&app->manager_timer, app->loop, 0);
    }
}

void app_manager_stopping(struct app *app) {
    (void)manager_tell(&app->manager, "STOPPING=1\n");
    if (app->manager.fd >= 0) {
        timer_start(&app->manager_timer, app->loop, 0);
    }
}

void app_manager_close(struct app *app) {
    watchdog_stop(&app->watchdog);
    timer_cancel(&app->manager_timer);
    manager_close(&app->manager);
}
