/* Requests on the loop against a server that misbehaves on purpose, a TLS server, and a name server that says
 * nothing (getaddrinfo is replaced by ours, which libcurl then calls too). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "http/multi.h"
#include "odd_server.h"
#include "tls_server.h"

static struct loop *loop;
static struct odd_server server;
static struct http_multi *multi;

/* What on_done was told. */
struct told {
    int times;
    bool returned; /* start had returned */
    enum http_end end;
    int status;
    struct buf body, why;
    int64_t date_s, retry_after_s;
};

static void on_done(void *context, const struct http_multi_answer *answer) {
    struct told *told = context;
    assert_true(told->returned);
    told->times++;
    told->end = answer->end;
    told->status = answer->status;
    told->date_s = answer->date_s;
    told->retry_after_s = answer->retry_after_s;
    buf_clear(&told->body);
    buf_add_slice(&told->body, answer->body);
    buf_adds(&told->why, answer->why);
}

static void told_release(struct told *told) {
    buf_release(&told->body);
    buf_release(&told->why);
}
#define cleanup_told __attribute__((cleanup(told_release)))

static struct http_flight *start_url(const char *url, struct told *told, struct http_multi_call call) {
    call.url = url;
    call.method = call.method != NULL ? call.method : "POST";
    call.timeout_ms = call.timeout_ms > 0 ? call.timeout_ms : 60000;
    call.max_answer = call.max_answer > 0 ? call.max_answer : 1000;
    call.on_done = on_done;
    call.context = told;
    struct http_flight *flight = http_multi_start(multi, &call);
    told->returned = true;
    return flight;
}

/* PATH tells the server what to do. */
static struct http_flight *start(const char *path, struct told *told, struct http_multi_call call) {
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d%s", server.port, path);
    return start_url(url, told, call);
}

