/* HGETALL's answer as a directory and as text. */
#include "source/hash_document.h"

#include "base/json_text.h"
#include "base/mem.h"

struct field {
    struct slice name, value;
};

static int by_name(const void *left, const void *right) {
    const struct field *a = left, *b = right;
    size_t common = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = common > 0 ? memcmp(a->name.p, b->name.p, common) : 0;
    return order != 0 ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static void add_entry(struct buf *text, const struct field *field, const struct agent *agent) {
    buf_adds(text, text->p[text->len - 1] == '{' ? "\n" : ",\n");
    json_add_string(text, field->name);
    buf_addc(text, ':');
    if (agent->broken != NULL) {
        json_add_string(text, field->value);
    } else {
        buf_add_slice(text, field->value);
    }
}

struct directory *hash_document_parse(const struct redis_reply *fields, const struct directory_defaults *defaults,
                                      struct buf *ret_text) {
    size_t count = redis_reply_count(fields) / 2;
    cleanup_free struct field *list = xcalloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].name = redis_reply_text(redis_reply_at(fields, 2 * i));
        list[i].value = redis_reply_text(redis_reply_at(fields, 2 * i + 1));
    }
    qsort(list, count, sizeof *list, by_name);
    struct directory *directory = directory_start(defaults);
    for (size_t i = 0; i < count; i++) {
        directory_add(directory, list[i].name, list[i].value);
    }
    directory_finish(directory);
    buf_addc(ret_text, '{');
    for (size_t i = 0; i < count; i++) {
        const struct agent *agent = directory_find(directory, list[i].name);
        if (agent != NULL) {
            add_entry(ret_text, &list[i], agent);
        }
    }
    buf_adds(ret_text, "\n}\n");
    return directory;
}
