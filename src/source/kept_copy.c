/* Reading and writing of the copy. */
#include "source/kept_copy.h"

#include "base/log.h"
#include "base/mem.h"
#include "source/report.h"
#include "source/store.h"

enum { SAVE_SPACING_MS = 1000 };

static bool is_on_disk(const struct kept_copy *self) {
    cleanup_buf struct buf copy = {0};
    struct diag diag;
    return store_load(self->directory, self->name, self->max_bytes, &copy, &diag) &&
           slice_eq(buf_slice(&copy), buf_slice(&self->snapshot->text));
}

static void save_now(struct kept_copy *self) {
    timer_cancel(&self->save);
    self->saved_at = loop_now(self->loop);
    struct diag diag = {0};
    if (is_on_disk(self) || store_save(self->directory, self->name, buf_slice(&self->snapshot->text), &diag)) {
        self->error[0] = '\0';
        return;
    }
    char error[sizeof self->error];
    diag_text(&diag, error, sizeof error);
    if (strcmp(error, self->error) != 0) {
        log_warning(NULL,
                    "the last good copy cannot be kept in %s: after a restart without their source there are no %s",
                    error, report_noun(self->snapshot));
        memcpy(self->error, error, sizeof error);
    }
}

static void on_save(struct timer *timer) {
    save_now(container_of(timer, struct kept_copy, save));
}

/* The disk is synced each time. */
void kept_copy_save_soon(struct kept_copy *self) {
    if (self->directory == NULL || self->save.loop != NULL) {
        return;
    }
    int64_t since = loop_now(self->loop) - self->saved_at;
    int64_t delay = self->saved_at == 0 || since >= SAVE_SPACING_MS ? 0 : SAVE_SPACING_MS - since;
    self->save.on_due = on_save;
    timer_start(&self->save, self->loop, delay);
}

void kept_copy_release(struct kept_copy *self) {
    if (self->save.loop != NULL) {
        save_now(self);
    }
}

bool kept_copy_use(struct kept_copy *self) {
    struct snapshot *snapshot = self->snapshot;
    cleanup_buf struct buf text = {0};
    struct diag diag = {0};
    if (self->directory == NULL) {
        return false;
    }
    if (!store_load(self->directory, self->name, self->max_bytes, &text, &diag)) {
        if (diag.what[0] != '\0') {
            log_warning(NULL, "the last good copy of the %s cannot be read: %s: %s", report_noun(snapshot), diag.where,
                        diag.what);
        }
        return false;
    }
    struct source_state before = snapshot->state;
    if (snapshot_offer_text(snapshot, "last good copy", buf_slice(&text)) == SNAPSHOT_BAD) {
        log_warning(NULL, "the last good copy of the %s, %s/%s, cannot be used: %s", report_noun(snapshot),
                    self->directory, self->name, snapshot->state.error);
        snapshot->state = before;
        return false;
    }
    memcpy(snapshot->state.error, before.error, sizeof before.error);
    report_new(snapshot, "the last good copy");
    return true;
}
