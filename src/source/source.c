/* Wiring of the sources: for each document a file or Redis, what is in use, and the last good copy. */
#include "source/source.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/redis_url.h"
#include "source/redis_source.h"
#include "source/report.h"
#include "source/snapshot.h"
#include "source/store.h"
#include "source/watched_file.h"

enum { DOCUMENTS = 2, SAVE_SPACING_MS = 1000 };

/* One document's way from its source to use and to the disk. */
struct entry {
    struct source *source;
    struct snapshot snapshot;
    char *path; /* NULL: not from a file */
    char *key;  /* NULL: not from Redis */
    struct watched_file file;
    struct timer save; /* started while what is in use is not on disk yet */
    mono_ms saved_at;
    char save_error[256];
};

struct source {
    struct source_options options;
    struct entry entries[DOCUMENTS]; /* by enum snapshot_what, which is enum redis_key */
    struct redis_source *redis;
    struct source_redis_state redis_state;
    struct report_redis reported;
    char *state_dir;
    struct task tell; /* on_change, outside of every reading */
};

static const struct {
    const char *copy_name, *key;
    size_t max_bytes;
} documents[DOCUMENTS] = {
    [SNAPSHOT_RULES] = {"rules.json", "sip_dispatch_rules", RULESET_MAX_BYTES},
    [SNAPSHOT_AGENTS] = {"agents.json", "sip_agents", DIRECTORY_MAX_BYTES},
};

static const char *label_of(const struct entry *entry) {
    return entry->path != NULL ? entry->path : redis_source_label(entry->source->redis);
}

static bool is_on_disk(const struct entry *entry, const char *name) {
    cleanup_buf struct buf copy = {0};
    struct diag diag;
    return store_load(entry->source->state_dir, name, documents[entry->snapshot.what].max_bytes, &copy, &diag) &&
           slice_eq(buf_slice(&copy), buf_slice(&entry->snapshot.text));
}

static void save_now(struct entry *entry) {
    const char *name = documents[entry->snapshot.what].copy_name;
    timer_cancel(&entry->save);
    entry->saved_at = loop_now(entry->source->options.loop);
    struct diag diag = {0};
    if (is_on_disk(entry, name) ||
        store_save(entry->source->state_dir, name, buf_slice(&entry->snapshot.text), &diag)) {
        entry->save_error[0] = '\0';
        return;
    }
    char error[sizeof entry->save_error];
    diag_text(&diag, error, sizeof error);
    if (strcmp(error, entry->save_error) != 0) {
        log_warning(NULL,
                    "the last good copy cannot be kept in %s: after a restart without their source there are no %s",
                    error, report_noun(&entry->snapshot));
        memcpy(entry->save_error, error, sizeof error);
    }
}

static void on_save(struct timer *timer) {
    save_now(container_of(timer, struct entry, save));
}

/* At most once a second: the disk is synced each time. */
static void save_soon(struct entry *entry) {
    if (entry->source->state_dir == NULL || entry->save.loop != NULL) {
        return;
    }
    int64_t since = loop_now(entry->source->options.loop) - entry->saved_at;
    int64_t delay = entry->saved_at == 0 || since >= SAVE_SPACING_MS ? 0 : SAVE_SPACING_MS - since;
    timer_start(&entry->save, entry->source->options.loop, delay);
}

static void use_copy(struct entry *entry) {
    struct snapshot *snapshot = &entry->snapshot;
    const char *name = documents[snapshot->what].copy_name;
    cleanup_buf struct buf text = {0};
    struct diag diag = {0};
    if (entry->source->state_dir == NULL) {
        return;
    }
    if (!store_load(entry->source->state_dir, name, documents[snapshot->what].max_bytes, &text, &diag)) {
        if (diag.what[0] != '\0') {
            log_warning(NULL, "the last good copy of the %s cannot be read: %s: %s", report_noun(snapshot), diag.where,
                        diag.what);
        }
        return;
    }
    struct source_state before = snapshot->state;
    if (snapshot_offer_text(snapshot, "last good copy", buf_slice(&text)) == SNAPSHOT_BAD) {
        log_warning(NULL, "the last good copy of the %s, %s/%s, cannot be used: %s", report_noun(snapshot),
                    entry->source->state_dir, name, snapshot->state.error);
        snapshot->state = before;
        return;
    }
    memcpy(snapshot->state.error, before.error, sizeof before.error);
    report_new(snapshot, "the last good copy");
    task_add(&entry->source->tell, entry->source->options.loop);
}

