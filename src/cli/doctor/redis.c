/* A few questions to the Redis of REDIS_URL. LiveKit may keep its trunks there, too: its hashes are walked, never
 * fetched whole, and the first byte tells JSON; of a value that LiveKit wrote
 * no more is looked at, for passwords are in it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/doctor/gather.h"
#include "doctor/judges.h"
#include "redis/redis_client.h"
#include "source/redis_source.h"

enum { ANSWER_TIMEOUT_MS = 2000, MAX_BYTES = 8 << 20, MAX_ELEMENTS = 10000, MAX_SCANS = 50, SHOWN_FIELD = 96 };

static struct redis_client *open_client(const struct settings *settings, struct loop *loop, struct diag *diag) {
    struct redis_client_options options = {
        .loop = loop,
        .url = settings->redis_url,
        .timeout_ms = ANSWER_TIMEOUT_MS,
        .max_bytes = MAX_BYTES,
        .max_elements = MAX_ELEMENTS,
    };
    return redis_client_open(&options, diag);
}

struct kept {
    char *text;
    size_t size;
    bool is_error;
};

/* A text, a number or an error as text. */
static void keep_text(void *context, const struct redis_reply *reply) {
    struct kept *kept = context;
    kept->is_error = redis_reply_kind(reply) == REPLY_ERROR;
    if (redis_reply_kind(reply) == REPLY_NUMBER) {
        snprintf(kept->text, kept->size, "%lld", (long long)redis_reply_number(reply));
        return;
    }
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, redis_reply_text(reply), kept->size - 4);
    snprintf(kept->text, kept->size, "%s", shown.p != NULL ? shown.p : "");
}

static bool look_at_type(struct redis_client *client, const char *key, struct kept *kept, struct diag *diag) {
    const struct redis_command command = {keep_text, kept, 2, {SLICE("TYPE"), slice_of(key)}};
    bool good = redis_client_ask(client, &command, diag);
    if (kept->is_error) {
        kept->text[0] = '\0';
    }
    return good;
}

/* As the bridge does it: changes are told to another connection, here to this one. */
static bool look_at_tracking(struct redis_client *client, struct exam_redis *redis, struct diag *diag) {
    char id[24] = "";
    struct kept kept_id = {id, sizeof id, false}, answer = {redis->untracked, sizeof redis->untracked, false};
    const struct redis_command ask_id = {keep_text, &kept_id, 2, {SLICE("CLIENT"), SLICE("ID")}};
    if (!redis_client_ask(client, &ask_id, diag)) {
        return false;
    }
    if (kept_id.is_error) {
        snprintf(redis->untracked, sizeof redis->untracked, "CLIENT ID: %s", id);
        return true;
    }
    const struct redis_command track = {
        keep_text, &answer, 5, {SLICE("CLIENT"), SLICE("TRACKING"), SLICE("ON"), SLICE("REDIRECT"), slice_of(id)}};
    bool good = redis_client_ask(client, &track, diag);
    if (!answer.is_error) {
        redis->untracked[0] = '\0';
    }
    return good;
}

struct scan {
    struct exam_redis *redis;
    const char *hash;
    char cursor[24];
};

/* No protobuf message of LiveKit's begins with either: '{' and '[' would be groups, which proto3 has not. */
static bool is_json(struct slice value) {
    return value.n > 0 && (value.p[0] == '{' || value.p[0] == '[');
}

static void on_scanned(void *context, const struct redis_reply *reply) {
    struct scan *scan = context;
    struct exam_redis *redis = scan->redis;
    snprintf(scan->cursor, sizeof scan->cursor, "0"); /* not a hash, not allowed: that is all */
    if (redis_reply_kind(reply) != REPLY_LIST || redis_reply_count(reply) != 2) {
        redis->json_cut = redis->json_cut || redis_reply_kind(reply) == REPLY_TOO_BIG;
        return;
    }
    const struct redis_reply *fields = redis_reply_at(reply, 1);
    for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2) {
        struct slice field = redis_reply_text(redis_reply_at(fields, i));
        redis->livekit_fields++;
        struct slice value = redis_reply_text(redis_reply_at(fields, i + 1));
        if (is_json(value) && redis->json_count < EXAM_JSON_FIELDS) {
            redis->json[redis->json_count++] = json_field_of(scan->hash, field, value);
        }
    }
    struct slice cursor = redis_reply_text(redis_reply_at(reply, 0));
    snprintf(scan->cursor, sizeof scan->cursor, "%.*s", SLICE_ARG(cursor));
}

