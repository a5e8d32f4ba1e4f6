/* One pass over a copy of the text, which ends with a NUL: no token begins with one, so nothing looks beyond the end. Texts
 * are unescaped in their place (an escape is never shorter than what it stands for). Values lie in one array in the order
 * in which they begin, so the first value in an object or array, if any, is the one behind it. */
#include "base/tree.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

enum { FIRST_NODES = 64, FEW_MEMBERS = 16 };

struct tree {
    struct node *nodes;
    size_t count, room;
    char text[];
};

struct parser {
    struct tree *tree;
    const struct tree_limits *limits;
    struct slice text; /* as it was given */
    struct diag *diag;
    char *at;
    unsigned depth, values;
};

static bool fail(struct parser *parser, const char *mistake) {
    size_t at = (size_t)(parser->at - parser->tree->text), line = 1;
    at = at < parser->text.n ? at : parser->text.n;
    for (size_t i = 0; i < at; i++) {
        line += parser->text.p[i] == '\n';
    }
    return diag_fail(parser->diag, "", "%s (line %zu, byte %zu)", mistake, line, at);
}

static bool not_json(struct parser *parser) {
    return fail(parser, "is not JSON");
}

static void skip_space(struct parser *parser) {
    while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\r' || *parser->at == '\t') {
        parser->at++;
    }
}

static bool take(struct parser *parser, char wanted) {
    skip_space(parser);
    if (*parser->at != wanted) {
        return false;
    }
    parser->at++;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- texts ---- */

/* What ends a run of characters that stand for themselves. */
static const bool is_special[256] = {[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true};

static bool read_hex(const char *at, uint32_t *ret) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        char low = (char)(c | 0x20);
        if (!is_digit(c) && (low < 'a' || low > 'f')) {
            return false;
        }
        code = code << 4 | (uint32_t)(is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    *ret = code;
    return true;
}

/* Behind "\u". Surrogates come in pairs, high before low. */
static bool read_code(struct parser *parser, uint32_t *ret) {
    uint32_t code = 0, low = 0;
    if (!read_hex(parser->at, &code)) {
        return not_json(parser);
    }
    parser->at += 4;
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || parser->at[0] != '\\' || parser->at[1] != 'u' || !read_hex(parser->at + 2, &low) ||
            low < 0xdc00 || low >= 0xe000) {
            return not_json(parser);
        }
        parser->at += 6;
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    }
    *ret = code;
    return true;
}

static char *write_code(char *out, uint32_t code) {
    unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(leads[more] | code >> 6 * more);
    while (more-- > 0) {
        *out++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    }
    return out;
}

/* At a backslash; writes what the escape stands for to *OUT and moves that on. */
static bool read_escape(struct parser *parser, char **out) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = parser->at[1];
    parser->at += 2;
    if (letter == 'u') {
        uint32_t code = 0;
        if (!read_code(parser, &code)) {
            return false;
        }
        *out = write_code(*out, code);
        return true;
    }
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    if (found == NULL) {
        return not_json(parser);
    }
    *(*out)++ = meanings[found - letters];
    return true;
}

/* At the opening quote. */
static bool read_text(struct parser *parser, struct slice *ret) {
    char *start = ++parser->at, *out = start;
    for (;;) {
        char *run = parser->at, *end = run;
        while (!is_special[(unsigned char)*end]) {
            end++;
        }
        size_t size = (size_t)(end - run);
        parser->at = end;
        if (out != run) {
            memmove(out, run, size);
        }
        out += size;
        if (*end == '"') {
            break;
        }
        if (*end != '\\') {
            return not_json(parser);
        }
        if (!read_escape(parser, &out)) {
            return false;
        }
    }
    parser->at++;
    if (parser->limits->no_nul && memchr(start, '\0', (size_t)(out - start)) != NULL) {
        return fail(parser, "holds U+0000");
    }
    *out = '\0';
    *ret = (struct slice){start, (size_t)(out - start)};
    return true;
}

/* ---- numbers and words ---- */

static bool skip_digits(char **at) {
    const char *start = *at;
    while (is_digit(**at)) {
        (*at)++;
    }
    return *at > start;
}

/* The digits before a point: no others behind a first 0. */
static bool skip_whole(char **at) {
    if (**at == '0') {
        (*at)++;
        return !is_digit(**at);
    }
    return skip_digits(at);
}

static bool skip_fraction(char **at) {
    if (**at != '.') {
        return true;
    }
    (*at)++;
    return skip_digits(at);
}

static bool skip_exponent(char **at) {
    if (**at != 'e' && **at != 'E') {
        return true;
    }
    (*at)++;
    *at += **at == '+' || **at == '-';
    return skip_digits(at);
}

static bool read_number(struct parser *parser, struct node *node) {
    char *start = parser->at, *end = start + (*start == '-');
    if (!skip_whole(&end)) {
        return not_json(parser);
    }
    const char *whole = end;
    if (!skip_fraction(&end) || !skip_exponent(&end)) {
        return not_json(parser);
    }
    parser->at = end;
    node->type = end == whole ? NODE_INTEGER : NODE_REAL;
    if (node->type == NODE_INTEGER) {
        return text_int64((struct slice){start, (size_t)(end - start)}, &node->integer) ||
               fail(parser, "holds a number that is too large");
    }
    node->real = strtod(start, NULL);
    return isfinite(node->real) || fail(parser, "holds a number that is too large");
}

