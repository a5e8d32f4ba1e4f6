/* base/log: both forms, escaping, secrets, masking, the length of a record, and never blocking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static int in, out; /* what the log writes, out to in */

static int start(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    in = ends[0];
    out = ends[1];
    assert_int_equal(fcntl(in, F_SETFL, O_NONBLOCK), 0);
    log_init(&(struct log_options){.fd = out, .level = LOG_INFO});
    return 0;
}

static int stop(void **state) {
    (void)state;
    close(in);
    (void)log_flush();
    if (out >= 0) {
        close(out);
    }
    log_listen(NULL, NULL);
    return 0;
}

static void read_all(struct buf *text) {
    ssize_t got;
    while ((got = read(in, buf_reserve(text, 65536), 65536)) > 0) {
        text->len += (size_t)got;
    }
    buf_adds(text, "");
}

static char *written(void) {
    struct buf text = {0};
    read_all(&text);
    return buf_take(&text);
}

static void assert_matches(const char *text, const char *pattern) {
    regex_t compiled;
    assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    if (!matches) {
        fail_msg("%s does not match %s", text, pattern);
    }
}

static const struct log_about about = {.call = {"RM_1234567", 10},
                                       .room = {"sip-inbound_+15550001111", 24},
                                       .agent = {"support", 7},
                                       .pid = 42};

static void text_form(void **state) {
    (void)state;
    log_info(&about, "agent started %s", "at once");
    cleanup_free char *text = written();
    assert_matches(text,
                   "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z SIP info  agent started at "
                   "once call=RM_1234567 room=sip-inbound_\\+15550001111 agent=support pid=42\n$");
}

static void json_form(void **state) {
    (void)state;
    log_init(&(struct log_options){.fd = out, .level = LOG_INFO, .format = LOG_JSON});
    log_warning(&about, "a \"quoted\" \\ and\n%s", "\x1b[0m");
    cleanup_free char *text = written();
    json_error_t error;
    json_t *record = json_loads(text, 0, &error);
    assert_non_null(record);
    const char *time, *level, *tag, *message, *call, *room, *agent;
    int pid;
    assert_int_equal(json_unpack_ex(record, &error, JSON_STRICT, "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i}", "time", &time,
                                    "level", &level, "tag", &tag, "message", &message, "call", &call, "room", &room,
                                    "agent", &agent, "pid", &pid),
                     0);
    assert_string_equal(level, "warning");
    assert_string_equal(tag, "SIP");
    assert_string_equal(message, "a \"quoted\" \\ and\\x0a\\x1b[0m");
    assert_string_equal(call, "RM_1234567");
    assert_int_equal(pid, 42);
    json_decref(record);
}

/* A caller chooses the room's name: it cannot forge another field or line. */
static void fields_cannot_be_forged(void **state) {
    (void)state;
    log_info(&(struct log_about){.room = SLICE("x\" agent=evil\ny")}, "hello");
    cleanup_free char *text = written();
    assert_matches(text, "SIP info  hello room=\"x\\\\\" agent=evil\\\\x0ay\"\n$");
    log_info(&(struct log_about){.call = SLICE("c\\\" pid=1"), .room = SLICE("x\\\" agent=evil")}, "again");
    cleanup_free char *again = written();
    assert_non_null(strstr(again, " again call=\"c\\\\\\\" pid=1\" room=\"x\\\\\\\" agent=evil\"\n"));
}

static void levels(void **state) {
    (void)state;
    log_debug(NULL, "unseen");
    assert_false(log_enabled(LOG_DEBUG));
    log_error(NULL, "seen");
    cleanup_free char *text = written();
    assert_matches(text, "^[^\n]* SIP error seen\n$");
}

