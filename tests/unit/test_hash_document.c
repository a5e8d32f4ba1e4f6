/* The agents' HASH as one object: whatever stands in an entry, the object can be read again and means the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "source/hash_document.h"
#include "source/redis_source.h"
#include "turn_until.h"

static char *command[] = {"run", NULL};
static const struct directory_defaults defaults = {.command = command};

struct look {
    struct directory *directory, *again; /* of the fields; of the text made of them */
};

static void on_value(void *context, enum redis_key key, const struct key_value *value) {
    struct look *look = context;
    struct diag diag = {0};
    cleanup_buf struct buf text = {0};
    assert_int_equal(key, REDIS_AGENTS);
    assert_int_equal(value->kind, VALUE_FIELDS);
    look->directory = hash_document_parse(value->fields, &defaults, &text);
    look->again = directory_parse(buf_slice(&text), &defaults, &diag);
    if (look->again == NULL) {
        fail_msg("%s: %s in %s", diag.where, diag.what, text.p);
    }
}

static void on_status(void *context, const struct redis_status *status) {
    (void)context, (void)status;
}

/* The answer of a server to HGETALL, both ways. */
static struct look look_at(struct loop *loop, const char *answer) {
    const struct fake_line lines[] = {{"CLIENT", "-ERR unknown command\r\n"},
                                      {"PING", "+PONG\r\n"},
                                      {"HLEN", ":2\r\n"},
                                      {NULL, answer}};
    struct fake_redis *fake = fake_new(loop, lines);
    struct look look = {0};
    struct diag diag = {0};
    struct redis_source *source = redis_source_start(&(struct redis_source_options){.loop = loop,
                                                                                    .url = fake->url,
                                                                                    .keys = {NULL, "agents"},
                                                                                    .max_bytes = 10000,
                                                                                    .max_fields = 10,
                                                                                    .times = REDIS_TIMES,
                                                                                    .on_value = on_value,
                                                                                    .on_status = on_status,
                                                                                    .context = &look},
                                                     &diag);
    assert_non_null(source);
    TURN_UNTIL(loop, look.again != NULL);
    redis_source_free(source);
    fake_free(fake);
    return look;
}

static void test_can_be_read_again(void **state) {
    (void)state;
    /* [{…}]: how many levels an entry has; 32 are one too many for an entry of a document */
#define LEVELS_15 "[[[[[[[[[[[[[[["
#define ENDS_15 "]]]]]]]]]]]]]]]"
    static const struct {
        const char *name, *answer;
        bool broken; /* the agent "a" */
    } rows[] = {
        {"good", "*2\r\n$1\r\na\r\n$2\r\n{}\r\n", false},
        {"as deep as may be", "*2\r\n$1\r\na\r\n$66\r\n{\"x\":" LEVELS_15 LEVELS_15 ENDS_15 ENDS_15 "}\r\n", false},
        {"too deep", "*2\r\n$1\r\na\r\n$68\r\n{\"x\":[" LEVELS_15 LEVELS_15 ENDS_15 ENDS_15 "]}\r\n", true},
        {"a name twice: the last counts", "*4\r\n$1\r\na\r\n$1\r\nx\r\n$1\r\na\r\n$2\r\n{}\r\n", false},
        {"a name twice, broken", "*4\r\n$1\r\na\r\n$2\r\n{}\r\n$1\r\na\r\n$1\r\nx\r\n", true},
        {"not UTF-8", "*2\r\n$1\r\na\r\n$2\r\n{\xff\r\n", true},
        {"a control character", "*2\r\n$1\r\na\r\n$2\r\n{\x01\r\n", true},
    };
    struct loop *loop = loop_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("[ case     ] %s\n", rows[i].name);
        struct look look = look_at(loop, rows[i].answer);
        assert_int_equal(directory_count(look.directory), 1);
        assert_int_equal(directory_count(look.again), 1);
        assert_int_equal(directory_at(look.directory, 0)->broken != NULL, rows[i].broken);
        assert_int_equal(directory_at(look.again, 0)->broken != NULL, rows[i].broken);
        directory_release(look.directory);
        directory_release(look.again);
    }
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
