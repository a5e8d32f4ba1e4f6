/* A grave is one block: sid and room name, which it is found by, then what is left of the struct, squeezed, for most of
 * it is zero by now (unused legs, hash handles), then its texts. */
#include "bridge/graves.h"

#include "base/squeeze.h"
#include "bridge/internal.h"

struct grave {
    TAILQ_ENTRY(grave) by_age;
    struct grave *next_sid, *next_room;
    mono_ms over_at;
    uint32_t room_size;
    uint16_t sid_size;
    bool named;
    char bytes[]; /* sid, room, the rest */
};

enum { TEXTS = 4, BUCKETS = 2048 };

/* The texts of CALL beside its room's name; NULL: it has none. */
static void texts_of(struct bridge_call *call, char **ret_texts[TEXTS]) {
    ret_texts[0] = &call->room_agent;
    ret_texts[1] = &call->agent_name;
    ret_texts[2] = &call->metadata;
    ret_texts[3] = &call->chosen_rule;
}

static struct slice sid_of(const struct grave *grave) {
    return (struct slice){grave->bytes, grave->sid_size};
}

static struct slice room_of(const struct grave *grave) {
    return (struct slice){grave->bytes + grave->sid_size, grave->room_size};
}

static size_t bucket_of(struct slice key) {
    return slice_hash(key, 0) % BUCKETS;
}

void graves_init(struct graves *graves) {
    *graves = (struct graves){.count = 0};
    TAILQ_INIT(&graves->by_age);
}

void graves_release(struct graves *graves) {
    free(take_ptr(graves->by_sid));
    free(take_ptr(graves->by_room));
}

struct grave *graves_find(const struct graves *graves, struct slice sid) {
    struct grave *grave = graves->count > 0 ? graves->by_sid[bucket_of(sid)] : NULL;
    while (grave != NULL && !slice_eq(sid_of(grave), sid)) {
        grave = grave->next_sid;
    }
    return grave;
}

struct grave *graves_find_room(const struct graves *graves, struct slice room) {
    struct grave *grave = graves->count > 0 ? graves->by_room[bucket_of(room)] : NULL;
    while (grave != NULL && !slice_eq(room_of(grave), room)) {
        grave = grave->next_room;
    }
    return grave;
}

struct grave *graves_oldest(const struct graves *graves) {
    return TAILQ_FIRST(&graves->by_age);
}

mono_ms grave_over_at(const struct grave *grave) {
    return grave->over_at;
}

/* Nearly always the last one; not where an old one was opened meanwhile. */
static void add_by_age(struct graves *graves, struct grave *grave) {
    struct grave *former = TAILQ_LAST(&graves->by_age, grave_queue);
    while (former != NULL && former->over_at > grave->over_at) {
        former = TAILQ_PREV(former, grave_queue, by_age);
    }
    if (former != NULL) {
        TAILQ_INSERT_AFTER(&graves->by_age, former, grave, by_age);
    } else {
        TAILQ_INSERT_HEAD(&graves->by_age, grave, by_age);
    }
}

static void add(struct graves *graves, struct grave *grave) {
    if (graves->by_sid == NULL) {
        graves->by_sid = xcalloc(BUCKETS, sizeof(struct grave *));
        graves->by_room = xcalloc(BUCKETS, sizeof(struct grave *));
    }
    struct grave **sids = &graves->by_sid[bucket_of(sid_of(grave))];
    grave->next_sid = *sids;
    *sids = grave;
    if (grave->named) {
        struct grave **rooms = &graves->by_room[bucket_of(room_of(grave))];
        grave->next_room = *rooms;
        *rooms = grave;
    }
    add_by_age(graves, grave);
    graves->count++;
}

static void take(struct graves *graves, struct grave *grave) {
    struct grave **link = &graves->by_sid[bucket_of(sid_of(grave))];
    while (*link != grave) {
        link = &(*link)->next_sid;
    }
    *link = grave->next_sid;
    if (grave->named) {
        link = &graves->by_room[bucket_of(room_of(grave))];
        while (*link != grave) {
            link = &(*link)->next_room;
        }
        *link = grave->next_room;
    }
    TAILQ_REMOVE(&graves->by_age, grave, by_age);
    graves->count--;
}

/* What means nothing to a call that is over, or is kept apart. Which process it had is told by nobody any more. */
static void strip(struct bridge_call *call) {
    directory_release(take_ptr(call->directory));
    call->agent = NULL;
    call->entry.deadline = (struct heap_item){0};
    call->entry.prev = call->entry.next = NULL;
    memset(&call->entry.by_sid, 0, sizeof call->entry.by_sid);
    memset(&call->entry.by_room, 0, sizeof call->entry.by_room);
    memset(&call->by_dirty, 0, sizeof call->by_dirty);
    memset(call->entry.sid, 0, sizeof call->entry.sid);
    memset(call->instance, 0, sizeof call->instance);
}

/* Takes what TEXT points to away; a text that is there, though empty, has a first byte. */
static void pack_text(char **text, struct buf *out) {
    cleanup_free char *taken = take_ptr(*text);
    if (taken != NULL) {
        buf_addc(out, '+');
        buf_add(out, taken, strlen(taken));
    }
    buf_addc(out, '\0');
}

static const char *unpack_text(const char *from, char **ret_text) {
    *ret_text = from[0] != '\0' ? xstrdup(from + 1) : NULL;
    return from + strlen(from) + 1;
}

static void pack(struct bridge_call *call, struct buf *out) {
    cleanup_buf struct buf tail = {0};
    char **texts[TEXTS];
    buf_adds(out, call->entry.sid);
    buf_add_slice(out, call->entry.room);
    free((char *)take_ptr(call->entry.room.p));
    texts_of(call, texts);
    for (unsigned i = 0; i < TEXTS; i++) {
        pack_text(texts[i], &tail);
    }
    strip(call);
    squeeze((struct slice){(const char *)call, sizeof *call}, out);
    buf_add_slice(out, buf_slice(&tail));
}

void graves_add(struct graves *graves, struct bridge_call *call) {
    cleanup_buf struct buf bytes = {0};
    const struct grave head = {
        .over_at = call->entry.over_at,
        .room_size = (uint32_t)call->entry.room.n,
        .sid_size = (uint16_t)strlen(call->entry.sid),
        .named = call->entry.named,
    };
    pack(call, &bytes);
    free(call);
    struct grave *grave = xmalloc(sizeof *grave + bytes.len);
    *grave = head;
    memcpy(grave->bytes, bytes.p, bytes.len);
    add(graves, grave);
}

struct bridge_call *graves_open(struct graves *graves, struct grave *grave) {
    struct bridge_call *call = xmalloc(sizeof *call);
    struct slice sid = sid_of(grave), room = room_of(grave);
    char **texts[TEXTS];
    take(graves, grave);
    const char *from = room.p + room.n;
    from += unsqueeze(from, call, sizeof *call);
    memcpy(call->entry.sid, sid.p, sid.n); /* the rest of it is zero */
    call->entry.room = (struct slice){xmemdup(room.p, room.n), room.n};
    texts_of(call, texts);
    for (unsigned i = 0; i < TEXTS; i++) {
        from = unpack_text(from, texts[i]);
    }
    free(grave);
    return call;
}
