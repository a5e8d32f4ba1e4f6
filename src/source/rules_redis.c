/* WATCH, STRLEN, GET, the edit, MULTI, SET, EXEC: EXEC does nothing and says nil when the key was written by anybody
 * since WATCH. */
#include "source/rules_redis.h"

#include <stdio.h>

#include "base/text.h"
#include "redis/redis_client.h"
#include "rules/ruleset.h"
#include "source/redis_source.h"

enum { SHOWN_WORDS = 160, MAX_ELEMENTS = 16 };

struct writing {
    struct redis_client *client;
    struct buf read; /* the document as it is there */
    struct answer {
        enum reply_kind kind;
        int64_t number;
        char error[192]; /* of REPLY_ERROR: the server's words, escaped */
    } answer;
    struct buf *ret_string; /* where the text of the next answer goes, or NULL */
    struct diag *diag;
};

static void keep_error(struct answer *answer, struct slice words) {
    cleanup_buf struct buf text = {0};
    text_escape(&text, words, SHOWN_WORDS);
    answer->kind = REPLY_ERROR;
    snprintf(answer->error, sizeof answer->error, "%s", text.p != NULL ? text.p : "");
}

/* EXEC answers with a list of answers: an error among them is one. */
static void on_answer(void *context, const struct redis_reply *reply) {
    struct writing *writing = context;
    struct answer *answer = &writing->answer;
    *answer = (struct answer){.kind = redis_reply_kind(reply), .number = redis_reply_number(reply)};
    if (answer->kind == REPLY_ERROR) {
        keep_error(answer, redis_reply_text(reply));
    } else if (answer->kind == REPLY_TEXT && writing->ret_string != NULL) {
        buf_clear(writing->ret_string);
        buf_add_slice(writing->ret_string, redis_reply_text(reply));
    }
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        const struct redis_reply *inner = redis_reply_at(reply, i);
        if (redis_reply_kind(inner) == REPLY_ERROR) {
            keep_error(answer, redis_reply_text(inner));
        }
    }
}

static void say_refused(struct writing *writing, const char *command) {
    const char *error = writing->answer.error;
    struct slice words = slice_of(error);
    const char *where = redis_client_label(writing->client);
    if (slice_starts(words, SLICE("WRONGTYPE"))) {
        (void)diag_fail(writing->diag, where, "the key " REDIS_RULES_KEY " is not a STRING; it is left as it is");
    } else if (slice_starts(words, SLICE("READONLY"))) {
        (void)diag_fail(writing->diag, where, "it is a read-only replica: name its primary in REDIS_URL");
    } else {
        (void)diag_fail(writing->diag, where, "the key " REDIS_RULES_KEY ": it refuses %s: %s", command, error);
    }
}

/* Asks "COMMAND KEY VALUE" (the last two may be empty); false with the diag when it is refused or lost. */
static bool ask(struct writing *writing, const char *command, struct slice key, struct slice value) {
    struct redis_command asked = {on_answer, writing, 1, {slice_of(command)}};
    if (key.n > 0) {
        asked.words[asked.count++] = key;
    }
    if (value.n > 0) {
        asked.words[asked.count++] = value;
    }
    if (!redis_client_ask(writing->client, &asked, writing->diag)) {
        return false;
    }
    if (writing->answer.kind == REPLY_ERROR) {
        say_refused(writing, command);
        return false;
    }
    return true;
}

static bool too_large(struct writing *writing) {
    (void)diag_fail(writing->diag, redis_client_label(writing->client), "the rules there are larger than %d bytes",
                    RULESET_MAX_BYTES);
    return false;
}

/* The size first: GET of a huge value would cross the wire before anybody could refuse it. That it is refused (a user
 * who may GET but not STRLEN, a wrong type) is left to GET to show. */
static bool read_document(struct writing *writing) {
    struct slice key = SLICE(REDIS_RULES_KEY);
    const struct redis_command size = {on_answer, writing, 2, {SLICE("STRLEN"), key}};
    buf_clear(&writing->read);
    if (!ask(writing, "WATCH", key, SLICE("")) || !redis_client_ask(writing->client, &size, writing->diag)) {
        return false;
    }
    if (writing->answer.kind == REPLY_NUMBER && writing->answer.number > RULESET_MAX_BYTES) {
        return too_large(writing);
    }
    writing->ret_string = &writing->read;
    bool good = ask(writing, "GET", key, SLICE(""));
    writing->ret_string = NULL;
    if (good && writing->answer.kind == REPLY_TOO_BIG) {
        return too_large(writing);
    }
    return good;
}

/* A refused SET (a replica, no memory, no permission) shows at once or in EXEC's answer. */
static bool write_document(struct writing *writing, struct slice text) {
    if (!ask(writing, "MULTI", SLICE(""), SLICE("")) || !ask(writing, "SET", SLICE(REDIS_RULES_KEY), text)) {
        return false;
    }
    struct redis_command exec = {on_answer, writing, 1, {SLICE("EXEC")}};
    struct diag lost;
    if (!redis_client_ask(writing->client, &exec, &lost)) {
        return diag_fail(writing->diag, lost.where,
                         "whether the rules are written is not known (%s): see `sipbridge rules list`", lost.what);
    }
    if (writing->answer.kind == REPLY_ERROR) {
        say_refused(writing, "SET");
        return false;
    }
    return true;
}

static enum edit_result write_until_done(struct writing *writing, const struct rules_change *change, struct buf *text) {
    const char *label = redis_client_label(writing->client);
    for (int i = 0; i < RULES_CHANGE_TRIES; i++) {
        if (!read_document(writing)) {
            return EDIT_FAILED;
        }
        enum edit_result result = rules_change_make(change, buf_slice(&writing->read), text, writing->diag);
        if (result == EDIT_FAILED) {
            diag_within(writing->diag, label);
        }
        if (result != EDIT_CHANGED) {
            return result;
        }
        if (!write_document(writing, buf_slice(text))) {
            return EDIT_FAILED;
        }
        if (writing->answer.kind != REPLY_NONE) {
            return EDIT_CHANGED;
        }
    }
    return rules_change_give_up(writing->diag, label);
}

enum edit_result rules_redis_write(const struct rules_place *place, const struct rules_change *change, struct buf *text,
                                   struct diag *diag) {
    struct redis_client_options options = {
        .loop = place->loop,
        .url = place->redis_url,
        .timeout_ms = place->timeout_ms,
        .max_bytes = RULESET_MAX_BYTES,
        .max_elements = MAX_ELEMENTS,
    };
    struct writing writing = {.diag = diag, .client = redis_client_open(&options, diag)};
    if (writing.client == NULL) {
        return EDIT_FAILED;
    }
    enum edit_result result = write_until_done(&writing, change, text);
    redis_client_free(writing.client);
    buf_release(&writing.read);
    return result;
}
