/* A field of LiveKit's hashes that holds JSON: what it says, without the passwords that may be in it, so that nothing is
 * lost when it is deleted. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/doctor/gather.h"
#include "rules/document.h"

enum { VALUE_MAX = 64 << 10, CONTENT_MAX = 400 };

static bool is_secret(const char *key) {
    static const char *const words[] = {"pass", "secret", "pin", "token", "key"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasestr(key, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* DOCUMENT_MAX_DEPTH bounds the recursion. */
static void blank_secrets(json_t *value) { /* NOLINT(misc-no-recursion) */
    const char *key;
    json_t *inner;
    size_t i;
    void *next;
    json_object_foreach_safe(value, next, key, inner) {
        if (is_secret(key)) {
            json_object_set_new(value, key, json_string("(not shown)"));
        } else {
            blank_secrets(inner);
        }
    }
    json_array_foreach(value, i, inner) {
        blank_secrets(inner);
    }
}

static char *join(const json_t *texts) {
    struct buf joined = {0};
    size_t i;
    json_t *text;
    json_array_foreach(texts, i, text) {
        if (json_is_string(text)) {
            buf_addf(&joined, "%s%s", joined.len > 0 ? "," : "", json_string_value(text));
        }
    }
    return joined.len > 0 ? buf_take(&joined) : NULL;
}

static char *show(const json_t *document) {
    struct buf content = {0};
    char *text = json_dumps(document, JSON_COMPACT);
    text_clean(&content, slice_of(text), CONTENT_MAX);
    free(text);
    return buf_take(&content);
}

struct exam_json_field json_field_of(const char *hash, struct slice field, struct slice value) {
    struct diag diag;
    struct exam_json_field ret = {.hash = hash, .field = xmemdup(field.p, field.n), .field_size = field.n};
    json_auto_t *document = document_parse(value, VALUE_MAX, &diag);
    if (document == NULL) {
        return ret;
    }
    const char *name = json_string_value(json_object_get(document, "name"));
    ret.name = name != NULL && *name != '\0' ? xstrdup(name) : NULL;
    ret.numbers = join(json_object_get(document, "numbers"));
    blank_secrets(document);
    ret.content = show(document);
    return ret;
}

void json_field_release(struct exam_json_field *json) {
    free(json->field);
    free(json->content);
    free(json->name);
    free(json->numbers);
}
