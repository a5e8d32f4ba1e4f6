/* The pair of connections. Steps of one attempt: resolve -> subscriber (AUTH, CLIENT ID, SUBSCRIBE) -> tracker at
 * the same address (AUTH, SELECT, CLIENT TRACKING) -> read. Any loss drops both and starts over. */
#include "source/redis_source.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "redis/redis_url.h"
#include "redis/resolver.h"

enum { BACK_OFF_FIRST_MS = 250, BACK_OFF_DOUBLINGS = 5, SETTLED_MS = 1000 };

struct redis_source {
    struct redis_source_options options;
    struct redis_url url;
    struct redis_status status;
    struct resolver *resolver;
    struct address addresses[ADDRESS_MAX];
    size_t address_count, address_place;
    bool reached; /* the address in use took a connection: another address would not mend what fails now */
    struct redis *subscriber, *tracker;
    int64_t subscriber_id;
    char *names[REDIS_KEYS];
    struct key_reader readers[REDIS_KEYS];
    struct timer retry, reread;
    unsigned failures; /* since a connection last settled */
    mono_ms up_since;
};

static void try_address(struct redis_source *source);
static void start_tracker(struct redis_source *source);

static void drop_connections(struct redis_source *source) {
    resolver_cancel(source->resolver);
    timer_cancel(&source->reread);
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        key_reader_stop(&source->readers[i]);
    }
    redis_free(take_ptr(source->subscriber));
    redis_free(take_ptr(source->tracker));
}

/* A connection that served is tried again at once: the server was perhaps just restarted, or threw us out, and a
 * change made meanwhile must not wait. The next tries come after 0.25, 0.5, 1, 2, 4, 8, 8 … s. */
static int64_t next_delay(struct redis_source *source) {
    bool settled = source->status.connected && loop_now(source->options.loop) - source->up_since >= SETTLED_MS;
    if (settled) {
        source->failures = 0;
        return 0;
    }
    unsigned doublings = source->failures < BACK_OFF_DOUBLINGS ? source->failures : BACK_OFF_DOUBLINGS;
    source->failures++;
    return (int64_t)BACK_OFF_FIRST_MS << doublings;
}

static void fail(struct redis_source *source, const char *why) {
    struct redis_status status = {.retry_ms = next_delay(source)};
    snprintf(status.error, sizeof status.error, "%s", why);
    drop_connections(source);
    source->status = status;
    timer_start(&source->retry, source->options.loop, status.retry_ms);
    source->options.on_status(source->options.context, &status);
}

static void fail_with_words(struct redis_source *source, const char *what, const struct redis_reply *reply) {
    char why[256];
    cleanup_buf struct buf words = {0};
    text_escape(&words, redis_reply_text(reply), 160);
    snprintf(why, sizeof why, "%s: %s", what, words.p != NULL ? words.p : "");
    fail(source, why);
}

static bool is_error(const struct redis_reply *reply) {
    return redis_reply_kind(reply) == REPLY_ERROR;
}

static void on_auth(void *context, const struct redis_reply *reply) {
    if (is_error(reply)) {
        fail_with_words(context, "it refuses the user or the password of REDIS_URL", reply);
    }
}

static void on_select(void *context, const struct redis_reply *reply) {
    if (is_error(reply)) {
        fail_with_words(context, "it refuses the database of REDIS_URL", reply);
    }
}

static void on_pong(void *context, const struct redis_reply *reply) {
    (void)context, (void)reply;
}

static void send_auth(struct redis_source *source, struct redis *redis) {
    if (source->url.password == NULL) {
        return;
    }
    struct redis_command command = {.on_answer = on_auth, .context = source, .count = 1, .words = {SLICE("AUTH")}};
    if (source->url.user != NULL) {
        command.words[command.count++] = slice_of(source->url.user);
    }
    command.words[command.count++] = slice_of(source->url.password);
    redis_send(redis, &command);
}

/* Also the sign of life: an answer that is not there in time ends both connections. */
static void read_all(struct redis_source *source) {
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        key_reader_refresh(&source->readers[i]);
    }
    if (source->subscriber != NULL) {
        redis_send(source->subscriber, &(struct redis_command){on_pong, source, 1, {SLICE("PING")}});
    }
    timer_start(&source->reread, source->options.loop, source->options.times.reread_ms);
}

static void on_reread(struct timer *timer) {
    read_all(container_of(timer, struct redis_source, reread));
}

