/* Wiring of the sources: for each document a file, Redis or Stimm, what is in use, and the last good copy. */
#include "source/source.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/redis_url.h"
#include "source/kept_copy.h"
#include "source/redis_source.h"
#include "source/report.h"
#include "source/snapshot.h"
#include "source/stimm_source.h"
#include "source/watched_file.h"

enum { DOCUMENTS = 2 };

/* One document's way from its source to use and to the disk. */
struct entry {
    struct source *source;
    struct snapshot snapshot;
    char *path;      /* NULL: not from a file */
    const char *key; /* NULL: not from Redis */
    struct watched_file file;
    struct kept_copy copy;
};

struct source {
    struct source_options options;
    struct entry entries[DOCUMENTS]; /* by enum snapshot_what, which is enum redis_key */
    struct redis_source *redis;
    struct source_redis_state redis_state;
    struct stimm_source *stimm;
    struct source_stimm_state stimm_state;
    struct report_peer redis_reported, stimm_reported;
    char *state_dir;
    struct task tell; /* on_change, outside of every reading */
};

static const struct {
    const char *copy_name, *key;
    size_t max_bytes;
} documents[DOCUMENTS] = {
    [SNAPSHOT_RULES] = {"rules.json", REDIS_RULES_KEY, RULESET_MAX_BYTES},
    [SNAPSHOT_AGENTS] = {"agents.json", REDIS_AGENTS_KEY, DIRECTORY_MAX_BYTES},
};

static bool is_from_stimm(const struct entry *entry) {
    return entry->snapshot.what == SNAPSHOT_AGENTS && entry->source->stimm_state.configured;
}

static const char *label_of(const struct entry *entry) {
    if (is_from_stimm(entry)) {
        return stimm_source_label(entry->source->stimm);
    }
    return entry->path != NULL ? entry->path : redis_source_label(entry->source->redis);
}

