/* The pair of connections to Redis: tracking and its absence, invalidations at awkward moments, losses, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>

#include "fake_redis.h"
#include "redis_server.h"
#include "source/redis_source.h"
#include "turn_until.h"

/* "two.test" has two addresses, the first of which refuses. */
typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(node, "two.test") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0) {
        return real(node, service, hints, list);
    }
    struct addrinfo *second = NULL;
    assert_int_equal(real("127.0.0.1", service, hints, &second), 0);
    assert_int_equal(real("127.0.0.2", service, hints, list), 0);
    (*list)->ai_next = second;
    return 0;
}

struct watch {
    struct loop *loop;
    struct redis_source *source;
    struct redis_status status;
    unsigned statuses;
    unsigned values[REDIS_KEYS];
    char last[REDIS_KEYS][512]; /* "text []", "fields name=value name=value", "missing", "error …" */
};

static void on_value(void *context, enum redis_key key, const struct key_value *value) {
    struct watch *watch = context;
    struct buf last = {0};
    watch->values[key]++;
    switch (value->kind) {
    case VALUE_TEXT: buf_addf(&last, "text %.*s", SLICE_ARG(value->text)); break;
    case VALUE_MISSING: buf_adds(&last, "missing"); break;
    case VALUE_ERROR: buf_addf(&last, "error %s", value->error); break;
    case VALUE_FIELDS:
        buf_adds(&last, "fields");
        for (size_t i = 0; i < redis_reply_count(value->fields); i++) {
            buf_adds(&last, i % 2 == 0 ? " " : "=");
            buf_add_slice(&last, redis_reply_text(redis_reply_at(value->fields, i)));
        }
        break;
    }
    snprintf(watch->last[key], sizeof watch->last[key], "%s", last.p);
    buf_release(&last);
}

static void on_status(void *context, const struct redis_status *status) {
    struct watch *watch = context;
    watch->status = *status;
    watch->statuses++;
}

static void watch_keys(struct watch *watch, const char *url, struct redis_times times, const char *agents) {
    struct loop *loop = watch->loop;
    struct redis_source_options options = {
        .loop = loop,
        .url = url,
        .keys = {"rules", agents},
        .max_bytes = 1000,
        .max_fields = 5,
        .times = times,
        .on_value = on_value,
        .on_status = on_status,
        .context = watch,
    };
    struct diag diag = {0};
    watch->source = redis_source_start(&options, &diag);
    assert_non_null(watch->source);
    assert_int_equal(watch->statuses, 0);
}

static void watch_start(struct watch *watch, struct loop *loop, const char *url, struct redis_times times) {
    *watch = (struct watch){.loop = loop};
    watch_keys(watch, url, times, "agents");
}

/* Nothing here may be seen by the slow reading. */
static const struct redis_times slow = {.connect_ms = 60000, .reply_ms = 60000, .reread_ms = 1000000};

#define IS(watch, key, text) (strcmp((watch).last[key], text) == 0)
#define HEARD(fake, text) ((fake)->heard.len > 0 && strstr((fake)->heard.p, text) != NULL)

static void test_changes_at_once(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct watch watch;
    redis_say(server, "SET", "rules", "[1]", NULL);
    redis_say(server, "HSET", "agents", "a", "1", NULL);
    watch_start(&watch, loop, server->url, slow);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]") && IS(watch, REDIS_AGENTS, "fields a=1"));
    assert_true(watch.status.connected && watch.status.tracking);
    redis_say(server, "SET", "rules", "[2]", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [2]"));
    redis_say(server, "HSET", "agents", "b", "2", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_AGENTS, "fields a=1 b=2"));
    redis_say(server, "DEL", "rules", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "missing"));
    redis_say(server, "SET", "rules", "[3]", NULL); /* of a key that was not there */
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [3]"));
    redis_say(server, "FLUSHALL", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "missing") && IS(watch, REDIS_AGENTS, "missing"));
    redis_say(server, "LPUSH", "rules", "x", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "error the key rules is not a STRING"));
    redis_say(server, "SET", "agents", "{}", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_AGENTS, "error the key agents is not a HASH"));
    redis_say(server, "SET", "rules", "[4]", NULL); /* of a key of the wrong type */
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [4]"));
    redis_say(server, "EVAL", "for i = 1, 6 do redis.call('HSET', KEYS[1], i, i) end", "1", "many", NULL);
    redis_say(server, "RENAME", "many", "agents", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_AGENTS, "error the key agents has 6 entries; at most 5 are read"));
    redis_say(server, "SETRANGE", "rules", "1000", "x", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "error the key rules has 1001 bytes; at most 1000 are read"));
    assert_true(watch.statuses == 1 && watch.status.connected);
    redis_source_free(watch.source);
    redis_server_free(server);
    loop_free(loop);
}

