/* What outlives this process: the journal that the bridge keeps while it runs, and taking calls and agents back from it
 * at the start. */
#include <string.h>

#include "app/internal.h"
#include "base/file.h"
#include "base/mem.h"

/* Spare files are made when what was started has had its first moments, one in a turn of the loop. */
enum { BOOT_ID_MAX = 64, PREPARE_MS = 100, PREPARE_NEXT_MS = 1 };

static void on_dirty(void *self) {
    struct app *app = self;
    task_add(&app->journal_task, app->loop);
}

static bool keep(void *self, const char *sid, struct slice text) {
    struct app *app = self;
    if (app->spares_timer.loop == NULL && app->journal.spares < JOURNAL_READY) {
        timer_start(&app->spares_timer, app->loop, PREPARE_MS);
    }
    return journal_dir_keep(&app->journal, sid, text);
}

static void on_spares_due(struct timer *timer) {
    struct app *app = container_of(timer, struct app, spares_timer);
    if (journal_dir_prepare(&app->journal)) {
        timer_start(timer, app->loop, PREPARE_NEXT_MS);
    }
}

static void drop(void *self, const char *sid) {
    struct app *app = self;
    journal_dir_drop(&app->journal, sid);
}

void adoption_on_ended(void *self, const struct call_record *record) {
    struct app *app = self;
    call_log_add(&app->call_log, record);
    board_ended(app->board, record);
    task_add(&app->journal_task, app->loop);
}

/* What cannot be kept (the disk is full) is tried again, or a call in which nothing happens would be lost to the next start
 * long after there is room again. */
static void flush_journal(struct app *app) {
    bool failed_before = bridge_is_unkept(app->bridge);
    if (!bridge_flush(app->bridge)) {
        timer_start(&app->journal_timer, app->loop, JOURNAL_RETRY_MS);
        return;
    }
    timer_cancel(&app->journal_timer);
    if (failed_before) {
        log_info(NULL, "the journal can be written again: a restart harms no call");
    }
}

/* The journal comes first: a daemon that dies between the two has lost a line of the call log, but none is there twice.
 * Where the journal cannot be written the line is: better twice than not at all. */
static void on_task(struct task *task) {
    struct app *app = container_of(task, struct app, journal_task);
    flush_journal(app);
    call_log_flush(&app->call_log);
}

static void on_retry(struct timer *timer) {
    flush_journal(container_of(timer, struct app, journal_timer));
}

struct journal_port adoption_port(struct app *app) {
    return (struct journal_port){.self = app, .on_dirty = on_dirty, .keep = keep, .drop = drop};
}

void adoption_before_start(void *context) {
    flush_journal(context);
}

static bool read_boot_id(struct app *app, struct diag *diag) {
    cleanup_buf struct buf text = {0};
    if (!file_read("/proc/sys/kernel/random/boot_id", BOOT_ID_MAX, &text, diag)) {
        return false;
    }
    app->boot = xmemdup(text.p, strcspn(text.p, "\n"));
    return true;
}

bool adoption_open(struct app *app, struct diag *diag) {
    app->journal_task.run = on_task;
    app->journal_timer.on_due = on_retry;
    app->spares_timer.on_due = on_spares_due;
    return journal_dir_open(&app->journal, app->state.journal, diag) && read_boot_id(app, diag) &&
           standby_dir_open(&app->standby_dir, app->state.standby, app->boot, diag);
}

/* What cannot be taken back is forgotten: LiveKit tells of the call again if it lives. */
static bool restore(struct app *app, const struct journal_entry *entry) {
    struct diag diag = {0};
    if (bridge_restore(app->bridge, entry, loop_now(app->loop), &diag)) {
        return true;
    }
    cleanup_free char *sid = xmemdup(entry->sid.p, entry->sid.n);
    log_info(&(struct log_about){.call = entry->sid, .room = entry->room},
             "a call of a former start is not taken back: its %s %s", diag.where, diag.what);
    journal_dir_drop(&app->journal, sid);
    return false;
}

bool adoption_restore(struct app *app, struct diag *diag) {
    struct journal_list entries = {0};
    size_t restored = 0;
    loop_refresh(app->loop);
    if (!journal_dir_load(&app->journal, &entries, diag)) {
        journal_list_release(&entries);
        return false; /* agents live on: whoever starts us again tries again */
    }
    if (entries.count > 0 && app->reconcile != NULL) {
        bridge_presume_away(app->bridge);
    }
    for (size_t i = 0; i < entries.count; i++) {
        restored += restore(app, &entries.list[i]) && !entries.list[i].over;
    }
    journal_list_release(&entries);
    if (restored > 0) {
        log_info(NULL, "calls taken back from a former start: %zu, agents' processes: %llu", restored,
                 (unsigned long long)local_counters(app->local)->adopted);
    }
    app_touched(app);
    return true;
}

void adoption_close(struct app *app) {
    if (app->bridge != NULL) {
        bridge_flush(app->bridge);
    }
    task_cancel(&app->journal_task);
    call_log_release(&app->call_log);
    timer_cancel(&app->journal_timer);
    timer_cancel(&app->spares_timer);
}
