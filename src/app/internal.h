/* The parts of the daemon, for the files of this layer. */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include "app/app.h"
#include "app/queue.h"
#include "app/state_dir.h"
#include "bridge/bridge.h"
#include "bridge/livekit_link.h"
#include "bridge/reconcile.h"
#include "http/server.h"
#include "livekit/sweep.h"
#include "loop/file_watch.h"
#include "loop/signals.h"
#include "ops/ops.h"
#include "source/source.h"
#include "spawner/local/local.h"
#include "webhooks/receive.h"

enum { MOST_LISTENS = 32, LOG_RETRY_MS = 50, HURRY_MS = 2000 };

struct app {
    const struct settings *settings;
    struct keyring *keys;
    struct state_dir state;
    struct loop *loop;
    struct signals signals;
    struct timer bridge_timer, log_timer;
    struct file_watch keys_watch;
    struct event_queue queue;
    struct receiver *receiver;
    char **command; /* SIP_AGENT_COMMAND split */
    struct source *source;
    struct local *local;
    struct livekit_api *livekit;       /* NULL with LIVEKIT_API_URL=off */
    struct livekit_link *livekit_link; /* both NULL without it */
    struct reconcile *reconcile;
    struct sweep *sweep; /* rooms being deleted at the operator's word, or NULL */
    struct bridge *bridge;
    struct ops ops;
    struct ops_errors errors;
    struct ops_entrance entrances[MOST_LISTENS];
    struct http_listen listens[MOST_LISTENS];
    size_t listen_count;
    struct http_server *server;
    unsigned stops; /* how often it was told to stop */
    struct timer hurry_timer;
    bool hurried; /* told twice, and LiveKit had its time */
    bool ending;  /* calls were told to end, not only to come to their end */
};

/* parts.c: builds the parts from the settings; false with DIAG. app_release takes back whatever was built. */
bool app_build(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
void app_release(struct app *app);

/* livekit.c: before and after the bridge is built. */
bool app_build_livekit(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
void app_build_reconcile(struct app *app);

/* cleanup.c: the operator's word to end every call and delete its room (struct ops). */
enum ops_cleanup app_clean_up(void *context, size_t *ret_calls);

/* handlers.c. app_touched is called after anything that may have changed a call. */
void app_touched(struct app *app);
void app_reload(struct app *app);
void app_on_signal(struct signals *signals, int number);
void app_on_bridge_due(struct timer *timer);
void app_on_log_due(struct timer *timer);
void app_on_hurry_due(struct timer *timer);

#endif
