/* JSON text from outside (RFC 8259) to a tree of values in two blocks of memory. It is read once, front to back, within limits
 * that hold while it is read: a body of a megabyte may otherwise become a tree of a hundred. Stricter than the RFC where
 * leniency has hurt others: no member twice in an object, no U+0000 in a name, no number that does not fit its type. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/diag.h"
#include "base/node.h"

struct tree_limits {
    unsigned depth;  /* objects and arrays in each other; the parser recurses so deep */
    unsigned values; /* values and members in all */
    bool no_nul;     /* U+0000 is a mistake in any text, not only in a name */
};

struct tree;

/* Any JSON value; TEXT is copied. NULL with DIAG, which never repeats the text. */
struct tree *tree_parse(struct slice text, const struct tree_limits *limits, struct diag *diag);
void tree_free(struct tree *tree);
/* The outermost value; it and all in it live as long as TREE. */
const struct node *tree_root(const struct tree *tree);
void tree_free_at(struct tree **tree);
#define cleanup_tree __attribute__((cleanup(tree_free_at)))

#endif