/* Written while it is being read, again and again: the last one is what is seen in the end. */
static void test_storm(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct watch watch;
    watch_start(&watch, loop, server->url, slow);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "missing"));
    char text[32], expected[40];
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "[%d]", i);
        redis_say(server, "SET", "rules", text, NULL);
        loop_turn(loop, 0);
    }
    snprintf(expected, sizeof expected, "text %s", text);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, expected));
    redis_source_free(watch.source);
    redis_server_free(server);
    loop_free(loop);
}

static unsigned clients_of(struct redis_server *server) {
    unsigned count = 0;
    for (const char *at = redis_say(server, "CLIENT", "LIST", NULL); (at = strstr(at, "\nid=")) != NULL; at++) {
        count++;
    }
    return count;
}

/* The subscriber is thrown out: its tracker would hear of no change any more. */
static void test_subscriber_killed(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct watch watch;
    redis_say(server, "SET", "rules", "[1]", NULL);
    watch_start(&watch, loop, server->url, slow);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]"));
    assert_string_equal(redis_say(server, "CLIENT", "KILL", "TYPE", "pubsub", NULL), ":1\r\n");
    redis_say(server, "SET", "rules", "[2]", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [2]"));
    redis_say(server, "SET", "rules", "[3]", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [3]"));
    assert_true(watch.status.tracking);
    /* no half of a pair is left at the server: ours are the two, and the one that asks */
    TURN_UNTIL(loop, clients_of(server) == 3);
    redis_source_free(watch.source);
    redis_server_free(server);
    loop_free(loop);
}

/* A connection that served is tried again at once, and the row of delays begins anew. */
static void test_server_restarts(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct watch watch;
    redis_server_kill(server);
    watch_start(&watch, loop, server->url, slow);
    TURN_UNTIL(loop, watch.statuses == 2);
    assert_int_equal(watch.status.retry_ms, 500);
    redis_server_start(server);
    redis_say(server, "SET", "rules", "[1]", NULL);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]"));
    mono_ms up = clock_mono_ms();
    TURN_UNTIL(loop, clock_mono_ms() - up > 1000);
    redis_server_kill(server);
    static const int64_t delays[] = {0, 250, 500};
    for (unsigned i = 0; i < ARRAY_LEN(delays); i++) {
        TURN_UNTIL(loop, watch.statuses == 4 + i);
        assert_false(watch.status.connected || watch.status.tracking);
        assert_int_equal(watch.status.retry_ms, delays[i]);
    }
    redis_server_start(server);
    redis_say(server, "SET", "rules", "[2]", NULL);
    TURN_UNTIL(loop, watch.status.connected && IS(watch, REDIS_RULES, "text [2]"));
    assert_string_equal(watch.status.error, "");
    redis_source_free(watch.source);
    redis_server_free(server);
    loop_free(loop);
}

static void test_back_off(void **state) {
    (void)state;
    static const int64_t delays[] = {250, 500, 1000, 2000, 4000, 8000, 8000, 8000};
    struct loop *loop = loop_new();
    char *dir = scratch_new();
    char *url = xasprintf("unix://%s/none.sock", dir);
    struct watch watch;
    watch_start(&watch, loop, url, slow);
    for (unsigned i = 0; i < ARRAY_LEN(delays); i++) {
        TURN_UNTIL(loop, watch.statuses == i + 1);
        assert_int_equal(watch.status.retry_ms, delays[i]);
        assert_string_equal(watch.status.error, "No such file or directory");
        if (i > 0) {
            redis_source_refresh(watch.source); /* does not wait, and does not begin the row anew */
        }
    }
    redis_source_free(watch.source);
    free(url);
    scratch_free(dir);
    loop_free(loop);
}

static void test_second_address(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    char *url = xasprintf("redis://two.test:%d", server->port);
    struct watch watch;
    redis_say(server, "SET", "rules", "[1]", NULL);
    watch_start(&watch, loop, url, slow);
    TURN_UNTIL(loop, watch.statuses == 1 && IS(watch, REDIS_RULES, "text [1]"));
    assert_true(watch.status.tracking);
    redis_source_free(watch.source);
    free(url);
    redis_server_free(server);
    loop_free(loop);
}