static void connected(struct redis_source *source) {
    source->status.connected = true;
    source->status.tracking = source->subscriber != NULL;
    source->status.error[0] = '\0';
    source->up_since = loop_now(source->options.loop);
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        if (source->names[i] != NULL) {
            key_reader_start(&source->readers[i], source->tracker);
        }
    }
    timer_start(&source->reread, source->options.loop, source->options.times.reread_ms);
    source->options.on_status(source->options.context, &source->status);
}

/* What the server says to CLIENT ID, SUBSCRIBE or CLIENT TRACKING when it will never do it (no such command, not for
 * this user), rather than not now or not before AUTH. */
static bool is_denied(const struct redis_reply *reply) {
    struct slice words = redis_reply_text(reply);
    bool gone = slice_starts(words, SLICE("ERR max number")) || slice_starts(words, SLICE("ERR The client ID"));
    return !gone && (slice_starts(words, SLICE("ERR")) || slice_starts(words, SLICE("NOPERM")));
}

static void note_untracked(struct redis_source *source, const struct redis_reply *reply) {
    cleanup_buf struct buf words = {0};
    text_escape(&words, redis_reply_text(reply), sizeof source->status.untracked - 8);
    snprintf(source->status.untracked, sizeof source->status.untracked, "%s", words.p != NULL ? words.p : "");
    redis_free(take_ptr(source->subscriber));
}

static void on_tracking(void *context, const struct redis_reply *reply) {
    struct redis_source *source = context;
    if (is_error(reply) && !is_denied(reply)) {
        fail_with_words(source, "it refuses tracking", reply);
        return;
    }
    if (is_error(reply)) {
        note_untracked(source, reply);
    }
    connected(source);
}

/* Without tracking: whether it lets us in at all. */
static void on_greeted(void *context, const struct redis_reply *reply) {
    if (is_error(reply) && slice_starts(redis_reply_text(reply), SLICE("NOAUTH"))) {
        fail_with_words(context, "it wants a password in REDIS_URL", reply);
        return;
    }
    connected(context);
}

static void on_tracker_connected(void *context) {
    struct redis_source *source = context;
    char text[24];
    send_auth(source, source->tracker);
    if (source->url.db != 0) {
        snprintf(text, sizeof text, "%ld", source->url.db);
        redis_send(source->tracker, &(struct redis_command){on_select, source, 2, {SLICE("SELECT"), slice_of(text)}});
    }
    if (source->subscriber == NULL) {
        redis_send(source->tracker, &(struct redis_command){on_greeted, source, 1, {SLICE("PING")}});
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)source->subscriber_id);
    redis_send(source->tracker, &(struct redis_command){on_tracking,
                                                        source,
                                                        5,
                                                        {SLICE("CLIENT"), SLICE("TRACKING"), SLICE("ON"),
                                                         SLICE("REDIRECT"), slice_of(text)}});
}

static void on_subscribed(void *context, const struct redis_reply *reply) {
    struct redis_source *source = context;
    if (is_error(reply) && !is_denied(reply)) {
        fail_with_words(source, "it refuses SUBSCRIBE", reply);
        return;
    }
    if (is_error(reply)) {
        note_untracked(source, reply);
    }
    start_tracker(source);
}

static void on_client_id(void *context, const struct redis_reply *reply) {
    struct redis_source *source = context;
    if (is_error(reply) && is_denied(reply)) {
        note_untracked(source, reply);
        start_tracker(source);
        return;
    }
    if (redis_reply_kind(reply) != REPLY_NUMBER) {
        fail_with_words(source, "it refuses CLIENT ID", reply);
        return;
    }
    source->subscriber_id = redis_reply_number(reply);
    struct slice channel = SLICE("__redis__:invalidate");
    redis_send(source->subscriber, &(struct redis_command){on_subscribed, source, 2, {SLICE("SUBSCRIBE"), channel}});
}

static void on_subscriber_connected(void *context) {
    struct redis_source *source = context;
    source->reached = true;
    send_auth(source, source->subscriber);
    redis_send(source->subscriber, &(struct redis_command){on_client_id, source, 2, {SLICE("CLIENT"), SLICE("ID")}});
}

static bool names_key(const struct redis_reply *payload, const char *name) {
    for (size_t i = 0; i < redis_reply_count(payload); i++) {
        if (slice_is(redis_reply_text(redis_reply_at(payload, i)), name)) {
            return true;
        }
    }
    return false;
}

