/* One JSON object of an answer being read by a table of its members, in either name style. What a member is wrong in
 * decides whether the whole answer is wrong (a type) or only the item unusable (see struct livekit_answer). */
#ifndef LIVEKIT_READER_H
#define LIVEKIT_READER_H

#include "livekit/model.h"
#include "webhooks/fields.h"

enum reader_kind {
    READER_SID,    /* text of 1 to EVENT_MAX_SID bytes */
    READER_KEY,    /* text of 1 to EVENT_MAX_NAME bytes */
    READER_SHORT,  /* text of at most EVENT_MAX_NAME bytes */
    READER_TEXT,   /* any text; with U+0000 in it: as if absent */
    READER_NUMBER, /* int64_t */
    READER_MOMENT, /* int64_t, seconds: fields_moment */
    READER_FLAG,   /* bool */
    READER_TEXTS,  /* a list of texts */
};

struct reader_row {
    const char *name; /* snake_case */
    enum reader_kind kind;
    size_t offset; /* in the item */
};

struct reader_rows {
    const struct reader_row *rows;
    size_t count;
};
#define READER_ROWS(table) ((struct reader_rows){(table), sizeof(table) / sizeof(table)[0]})

struct reader {
    struct fields fields;
    struct livekit_answer *answer;
    bool *unusable; /* set for an item that is to be left out */
};

/* Zeroed memory that lives as long as ANSWER. */
void *reader_alloc(struct livekit_answer *answer, size_t size);
void reader_free_blocks(struct livekit_answer *answer);

/* These fill the diag and return false. RET is NULL when the member is absent or null. */
bool reader_member(const struct reader *reader, const char *snake, const struct node **ret);
bool reader_object(const struct reader *reader, const char *snake, const struct node **ret);
bool reader_array(const struct reader *reader, const char *snake, const struct node **ret);
bool reader_text(const struct reader *reader, const char *name, const struct node *value, enum reader_kind kind,
                 struct slice *ret);
/* Reads every row into ITEM. */
bool reader_item(const struct reader *reader, struct reader_rows rows, void *item);

#endif
