/* Reading members, with a sentence for every mistake. */
#include "webhooks/fields.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/text.h"

bool fields_wrong(const struct fields *fields, const char *member, const char *what) {
    char where[96];
    snprintf(where, sizeof where, "%s%s", fields->path, member);
    return diag_fail(fields->diag, where, "%s", what);
}

bool fields_wrong_type(const struct fields *fields, const char *member, const char *wanted, const json_t *value) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string", [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",      [JSON_FALSE] = "false",     [JSON_NULL] = "null",
    };
    char what[96];
    snprintf(what, sizeof what, "must be %s, is %s", wanted, names[json_typeof(value)]);
    return fields_wrong(fields, member, what);
}

const json_t *fields_member(const struct fields *fields, const char *name) {
    const json_t *value = json_object_get(fields->object, name);
    return json_is_null(value) ? NULL : value;
}

bool fields_member_of_two(const struct fields *fields, const char *camel, const char *snake, const json_t **ret) {
    const json_t *a = fields_member(fields, camel), *b = fields_member(fields, snake);
    *ret = a != NULL ? a : b;
    return a == NULL || b == NULL ||
           fields_wrong(fields, camel, "is there in both spellings, camelCase and snake_case");
}

bool fields_check_text(const struct fields *fields, const char *name, const json_t *value, size_t max) {
    if (!json_is_string(value)) {
        return fields_wrong_type(fields, name, "a string", value);
    }
    size_t size = json_string_length(value);
    if (memchr(json_string_value(value), '\0', size) != NULL) {
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
    const json_t *value = fields_member(fields, name);
    if (value == NULL) {
        return true;
    }
    if (!fields_check_text(fields, name, value, max)) {
        return false;
    }
    *ret = (struct slice){json_string_value(value), json_string_length(value)};
    return true;
}

bool fields_object(const struct fields *fields, const char *name, const json_t **ret) {
    *ret = fields_member(fields, name);
    return *ret == NULL || json_is_object(*ret) || fields_wrong_type(fields, name, "an object", *ret);
}

bool fields_int64(const struct fields *fields, const char *name, const json_t *value, int64_t *ret) {
    const double exact = 9007199254740992.0; /* 2^53: above it a double is no longer the number that was written */
    if (value == NULL) {
        return true;
    }
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return true;
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        if (fabs(real) > exact || fabs(real - (double)(int64_t)real) > 0) {
            return fields_wrong(fields, name, "must be a whole number of 64 bits");
        }
        *ret = (int64_t)real;
        return true;
    }
    if (!json_is_string(value)) {
        return fields_wrong_type(fields, name, "a number, or a string that holds one", value);
    }
    struct slice text = {json_string_value(value), json_string_length(value)};
    return text_int64(text, ret) || fields_wrong(fields, name, "must be a whole number of 64 bits");
}

bool fields_enum(const struct fields *fields, const char *name, const json_t *value, struct fields_names table,
                 unsigned *ret_index) {
    if (value == NULL) {
        *ret_index = 0;
        return true;
    }
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        *ret_index = number >= 0 && number < (json_int_t)table.count ? (unsigned)number : table.count;
        return true;
    }
    if (!json_is_string(value)) {
        return fields_wrong_type(fields, name, "a name or a number", value);
    }
    struct slice text = {json_string_value(value), json_string_length(value)};
    *ret_index = 0;
    while (*ret_index < table.count && !slice_is(text, table.names[*ret_index])) {
        (*ret_index)++;
    }
    return true;
}
