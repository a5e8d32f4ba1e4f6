/* The documents, once. */
#include "source/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "source/redis_source.h"
#include "source/snapshot.h"
#include "source/stimm_source.h"

struct fetching {
    const struct source_options *options;
    struct snapshot snapshots[REDIS_KEYS];
    bool wanted[REDIS_KEYS]; /* Redis has not answered for it yet */
    bool wanted_of_stimm;    /* nor Stimm for the agents */
    struct fetch_document *documents[REDIS_KEYS];
    struct redis_source *redis;
    struct stimm_source *stimm;
    struct diag failure; /* Redis cannot be reached */
};

static void keep_text(struct fetch_document *document, struct slice text) {
    free(document->text);
    document->text = xmemdup(text.p, text.n);
    document->size = text.n;
}

static void judge(struct fetching *fetching, enum redis_key key, enum snapshot_result result, const char *where) {
    struct snapshot *snapshot = &fetching->snapshots[key];
    fetching->documents[key]->kind = snapshot->state.kind;
    if (result == SNAPSHOT_BAD) {
        diag_fail(&fetching->documents[key]->diag, where, "%s", snapshot->state.error);
    }
}

static void on_value(void *context, enum redis_key key, const struct key_value *value) {
    struct fetching *fetching = context;
    struct snapshot *snapshot = &fetching->snapshots[key];
    const char *label = redis_source_label(fetching->redis);
    if (!fetching->wanted[key]) {
        return;
    }
    fetching->wanted[key] = false;
    switch (value->kind) {
    case VALUE_TEXT:
        keep_text(fetching->documents[key], value->text);
        judge(fetching, key, snapshot_offer_text(snapshot, "redis", value->text), label);
        break;
    case VALUE_FIELDS:
        judge(fetching, key, snapshot_offer_fields(snapshot, "redis", value->fields), label);
        keep_text(fetching->documents[key], buf_slice(&snapshot->text));
        break;
    case VALUE_MISSING: judge(fetching, key, snapshot_offer_none(snapshot, "redis"), label); break;
    case VALUE_ERROR:
        snapshot_fail(snapshot, value->error);
        judge(fetching, key, SNAPSHOT_BAD, label);
        break;
    }
}

static void on_status(void *context, const struct redis_status *status) {
    struct fetching *fetching = context;
    if (!status->connected) {
        diag_fail(&fetching->failure, redis_source_label(fetching->redis), "%s", status->error);
    }
}

static void read_file(struct fetching *fetching, enum redis_key key, const char *path) {
    static const size_t limits[REDIS_KEYS] = {[REDIS_RULES] = RULESET_MAX_BYTES, [REDIS_AGENTS] = DIRECTORY_MAX_BYTES};
    struct fetch_document *document = fetching->documents[key];
    cleanup_buf struct buf text = {0};
    document->kind = "file";
    if (file_read_regular(path, limits[key], &text, &document->diag)) {
        keep_text(document, buf_slice(&text));
        judge(fetching, key, snapshot_offer_text(&fetching->snapshots[key], "file", buf_slice(&text)), path);
    }
}

static void on_stimm_status(void *context, const struct stimm_status *status) {
    struct fetching *fetching = context;
    if (status->state != STIMM_CONNECTED) {
        fetching->wanted_of_stimm = false;
        diag_fail(&fetching->documents[REDIS_AGENTS]->diag, stimm_source_label(fetching->stimm), "%s", status->error);
    }
}

static void on_stimm_agents(void *context, struct stimm_document *document) {
    struct fetching *fetching = context;
    struct snapshot *snapshot = &fetching->snapshots[REDIS_AGENTS];
    fetching->wanted_of_stimm = false;
    judge(fetching, REDIS_AGENTS, snapshot_offer_stimm(snapshot, document), "");
    keep_text(fetching->documents[REDIS_AGENTS], buf_slice(&snapshot->text));
}

static bool is_waiting_for_redis(const struct fetching *fetching) {
    return fetching->failure.what[0] == '\0' && (fetching->wanted[REDIS_RULES] || fetching->wanted[REDIS_AGENTS]);
}

static bool is_waiting(const struct fetching *fetching) {
    return is_waiting_for_redis(fetching) || fetching->wanted_of_stimm;
}