static void answer_long(struct odd_conn *conn, size_t size) {
    cleanup_buf struct buf text = {0};
    buf_addf(&text, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    memset(buf_reserve(&text, size), 'x', size);
    text.len += size;
    buf_adds(&text, "\r\n0\r\n\r\n");
    odd_say(conn, text.p);
}

static void on_request(struct odd_server *self, struct odd_conn *conn, const char *request) {
    char path[64] = "";
    (void)self;
    assert_int_equal(sscanf(request, "%*s %63s", path), 1);
    if (strcmp(path, "/silent") == 0) {
        return;
    }
    if (strcmp(path, "/reset") == 0) {
        odd_reset(conn);
    } else if (strcmp(path, "/close") == 0) {
        odd_close(conn);
    } else if (strcmp(path, "/close-again") == 0) {
        if (conn->requests > 1) {
            odd_close(conn);
        } else {
            odd_answer(conn, 200, "", "first");
        }
    } else if (strcmp(path, "/cut") == 0) {
        odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut");
        shutdown(conn->watcher.fd, SHUT_WR);
    } else if (strcmp(path, "/not-http") == 0) {
        odd_say(conn, "220 mail.example ESMTP\r\n");
    } else if (strcmp(path, "/half") == 0) {
        odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    } else if (strcmp(path, "/1000") == 0) {
        answer_long(conn, 1000);
    } else if (strcmp(path, "/1001") == 0) {
        answer_long(conn, 1001);
    } else if (strcmp(path, "/announced") == 0) {
        odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    } else if (strcmp(path, "/headers") == 0) {
        odd_answer(conn, 429, "Retry-After: 7\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n", "");
    } else if (strcmp(path, "/odd-headers") == 0) {
        odd_answer(conn, 503, "Retry-After: soon\r\nDate: today\r\n", "");
    } else if (strcmp(path, "/moved") == 0) {
        odd_answer(conn, 302, "Location: /ok\r\n", "");
    } else if (strcmp(path, "/401") == 0) {
        odd_answer(conn, 401, "", "no");
    } else {
        odd_answer(conn, 200, "", "ok");
    }
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    odd_start(&server, loop, on_request);
    multi = http_multi_new(&(struct http_multi_options){.loop = loop});
    assert_non_null(multi);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_multi_free(multi);
    http_multi_free(NULL);
    odd_stop(&server);
    loop_free(loop);
    return 0;
}

static void test_ends(void **state) {
    static const struct {
        const char *path;
        enum http_end end;
        int status;
        size_t size;
        const char *says;
    } cases[] = {
        {"/ok", HTTP_ANSWERED, 200, 2, ""},
        {"/401", HTTP_ANSWERED, 401, 2, ""},
        {"/moved", HTTP_ANSWERED, 302, 0, ""},
        {"/1000", HTTP_ANSWERED, 200, 1000, ""},
        {"/1001", HTTP_TOO_LONG, 0, 0, "longer than 1000 bytes"},
        {"/announced", HTTP_TOO_LONG, 0, 0, "longer than 1000 bytes"},
        {"/reset", HTTP_BROKEN, 0, 0, ""},
        {"/close", HTTP_BROKEN, 0, 0, "Empty reply"},
        {"/cut", HTTP_BROKEN, 0, 0, "7 bytes remaining"},
        {"/not-http", HTTP_BROKEN, 0, 0, "HTTP/0.9"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_told struct told told = {0};
        start(cases[i].path, &told, (struct http_multi_call){.body = SLICE("{}")});
        assert_int_equal(http_multi_count(multi), 1);
        TURN_UNTIL(loop, told.times == 1);
        if (told.end != cases[i].end || told.status != cases[i].status || told.body.len != cases[i].size ||
            strstr(told.why.p, cases[i].says) == NULL || (told.end != HTTP_ANSWERED && told.why.len == 0)) {
            fail_msg("%s: %d %d %zu %s", cases[i].path, told.end, told.status, told.body.len, told.why.p);
        }
        assert_int_equal(http_multi_count(multi), 0);
    }
}

static void test_what_is_sent(void **state) {
    cleanup_told struct told told = {0};
    (void)state;
    start("/ok", &told,
          (struct http_multi_call){.body = SLICE("{\"a\":1}"),
                                   .authorization = "Bearer abc",
                                   .content_type = "application/json"});
    TURN_UNTIL(loop, told.times == 1);
    assert_ptr_equal(strstr(server.last.p, "POST /ok HTTP/1.1\r\n"), server.last.p);
    assert_non_null(strstr(server.last.p, "\r\nAuthorization: Bearer abc\r\n"));
    assert_non_null(strstr(server.last.p, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.last.p, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(server.last.p, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(server.last.p, "Expect"));
    start("/ok", &told, (struct http_multi_call){.method = "GET"});
    TURN_UNTIL(loop, told.times == 2);
    assert_ptr_equal(strstr(server.last.p, "GET /ok HTTP/1.1\r\n"), server.last.p);
    assert_null(strstr(server.last.p, "Content-"));
}

static void test_headers(void **state) {
    cleanup_told struct told told = {0};
    (void)state;
    start("/headers", &told, (struct http_multi_call){0});
    TURN_UNTIL(loop, told.times == 1);
    assert_int_equal(told.status, 429);
    assert_int_equal(told.date_s, 1767225600);
    assert_int_equal(told.retry_after_s, 7);
    start("/odd-headers", &told, (struct http_multi_call){0});
    TURN_UNTIL(loop, told.times == 2);
    assert_int_equal(told.status, 503);
    assert_int_equal(told.date_s, 0);
    assert_int_equal(told.retry_after_s, 0);
}

static void test_one_connection_serves_many(void **state) {
    cleanup_told struct told told = {0};
    (void)state;
    for (int i = 1; i <= 20; i++) {
        start("/ok", &told, (struct http_multi_call){.body = SLICE("{}")});
        TURN_UNTIL(loop, told.times == i);
    }
    assert_int_equal(server.connections, 1);
}

static void test_many_at_once_leave_a_few_idle(void **state) {
    struct told told[20] = {0};
    (void)state;
    for (int i = 0; i < 20; i++) {
        start("/ok", &told[i], (struct http_multi_call){.body = SLICE("{}")});
    }
    assert_int_equal(http_multi_count(multi), 20);
    for (int i = 0; i < 20; i++) {
        TURN_UNTIL(loop, told[i].times == 1);
        assert_int_equal(told[i].status, 200);
        told_release(&told[i]);
    }
    TURN_UNTIL(loop, server.open <= 4);
    assert_int_equal(server.requests, 20);
}

/* A server that closes a kept-alive connection just as the request comes: curl sends the request again by itself,
 * except where `once` says that it must not be sent twice. */
static void test_once_is_sent_once(void **state) {
    cleanup_told struct told told = {0};
    (void)state;
    start("/close-again", &told, (struct http_multi_call){.body = SLICE("{}")});
    TURN_UNTIL(loop, told.times == 1);
    start("/close-again", &told, (struct http_multi_call){.body = SLICE("{}")});
    TURN_UNTIL(loop, told.times == 2);
    assert_int_equal(told.end, HTTP_ANSWERED);
    assert_int_equal(server.requests, 3); /* the second was closed upon and came again */
    start("/close", &told, (struct http_multi_call){.body = SLICE("{}"), .once = true});
    TURN_UNTIL(loop, told.times == 3);
    assert_int_equal(told.end, HTTP_BROKEN);
    assert_int_equal(server.requests, 4);
}

static void test_deadline(void **state) {
    static const char *const paths[] = {"/silent", "/half"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        cleanup_told struct told told = {0};
        mono_ms before = clock_mono_ms();
        start(paths[i], &told, (struct http_multi_call){.timeout_ms = 150});
        TURN_UNTIL(loop, told.times == 1);
        assert_true(clock_mono_ms() - before >= 140);
        assert_int_equal(told.end, HTTP_TIMED_OUT);
        assert_string_equal(told.why.p, "no answer within 150 ms");
        TURN_UNTIL(loop, server.open == 0); /* such a connection is not used again */
    }
}

static void test_nobody_there(void **state) {
    static const struct {
        const char *url;
        enum http_end end;
    } cases[] = {
        {"http://127.0.0.1:1/", HTTP_UNREACHABLE},
        {"file:///etc/passwd", HTTP_BAD_URL},
        {"http://", HTTP_BAD_URL},
        {"ws://127.0.0.1:7880/", HTTP_BAD_URL},
        {"http://no-such.test/", HTTP_UNREACHABLE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_told struct told told = {0};
        start_url(cases[i].url, &told, (struct http_multi_call){0});
        assert_int_equal(told.times, 0);
        TURN_UNTIL(loop, told.times == 1);
        if (told.end != cases[i].end || told.why.len == 0) {
            fail_msg("%s: %d %s", cases[i].url, told.end, told.why.p);
        }
    }
}

static void test_proxy_of_the_environment_is_ignored(void **state) {
    cleanup_told struct told told = {0};
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    start("/ok", &told, (struct http_multi_call){0});
    TURN_UNTIL(loop, told.times == 1);
    assert_int_equal(told.status, 200);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* Cancelled at once, after N turns (connecting, sent, answered but not told), and while it waits for an answer. */
static void test_cancel_in_every_phase(void **state) {
    static const char *const paths[] = {"/ok", "/silent", "/half", "/close", "/1000"};
    int pending = 0;
    (void)state;
    http_multi_cancel(NULL);
    for (int turns = 0; turns < 24; turns++) {
        cleanup_told struct told told = {0};
        struct http_flight *flight =
            start(paths[turns % (int)ARRAY_LEN(paths)], &told, (struct http_multi_call){.body = SLICE("{}")});
        for (int i = 0; i < turns && told.times == 0; i++) {
            loop_turn(loop, 1);
        }
        if (told.times == 0) {
            http_multi_cancel(flight);
            pending++;
        }
        int times = told.times;
        assert_int_equal(http_multi_count(multi), 0);
        for (int i = 0; i < 5; i++) {
            loop_turn(loop, 0);
        }
        assert_int_equal(told.times, times);
    }
    assert_true(pending > 8);
    cleanup_told struct told told = {0}; /* and what was cancelled did no harm to the rest */
    start("/ok", &told, (struct http_multi_call){0});
    TURN_UNTIL(loop, told.times == 1);
    assert_int_equal(told.status, 200);
}

static struct http_flight *other;

static void on_done_cancel_other(void *context, const struct http_multi_answer *answer) {
    (void)answer;
    http_multi_cancel(other);
    *(bool *)context = true;
}

static void on_done_free(void *context, const struct http_multi_answer *answer) {
    http_multi_free(multi);
    multi = NULL;
    *(bool *)context = answer->body.n == 2 && memcmp(answer->body.p, "ok", 2) == 0;
}

static void test_cancel_and_free_inside_callbacks(void **state) {
    cleanup_told struct told told = {0};
    bool done = false;
    (void)state;
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d/ok", server.port);
    struct http_multi_call call = {
        .method = "GET", .url = url, .timeout_ms = 8000, .max_answer = 100, .context = &done};
    call.on_done = on_done_cancel_other;
    http_multi_start(multi, &call);
    other = start("/silent", &told, (struct http_multi_call){0});
    TURN_UNTIL(loop, done);
    done = false;
    call.on_done = on_done_free;
    start("/silent", &told, (struct http_multi_call){0});
    http_multi_start(multi, &call);
    TURN_UNTIL(loop, done);
    for (int i = 0; i < 5; i++) {
        loop_turn(loop, 0);
    }
    assert_int_equal(told.times, 0);
}

static struct http_flight *pair[2];
static int pair_told;

static void on_done_cancel_pair(void *context, const struct http_multi_answer *answer) {
    int mine = *(int *)context;
    assert_int_equal(answer->status, 200);
    pair_told++;
    http_multi_cancel(pair[1 - mine]);
}

/* Both answers are there, the first that is told of cancels the other: that one is never told. */
static void test_cancel_between_answer_and_callback(void **state) {
    static int which[2] = {0, 1};
    (void)state;
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d/silent", server.port);
    pair_told = 0;
    for (int i = 0; i < 2; i++) {
        pair[i] = http_multi_start(multi, &(struct http_multi_call){.method = "GET",
                                                                    .url = url,
                                                                    .timeout_ms = 8000,
                                                                    .max_answer = 100,
                                                                    .on_done = on_done_cancel_pair,
                                                                    .context = &which[i]});
    }
    TURN_UNTIL(loop, server.requests == 2);
    odd_answer(server.first, 200, "", "ok");
    odd_answer(server.first->next, 200, "", "ok");
    TURN_UNTIL(loop, pair_told > 0);
    for (int i = 0; i < 5; i++) {
        loop_turn(loop, 0);
    }
    assert_int_equal(pair_told, 1);
    assert_int_equal(http_multi_count(multi), 0);
}

/* getaddrinfo of the name mute.test: silent until the test lets it go. */
static sem_t released;
static atomic_int resolving, resolved;
static sigset_t resolver_mask;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node != NULL && strcmp(node, "no-such.test") == 0) {
        return EAI_NONAME;
    }
    if (node == NULL || strcmp(node, "mute.test") != 0) {
        return real(node, service, hints, ret);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &resolver_mask);
    atomic_fetch_add(&resolving, 1);
    while (sem_wait(&released) != 0) {
    }
    atomic_fetch_add(&resolved, 1);
    return EAI_AGAIN;
}

static void test_mute_name_server(void **state) {
    cleanup_told struct told mute = {0}, cancelled = {0}, told = {0};
    (void)state;
    sem_init(&released, 0, 0);
    start_url("http://mute.test/", &mute, (struct http_multi_call){.timeout_ms = 200});
    struct http_flight *flight = start_url("http://mute.test/", &cancelled, (struct http_multi_call){0});
    TURN_UNTIL(loop, atomic_load(&resolving) == 2);
    start("/ok", &told, (struct http_multi_call){0}); /* the others go on */
    TURN_UNTIL(loop, told.times == 1);
    http_multi_cancel(flight);
    TURN_UNTIL(loop, mute.times == 1);
    assert_int_equal(mute.end, HTTP_TIMED_OUT);
    assert_int_equal(sigismember(&resolver_mask, SIGTERM), 1);
    flight = start_url("http://mute.test/", &cancelled, (struct http_multi_call){0});
    TURN_UNTIL(loop, atomic_load(&resolving) == 3);
    http_multi_free(multi);
    multi = NULL;
    assert_int_equal(cancelled.times, 0);
    for (int i = 0; i < 3; i++) {
        sem_post(&released);
    }
    TURN_UNTIL(loop, atomic_load(&resolved) == 3);
}

static void ask_tls(const struct tls_server *tls, struct told *told) {
    cleanup_free char *url = xasprintf("https://127.0.0.1:%d/tls", tls->port);
    start_url(url, told, (struct http_multi_call){.body = SLICE("{}")});
}

static void test_tls(void **state) {
    static const struct {
        const char *name;
        bool trusted;
        enum http_end end;
    } cases[] = {
        {"IP:127.0.0.1", true, HTTP_ANSWERED},
        {"IP:127.0.0.1", false, HTTP_NOT_TRUSTED},
        {"DNS:elsewhere.test", true, HTTP_NOT_TRUSTED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_server tls;
        cleanup_told struct told told = {0};
        tls_start(&tls, cases[i].name);
        http_multi_free(multi);
        multi = http_multi_new(
            &(struct http_multi_options){.loop = loop, .ca_file = cases[i].trusted ? tls.certificate : NULL});
        ask_tls(&tls, &told);
        if (cases[i].end == HTTP_ANSWERED) {
            TURN_UNTIL(loop, tls_heard(&tls, "POST /tls"));
            tls_say(&tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        TURN_UNTIL(loop, told.times == 1);
        if (told.end != cases[i].end || (told.end == HTTP_ANSWERED && told.status != 200)) {
            fail_msg("%s %d: %d %d %s", cases[i].name, cases[i].trusted, told.end, told.status, told.why.p);
        }
        tls_stop(&tls);
    }
}

/* A new authority's file counts from the next connection on, not a day later. */
static void test_tls_authority_is_mended(void **state) {
    cleanup_told struct told before = {0}, after = {0};
    struct tls_server tls, stranger;
    (void)state;
    tls_start(&tls, "IP:127.0.0.1");
    tls_start(&stranger, "IP:127.0.0.1");
    cleanup_free char *trusted = xasprintf("%s/trusted.pem", tls.directory);
    assert_int_equal(symlink(stranger.certificate, trusted), 0);
    http_multi_free(multi);
    multi = http_multi_new(&(struct http_multi_options){.loop = loop, .ca_file = trusted});
    ask_tls(&tls, &before);
    TURN_UNTIL(loop, before.times == 1);
    assert_int_equal(before.end, HTTP_NOT_TRUSTED);
    assert_int_equal(unlink(trusted), 0);
    assert_int_equal(symlink(tls.certificate, trusted), 0);
    ask_tls(&tls, &after);
    TURN_UNTIL(loop, after.times == 1 || tls_heard(&tls, "POST /tls"));
    tls_say(&tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    TURN_UNTIL(loop, after.times == 1);
    assert_int_equal(after.end, HTTP_ANSWERED);
    tls_stop(&stranger);
    tls_stop(&tls);
}

static void test_tls_mistakes(void **state) {
    cleanup_told struct told plain = {0}, missing = {0};
    (void)state;
    cleanup_free char *url = xasprintf("https://127.0.0.1:%d/ok", server.port); /* it speaks plain HTTP there */
    start_url(url, &plain, (struct http_multi_call){.timeout_ms = 300});
    TURN_UNTIL(loop, plain.times == 1);
    assert_true(plain.end == HTTP_NOT_TRUSTED || plain.end == HTTP_TIMED_OUT);
    http_multi_free(multi);
    multi = http_multi_new(&(struct http_multi_options){.loop = loop, .ca_file = "/nowhere/ca.pem"});
    start_url(url, &missing, (struct http_multi_call){0});
    TURN_UNTIL(loop, missing.times == 1);
    assert_int_equal(missing.end, HTTP_NOT_TRUSTED);
    assert_non_null(strstr(missing.why.p, "/nowhere/ca.pem"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_ends),
        TEST(test_what_is_sent),
        TEST(test_headers),
        TEST(test_one_connection_serves_many),
        TEST(test_many_at_once_leave_a_few_idle),
        TEST(test_once_is_sent_once),
        TEST(test_deadline),
        TEST(test_nobody_there),
        TEST(test_proxy_of_the_environment_is_ignored),
        TEST(test_cancel_in_every_phase),
        TEST(test_cancel_and_free_inside_callbacks),
        TEST(test_cancel_between_answer_and_callback),
        TEST(test_mute_name_server),
        TEST(test_tls),
        TEST(test_tls_authority_is_mended),
        TEST(test_tls_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