/* The payload is a list of keys; after FLUSHALL it is nil: everything. */
static void on_invalidated(void *context, const struct redis_reply *payload) {
    struct redis_source *source = context;
    bool all = redis_reply_kind(payload) != REPLY_LIST;
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        if (source->names[i] != NULL && (all || names_key(payload, source->names[i]))) {
            key_reader_refresh(&source->readers[i]);
        }
    }
}

static void on_lost(void *context, const char *why) {
    struct redis_source *source = context;
    if (source->reached || source->address_place + 1 >= source->address_count) {
        fail(source, why);
        return;
    }
    redis_free(take_ptr(source->subscriber));
    source->address_place++;
    try_address(source);
}

static struct redis *start_connection(struct redis_source *source, void (*on_connected)(void *)) {
    struct redis_options options = {
        .loop = source->options.loop,
        .address = &source->addresses[source->address_place],
        .connect_timeout_ms = source->options.times.connect_ms,
        .reply_timeout_ms = source->options.times.reply_ms,
        .max_bytes = source->options.max_bytes,
        .max_elements = 2 * source->options.max_fields,
        .latency = source->options.latency,
        .on_connected = on_connected,
        .on_message = on_invalidated,
        .on_lost = on_lost,
        .context = source,
    };
    return redis_start(&options);
}

/* At the subscriber's own address: a name may stand for several servers, and a client id means something to one. */
static void start_tracker(struct redis_source *source) {
    source->tracker = start_connection(source, on_tracker_connected);
}

static void try_address(struct redis_source *source) {
    source->reached = false;
    source->subscriber = start_connection(source, on_subscriber_connected);
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *why) {
    struct redis_source *source = context;
    if (count == 0) {
        fail(source, why);
        return;
    }
    memcpy(source->addresses, addresses, count * sizeof *addresses);
    source->address_count = count;
    source->address_place = 0;
    try_address(source);
}

static void on_retry(struct timer *timer) {
    struct redis_source *source = container_of(timer, struct redis_source, retry);
    source->status.untracked[0] = '\0';
    if (source->url.path != NULL) {
        source->address_place = 0;
        try_address(source);
        return;
    }
    resolver_start(source->resolver, &(struct resolver_request){.host = source->url.host,
                                                                .port = source->url.port,
                                                                .timeout_ms = source->options.times.connect_ms,
                                                                .on_done = on_resolved,
                                                                .context = source});
}

static void on_key_value(struct key_reader *reader, const struct key_value *value) {
    struct redis_source *source = reader->context;
    source->options.on_value(source->options.context, (enum redis_key)(reader - source->readers), value);
}

static void set_up_reader(struct redis_source *source, enum redis_key key) {
    const char *name = source->options.keys[key];
    source->names[key] = name != NULL ? xstrdup(name) : NULL;
    source->readers[key] = (struct key_reader){
        .loop = source->options.loop,
        .name = source->names[key],
        .type = key == REDIS_RULES ? KEY_STRING : KEY_HASH,
        .max_size = key == REDIS_RULES ? source->options.max_bytes : source->options.max_fields,
        .on_value = on_key_value,
        .context = source,
    };
}

struct redis_source *redis_source_start(const struct redis_source_options *options, struct diag *diag) {
    struct redis_url url;
    if (!redis_url_parse(options->url, &url, diag)) {
        return NULL;
    }
    struct redis_source *source = xcalloc(1, sizeof *source);
    source->options = *options;
    source->options.url = NULL;
    source->url = url;
    log_hide(slice_of(url.password));
    source->resolver = resolver_new(options->loop);
    if (url.path != NULL) {
        source->address_count = address_of_path(url.path, &source->addresses[0]) ? 1 : 0;
    }
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        set_up_reader(source, (enum redis_key)i);
        source->options.keys[i] = source->names[i];
    }
    source->retry.on_due = on_retry;
    source->reread.on_due = on_reread;
    timer_start(&source->retry, options->loop, 0);
    return source;
}

void redis_source_free(struct redis_source *source) {
    if (source == NULL) {
        return;
    }
    timer_cancel(&source->retry);
    drop_connections(source);
    resolver_free(source->resolver);
    for (size_t i = 0; i < REDIS_KEYS; i++) {
        free(source->names[i]);
    }
    redis_url_release(&source->url);
    free(source);
}

const char *redis_source_label(const struct redis_source *source) {
    return source->url.label;
}

void redis_source_refresh(struct redis_source *source) {
    if (source->status.connected) {
        read_all(source);
    } else if (source->retry.loop != NULL) {
        timer_start(&source->retry, source->options.loop, 0);
    }
}