static void take(struct entry *entry, enum snapshot_result result, const char *kind_before) {
    if (result == SNAPSHOT_NEW) {
        report_new(&entry->snapshot, label_of(entry));
        if (entry->snapshot.text.len > 0) {
            save_soon(entry);
        }
        task_add(&entry->source->tell, entry->source->options.loop);
    } else if (result == SNAPSHOT_SAME && strcmp(kind_before, entry->snapshot.state.kind) != 0) {
        log_info(NULL, "%s from %s: the %zu in use are the newest", report_noun(&entry->snapshot), label_of(entry),
                 entry->snapshot.state.count);
    }
}

static void take_text(struct entry *entry, const char *kind, struct slice text) {
    struct snapshot *snapshot = &entry->snapshot;
    struct source_state before = snapshot->state;
    enum snapshot_result result = snapshot_offer_text(snapshot, kind, text);
    take(entry, result, before.kind);
    if (result == SNAPSHOT_BAD && strcmp(before.error, snapshot->state.error) != 0) {
        report_kept(snapshot, label_of(entry));
    }
}

static void take_error(struct entry *entry, const char *error) {
    if (snapshot_fail(&entry->snapshot, error)) {
        report_kept(&entry->snapshot, label_of(entry));
    }
}

static void take_missing(struct entry *entry) {
    const char *kind_before = entry->snapshot.state.kind;
    enum snapshot_result result = snapshot_offer_none(&entry->snapshot, "redis");
    if (result == SNAPSHOT_BAD) {
        char error[160];
        const char *hint = entry->snapshot.what == SNAPSHOT_RULES ? " (the value [] would mean no rules)" : "";
        snprintf(error, sizeof error, "the key %.80s is gone%s", entry->key, hint);
        take_error(entry, error);
        return;
    }
    take(entry, result, kind_before);
}

static void on_value(void *context, enum redis_key key, const struct key_value *value) {
    struct source *source = context;
    struct entry *entry = &source->entries[key];
    const char *kind_before = entry->snapshot.state.kind;
    switch (value->kind) {
    case VALUE_TEXT: take_text(entry, "redis", value->text); break;
    case VALUE_FIELDS: take(entry, snapshot_offer_fields(&entry->snapshot, "redis", value->fields), kind_before); break;
    case VALUE_MISSING: take_missing(entry); break;
    case VALUE_ERROR: take_error(entry, value->error); break;
    }
}

static void on_status(void *context, const struct redis_status *status) {
    struct source *source = context;
    source->redis_state.connected = status->connected;
    source->redis_state.tracking = status->tracking;
    memcpy(source->redis_state.error, status->error, sizeof status->error);
    report_redis(&source->reported, status,
                 &(struct report_redis_now){.label = redis_source_label(source->redis),
                                            .now = loop_now(source->options.loop),
                                            .ready = source_ready(source)});
}

static void on_file_text(struct watched_file *file, struct slice text) {
    take_text(file->context, "file", text);
}

static void on_file_error(struct watched_file *file, const struct diag *diag) {
    take_error(file->context, diag->what);
}

static void on_tell(struct task *task) {
    struct source *source = container_of(task, struct source, tell);
    if (source->options.on_change != NULL) {
        source->options.on_change(source->options.context);
    }
}

static char *copy_text(const char *text) {
    return text != NULL && text[0] != '\0' ? xstrdup(text) : NULL;
}

