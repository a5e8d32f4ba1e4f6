/* One key: its size first (GET of a huge value would cross the wire before anybody could refuse it), then itself. */
#include "source/key_reader.h"

#include "base/mem.h"
#include "base/text.h"

enum { SPACING_MS = 20, BUSY_RETRY_MS = 1000, SHOWN_NAME = 64, SHOWN_WORDS = 200 };

static const struct {
    struct slice size_command, read_command;
    const char *type, *unit;
} types[] = {
    [KEY_STRING] = {{"STRLEN", 6}, {"GET", 3}, "STRING", "bytes"},
    [KEY_HASH] = {{"HLEN", 4}, {"HGETALL", 7}, "HASH", "entries"},
};

static void tell_error(struct key_reader *self, const char *error) {
    self->on_value(self, &(struct key_value){.kind = VALUE_ERROR, .error = error});
}

/* A server that is loading or busy will be fine soon. Any other mistake is for a person to mend; an invalidation or
 * the slow reading sees that. */
static bool is_passing(struct slice words) {
    static const char *const passing[] = {"LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        if (slice_starts(words, slice_of(passing[i]))) {
            return true;
        }
    }
    return false;
}

static void take_error(struct key_reader *self, struct slice words) {
    if (is_passing(words)) {
        timer_start(&self->again, self->loop, BUSY_RETRY_MS);
    }
    cleanup_buf struct buf error = {0};
    buf_adds(&error, "the key ");
    text_escape(&error, slice_of(self->name), SHOWN_NAME);
    if (slice_starts(words, SLICE("WRONGTYPE"))) {
        buf_addf(&error, " is not a %s", types[self->type].type);
    } else {
        buf_adds(&error, ": ");
        text_escape(&error, words, SHOWN_WORDS);
    }
    tell_error(self, error.p);
}

static void end_reading(struct key_reader *self) {
    self->reading = false;
    if (self->dirty) {
        timer_start(&self->again, self->loop, SPACING_MS);
    }
}

/* Redis itself never gives a list for GET or a text for HGETALL; what stands in for it may. */
static bool is_of_type(const struct key_reader *self, enum reply_kind kind) {
    return kind == REPLY_NONE || kind == (self->type == KEY_STRING ? REPLY_TEXT : REPLY_LIST);
}

static void take_odd(struct key_reader *self) {
    cleanup_buf struct buf error = {0};
    buf_adds(&error, "the key ");
    text_escape(&error, slice_of(self->name), SHOWN_NAME);
    buf_addf(&error, ": the answer is none to %.*s", SLICE_ARG(types[self->type].read_command));
    tell_error(self, error.p);
}

static void take_value(struct key_reader *self, const struct redis_reply *reply) {
    struct key_value value = {.kind = VALUE_MISSING};
    if (redis_reply_kind(reply) == REPLY_TEXT) {
        value = (struct key_value){.kind = VALUE_TEXT, .text = redis_reply_text(reply)};
    } else if (redis_reply_count(reply) > 0) { /* HGETALL of no key is an empty list */
        value = (struct key_value){.kind = VALUE_FIELDS, .fields = reply};
    }
    self->on_value(self, &value);
}

static void on_read(void *context, const struct redis_reply *reply) {
    struct key_reader *self = context;
    enum reply_kind kind = redis_reply_kind(reply);
    end_reading(self);
    if (kind == REPLY_ERROR) {
        take_error(self, redis_reply_text(reply));
    } else if (kind == REPLY_TOO_BIG) {
        tell_error(self, "it is larger than a document may be");
    } else if (!is_of_type(self, kind)) {
        take_odd(self);
    } else {
        take_value(self, reply);
    }
}

/* An error here (a user who may GET but not STRLEN) is left to the reading itself to show. */
static void on_size(void *context, const struct redis_reply *reply) {
    struct key_reader *self = context;
    int64_t size = redis_reply_kind(reply) == REPLY_NUMBER ? redis_reply_number(reply) : 0;
    if (size > 0 && (uint64_t)size > self->max_size) {
        cleanup_buf struct buf error = {0};
        buf_adds(&error, "the key ");
        text_escape(&error, slice_of(self->name), SHOWN_NAME);
        buf_addf(&error, " has %lld %s; at most %zu are read", (long long)size, types[self->type].unit, self->max_size);
        end_reading(self);
        tell_error(self, error.p);
        return;
    }
    redis_send(self->redis, &(struct redis_command){.on_answer = on_read,
                                                    .context = self,
                                                    .count = 2,
                                                    .words = {types[self->type].read_command, slice_of(self->name)}});
}

static void read_now(struct key_reader *self) {
    timer_cancel(&self->again);
    self->reading = true;
    self->dirty = false;
    self->read_at = loop_now(self->loop);
    redis_send(self->redis, &(struct redis_command){.on_answer = on_size,
                                                    .context = self,
                                                    .count = 2,
                                                    .words = {types[self->type].size_command, slice_of(self->name)}});
}

static void on_again(struct timer *timer) {
    struct key_reader *self = container_of(timer, struct key_reader, again);
    if (self->redis != NULL && !self->reading) {
        read_now(self);
    }
}

void key_reader_start(struct key_reader *self, struct redis *redis) {
    self->redis = redis;
    self->again.on_due = on_again;
    read_now(self);
}

void key_reader_stop(struct key_reader *self) {
    self->redis = NULL;
    self->reading = self->dirty = false;
    timer_cancel(&self->again);
}

void key_reader_refresh(struct key_reader *self) {
    if (self->redis == NULL) {
        return;
    }
    int64_t since = loop_now(self->loop) - self->read_at;
    if (self->reading) {
        self->dirty = true;
    } else if (since >= SPACING_MS) {
        read_now(self);
    } else {
        timer_start(&self->again, self->loop, SPACING_MS - since);
    }
}
