/* Lines of the call log: what is written is read again, what is none is refused by name, numbers are hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/when.h"
#include "calllog/record.h"

static struct call_record sample(void) {
    return (struct call_record){
        .sid = SLICE("RM_aB3"),
        .room = SLICE("sip-inbound_+15550001111_x"),
        .caller = SLICE("+15550001111"),
        .called = SLICE("+1234567"),
        .agent = SLICE("rec\"ep\ntion"),
        .chosen = SLICE("RULE"),
        .rule = SLICE("rule [0] (+1234567, priority 1)"),
        .created = 1764095400000,
        .first_seen = 1764095400211,
        .answered = 1764095400608,
        .ended = 1764095472480,
        .ring_ms = 397,
        .talk_ms = 71872,
        .duration_ms = 72269,
        .end = SLICE("CALLER_LEFT"),
        .starts = 2,
        .restarts = 1,
        .version = SLICE("0.1.0"),
    };
}

static void test_round_trip(void **state) {
    (void)state;
    cleanup_buf struct buf line = {0}, again = {0};
    struct call_record record = sample(), read;
    struct diag diag = {0};
    call_record_write(&record, false, &line);
    assert_int_equal(line.p[line.len - 1], '\n');
    assert_null(memchr(line.p, '\n', line.len - 1));
    assert_true(call_record_read((struct slice){line.p, line.len - 1}, &read, &diag));
    call_record_write(&read, false, &again);
    assert_string_equal(line.p, again.p);
    assert_true(read.trunk.n == 0 && read.answered == record.answered && read.kills == 0);
    call_record_release(&read);
}

static void test_what_is_not_known_is_null(void **state) {
    (void)state;
    cleanup_buf struct buf line = {0};
    struct call_record record = sample();
    record.caller = record.agent = (struct slice){0};
    record.answered = 0;
    record.ring_ms = record.talk_ms = -1;
    call_record_write(&record, false, &line);
    assert_non_null(strstr(line.p, "\"caller\":null,"));
    assert_non_null(strstr(line.p, "\"answered\":null,"));
    assert_non_null(strstr(line.p, "\"ring_ms\":null,\"talk_ms\":null,"));
}

static void test_numbers_are_hidden(void **state) {
    (void)state;
    cleanup_buf struct buf line = {0};
    struct call_record record = sample();
    call_record_write(&record, true, &line);
    assert_null(strstr(line.p, "5550001"));
    assert_null(strstr(line.p, "1234567"));
    assert_non_null(strstr(line.p, "\"caller\":\"+********111\""));
    assert_non_null(strstr(line.p, "\"sid\":\"RM_aB3\""));
    assert_non_null(strstr(line.p, "\"ring_ms\":397"));
}

/* Whatever a caller sends, a line is one line, and short enough to be read again. */
static void test_hostile_text(void **state) {
    (void)state;
    cleanup_buf struct buf line = {0}, text = {0};
    struct call_record record = sample(), read;
    struct diag diag = {0};
    for (unsigned i = 0; i < 70000; i++) {
        buf_addc(&text, (char)(1 + i % 255));
    }
    record.room = record.caller = record.called = record.trunk = record.rule = record.agent = buf_slice(&text);
    record.dispatch_rule = record.limit = record.version = buf_slice(&text);
    call_record_write(&record, false, &line);
    assert_in_range(line.len, 1, CALL_RECORD_MAX_LINE);
    assert_ptr_equal(memchr(line.p, '\n', line.len), line.p + line.len - 1);
    assert_true(call_record_read((struct slice){line.p, line.len - 1}, &read, &diag));
    call_record_release(&read);
}

static void test_refused(void **state) {
    (void)state;
#define GOOD                                                                                                      \
    "\"sid\":\"RM_1\",\"end\":\"X\",\"first_seen\":\"2026-11-25T18:30:00.000Z\",\"ended\":\"2026-11-25T18:30:01." \
    "000Z\""
    static const struct {
        const char *line, *where;
    } cases[] = {
        {"", ""},
        {"garbage", ""},
        {"[1]", ""},
        {"{\"v\":1," GOOD, ""},
        {"{" GOOD "}", "v"},
        {"{\"v\":\"1\"," GOOD "}", "v"},
        {"{\"v\":2," GOOD "}", "v"},
        {"{\"v\":1,\"sid\":\"../x\",\"end\":\"X\"}", "sid"},
        {"{\"v\":1,\"sid\":\"RM_1\"}", "end"},
        {"{\"v\":1,\"sid\":\"RM_1\",\"end\":\"X\"}", "ended"},
        {"{\"v\":1,\"answered\":\"yesterday\"," GOOD "}", "answered"},
        {"{\"v\":1,\"answered\":\"2026-02-30T18:30:00.000Z\"," GOOD "}", "answered"},
        {"{\"v\":1,\"ring_ms\":-1," GOOD "}", "ring_ms"},
        {"{\"v\":1,\"ring_ms\":1.5," GOOD "}", "ring_ms"},
        {"{\"v\":1,\"ring_ms\":9223372036854775807," GOOD "}", "ring_ms"},
        {"{\"v\":1,\"agent\":7," GOOD "}", "agent"},
        {"{\"v\":1,\"agent\":\"a\",\"agent\":\"b\"," GOOD "}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call_record record;
        struct diag diag = {.where = "?"};
        assert_false(call_record_read(slice_of(cases[i].line), &record, &diag));
        assert_string_equal(diag.where, cases[i].where);
        assert_true(diag.what[0] != '\0');
    }
}

static void test_later_members_are_ignored(void **state) {
    (void)state;
    struct call_record record;
    struct diag diag = {0};
    assert_true(call_record_read(slice_of("{\"v\":1,\"mood\":{\"a\":[1]}," GOOD "}"), &record, &diag));
    assert_int_equal(record.ring_ms, -1);
    assert_int_equal(record.starts, 0);
    call_record_release(&record);
}

static void test_when(void **state) {
    (void)state;
    char text[WHEN_SIZE];
    int64_t back;
    static const int64_t moments[] = {0, 1, 951782399999, 1764095400211, 253402300799999};
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        when_format(moments[i], text);
        assert_true(when_parse(slice_of(text), &back));
        assert_true(back == moments[i]);
    }
    assert_false(when_parse(SLICE("2026-11-25 18:30:00.000Z"), &back));
    assert_false(when_parse(SLICE("2026-11-25T18:30:00Z"), &back));
    assert_false(when_parse(SLICE("2026-11-25T24:30:00.000Z"), &back));
    assert_false(when_parse(SLICE("1969-12-31T23:59:59.999Z"), &back));
    assert_false(when_parse(SLICE(""), &back));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_is_not_known_is_null),
        cmocka_unit_test(test_numbers_are_hidden),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_later_members_are_ignored),
        cmocka_unit_test(test_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
