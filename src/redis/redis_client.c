/* A connection that is waited for: the addresses of the name one after another, AUTH, SELECT, then whatever is asked.
 * All waiting is in wait_for(); every wait ends by a deadline of the resolver's or the connection's. */
#include "redis/redis_client.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "redis/redis_url.h"
#include "redis/resolver.h"

enum { TURN_MS = 1000, WHY_MAX = 192, SHOWN_WORDS = 160 };

struct redis_client {
    struct redis_client_options options;
    struct redis_url url;
    struct resolver *resolver;
    struct address addresses[ADDRESS_MAX];
    size_t address_count;
    struct redis *redis;
    bool resolved, connected, lost;
    char why[WHY_MAX]; /* it is lost, or has no address */
    /* the question under way */
    const struct redis_command *asked;
    bool answered;
    char refusal[WHY_MAX]; /* of AUTH, SELECT or PING: the server's words */
};

static void wait_for(struct redis_client *client, const bool *condition) {
    while (!*condition && !client->lost) {
        loop_turn(client->options.loop, TURN_MS);
    }
}

static void on_connected(void *context) {
    struct redis_client *client = context;
    client->connected = true;
}

static void on_lost(void *context, const char *why) {
    struct redis_client *client = context;
    client->lost = true;
    snprintf(client->why, sizeof client->why, "%s", why);
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *why) {
    struct redis_client *client = context;
    client->resolved = true;
    client->address_count = count;
    if (count > 0) {
        memcpy(client->addresses, addresses, count * sizeof *addresses);
    } else {
        snprintf(client->why, sizeof client->why, "%s", why);
    }
}

static bool resolve(struct redis_client *client) {
    if (client->url.path != NULL) {
        client->address_count = address_of_path(client->url.path, &client->addresses[0]) ? 1 : 0;
        return client->address_count > 0;
    }
    client->resolver = resolver_new(client->options.loop);
    resolver_start(client->resolver, &(struct resolver_request){.host = client->url.host,
                                                                .port = client->url.port,
                                                                .timeout_ms = client->options.timeout_ms,
                                                                .on_done = on_resolved,
                                                                .context = client});
    wait_for(client, &client->resolved);
    return client->address_count > 0;
}

static bool connect_to(struct redis_client *client, const struct address *address) {
    struct redis_options options = {
        .loop = client->options.loop,
        .address = address,
        .connect_timeout_ms = client->options.timeout_ms,
        .reply_timeout_ms = client->options.timeout_ms,
        .max_bytes = client->options.max_bytes,
        .max_elements = client->options.max_elements,
        .on_connected = on_connected,
        .on_lost = on_lost,
        .context = client,
    };
    redis_free(take_ptr(client->redis));
    client->lost = false;
    client->redis = redis_start(&options);
    wait_for(client, &client->connected);
    return client->connected;
}

static bool connect_any(struct redis_client *client) {
    for (size_t i = 0; i < client->address_count; i++) {
        if (connect_to(client, &client->addresses[i])) {
            return true;
        }
    }
    return false;
}

static void keep_refusal(struct redis_client *client, const struct redis_reply *reply) {
    cleanup_buf struct buf words = {0};
    text_escape(&words, redis_reply_text(reply), SHOWN_WORDS);
    snprintf(client->refusal, sizeof client->refusal, ": %s", words.p != NULL ? words.p : "");
}

static void on_login(void *context, const struct redis_reply *reply) {
    if (redis_reply_kind(reply) == REPLY_ERROR) {
        keep_refusal(context, reply);
    }
}

/* Whether it lets us in at all: it may be loading, full, or want a password. A user who may do nothing but what we
 * need may be denied PING itself. */
static void on_pong(void *context, const struct redis_reply *reply) {
    if (redis_reply_kind(reply) == REPLY_ERROR && !slice_starts(redis_reply_text(reply), SLICE("NOPERM"))) {
        keep_refusal(context, reply);
    }
}

/* WHAT says what is wrong when the server refuses. */
static bool log_in_step(struct redis_client *client, const struct redis_command *command, const char *what,
                        struct diag *diag) {
    if (!redis_client_ask(client, command, diag)) {
        return false;
    }
    return client->refusal[0] == '\0' || diag_fail(diag, client->url.label, "%s%s", what, client->refusal);
}

static bool authenticate(struct redis_client *client, struct diag *diag) {
    const struct redis_url *url = &client->url;
    struct redis_command auth = {on_login, client, 1, {SLICE("AUTH")}};
    if (url->password == NULL) {
        return true;
    }
    if (url->user != NULL) {
        auth.words[auth.count++] = slice_of(url->user);
    }
    auth.words[auth.count++] = slice_of(url->password);
    return log_in_step(client, &auth, "it refuses the user or the password of REDIS_URL", diag);
}

static bool log_in(struct redis_client *client, struct diag *diag) {
    const struct redis_command ping = {on_pong, client, 1, {SLICE("PING")}};
    const char *what =
        client->url.password == NULL ? "it lets nobody in (does REDIS_URL need a password?)" : "it lets nobody in";
    if (!authenticate(client, diag) || !log_in_step(client, &ping, what, diag)) {
        return false;
    }
    if (client->url.db == 0) {
        return true;
    }
    char db[24];
    snprintf(db, sizeof db, "%ld", client->url.db);
    const struct redis_command pick = {on_login, client, 2, {SLICE("SELECT"), slice_of(db)}};
    return log_in_step(client, &pick, "it refuses the database of REDIS_URL", diag);
}

struct redis_client *redis_client_open(const struct redis_client_options *options, struct diag *diag) {
    struct redis_url url;
    if (!redis_url_parse(options->url, &url, diag)) {
        return NULL;
    }
    struct redis_client *client = xcalloc(1, sizeof *client);
    client->options = *options;
    client->options.url = NULL;
    client->url = url;
    bool open = resolve(client) && connect_any(client);
    if (!open) {
        (void)diag_fail(diag, url.label, "%s", client->why);
    }
    if (!open || !log_in(client, diag)) {
        redis_client_free(client);
        return NULL;
    }
    return client;
}

static void on_answer(void *context, const struct redis_reply *reply) {
    struct redis_client *client = context;
    client->answered = true;
    client->asked->on_answer(client->asked->context, reply);
}

bool redis_client_ask(struct redis_client *client, const struct redis_command *command, struct diag *diag) {
    struct redis_command sent = *command;
    sent.on_answer = on_answer;
    sent.context = client;
    client->asked = command;
    client->answered = false;
    if (!client->lost) {
        redis_send(client->redis, &sent);
        wait_for(client, &client->answered);
    }
    return client->answered || diag_fail(diag, client->url.label, "%s", client->why);
}

const char *redis_client_label(const struct redis_client *client) {
    return client->url.label;
}

void redis_client_free(struct redis_client *client) {
    if (client == NULL) {
        return;
    }
    redis_free(client->redis);
    resolver_free(client->resolver);
    redis_url_release(&client->url);
    free(client);
}