static void wait_for_answers(struct fetching *fetching, struct loop *loop, int64_t timeout_ms) {
    mono_ms end = loop_now(loop) + timeout_ms;
    while (is_waiting(fetching) && loop_now(loop) < end) {
        loop_turn(loop, loop_wait_ms(loop, (int)(end - loop_now(loop))));
    }
    char waited[24];
    text_duration_format(timeout_ms, waited);
    if (is_waiting_for_redis(fetching)) {
        diag_fail(&fetching->failure, redis_source_label(fetching->redis), "no answer within %s", waited);
    }
    if (fetching->wanted_of_stimm) {
        diag_fail(&fetching->documents[REDIS_AGENTS]->diag, stimm_source_label(fetching->stimm), "no answer within %s",
                  waited);
    }
}

static void start_redis(struct fetching *fetching, struct loop *loop) {
    struct redis_source_options options = {
        .loop = loop,
        .url = fetching->options->redis_url,
        .keys = {fetching->wanted[REDIS_RULES] ? REDIS_RULES_KEY : NULL,
                 fetching->wanted[REDIS_AGENTS] ? REDIS_AGENTS_KEY : NULL},
        .max_bytes = RULESET_MAX_BYTES,
        .max_fields = DIRECTORY_MAX_AGENTS,
        .times = REDIS_TIMES,
        .on_value = on_value,
        .on_status = on_status,
        .context = fetching,
    };
    if (is_waiting_for_redis(fetching)) {
        fetching->redis = redis_source_start(&options, &fetching->failure);
    }
}

static void start_stimm(struct fetching *fetching, struct loop *loop) {
    struct stimm_source_options options = {
        .loop = loop,
        .url = fetching->options->stimm_url,
        .defaults = &fetching->options->defaults,
        .times = STIMM_TIMES,
        .on_status = on_stimm_status,
        .on_agents = on_stimm_agents,
        .context = fetching,
    };
    if (!fetching->wanted_of_stimm) {
        return;
    }
    fetching->stimm = stimm_source_start(&options);
    if (fetching->stimm == NULL) {
        fetching->wanted_of_stimm = false;
        diag_fail(&fetching->documents[REDIS_AGENTS]->diag, "STIMM_API_URL", "libcurl cannot be started");
    }
}

static void ask(struct fetching *fetching, int64_t timeout_ms) {
    struct loop *loop = loop_new();
    start_redis(fetching, loop);
    start_stimm(fetching, loop);
    wait_for_answers(fetching, loop, timeout_ms);
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        if (fetching->wanted[i]) {
            fetching->documents[i]->diag = fetching->failure;
        }
    }
    redis_source_free(fetching->redis);
    stimm_source_free(fetching->stimm);
    loop_free(loop);
}

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static void start(struct fetching *fetching, enum redis_key key, const char *path) {
    fetching->snapshots[key] = (struct snapshot){.what = key == REDIS_RULES ? SNAPSHOT_RULES : SNAPSHOT_AGENTS,
                                                 .defaults = &fetching->options->defaults,
                                                 .check = fetching->options->check};
    if (is_set(path)) {
        read_file(fetching, key, path);
    } else if (key == REDIS_AGENTS && is_set(fetching->options->stimm_url)) {
        fetching->wanted_of_stimm = true;
        fetching->documents[key]->kind = "stimm";
    } else if (is_set(fetching->options->redis_url)) {
        fetching->wanted[key] = true;
        fetching->documents[key]->kind = "redis";
    } else {
        judge(fetching, key, snapshot_offer_none(&fetching->snapshots[key], "none"), "");
    }
}

void fetch_run(const struct source_options *options, int64_t timeout_ms, struct fetch *ret_fetch) {
    *ret_fetch = (struct fetch){0};
    struct fetching fetching = {.options = options, .documents = {&ret_fetch->rules, &ret_fetch->agents}};
    start(&fetching, REDIS_RULES, options->rules_file);
    start(&fetching, REDIS_AGENTS, options->agents_file);
    if (is_waiting(&fetching)) {
        ask(&fetching, timeout_ms);
    }
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        fetching.documents[i]->rules = take_ptr(fetching.snapshots[i].rules);
        fetching.documents[i]->directory = take_ptr(fetching.snapshots[i].directory);
        snapshot_release(&fetching.snapshots[i]);
    }
}

static void release_document(struct fetch_document *document) {
    free(document->text);
    ruleset_release(document->rules);
    directory_release(document->directory);
}

void fetch_release(struct fetch *fetch) {
    release_document(&fetch->rules);
    release_document(&fetch->agents);
    *fetch = (struct fetch){0};
}