static bool look_for_json(struct redis_client *client, const char *hash, struct exam_redis *redis, struct diag *diag) {
    struct scan scan = {redis, hash, "0"};
    for (int i = 0; i < MAX_SCANS; i++) {
        char cursor[sizeof scan.cursor];
        memcpy(cursor, scan.cursor, sizeof cursor);
        const struct redis_command command = {
            on_scanned, &scan, 5, {SLICE("HSCAN"), slice_of(hash), slice_of(cursor), SLICE("COUNT"), SLICE("200")}};
        if (!redis_client_ask(client, &command, diag)) {
            return false;
        }
        if (strcmp(scan.cursor, "0") == 0) {
            return true;
        }
    }
    redis->json_cut = true;
    return true;
}

static bool look(struct redis_client *client, struct exam_redis *redis, struct diag *diag) {
    struct kept rules = {redis->rules_type, sizeof redis->rules_type, false};
    struct kept agents = {redis->agents_type, sizeof redis->agents_type, false};
    return look_at_type(client, REDIS_RULES_KEY, &rules, diag) &&
           look_at_type(client, REDIS_AGENTS_KEY, &agents, diag) &&
           look_for_json(client, "sip_inbound_trunk", redis, diag) && look_for_json(client, "sip_trunk", redis, diag) &&
           look_for_json(client, "sip_dispatch_rule", redis, diag) && look_at_tracking(client, redis, diag);
}

void gather_redis(const struct settings *settings, struct exam_redis *ret_redis) {
    *ret_redis = (struct exam_redis){.asked = settings->redis_url != NULL};
    if (!ret_redis->asked) {
        return;
    }
    cleanup_buf struct buf shown = {0};
    settings_show(settings, SETTING_REDIS_URL, &shown);
    snprintf(ret_redis->shown_url, sizeof ret_redis->shown_url, "%s", shown.p);
    struct loop *loop = loop_new();
    struct redis_client *client = open_client(settings, loop, &ret_redis->failure);
    ret_redis->reached = client != NULL && look(client, ret_redis, &ret_redis->failure);
    redis_client_free(client);
    loop_free(loop);
}

void gather_redis_release(struct exam_redis *redis) {
    for (size_t i = 0; i < redis->json_count; i++) {
        json_field_release(&redis->json[i]);
    }
    redis->json_count = 0;
}

/* Before it is gone. */
static void show_field(const struct exam_json_field *json, const char *field) {
    fprintf(stderr, "deleting: %s %s: %s\n", json->hash, field,
            json->content != NULL ? json->content : "(JSON that cannot be read)");
}

static void show_again(const struct exam_json_field *json) {
    struct findings *words = findings_new();
    const char *again = json_field_again(json, words);
    if (again != NULL) {
        fprintf(stderr, "to have that trunk again: %s\n", again);
    }
    findings_free(words);
}

static bool delete_field(struct redis_client *client, const struct exam_json_field *json, struct diag *diag) {
    char answer[160] = "";
    struct kept kept = {answer, sizeof answer, false};
    const struct redis_command command = {keep_text,
                                          &kept,
                                          3,
                                          {SLICE("HDEL"), slice_of(json->hash), {json->field, json->field_size}}};
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, (struct slice){json->field, json->field_size}, SHOWN_FIELD);
    show_field(json, shown.p);
    if (!redis_client_ask(client, &command, diag)) {
        return false;
    }
    if (kept.is_error) {
        return diag_fail(diag, json->hash, "%s is not deleted: %s", shown.p, answer);
    }
    fprintf(stderr, "deleted: %s %s\n", json->hash, shown.p);
    show_again(json);
    return true;
}

int gather_redis_fix(const struct gather *gather) {
    const struct exam_redis *redis = &gather->exam.redis;
    struct diag diag = {0};
    struct loop *loop = loop_new();
    struct redis_client *client = open_client(&gather->settings, loop, &diag);
    bool good = client != NULL;
    for (size_t i = 0; i < redis->json_count && good; i++) {
        good = delete_field(client, &redis->json[i], &diag);
    }
    redis_client_free(client);
    loop_free(loop);
    if (good) {
        fputs("what is said above was found before: run sipbridge doctor again\n", stderr);
    }
    return good ? CLI_OK : cli_fail(gather->cli, &diag);
}
