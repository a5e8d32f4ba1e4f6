/* Looking at values, and writing them again. */
#include "base/node.h"

#include <inttypes.h>

#include "base/json_text.h"

bool node_is(const struct node *node, enum node_type type) {
    return node != NULL && node->type == type;
}

struct slice node_text(const struct node *node) {
    return node_is(node, NODE_TEXT) ? node->text : (struct slice){"", 0};
}

size_t node_count(const struct node *node) {
    return node != NULL ? node->count : 0;
}

const struct node *node_first(const struct node *node) {
    return node_count(node) > 0 ? node + 1 : NULL;
}

const struct node *node_next(const struct node *node) {
    return node != NULL && node->next > 0 ? node + node->next : NULL;
}

const struct node *node_member(const struct node *node, const char *name) {
    struct slice wanted = slice_of(name);
    const struct node *at = node_is(node, NODE_OBJECT) ? node_first(node) : NULL;
    while (at != NULL && !slice_eq(at->name, wanted)) {
        at = node_next(at);
    }
    return at;
}

void node_wipe(const struct node *node) {
    struct slice text = node_text(node);
    explicit_bzero((char *)text.p, text.n);
}

static void write_values(struct buf *out, const struct node *parent) {
    for (const struct node *at = node_first(parent); at != NULL; at = node_next(at)) {
        if (at != node_first(parent)) {
            buf_addc(out, ',');
        }
        if (parent->type == NODE_OBJECT) {
            json_add_string(out, at->name);
            buf_addc(out, ':');
        }
        node_write(out, at);
    }
}

void node_write(struct buf *out, const struct node *node) {
    switch (node->type) {
    case NODE_OBJECT:
    case NODE_ARRAY:
        buf_addc(out, node->type == NODE_OBJECT ? '{' : '[');
        write_values(out, node);
        buf_addc(out, node->type == NODE_OBJECT ? '}' : ']');
        break;
    case NODE_TEXT: json_add_string(out, node->text); break;
    case NODE_INTEGER: buf_addf(out, "%" PRId64, node->integer); break;
    case NODE_REAL: buf_addf(out, "%.17g", node->real); break;
    case NODE_TRUE: buf_adds(out, "true"); break;
    case NODE_FALSE: buf_adds(out, "false"); break;
    case NODE_NULL: buf_adds(out, "null"); break;
    }
}