static void take(struct entry *entry, enum snapshot_result result, const char *kind_before) {
    if (result == SNAPSHOT_NEW) {
        report_new(&entry->snapshot, label_of(entry));
        if (entry->snapshot.text.len > 0) {
            kept_copy_save_soon(&entry->copy);
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
    report_redis(&source->redis_reported, status,
                 &(struct report_peer_now){.peer = "Redis",
                                           .label = redis_source_label(source->redis),
                                           .now = loop_now(source->options.loop),
                                           .ready = source_ready(source)});
}

static void on_stimm_status(void *context, const struct stimm_status *status) {
    struct source *source = context;
    source->stimm_state.status = *status;
    if (status->state != STIMM_CONNECTED) {
        snapshot_fail(&source->entries[SNAPSHOT_AGENTS].snapshot, status->error);
    }
    report_stimm(&source->stimm_reported, status,
                 &(struct report_peer_now){.peer = "Stimm",
                                           .label = stimm_source_label(source->stimm),
                                           .now = loop_now(source->options.loop),
                                           .ready = source_ready(source)});
}

static void on_stimm_agents(void *context, struct stimm_document *document) {
    struct entry *entry = &((struct source *)context)->entries[SNAPSHOT_AGENTS];
    const char *kind_before = entry->snapshot.state.kind;
    take(entry, snapshot_offer_stimm(&entry->snapshot, document), kind_before);
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

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static char *copy_text(const char *text) {
    return is_set(text) ? xstrdup(text) : NULL;
}

static void set_up(struct source *source, enum snapshot_what what, const char *path) {
    struct entry *entry = &source->entries[what];
    entry->source = source;
    entry->snapshot = (struct snapshot){.what = what, .defaults = &source->options.defaults};
    entry->snapshot.check = source->options.check;
    entry->path = copy_text(path);
    if (is_from_stimm(entry)) {
        entry->snapshot.state.kind = "stimm";
    } else if (entry->path == NULL && is_set(source->options.redis_url)) {
        entry->key = documents[what].key;
        entry->snapshot.state.kind = "redis";
    } else {
        entry->snapshot.state.kind = entry->path != NULL ? "file" : "none";
    }
    entry->copy = (struct kept_copy){.loop = source->options.loop,
                                     .snapshot = &entry->snapshot,
                                     .directory = source->state_dir,
                                     .name = documents[what].copy_name,
                                     .max_bytes = documents[what].max_bytes};
    entry->file = (struct watched_file){.loop = source->options.loop,
                                        .path = entry->path,
                                        .max_bytes = documents[what].max_bytes,
                                        .context = entry,
                                        .on_text = on_file_text,
                                        .on_error = on_file_error};
}

static bool has_no_source(const struct entry *entry) {
    return entry->path == NULL && entry->key == NULL && !is_from_stimm(entry);
}

/* Files are read here and now; what comes from Redis or Stimm is, until it answers, the last good copy. */
static void start_entry(struct entry *entry) {
    if (has_no_source(entry)) {
        snapshot_offer_none(&entry->snapshot, "none");
        report_none(&entry->snapshot);
        return;
    }
    if (entry->path != NULL) {
        watched_file_start(&entry->file);
        watched_file_read(&entry->file);
    }
    if (!entry->snapshot.known && kept_copy_use(&entry->copy)) {
        task_add(&entry->source->tell, entry->source->options.loop);
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
        .latency = &source->redis_state.latency,
        .on_value = on_value,
        .on_status = on_status,
        .context = source,
    };
    histogram_init(&source->redis_state.latency, &buckets_quick);
    if (options.keys[REDIS_RULES] != NULL || options.keys[REDIS_AGENTS] != NULL) {
        source->redis = redis_source_start(&options, NULL);
        source->redis_state.configured = source->redis != NULL;
    }
}

static bool start_stimm(struct source *source, struct diag *diag) {
    struct stimm_source_options options = {
        .loop = source->options.loop,
        .url = source->options.stimm_url,
        .defaults = &source->options.defaults,
        .times = STIMM_TIMES,
        .on_status = on_stimm_status,
        .on_agents = on_stimm_agents,
        .context = source,
    };
    if (!source->stimm_state.configured) {
        return true;
    }
    source->stimm = stimm_source_start(&options);
    return source->stimm != NULL || diag_fail(diag, "STIMM_API_URL", "libcurl cannot be started");
}

struct source *source_start(const struct source_options *options, struct diag *diag) {
    if (is_set(options->redis_url) && !check_url(options->redis_url, diag)) {
        return NULL;
    }
    struct source *source = xcalloc(1, sizeof *source);
    source->options = *options;
    source->state_dir = copy_text(options->state_dir);
    source->tell.run = on_tell;
    source->stimm_state.configured = is_set(options->stimm_url) && !is_set(options->agents_file);
    set_up(source, SNAPSHOT_RULES, options->rules_file);
    set_up(source, SNAPSHOT_AGENTS, options->agents_file);
    start_redis(source);
    if (!start_stimm(source, diag)) {
        source_free(source);
        return NULL;
    }
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
    stimm_source_free(source->stimm);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct entry *entry = &source->entries[i];
        kept_copy_release(&entry->copy);
        watched_file_stop(&entry->file);
        snapshot_release(&entry->snapshot);
        free(entry->path);
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

const struct source_stimm_state *source_stimm(const struct source *source) {
    return &source->stimm_state;
}

void source_miss(struct source *source) {
    if (source->stimm != NULL) {
        stimm_source_miss(source->stimm);
    }
}

void source_change(struct source *source, const struct directory_defaults *defaults,
                   bool (*check)(const struct agent *agent, struct diag *diag)) {
    source->options.defaults = *defaults;
    source->options.check = check;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        source->entries[i].snapshot.check = check;
    }
}

void source_reload(struct source *source) {
    for (size_t i = 0; i < DOCUMENTS; i++) {
        source->entries[i].snapshot.stale = true;
        if (source->entries[i].path != NULL) {
            watched_file_read(&source->entries[i].file);
        } else if (has_no_source(&source->entries[i]) &&
                   snapshot_offer_none(&source->entries[i].snapshot, "none") == SNAPSHOT_NEW) {
            report_none(&source->entries[i].snapshot);
            task_add(&source->tell, source->options.loop);
        }
    }
    if (source->redis != NULL) {
        redis_source_refresh(source->redis);
    }
    if (source->stimm != NULL) {
        stimm_source_refresh(source->stimm);
    }
}
