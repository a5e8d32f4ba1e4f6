/* base/buf against a plain array: random operations, contents and terminator compared after each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"

enum { MODEL_SIZE = 1 << 16, OPERATIONS = 20000 };

static uint64_t random_state = 5;

static unsigned random_below(unsigned limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % limit;
}

struct model {
    char bytes[MODEL_SIZE];
    size_t len;
};

static void model_add(struct model *model, const void *bytes, size_t size) {
    memcpy(model->bytes + model->len, bytes, size);
    model->len += size;
}

static void step(struct buf *buf, struct model *model) {
    static const char some[] = "abc\0defghijklmnopqrstuvwxyz";
    unsigned size = random_below(sizeof some);
    switch (random_below(6)) {
    case 0:
        buf_add(buf, some, size);
        model_add(model, some, size);
        break;
    case 1:
        buf_addc(buf, some[size]);
        model_add(model, some + size, 1);
        break;
    case 2:
        buf_addf(buf, "%u-%s", size, "x");
        model->len += (size_t)snprintf(model->bytes + model->len, 16, "%u-%s", size, "x");
        break;
    case 3:
        size = size < buf->len ? size : (unsigned)buf->len;
        buf_consume(buf, size);
        memmove(model->bytes, model->bytes + size, model->len - size);
        model->len -= size;
        break;
    case 4:
        memcpy(buf_reserve(buf, size), some, size);
        buf->len += size;
        model_add(model, some, size);
        buf_adds(buf, "");
        break;
    default: buf_add_slice(buf, (struct slice){some, size}); model_add(model, some, size);
    }
}

static void does_what_an_array_does(void **state) {
    (void)state;
    cleanup_buf struct buf buf = {0};
    cleanup_free struct model *model = xcalloc(1, sizeof *model);
    buf_addc(&buf, 'a');
    model_add(model, "a", 1);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        step(&buf, model);
        assert_int_equal(buf.len, model->len);
        assert_int_equal(memcmp(buf.p, model->bytes, model->len), 0);
        assert_int_equal(buf.p[buf.len], '\0');
        if (model->len > MODEL_SIZE / 2) {
            buf_clear(&buf);
            model->len = 0;
        }
    }
}

static void starts_empty_and_gives_text_away(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_clear(&buf);
    buf_consume(&buf, 0);
    cleanup_free char *nothing = buf_take(&buf);
    assert_string_equal(nothing, "");
    buf_adds(&buf, "text");
    cleanup_free char *text = buf_take(&buf);
    assert_string_equal(text, "text");
    assert_null(buf.p);
    buf_release(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_what_an_array_does),
        cmocka_unit_test(starts_empty_and_gives_text_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
