/* HGETALL's answer as a directory and as text. */
#include "source/hash_document.h"

#include "base/json_text.h"
#include "base/mem.h"

enum { BROKEN_KEPT = 1024 };

struct field {
    struct slice name, value;
    size_t place; /* in the answer */
};

/* Fields of the same name (no real server has them) in the order of the answer. */
static int by_name(const void *left, const void *right) {
    const struct field *a = left, *b = right;
    size_t common = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = common > 0 ? memcmp(a->name.p, b->name.p, common) : 0;
    order = order != 0 ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static void add_entry(struct buf *text, const struct field *field, const struct agent *agent) {
    buf_adds(text, text->p[text->len - 1] == '{' ? "\n" : ",\n");
    json_add_string(text, field->name);
    buf_addc(text, ':');
    if (agent->broken != NULL) {
        /* up to a NUL, which no document may hold, and no more than tells it apart */
        size_t size = field->value.n < BROKEN_KEPT ? field->value.n : BROKEN_KEPT;
        json_add_string(text, (struct slice){field->value.p, size > 0 ? strnlen(field->value.p, size) : 0});
    } else {
        buf_add_slice(text, field->value);
    }
}

/* Fills LIST with COUNT fields, sorted; of those with the same name the last is kept. Returns how many are left. */
static size_t take_fields(const struct redis_reply *fields, struct field *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        list[i].name = redis_reply_text(redis_reply_at(fields, 2 * i));
        list[i].value = redis_reply_text(redis_reply_at(fields, 2 * i + 1));
        list[i].place = i;
    }
    qsort(list, count, sizeof *list, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        kept -= kept > 0 && slice_eq(list[kept - 1].name, list[i].name);
        list[kept++] = list[i];
    }
    return kept;
}

struct directory *hash_document_parse(const struct redis_reply *fields, const struct directory_defaults *defaults,
                                      struct buf *ret_text) {
    size_t count = redis_reply_count(fields) / 2;
    cleanup_free struct field *list = xcalloc(count, sizeof *list);
    count = take_fields(fields, list, count);
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
