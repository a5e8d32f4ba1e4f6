/* One value of a JSON text that was read (base/tree.h): its kind, and what is in it. Belongs to its tree. */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include "base/buf.h"

enum node_type {
    NODE_OBJECT,
    NODE_ARRAY,
    NODE_TEXT,
    NODE_INTEGER,
    NODE_REAL, /* a number with a fraction or an exponent */
    NODE_TRUE,
    NODE_FALSE,
    NODE_NULL,
};

/* Texts are unescaped UTF-8, may hold U+0000, and have a NUL behind them. */
struct node {
    enum node_type type;
    uint32_t count;    /* NODE_OBJECT, NODE_ARRAY: how many values are in it; the first is the node behind it */
    uint32_t next;     /* distance to the next value of the same object or array; 0: it is the last */
    struct slice name; /* of a member of an object */
    union {
        struct slice text; /* NODE_TEXT */
        int64_t integer;
        double real;
    };
};

/* NODE may be NULL in all of these: a value that is not there. */
bool node_is(const struct node *node, enum node_type type);
/* Its text, empty when it is none. */
struct slice node_text(const struct node *node);
/* How many values are in it. */
size_t node_count(const struct node *node);
/* The first value in an object or array, and the one after NODE in the same; NULL: none. */
const struct node *node_first(const struct node *node);
const struct node *node_next(const struct node *node);
/* The member of that NAME; NULL when there is none or NODE is no object. */
const struct node *node_member(const struct node *node, const char *name);
/* Overwrites the text: what is kept for long holds no secret. */
void node_wipe(const struct node *node);
/* Appends NODE as JSON text without white space. */
void node_write(struct buf *out, const struct node *node);

#endif