/* Who may come in, and what the log will say of it; never the password. */
static void test_access(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    redis_say(server, "SET", "rules", "[1]", NULL);
    redis_say(server, "ACL", "SETUSER", "reader", "on", ">s@cret pass", "~rules", "~agents", "&*", "+get", "+hgetall",
              "+select", NULL);
    redis_say(server, "ACL", "SETUSER", "narrow", "on", ">narrowpass", "~agents", "&*", "+@all", NULL);
    redis_say(server, "ACL", "SETUSER", "nochannel", "on", ">channelpass", "~*", "+@all", "resetchannels", NULL);
    redis_say(server, "CONFIG", "SET", "requirepass", "topsecret", NULL);
    static const struct {
        const char *url, *value, *error, *untracked;
    } rows[] = {
        {"redis://:topsecret@127.0.0.1:%d", "text [1]", "", ""},
        {"redis://default:topsecret@127.0.0.1:%d", "text [1]", "", ""},
        {"redis://:topsecret@127.0.0.1:%d/3", "missing", "", ""},
        {"redis://reader:s%%40cret%%20pass@127.0.0.1:%d", "text [1]", "", "NOPERM"},
        {"redis://nochannel:channelpass@127.0.0.1:%d", "text [1]", "", "NOPERM"},
        {"redis://narrow:narrowpass@127.0.0.1:%d", "error the key rules: NOPERM", "", ""},
        {"redis://127.0.0.1:%d", "", "it refuses CLIENT ID: NOAUTH", ""},
        {"redis://:wrongwrong@127.0.0.1:%d", "", "the user or the password of REDIS_URL: WRONGPASS", ""},
        {"redis://nobody:wrongwrong@127.0.0.1:%d", "", "the user or the password of REDIS_URL: WRONGPASS", ""},
        {"redis://:topsecret@127.0.0.1:%d/99", "", "the database of REDIS_URL: ERR DB index", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char url[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof url, rows[i].url, server->port);
#pragma GCC diagnostic pop
        struct watch watch;
        watch_start(&watch, loop, url, slow);
        TURN_UNTIL(loop, watch.statuses > 0 && (watch.status.error[0] != '\0' || watch.values[REDIS_RULES] > 0));
        if (strncmp(watch.last[REDIS_RULES], rows[i].value, strlen(rows[i].value)) != 0 ||
            strstr(watch.status.error, rows[i].error) == NULL || strstr(watch.status.error, "wrongwrong") != NULL ||
            (rows[i].error[0] == '\0') != watch.status.connected ||
            watch.status.tracking != (watch.status.connected && rows[i].untracked[0] == '\0') ||
            strstr(watch.status.untracked, rows[i].untracked) == NULL) {
            fail_msg("%s: value '%s' error '%s' untracked '%s'", url, watch.last[REDIS_RULES], watch.status.error,
                     watch.status.untracked);
        }
        redis_source_free(watch.source);
    }
    redis_server_free(server);
    loop_free(loop);
}

/* A server before 6: no tracking, changes are seen by the slow reading. */
static void test_old_server(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct fake_line lines[] = {{"CLIENT", "-ERR unknown command `CLIENT`\r\n"},
                                {"PING", "+PONG\r\n"},
                                {"STRLEN", ":3\r\n"},
                                {"GET", "$3\r\n[1]\r\n"},
                                {"HLEN", ":0\r\n"},
                                {"HGETALL", "*0\r\n"},
                                {NULL, "-ERR unknown\r\n"}};
    struct fake_redis *fake = fake_new(loop, lines);
    struct watch watch;
    watch_start(&watch, loop, fake->url, (struct redis_times){.connect_ms = 60000, .reply_ms = 60000, .reread_ms = 50});
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]") && IS(watch, REDIS_AGENTS, "missing"));
    assert_true(watch.status.connected && !watch.status.tracking);
    assert_string_equal(watch.status.untracked, "ERR unknown command `CLIENT`");
    lines[3].answer = "$3\r\n[2]\r\n";
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [2]"));
    assert_int_equal(watch.statuses, 1);
    assert_true(fake->connections[0].fd < 0 && fake->connections[1].fd >= 0);
    redis_source_free(watch.source);
    fake_free(fake);
    loop_free(loop);
}

/* A list for GET or a text for HGETALL would be taken for the other kind of document: the one in use is kept. */
static void test_answers_of_the_wrong_kind(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    const struct fake_line lines[] = {{"CLIENT", "-ERR unknown command `CLIENT`\r\n"},
                                      {"PING", "+PONG\r\n"},
                                      {"STRLEN", ":3\r\n"},
                                      {"GET", "*2\r\n$1\r\na\r\n$2\r\n{}\r\n"},
                                      {"HLEN", ":1\r\n"},
                                      {"HGETALL", "$2\r\n{}\r\n"},
                                      {NULL, "-ERR unknown\r\n"}};
    struct fake_redis *fake = fake_new(loop, lines);
    struct watch watch;
    watch_start(&watch, loop, fake->url, REDIS_TIMES);
    TURN_UNTIL(loop, watch.values[REDIS_RULES] > 0 && watch.values[REDIS_AGENTS] > 0);
    assert_non_null(strstr(watch.last[REDIS_RULES], "error the key "));
    assert_non_null(strstr(watch.last[REDIS_RULES], ": the answer is none to GET"));
    assert_non_null(strstr(watch.last[REDIS_AGENTS], ": the answer is none to HGETALL"));
    redis_source_free(watch.source);
    fake_free(fake);
    loop_free(loop);
}

