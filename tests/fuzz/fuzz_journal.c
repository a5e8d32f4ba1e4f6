/* Any bytes as a journal entry: refused with a reason, or what is read writes the same text again, and a bridge that takes
 * the call back lives through an hour of it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "bridge/bridge.h"
#include "bridge/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_MS = 1000000, HOUR_MS = 3600 * 1000, MOST_TICKS = 1000 };

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_fixpoint(const struct journal_entry *entry, struct buf *ret_text) {
    struct journal_entry again;
    struct diag diag = {0};
    cleanup_buf struct buf second = {0};
    journal_write(entry, ret_text);
    demand(journal_read(buf_slice(ret_text), &again, &diag));
    journal_write(&again, &second);
    demand(slice_eq(buf_slice(ret_text), buf_slice(&second)));
    journal_release(&again);
}

static void ensure(void *self, const struct engine_job *job) {
    (void)self, (void)job;
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    (void)self, (void)label;
    demand(how->after_ms >= 0 && how->timeout_ms >= 0);
}

static void adopt(void *self, const struct engine_adoption *adoption) {
    (void)self;
    demand(strlen(adoption->instance) == ENGINE_INSTANCE_SIZE - 1 && (adoption->pid == 0 || adoption->pid > 1));
}

static char *mint(void *self, struct slice room, struct slice identity) {
    (void)self, (void)room, (void)identity;
    return xstrdup("token");
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    (void)self;
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%032x", 1U);
}

static int64_t wall_ms(void *self) {
    (void)self;
    return NOW_MS;
}

static void on_dirty(void *self) {
    (void)self;
}

static bool keep(void *self, const char *sid, struct slice text) {
    struct journal_entry entry;
    struct diag diag = {0};
    (void)self, (void)sid;
    demand(journal_read(text, &entry, &diag));
    journal_release(&entry);
    return true;
}

static void drop(void *self, const char *sid) {
    (void)self, (void)sid;
}

static struct bridge *new_bridge(const char *boot) {
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default;
    options.boot = boot;
    struct bridge_ports ports = {
        .engine = {.ensure = ensure, .stop = stop, .adopt = adopt},
        .livekit = livekit_unavailable,
        .journal = {.on_dirty = on_dirty, .keep = keep, .drop = drop},
        .mint = mint,
        .new_instance = new_instance,
        .wall_ms = wall_ms,
    };
    return bridge_new(&options, &ports);
}

static void live_through(const struct journal_entry *entry) {
    struct diag diag = {0};
    cleanup_free char *boot = xmemdup(entry->boot.p, entry->boot.n);
    struct bridge *bridge = new_bridge(boot);
    demand(bridge_restore(bridge, entry, NOW_MS, &diag) || strlen(boot) != entry->boot.n);
    demand(bridge_flush(bridge));
    for (unsigned i = 0; i < MOST_TICKS && bridge_next_due(bridge) < NOW_MS + HOUR_MS; i++) {
        mono_ms due = bridge_next_due(bridge);
        bridge_tick(bridge, due > NOW_MS ? due : NOW_MS);
        demand(bridge_flush(bridge));
    }
    bridge_free(bridge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool quiet;
    if (!quiet) {
        quiet = true;
        log_init(&(struct log_options){.fd = -1, .level = LOG_ERROR});
    }
    struct journal_entry entry;
    struct diag diag = {0};
    if (!journal_read((struct slice){(const char *)data, size}, &entry, &diag)) {
        demand(diag.what[0] != '\0');
        return 0;
    }
    cleanup_buf struct buf text = {0};
    check_fixpoint(&entry, &text);
    live_through(&entry);
    journal_release(&entry);
    return 0;
}
