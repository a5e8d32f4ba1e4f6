/* Reading members, with a sentence for every mistake. */
#include "webhooks/fields.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"

#define LAST_MOMENT_S INT64_C(253402300799)

bool fields_wrong(const struct fields *fields, const char *member, const char *what) {
    char where[96];
    snprintf(where, sizeof where, "%s%s", fields->path, member);
    return diag_fail(fields->diag, where, "%s", what);
}

bool fields_wrong_type(const struct fields *fields, const char *member, const char *wanted, const struct node *value) {
    static const char *const names[] = {
        [NODE_OBJECT] = "an object", [NODE_ARRAY] = "an array", [NODE_TEXT] = "a string", [NODE_INTEGER] = "a number",
        [NODE_REAL] = "a number",    [NODE_TRUE] = "true",      [NODE_FALSE] = "false",   [NODE_NULL] = "null",
    };
    char what[96];
    snprintf(what, sizeof what, "must be %s, is %s", wanted, names[value->type]);
    return fields_wrong(fields, member, what);
}

const struct node *fields_member(const struct fields *fields, const char *name) {
    const struct node *value = node_member(fields->object, name);
    return node_is(value, NODE_NULL) ? NULL : value;
}

bool fields_member_of_two(const struct fields *fields, const char *camel, const char *snake, const struct node **ret) {
    const struct node *a = fields_member(fields, camel), *b = fields_member(fields, snake);
    *ret = a != NULL ? a : b;
    return a == NULL || b == NULL ||
           fields_wrong(fields, camel, "is there in both spellings, camelCase and snake_case");
}

bool fields_check_text(const struct fields *fields, const char *name, const struct node *value, size_t max) {
    if (!node_is(value, NODE_TEXT)) {
        return fields_wrong_type(fields, name, "a string", value);
    }
    size_t size = value->text.n;
    if (memchr(value->text.p, '\0', size) != NULL) {
        return fields_wrong(fields, name, "must not hold U+0000");
    }
    if (size > max) {
        char what[96];
        snprintf(what, sizeof what, "must have at most %zu bytes, has %zu", max, size);
        return fields_wrong(fields, name, what);
    }
    return true;
}

bool fields_text(const struct fields *fields, const char *name, size_t max, struct slice *ret) {
    const struct node *value = fields_member(fields, name);
    if (value == NULL) {
        return true;
    }
    if (!fields_check_text(fields, name, value, max)) {
        return false;
    }
    *ret = value->text;
    return true;
}

bool fields_object(const struct fields *fields, const char *name, const struct node **ret) {
    *ret = fields_member(fields, name);
    return *ret == NULL || node_is(*ret, NODE_OBJECT) || fields_wrong_type(fields, name, "an object", *ret);
}

bool fields_int64(const struct fields *fields, const char *name, const struct node *value, int64_t *ret) {
    const double exact = 9007199254740992.0; /* 2^53: above it a double is no longer the number that was written */
    if (value == NULL) {
        return true;
    }
    if (node_is(value, NODE_INTEGER)) {
        *ret = value->integer;
        return true;
    }
    if (node_is(value, NODE_REAL)) {
        double real = value->real;
        if (fabs(real) > exact || fabs(real - (double)(int64_t)real) > 0) {
            return fields_wrong(fields, name, "must be a whole number of 64 bits");
        }
        *ret = (int64_t)real;
        return true;
    }
    if (!node_is(value, NODE_TEXT)) {
        return fields_wrong_type(fields, name, "a number, or a string that holds one", value);
    }
    return text_int64(value->text, ret) || fields_wrong(fields, name, "must be a whole number of 64 bits");
}

bool fields_moment(const struct fields *fields, const char *name, const struct node *value, int64_t *ret) {
    if (!fields_int64(fields, name, value, ret)) {
        return false;
    }
    *ret = *ret >= 0 && *ret <= LAST_MOMENT_S ? *ret : 0;
    return true;
}

bool fields_enum(const struct fields *fields, const char *name, const struct node *value, struct fields_names table,
                 unsigned *ret_index) {
    if (value == NULL) {
        *ret_index = 0;
        return true;
    }
    if (node_is(value, NODE_INTEGER)) {
        int64_t number = value->integer;
        *ret_index = number >= 0 && number < (int64_t)table.count ? (unsigned)number : table.count;
        return true;
    }
    if (!node_is(value, NODE_TEXT)) {
        return fields_wrong_type(fields, name, "a name or a number", value);
    }
    *ret_index = 0;
    while (*ret_index < table.count && !slice_is(value->text, table.names[*ret_index])) {
        (*ret_index)++;
    }
    return true;
}
