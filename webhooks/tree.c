/* A look over the text for its shape, then jansson. */
#include "webhooks/tree.h"

#include <jansson.h>

/* Depth and number of values before jansson builds a tree of them. Only brackets and commas outside strings are
 * looked at; whether it is JSON at all is jansson's to say. */
static bool check_shape(struct slice text, const struct tree_limits *limits, struct diag *diag) {
    int depth = 0;
    unsigned values = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            values++;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            values++;
        }
        if (depth > limits->depth) {
            return diag_fail(diag, "", "is nested more than %d deep", limits->depth);
        }
        if (values > limits->values) {
            return diag_fail(diag, "", "has more than %u values", limits->values);
        }
    }
    return true;
}

/* jansson's own text quotes what it read. */
static const char *json_mistake(const json_error_t *error) {
    switch (json_error_code(error)) {
    case json_error_duplicate_key: return "names a member twice";
    case json_error_numeric_overflow: return "holds a number that is too large";
    case json_error_null_byte_in_key: return "names a member with U+0000 in it";
    case json_error_invalid_utf8: return "is not UTF-8";
    default: return "is not JSON";
    }
}

json_t *tree_parse(struct slice text, const struct tree_limits *limits, struct diag *diag) {
    json_error_t error;
    if (!check_shape(text, limits, diag)) {
        return NULL;
    }
    json_t *root =
        json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (root == NULL) {
        diag_fail(diag, "", "%s (line %d, byte %d)", json_mistake(&error), error.line, error.position);
    }
    return root;
}
