/* The parts of the daemon, for the files of this layer. */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include "app/app.h"
#include "app/journal_dir.h"
#include "app/pressure.h"
#include "app/queue.h"
#include "app/standby_dir.h"
#include "app/state_dir.h"
#include "bridge/bridge.h"
#include "bridge/livekit_link.h"
#include "bridge/reconcile.h"
#include "calllog/calllog.h"
#include "http/server.h"
#include "livekit/sweep.h"
#include "loop/file_watch.h"
#include "loop/signals.h"
#include "ops/ops.h"
#include "pool/pool.h"
#include "service/watchdog.h"
#include "source/source.h"
#include "spawner/local/local.h"
#include "webhooks/receive.h"

enum {
    MOST_LISTENS = 2 * SETTINGS_LIST_MAX, /* SIP_LISTEN and SIP_ADMIN_LISTEN */
    LOG_RETRY_MS = 50,
    LAST_WORDS_MS = 1000,
    HURRY_MS = 2000,
    LEAVE_MS = 20,
    JOURNAL_RETRY_MS = 1000
};

struct app {
    struct settings *settings;
    const struct settings_place *place; /* where a reload reads them */
    struct manager manager;
    struct watchdog watchdog;
    struct timer manager_timer;
    char manager_status[256]; /* the line it was told last */
    bool manager_told;        /* that we are ready */
    struct keyring *keys;
    struct state_dir state;
    struct journal_dir journal;
    char *boot; /* the kernel's boot id */
    struct task journal_task;
    struct call_log call_log;
    struct loop *loop;
    struct signals signals;
    struct timer bridge_timer, log_timer, journal_timer, spares_timer;
    struct file_watch keys_watch;
    struct event_queue queue;
    struct receiver *receiver;
    char **command; /* SIP_AGENT_COMMAND split */
    struct source *source;
    struct fence fence;
    struct cgroup cgroup;
    struct local *local;
    struct pool *pool; /* around it */
    struct standby_dir standby_dir;
    struct livekit_api *livekit;       /* NULL with LIVEKIT_API_URL=off */
    struct livekit_link *livekit_link; /* both NULL without it */
    struct reconcile *reconcile;
    struct sweep *sweep; /* rooms being deleted at the operator's word, or NULL */
    struct bridge *bridge;
    struct pressure pressure;
    struct ops ops;
    struct ops_errors errors;
    struct board *board;
    struct ops_entrance entrances[MOST_LISTENS];
    struct http_listen listens[MOST_LISTENS];
    size_t listen_count;
    struct http_server *server;
    unsigned stops; /* how often it was told to stop */
    struct timer hurry_timer;
    bool hurried; /* told twice, and LiveKit had its time; or leaving, and who was let in was answered */
    bool ending;  /* calls were told to end, not only to come to their end */
    bool leaving; /* calls and agents are left to the next start */
};

/* parts.c: builds the parts from the settings; false with DIAG. app_release takes back whatever was built. */
bool app_build(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
void app_release(struct app *app);
struct bridge_options app_bridge_options(const struct app *app);
void app_new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]);
void app_show_output(void *self, const char *label);

/* standbys.c: the pool around the engine; with other settings; and the end of what a former start left, when its calls
 * are taken back. */
void standbys_build(struct app *app);
void standbys_change(struct app *app);
void standbys_end_left(struct app *app);

/* manager.c: what the service manager gives and is told. OPEN comes first of all, START when there are listening sockets. */
bool app_manager_open(struct app *app, char *const *environment, struct diag *diag) __attribute__((warn_unused_result));
/* Adds the sockets that were handed over for the public or the admin side; false: none was. */
bool app_manager_listens(struct app *app, bool admin, void (*add)(struct app *app, const char *address, bool admin));
void app_manager_start(struct app *app);
void app_manager_reloading(const struct app *app);
void app_manager_reloaded(struct app *app);
void app_manager_stopping(struct app *app);
void app_manager_close(struct app *app);

/* adoption.c: the journal, and what is taken back from it. OPEN comes before the bridge, RESTORE after its rules, CLOSE
 * while the bridge is still there. RESTORE: false with DIAG when the journal cannot be read now. */
bool adoption_open(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
struct journal_port adoption_port(struct app *app);
void adoption_on_ended(void *self, const struct call_record *record);
void adoption_before_start(void *context);
bool adoption_restore(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
void adoption_close(struct app *app);
/* livekit.c: before and after the bridge is built. */
bool app_build_livekit(struct app *app, struct diag *diag) __attribute__((warn_unused_result));
void app_build_reconcile(struct app *app);

/* cleanup.c: the operator's word to end every call and delete its room (struct ops). */
enum ops_cleanup app_clean_up(void *context, size_t *ret_calls);

/* reload.c: false when something written is wrong and the settings stay as they were. SAID (or NULL) gets lines for who
 * asked. */
bool app_reload(struct app *app, struct buf *said);
void app_watch_keys(struct app *app);
void app_on_keys_changed(struct file_watch *watch);

/* handlers.c. app_touched is called after anything that may have changed a call. */
void app_touched(struct app *app);
void app_on_signal(struct signals *signals, int number);
void app_on_bridge_due(struct timer *timer);
void app_on_log_due(struct timer *timer);
void app_on_hurry_due(struct timer *timer);

#endif
