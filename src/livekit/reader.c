/* Members by table. */
#include "livekit/reader.h"

#include <ctype.h>

#include "base/mem.h"

struct livekit_block {
    struct livekit_block *next;
    max_align_t bytes[];
};

void *reader_alloc(struct livekit_answer *answer, size_t size) {
    struct livekit_block *block = xcalloc(1, sizeof *block + size);
    block->next = answer->blocks;
    answer->blocks = block;
    return block->bytes;
}

void reader_free_blocks(struct livekit_answer *answer) {
    while (answer->blocks != NULL) {
        struct livekit_block *block = answer->blocks;
        answer->blocks = block->next;
        free(block);
    }
}

/* sip_trunk_id -> sipTrunkId, as protobuf's JSON mapping has it. */
static void camel_case(const char *snake, char *ret, size_t size) {
    size_t n = 0;
    for (const char *at = snake; *at != '\0' && n + 1 < size; at++) {
        bool raise = *at == '_' && at[1] != '\0';
        at += raise;
        ret[n++] = raise ? (char)toupper((unsigned char)*at) : *at;
    }
    ret[n] = '\0';
}

bool reader_member(const struct reader *reader, const char *snake, const struct node **ret) {
    char camel[48];
    if (strchr(snake, '_') == NULL) {
        *ret = fields_member(&reader->fields, snake);
        return true;
    }
    camel_case(snake, camel, sizeof camel);
    return fields_member_of_two(&reader->fields, camel, snake, ret);
}

bool reader_object(const struct reader *reader, const char *snake, const struct node **ret) {
    return reader_member(reader, snake, ret) &&
           (*ret == NULL || node_is(*ret, NODE_OBJECT) || fields_wrong_type(&reader->fields, snake, "an object", *ret));
}

bool reader_array(const struct reader *reader, const char *snake, const struct node **ret) {
    return reader_member(reader, snake, ret) &&
           (*ret == NULL || node_is(*ret, NODE_ARRAY) || fields_wrong_type(&reader->fields, snake, "a list", *ret));
}

bool reader_text(const struct reader *reader, const char *name, const struct node *value, enum reader_kind kind,
                 struct slice *ret) {
    static const size_t limits[] = {[READER_SID] = EVENT_MAX_SID,
                                    [READER_KEY] = EVENT_MAX_NAME,
                                    [READER_SHORT] = EVENT_MAX_NAME,
                                    [READER_TEXT] = SIZE_MAX};
    if (value != NULL && !node_is(value, NODE_TEXT)) {
        return fields_wrong_type(&reader->fields, name, "a string", value);
    }
    struct slice text = node_text(value);
    bool has_nul = text.n > 0 && memchr(text.p, '\0', text.n) != NULL;
    bool is_missing = text.n == 0 && (kind == READER_SID || kind == READER_KEY);
    if (kind != READER_TEXT && (has_nul || is_missing || text.n > limits[kind])) {
        *reader->unusable = true;
    } else if (!has_nul && text.n > 0) {
        *ret = text;
    }
    return true;
}

static bool read_texts(const struct reader *reader, const char *name, struct livekit_texts *ret) {
    const struct node *list;
    if (!reader_array(reader, name, &list) || list == NULL) {
        return list == NULL;
    }
    struct slice *texts = reader_alloc(reader->answer, node_count(list) * sizeof *texts), *text = texts;
    for (const struct node *item = node_first(list); item != NULL; item = node_next(item)) {
        if (!reader_text(reader, name, item, READER_TEXT, text++)) {
            return false;
        }
    }
    *ret = (struct livekit_texts){texts, node_count(list)};
    return true;
}

static bool read_flag(const struct reader *reader, const char *name, const struct node *value, bool *ret) {
    *ret = node_is(value, NODE_TRUE);
    return value == NULL || *ret || node_is(value, NODE_FALSE) ||
           fields_wrong_type(&reader->fields, name, "true or false", value);
}

static bool read_row(const struct reader *reader, const struct reader_row *row, void *item) {
    void *at = (char *)item + row->offset;
    const struct node *value;
    if (row->kind == READER_TEXTS) {
        return read_texts(reader, row->name, at);
    }
    if (!reader_member(reader, row->name, &value)) {
        return false;
    }
    switch (row->kind) {
    case READER_NUMBER: return fields_int64(&reader->fields, row->name, value, at);
    case READER_MOMENT: return fields_moment(&reader->fields, row->name, value, at);
    case READER_FLAG: return read_flag(reader, row->name, value, at);
    default: return reader_text(reader, row->name, value, row->kind, at);
    }
}

bool reader_item(const struct reader *reader, struct reader_rows rows, void *item) {
    for (size_t i = 0; i < rows.count; i++) {
        if (!read_row(reader, &rows.rows[i], item)) {
            return false;
        }
    }
    return true;
}
