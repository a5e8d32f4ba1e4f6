/* Reads one key over a connection, again and again, never twice at the same time. A change that is reported while
 * it is being read means that the answer under way may be old: it is read once more. */
#ifndef SOURCE_KEY_READER_H
#define SOURCE_KEY_READER_H

#include "loop/loop.h"
#include "redis/redis.h"

enum key_type { KEY_STRING, KEY_HASH };

enum key_value_kind {
    VALUE_TEXT,    /* text */
    VALUE_FIELDS,  /* fields: a list of name, value, name, value … */
    VALUE_MISSING, /* the server has no such key */
    VALUE_ERROR,   /* the server is there, but this cannot be used: error says why */
};

/* Borrowed for the callback. */
struct key_value {
    enum key_value_kind kind;
    struct slice text;
    const struct redis_reply *fields;
    const char *error;
};

struct key_reader {
    struct loop *loop;
    const char *name; /* borrowed */
    enum key_type type;
    size_t max_size; /* bytes of a STRING, entries of a HASH */
    void (*on_value)(struct key_reader *self, const struct key_value *value);
    void *context;       /* the owner's */
    struct redis *redis; /* NULL: none now */
    bool reading, dirty;
    mono_ms read_at;
    struct timer again;
};

/* Reads over REDIS (borrowed) from now on, at once. */
void key_reader_start(struct key_reader *self, struct redis *redis);
/* Forgets the connection; call it before the connection is freed. */
void key_reader_stop(struct key_reader *self);
/* It may have changed: reads at once, or after what is being read; at most every 20 ms, since an import writes
 * thousands of fields one by one. */
void key_reader_refresh(struct key_reader *self);

#endif