static void set_up(struct source *source, enum snapshot_what what, const char *path, const char *key) {
    struct entry *entry = &source->entries[what];
    bool from_redis = source->options.redis_url != NULL && source->options.redis_url[0] != '\0';
    entry->source = source;
    entry->path = copy_text(path);
    entry->key = entry->path == NULL && from_redis ? xstrdup(key != NULL ? key : documents[what].key) : NULL;
    entry->save.on_due = on_save;
    entry->snapshot = (struct snapshot){.what = what, .defaults = &source->options.defaults};
    entry->snapshot.check = source->options.check;
    entry->snapshot.state.kind = entry->path != NULL ? "file" : entry->key != NULL ? "redis" : "none";
    entry->file = (struct watched_file){.loop = source->options.loop,
                                        .path = entry->path,
                                        .max_bytes = documents[what].max_bytes,
                                        .context = entry,
                                        .on_text = on_file_text,
                                        .on_error = on_file_error};
}

/* Files are read here and now; what comes from Redis is, until it answers, the last good copy. */
static void start_entry(struct entry *entry) {
    if (entry->path == NULL && entry->key == NULL) {
        snapshot_offer_none(&entry->snapshot, "none");
        return;
    }
    if (entry->path != NULL) {
        watched_file_start(&entry->file);
        watched_file_read(&entry->file);
    }
    if (!entry->snapshot.known) {
        use_copy(entry);
    }
}

static bool check_url(const char *text, struct diag *diag) {
    struct redis_url url = {0};
    bool good = redis_url_parse(text, &url, diag);
    redis_url_release(&url);
    return good;
}

static void start_redis(struct source *source) {
    struct redis_source_options options = {
        .loop = source->options.loop,
        .url = source->options.redis_url,
        .keys = {source->entries[REDIS_RULES].key, source->entries[REDIS_AGENTS].key},
        .max_bytes = RULESET_MAX_BYTES,
        .max_fields = DIRECTORY_MAX_AGENTS,
        .times = REDIS_TIMES,
        .on_value = on_value,
        .on_status = on_status,
        .context = source,
    };
    if (options.keys[REDIS_RULES] != NULL || options.keys[REDIS_AGENTS] != NULL) {
        source->redis = redis_source_start(&options, NULL);
        source->redis_state.configured = source->redis != NULL;
    }
}

struct source *source_start(const struct source_options *options, struct diag *diag) {
    bool has_url = options->redis_url != NULL && options->redis_url[0] != '\0';
    if (has_url && !check_url(options->redis_url, diag)) {
        return NULL;
    }
    struct source *source = xcalloc(1, sizeof *source);
    source->options = *options;
    source->state_dir = copy_text(options->state_dir);
    source->tell.run = on_tell;
    set_up(source, SNAPSHOT_RULES, options->rules_file, options->rules_key);
    set_up(source, SNAPSHOT_AGENTS, options->agents_file, options->agents_key);
    start_redis(source);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        start_entry(&source->entries[i]);
    }
    return source;
}

void source_free(struct source *source) {
    if (source == NULL) {
        return;
    }
    task_cancel(&source->tell);
    redis_source_free(source->redis);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct entry *entry = &source->entries[i];
        if (entry->save.loop != NULL) {
            save_now(entry);
        }
        watched_file_stop(&entry->file);
        snapshot_release(&entry->snapshot);
        free(entry->path);
        free(entry->key);
    }
    free(source->state_dir);
    free(source);
}

struct ruleset *source_rules(const struct source *source) {
    return source->entries[SNAPSHOT_RULES].snapshot.rules;
}

struct directory *source_directory(const struct source *source) {
    return source->entries[SNAPSHOT_AGENTS].snapshot.directory;
}

bool source_ready(const struct source *source) {
    return source->entries[SNAPSHOT_RULES].snapshot.known && source->entries[SNAPSHOT_AGENTS].snapshot.known;
}

const struct source_state *source_rules_state(const struct source *source) {
    return &source->entries[SNAPSHOT_RULES].snapshot.state;
}

const struct source_state *source_directory_state(const struct source *source) {
    return &source->entries[SNAPSHOT_AGENTS].snapshot.state;
}

const struct source_redis_state *source_redis(const struct source *source) {
    return &source->redis_state;
}

void source_reload(struct source *source) {
    for (size_t i = 0; i < DOCUMENTS; i++) {
        source->entries[i].snapshot.stale = true;
        if (source->entries[i].path != NULL) {
            watched_file_read(&source->entries[i].file);
        }
    }
    if (source->redis != NULL) {
        redis_source_refresh(source->redis);
    }
}