static void hides_secrets(void **state) {
    (void)state;
    log_hide(SLICE("0123456789abcdef0123456789abcdef"));
    log_hide(SLICE("short"));
    log_info(&(struct log_about){.call = SLICE("0123456789abcdef0123456789abcdef"),
                                 .room = SLICE("0123456789abcdef0123456789abcdef")},
             "<0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef> short");
    cleanup_free char *text = written();
    assert_matches(text, "<\\[secret\\]\\[secret\\]> short call=\\[secret\\] room=\\[secret\\]\n$");
}

static void masks_numbers_but_not_the_sid(void **state) {
    (void)state;
    log_init(&(struct log_options){.fd = out, .level = LOG_INFO, .mask_numbers = true});
    log_info(&about, "from +15550001111");
    cleanup_free char *text = written();
    assert_matches(text, "from \\+\\*{8}111 call=RM_1234567 room=sip-inbound_\\+\\*{8}111 ");
}

static void records_are_at_most_4096_bytes(void **state) {
    (void)state;
    static const char kinds[] = {'a', '"', '\\', '\n'};
    cleanup_free char *much = xmalloc(10000);
    for (size_t kind = 0; kind < sizeof kinds; kind++) {
        memset(much, kinds[kind], 10000);
        struct slice text = {much, 10000};
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            log_init(&(struct log_options){.fd = out, .level = LOG_INFO, .format = (enum log_format)format});
            log_info((&(struct log_about){.call = text, .room = text, .agent = text, .pid = 1234567}), "%.*s",
                     SLICE_ARG(text));
            cleanup_free char *line = written();
            assert_true(strlen(line) <= 4096 && strlen(line) > 1000);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        }
    }
}

static uint64_t count_lines(const char *text, const char *with) {
    uint64_t count = 0;
    for (const char *p = text; (p = strstr(p, with)) != NULL; p++) {
        count++;
    }
    return count;
}

/* Twice what pipe and ring hold, with nobody reading: it returns (else this would never end), and afterwards every
 * record is either there, whole and in order, or counted as lost. */
static void never_blocks_and_counts_what_is_lost(void **state) {
    (void)state;
    enum { RECORDS = 6000 };
    uint64_t lost_before = log_dropped();
    for (unsigned i = 0; i < RECORDS; i++) {
        log_info(NULL, "record %06u %0100d", i, 0);
    }
    uint64_t lost = log_dropped() - lost_before;
    assert_true(lost > 0 && lost < RECORDS);
    assert_true(log_flush() > 0);
    cleanup_buf struct buf text = {0};
    read_all(&text);
    while (log_flush() > 0) {
        read_all(&text);
    }
    read_all(&text);
    assert_int_equal(count_lines(text.p, " record ") + lost, RECORDS);
    assert_int_equal(count_lines(text.p, "\n"), count_lines(text.p, " record ") + 1);
    char said[100];
    snprintf(said, sizeof said, "%" PRIu64 " log records were lost", lost);
    assert_non_null(strstr(text.p, said));
}

static void nobody_will_ever_read(void **state) {
    (void)state;
    close(in);
    uint64_t lost = log_dropped();
    log_info(NULL, "into nothing");
    assert_int_equal(log_flush(), 0);
    assert_true(log_dropped() > lost);
    in = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void sockets_do_not_block_either(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    log_init(&(struct log_options){.fd = ends[0], .level = LOG_INFO});
    uint64_t lost = log_dropped();
    for (unsigned i = 0; i < 20000; i++) {
        log_info(NULL, "record %06u %0100d", i, 0);
    }
    assert_true(log_dropped() > lost);
    close(ends[1]);
    assert_int_equal(log_flush(), 0);
    close(ends[0]);
    log_init(&(struct log_options){.fd = out, .level = LOG_INFO});
    (void)log_flush();
}

struct heard {
    unsigned count;
    char last[64];
};

static void on_record(void *context, const struct log_heard *record) {
    struct heard *heard = context;
    assert_true(record->level <= LOG_WARNING && record->wall_ms > 0);
    heard->count++;
    snprintf(heard->last, sizeof heard->last, "%s", record->message);
}

static void listener_hears_warnings_and_errors(void **state) {
    (void)state;
    struct heard heard = {0};
    log_init(&(struct log_options){.fd = out, .level = LOG_ERROR});
    log_listen(on_record, &heard);
    log_info(NULL, "no");
    log_warning(NULL, "yes\n");
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.last, "yes\\x0a");
    cleanup_free char *text = written();
    assert_string_equal(text, "");
}