static bool read_word(struct parser *parser, struct node *node) {
    static const struct {
        struct slice word;
        enum node_type type;
    } words[] = {{{"true", 4}, NODE_TRUE}, {{"false", 5}, NODE_FALSE}, {{"null", 4}, NODE_NULL}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strncmp(parser->at, words[i].word.p, words[i].word.n) == 0) {
            parser->at += words[i].word.n;
            node->type = words[i].type;
            return true;
        }
    }
    return not_json(parser);
}

/* ---- objects and arrays ---- */

static int by_name(const void *a, const void *b) {
    struct slice one = (*(const struct node *const *)a)->name, other = (*(const struct node *const *)b)->name;
    if (one.n != other.n) {
        return one.n < other.n ? -1 : 1;
    }
    return one.n > 0 ? memcmp(one.p, other.p, one.n) : 0;
}

static bool many_have_twins(const struct node *object) {
    cleanup_free const struct node **members = xcalloc(object->count, sizeof *members);
    size_t count = 0;
    for (const struct node *at = node_first(object); at != NULL; at = node_next(at)) {
        members[count++] = at;
    }
    qsort(members, count, sizeof *members, by_name);
    for (size_t i = 1; i < count; i++) {
        if (slice_eq(members[i - 1]->name, members[i]->name)) {
            return true;
        }
    }
    return false;
}

static bool has_twins(const struct node *object) {
    if (object->count > FEW_MEMBERS) {
        return many_have_twins(object);
    }
    for (const struct node *at = node_first(object); at != NULL; at = node_next(at)) {
        for (const struct node *other = node_next(at); other != NULL; other = node_next(other)) {
            if (slice_eq(at->name, other->name)) {
                return true;
            }
        }
    }
    return false;
}

static size_t add_node(struct tree *tree, struct slice name) {
    if (tree->count == tree->room) {
        tree->room *= 2;
        tree->nodes = xrealloc(tree->nodes, tree->room * sizeof *tree->nodes);
    }
    tree->nodes[tree->count] = (struct node){.name = name};
    return tree->count++;
}

static bool count_value(struct parser *parser) {
    return ++parser->values <= parser->limits->values ||
           diag_fail(parser->diag, "", "has more than %u values", parser->limits->values);
}

static bool read_name(struct parser *parser, struct slice *ret) {
    skip_space(parser);
    if (*parser->at != '"') {
        return not_json(parser);
    }
    if (!read_text(parser, ret)) {
        return false;
    }
    if (memchr(ret->p, '\0', ret->n) != NULL) {
        return fail(parser, "names a member with U+0000 in it");
    }
    return take(parser, ':') || not_json(parser);
}

static bool read_value(struct parser *parser, struct slice name);

/* What is between the brackets of node number PARENT, up to CLOSE. */
static bool read_values(struct parser *parser, size_t parent, char close) {
    struct tree *tree = parser->tree;
    bool is_object = close == '}';
    size_t last = parent;
    do {
        struct slice name = {0};
        size_t index = tree->count;
        if (!count_value(parser) || (is_object && !read_name(parser, &name)) || !read_value(parser, name)) {
            return false;
        }
        if (last != parent) {
            tree->nodes[last].next = (uint32_t)(index - last);
        }
        tree->nodes[parent].count++;
        last = index;
    } while (take(parser, ','));
    if (!take(parser, close)) {
        return not_json(parser);
    }
    return !is_object || !has_twins(&tree->nodes[parent]) || fail(parser, "names a member twice");
}

/* At the opening bracket. */
static bool read_container(struct parser *parser, size_t index) {
    bool is_object = *parser->at++ == '{';
    char close = is_object ? '}' : ']';
    if (++parser->depth > parser->limits->depth) {
        return diag_fail(parser->diag, "", "is nested more than %u deep", parser->limits->depth);
    }
    parser->tree->nodes[index].type = is_object ? NODE_OBJECT : NODE_ARRAY;
    bool ok = take(parser, close) ? count_value(parser) : read_values(parser, index, close);
    parser->depth--;
    return ok;
}

static bool read_value(struct parser *parser, struct slice name) {
    size_t index = add_node(parser->tree, name);
    struct node *node = &parser->tree->nodes[index]; /* until another is added */
    skip_space(parser);
    switch (*parser->at) {
    case '{':
    case '[': return read_container(parser, index);
    case '"': node->type = NODE_TEXT; return read_text(parser, &node->text);
    default: return *parser->at == '-' || is_digit(*parser->at) ? read_number(parser, node) : read_word(parser, node);
    }
}

static bool read_all(struct parser *parser) {
    if (!text_is_utf8(parser->text)) {
        return fail(parser, "is not UTF-8");
    }
    if (!read_value(parser, (struct slice){0})) {
        return false;
    }
    skip_space(parser);
    return parser->at == parser->tree->text + parser->text.n || not_json(parser);
}

/* ---- the tree ---- */

struct tree *tree_parse(struct slice text, const struct tree_limits *limits, struct diag *diag) {
    cleanup_tree struct tree *tree = xmalloc(sizeof *tree + text.n + 1);
    *tree = (struct tree){.nodes = xmalloc(FIRST_NODES * sizeof *tree->nodes), .room = FIRST_NODES};
    if (text.n > 0) {
        memcpy(tree->text, text.p, text.n);
    }
    tree->text[text.n] = '\0';
    struct parser parser = {.tree = tree, .limits = limits, .text = text, .diag = diag, .at = tree->text};
    return read_all(&parser) ? take_ptr(tree) : NULL;
}

void tree_free(struct tree *tree) {
    if (tree != NULL) {
        free(tree->nodes);
        free(tree);
    }
}

void tree_free_at(struct tree **tree) {
    tree_free(*tree);
}

const struct node *tree_root(const struct tree *tree) {
    return tree != NULL ? tree->nodes : NULL;
}
