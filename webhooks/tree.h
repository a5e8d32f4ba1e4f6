/* JSON text from outside to a jansson tree, with limits that hold before the tree is built: a body of a megabyte
 * may otherwise become a tree of a hundred. Mistakes are told without repeating the text. */
#ifndef WEBHOOKS_TREE_H
#define WEBHOOKS_TREE_H

#include "base/diag.h"
#include "base/slice.h"

struct json_t;

struct tree_limits {
    int depth;       /* objects and arrays in each other */
    unsigned values; /* values and members in all */
};

/* Any JSON value; a member named twice, text that is not UTF-8 and a name with U+0000 are mistakes. NULL with DIAG;
 * release with json_decref. */
struct json_t *tree_parse(struct slice text, const struct tree_limits *limits, struct diag *diag);

#endif