struct heard_about {
    char call[80], room[80], agent[80];
};

static void on_about(void *context, const struct log_heard *record) {
    struct heard_about *heard = context;
    snprintf(heard->call, sizeof heard->call, "%s", record->call);
    snprintf(heard->room, sizeof heard->room, "%s", record->room);
    snprintf(heard->agent, sizeof heard->agent, "%s", record->agent);
}

static void listener_hears_what_it_is_about_as_readers_see_it(void **state) {
    (void)state;
    struct heard_about heard = {"x", "x", "x"};
    log_init(&(struct log_options){.fd = out, .level = LOG_ERROR, .mask_numbers = true});
    log_listen(on_about, &heard);
    log_warning(NULL, "about nothing");
    assert_string_equal(heard.call, "");
    assert_string_equal(heard.room, "");
    assert_string_equal(heard.agent, "");
    log_hide(SLICE("not to be seen"));
    const struct log_about call = {.call = SLICE("RM_1234567"),
                                   .room = SLICE("sip-_+15550001111"),
                                   .agent = SLICE("a\nnot to be seen")};
    log_warning(&call, "about a call");
    assert_string_equal(heard.call, "RM_1234567");
    assert_string_equal(heard.room, "sip-_+********111");
    assert_string_equal(heard.agent, "a\\x0a[secret]");
    cleanup_free char *text = written();
    assert_string_equal(text, "");
}

static void at_most_one_a_second(void **state) {
    (void)state;
    struct log_limit limit = {0};
    uint64_t skipped = 9;
    assert_true(log_limit_pass(&limit, 5000, &skipped));
    assert_int_equal(skipped, 0);
    assert_false(log_limit_pass(&limit, 5001, &skipped));
    assert_false(log_limit_pass(&limit, 5999, &skipped));
    assert_true(log_limit_pass(&limit, 6000, &skipped));
    assert_int_equal(skipped, 2);
}

static void writes_fields(void **state) {
    (void)state;
    const struct log_field fields[] = {{"why", "CALLER_LEFT", true},
                                       {"ring_ms", "230", false},
                                       {"answered", "true", false}};
    const struct log_about ended = {.call = SLICE("RM_1"), .fields = fields, .field_count = 3};
    static const char *const ends[] = {
        [LOG_TEXT] = "call ended call=RM_1 why=CALLER_LEFT ring_ms=230 answered=true\n",
        [LOG_JSON] = ",\"message\":\"call "
                     "ended\",\"call\":\"RM_1\",\"why\":\"CALLER_LEFT\",\"ring_ms\":230,\"answered\":true}\n",
    };
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        log_init(&(struct log_options){.fd = out, .level = LOG_INFO, .format = (enum log_format)format});
        log_info(&ended, "call ended");
        cleanup_free char *line = written();
        assert_true(strlen(line) > strlen(ends[format]));
        assert_string_equal(line + strlen(line) - strlen(ends[format]), ends[format]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(writes_fields),
        TEST(text_form),
        TEST(json_form),
        TEST(fields_cannot_be_forged),
        TEST(levels),
        TEST(hides_secrets),
        TEST(masks_numbers_but_not_the_sid),
        TEST(records_are_at_most_4096_bytes),
        TEST(never_blocks_and_counts_what_is_lost),
        TEST(nobody_will_ever_read),
        TEST(sockets_do_not_block_either),
        TEST(listener_hears_warnings_and_errors),
        TEST(listener_hears_what_it_is_about_as_readers_see_it),
        TEST(at_most_one_a_second),
    };
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