/* A script for a server with tracking whose GET says nothing: the test answers by hand. */
#define TRACKING_LINES                                                                                        \
    {"CLIENT ID", ":7\r\n"}, {"SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n"}, \
        {"CLIENT TRACKING ON REDIRECT 7", "+OK\r\n"}, {"STRLEN", ":3\r\n"}, {"HLEN", ":0\r\n"}, {             \
        "HGETALL", "*0\r\n"                                                                                   \
    }

static void send_text(struct fake_redis *fake, size_t place, const char *text) {
    fake_send(fake, place, text, strlen(text));
}

/* The change is told before the old value arrives: that value may be from before the change. */
static void test_invalidated_while_reading(void **state) {
    (void)state;
    static const char changed[] = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$5\r\nrules\r\n";
    struct loop *loop = loop_new();
    struct fake_line lines[] = {TRACKING_LINES, {NULL, NULL}};
    struct fake_redis *fake = fake_new(loop, lines);
    struct watch watch = {.loop = loop};
    watch_keys(&watch, fake->url, slow, NULL); /* the fake answers out of order when one answer is held back */
    TURN_UNTIL(loop, HEARD(fake, "GET rules"));
    buf_clear(&fake->heard);
    send_text(fake, 0, changed);
    for (int i = 0; i < 5; i++) {
        loop_turn(loop, 0);
    }
    assert_int_equal(fake->heard.len, 0); /* one reading at a time */
    send_text(fake, 1, "$3\r\n[1]\r\n");
    TURN_UNTIL(loop, HEARD(fake, "GET rules"));
    assert_true(IS(watch, REDIS_RULES, "text [1]"));
    send_text(fake, 1, "$3\r\n[2]\r\n");
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [2]"));
    redis_source_free(watch.source);
    fake_free(fake);
    loop_free(loop);
}

/* Silence on either of the two ends both. */
static void test_silence(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct fake_line get, ping;
    } rows[] = {
        {"the tracker", {"GET", NULL}, {"PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"}},
        {"the subscriber", {"GET", "$3\r\n[1]\r\n"}, {"PING", NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop *loop = loop_new();
        struct fake_line lines[] = {TRACKING_LINES, rows[i].get, rows[i].ping, {NULL, NULL}};
        struct fake_redis *fake = fake_new(loop, lines);
        struct watch watch = {.loop = loop};
        watch_keys(&watch, fake->url, (struct redis_times){.connect_ms = 60000, .reply_ms = 1000, .reread_ms = 30},
                   NULL);
        TURN_UNTIL(loop, watch.statuses == 2);
        assert_false(watch.status.connected);
        assert_string_equal(watch.status.error, "no answer for 1000 ms");
        TURN_UNTIL(loop, fake->connections[0].fd < 0 && fake->connections[1].fd < 0);
        redis_source_free(watch.source);
        fake_free(fake);
        loop_free(loop);
    }
}

/* Answers that are errors of the moment are asked for again soon, and do not end the connection. */
static void test_loading(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct fake_line lines[] = {TRACKING_LINES, {"GET", "-LOADING Redis is loading the dataset\r\n"}, {NULL, NULL}};
    struct fake_redis *fake = fake_new(loop, lines);
    struct watch watch;
    watch_start(&watch, loop, fake->url, slow);
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "error the key rules: LOADING Redis is loading the dataset"));
    lines[6].answer = "$3\r\n[1]\r\n";
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]"));
    assert_int_equal(watch.statuses, 1);
    redis_source_free(watch.source);
    fake_free(fake);
    loop_free(loop);
}

/* The subscriber was gone before the tracker named it: no reason to do without tracking, but to start over. */
static void test_redirect_gone(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct fake_line lines[] = {TRACKING_LINES, {"GET", "$3\r\n[1]\r\n"}, {NULL, NULL}};
    lines[2].answer = "-ERR The client ID you want redirect to does not exist\r\n";
    struct fake_redis *fake = fake_new(loop, lines);
    struct watch watch;
    watch_start(&watch, loop, fake->url, slow);
    TURN_UNTIL(loop, watch.statuses == 1);
    assert_non_null(strstr(watch.status.error, "it refuses tracking"));
    lines[2].answer = "+OK\r\n";
    TURN_UNTIL(loop, IS(watch, REDIS_RULES, "text [1]"));
    assert_true(watch.status.tracking);
    redis_source_free(watch.source);
    fake_free(fake);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_at_once),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_subscriber_killed),
        cmocka_unit_test(test_server_restarts),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_second_address),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_old_server),
        cmocka_unit_test(test_answers_of_the_wrong_kind),
        cmocka_unit_test(test_invalidated_while_reading),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_loading),
        cmocka_unit_test(test_redirect_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
