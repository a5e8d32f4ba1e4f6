/* The Redis layer: REDIS_URL taken apart, names resolved without waiting, one connection and its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fake_redis.h"
#include "redis/redis.h"
#include "redis/redis_url.h"
#include "redis/resolver.h"
#include "redis_server.h"
#include "turn_until.h"

/* ---- a name server of our own: what this program defines wins over the C library's ---- */

static pthread_mutex_t mute_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int mute_calls, signals_open;

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool numeric = (hints->ai_flags & AI_NUMERICHOST) != 0;
    if (!numeric && strcmp(node, "mute.test") == 0) {
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, NULL, &blocked);
        atomic_store(&signals_open, !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGCHLD));
        atomic_fetch_add(&mute_calls, 1);
        pthread_mutex_lock(&mute_lock);
        pthread_mutex_unlock(&mute_lock);
        return real("127.0.0.1", service, hints, list);
    }
    if (!numeric && strcmp(node, "nobody.test") == 0) {
        return EAI_NONAME;
    }
    return real(node, service, hints, list);
}

/* ---- REDIS_URL ---- */

static void test_url_good(void **state) {
    (void)state;
    static const struct {
        const char *text, *host, *path, *user, *password, *label;
        unsigned port;
        long db;
    } rows[] = {
        {"redis://127.0.0.1", "127.0.0.1", NULL, NULL, NULL, "127.0.0.1:6379", 6379, 0},
        {"redis://localhost:6380/", "localhost", NULL, NULL, NULL, "localhost:6380", 6380, 0},
        {"REDIS://h/3", "h", NULL, NULL, NULL, "h:6379", 6379, 3},
        {"redis://h?db=4", "h", NULL, NULL, NULL, "h:6379", 6379, 4},
        {"redis://:pw@h:1/15", "h", NULL, NULL, "pw", "h:1", 1, 15},
        {"redis://bob:s%40c%2Fr%3At@h", "h", NULL, "bob", "s@c/r:t", "h:6379", 6379, 0},
        {"redis://bob:p@w@h", "h", NULL, "bob", "p@w", "h:6379", 6379, 0},
        {"redis://b%6Fb:a:b@h", "h", NULL, "bob", "a:b", "h:6379", 6379, 0},
        {"redis://:@h", "h", NULL, NULL, NULL, "h:6379", 6379, 0},
        {"redis://[::1]:7000/2", "::1", NULL, NULL, NULL, "[::1]:7000", 7000, 2},
        {"redis://[::1]", "::1", NULL, NULL, NULL, "[::1]:6379", 6379, 0},
        {"unix:///run/redis.sock", NULL, "/run/redis.sock", NULL, NULL, "unix:/run/redis.sock", 0, 0},
        {"redis+unix:///a%20b?db=5", NULL, "/a b", NULL, NULL, "unix:/a b", 0, 5},
        {"unix://bob:pw@/r.sock?db=1", NULL, "/r.sock", "bob", "pw", "unix:/r.sock", 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_url url;
        struct diag diag = {0};
        if (!redis_url_parse(rows[i].text, &url, &diag)) {
            fail_msg("%s: %s", rows[i].text, diag.what);
        }
#define SAME(field)                                               \
    assert_true((url.field == NULL) == (rows[i].field == NULL) && \
                (url.field == NULL || strcmp(url.field, rows[i].field) == 0))
        SAME(host);
        SAME(path);
        SAME(user);
        SAME(password);
        SAME(label);
        assert_int_equal(url.db, rows[i].db);
        assert_int_equal(url.port, rows[i].port);
        redis_url_release(&url);
    }
}

static void test_url_bad(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "must start with redis://"},
        {"localhost:6379", "must start with redis://"},
        {"http://hunter2@h", "must start with redis://"},
        {"rediss://:hunter2@h", "stunnel"},
        {"redis://", "has no host"},
        {"redis://:hunter2@", "has no host"},
        {"redis://:hunter2@h o", "has no host"},
        {"redis://:hunt/er2@h", "has no host"},
        {"redis://[::1", "has no host"},
        {"redis://[::1]x", "has no host"},
        {"redis://hunter2@h", "a user without a password"},
        {"redis://:hunter2%@h", "%25"},
        {"redis://:hunter2%4@h", "%25"},
        {"redis://:hunter2%zz@h", "%25"},
        {"redis://:hunter2%00@h", "%25"},
        {"redis://:hunter2@h:0", "the port"},
        {"redis://:hunter2@h:65536", "the port"},
        {"redis://:hunter2@h:", "the port"},
        {"redis://:hunter2@h:6379x", "the port"},
        {"redis://:hunter2@h/x", "the database"},
        {"redis://:hunter2@h/-1", "the database"},
        {"redis://:hunter2@h/1/2", "the database"},
        {"redis://:hunter2@h?database=1", "only db=N"},
        {"unix://", "whole path"},
        {"unix://run/redis.sock", "whole path"},
        {"unix:///r.sock?hunter2", "only db=N"},
        {"unix:///0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
         "7890123456789",
         "107 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_url url;
        struct diag diag = {0};
        assert_false(redis_url_parse(rows[i].text, &url, &diag));
        if (strstr(diag.what, rows[i].says) == NULL || strstr(diag.what, "hunter2") != NULL) {
            fail_msg("%s: %s", rows[i].text, diag.what);
        }
        assert_string_equal(diag.where, "REDIS_URL");
    }
}

/* ---- names ---- */

struct answer {
    bool done;
    size_t count;
    struct address first;
    char why[160];
};

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *why) {
    struct answer *answer = context;
    assert_false(answer->done);
    answer->done = true;
    answer->count = count;
    if (count > 0) {
        answer->first = addresses[0];
    }
    snprintf(answer->why, sizeof answer->why, "%s", why);
}

static void resolve(struct resolver *resolver, const char *host, struct answer *answer, int64_t timeout_ms) {
    *answer = (struct answer){0};
    resolver_start(resolver, &(struct resolver_request){.host = host,
                                                        .port = 6379,
                                                        .timeout_ms = timeout_ms,
                                                        .on_done = on_resolved,
                                                        .context = answer});
    assert_false(answer->done);
}

static void test_resolve(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    struct answer answer;
    static const struct {
        const char *host;
        int family;
    } rows[] = {{"127.0.0.1", AF_INET}, {"::1", AF_INET6}, {"localhost", AF_UNSPEC}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        resolve(resolver, rows[i].host, &answer, TURN_DEADLINE_MS);
        TURN_UNTIL(loop, answer.done);
        assert_true(answer.count > 0);
        assert_true(rows[i].family == AF_UNSPEC || answer.first.sock.ss_family == rows[i].family);
    }
    resolve(resolver, "nobody.test", &answer, TURN_DEADLINE_MS);
    TURN_UNTIL(loop, answer.done);
    assert_int_equal(answer.count, 0);
    assert_non_null(strstr(answer.why, "cannot be resolved"));
    resolver_free(resolver);
    loop_free(loop);
}

/* A name server that never answers: the time-out comes, the loop turns, no second thread is started, and when it
 * answers after all the look-up that is waiting by then gets it. */
static void test_resolve_mute(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    struct answer answer;
    pthread_mutex_lock(&mute_lock);
    for (int i = 0; i < 3; i++) {
        resolve(resolver, "mute.test", &answer, 20); /* would never return if it waited */
        TURN_UNTIL(loop, answer.done);
        assert_int_equal(answer.count, 0);
        assert_non_null(strstr(answer.why, "has not answered for 20 ms"));
    }
    resolve(resolver, "other.test", &answer, 20);
    TURN_UNTIL(loop, answer.done);
    assert_non_null(strstr(answer.why, "still under way"));
    resolve(resolver, "mute.test", &answer, TURN_DEADLINE_MS);
    TURN_UNTIL(loop, atomic_load(&mute_calls) > 0);
    pthread_mutex_unlock(&mute_lock);
    TURN_UNTIL(loop, answer.done);
    assert_int_equal(answer.count, 1);
    assert_int_equal(atomic_load(&mute_calls), 1);
    assert_false(atomic_load(&signals_open));
    /* freed while the thread is out: it cleans up after itself */
    pthread_mutex_lock(&mute_lock);
    resolve(resolver, "mute.test", &answer, TURN_DEADLINE_MS);
    TURN_UNTIL(loop, atomic_load(&mute_calls) == 2);
    resolver_free(resolver);
    pthread_mutex_unlock(&mute_lock);
    loop_free(loop);
}

/* ---- one connection ---- */

struct client {
    struct loop *loop;
    struct redis *redis;
    struct buf story; /* what the callbacks saw, one line each */
    bool connected, free_on_answer;
    char lost[256];
    size_t answers;
};

static void tell(struct buf *story, const struct redis_reply *reply) {
    switch (redis_reply_kind(reply)) {
    case REPLY_TEXT: buf_adds(story, "text "); break;
    case REPLY_ERROR: buf_adds(story, "error "); break;
    case REPLY_NUMBER: buf_addf(story, "number %lld", (long long)redis_reply_number(reply)); break;
    case REPLY_NONE: buf_adds(story, "none"); break;
    case REPLY_TOO_BIG: buf_adds(story, "too big"); break;
    case REPLY_LIST:
        buf_adds(story, "(");
        for (size_t i = 0; i < redis_reply_count(reply); i++) {
            buf_adds(story, i > 0 ? ", " : "");
            tell(story, redis_reply_at(reply, i));
        }
        buf_adds(story, ")");
        break;
    }
    buf_add_slice(story, redis_reply_text(reply));
}

static void on_answer(void *context, const struct redis_reply *reply) {
    struct client *client = context;
    client->answers++;
    tell(&client->story, reply);
    buf_adds(&client->story, "\n");
    if (client->free_on_answer) {
        redis_free(take_ptr(client->redis));
    }
}

static void on_message(void *context, const struct redis_reply *payload) {
    struct client *client = context;
    buf_adds(&client->story, "message ");
    tell(&client->story, payload);
    buf_adds(&client->story, "\n");
}

static void on_connected(void *context) {
    ((struct client *)context)->connected = true;
}

static void on_lost(void *context, const char *why) {
    struct client *client = context;
    assert_string_equal(client->lost, "");
    snprintf(client->lost, sizeof client->lost, "%s", why);
    redis_free(take_ptr(client->redis));
}

/* In milliseconds: how long a client waits. PATIENT is longer than any answer takes on a machine that is busy. */
struct patience {
    int64_t connect, reply;
};
static const struct patience patient = {60000, 60000}, no_silence = {60000, 200}, no_queue = {100, 60000};

static void client_start(struct client *client, struct loop *loop, const struct address *address,
                         const struct patience *patience) {
    *client = (struct client){.loop = loop};
    struct redis_options options = {
        .loop = loop,
        .address = address,
        .connect_timeout_ms = patience->connect,
        .reply_timeout_ms = patience->reply,
        .max_bytes = 1000,
        .max_elements = 10,
        .on_connected = on_connected,
        .on_message = on_message,
        .on_lost = on_lost,
        .context = client,
    };
    client->redis = redis_start(&options);
    assert_string_equal(client->lost, "");
}

static void client_open_with(struct client *client, struct loop *loop, const char *path,
                             const struct patience *patience) {
    struct address address;
    assert_true(address_of_path(path, &address));
    client_start(client, loop, &address, patience);
    TURN_UNTIL(loop, client->connected || client->lost[0] != '\0');
}

static void client_open(struct client *client, struct loop *loop, const char *path) {
    client_open_with(client, loop, path, &patient);
}

static void client_release(struct client *client) {
    redis_free(client->redis);
    buf_release(&client->story);
}

static void say(struct client *client, const char *first, const char *second, const char *third) {
    struct redis_command command = {.on_answer = on_answer, .context = client, .count = 1, .words = {slice_of(first)}};
    if (second != NULL) {
        command.words[command.count++] = slice_of(second);
    }
    if (third != NULL) {
        command.words[command.count++] = slice_of(third);
    }
    redis_send(client->redis, &command);
}

static void test_answers(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct client client;
    char big[1500];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    redis_say(server, "SET", "big", big, NULL);
    client_open(&client, loop, server->socket);
    say(&client, "PING", NULL, NULL);
    say(&client, "SET", "key", "a b");
    say(&client, "GET", "key", NULL);
    say(&client, "GET", "nothing", NULL);
    say(&client, "SADD", "set", "one");
    say(&client, "SMEMBERS", "set", NULL);
    say(&client, "GET", "set", NULL);
    say(&client, "GET", "big", NULL);
    say(&client, "GET", "", NULL);
    say(&client, "PING", NULL, NULL);
    TURN_UNTIL(loop, client.answers == 10);
    assert_string_equal(client.story.p, "text PONG\ntext OK\ntext a b\nnone\nnumber 1\n(text one)\n"
                                        "error WRONGTYPE Operation against a key holding the wrong kind of value\n"
                                        "too big\nnone\ntext PONG\n");
    client_release(&client);
    redis_server_free(server);
    loop_free(loop);
}

/* On a subscribed connection messages come between the answers, and a PING is answered like anywhere. */
static void test_messages(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct redis_server *server = redis_server_new();
    struct client client;
    client_open(&client, loop, server->socket);
    say(&client, "SUBSCRIBE", "news", NULL);
    TURN_UNTIL(loop, client.answers == 1);
    assert_string_equal(redis_say(server, "PUBLISH", "news", "first", NULL), ":1\r\n");
    say(&client, "PING", NULL, NULL);
    TURN_UNTIL(loop, client.answers == 2);
    assert_string_equal(client.story.p,
                        "(text subscribe, text news, number 1)\nmessage text first\n(text pong, text )\n");
    redis_server_kill(server);
    TURN_UNTIL(loop, client.lost[0] != '\0');
    assert_string_equal(client.lost, "the server closed the connection");
    client_release(&client);
    redis_server_free(server);
    loop_free(loop);
}

static void test_freed_in_callback(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct fake_redis *fake = fake_new(loop, (const struct fake_line[]){{NULL, "+OK\r\n+AGAIN\r\n"}});
    struct client client;
    client_open(&client, loop, fake->path);
    client.free_on_answer = true;
    say(&client, "GET", "a", NULL);
    say(&client, "GET", "b", NULL);
    TURN_UNTIL(loop, client.answers == 1 && fake->connections[0].fd < 0);
    assert_string_equal(client.story.p, "text OK\n");
    client_release(&client);
    fake_free(fake);
    loop_free(loop);
}

/* What ends a connection, each with its reason. */
static void test_losses(void **state) {
    (void)state;
    static const struct {
        const char *name, *answer, *greeting, *says;
    } rows[] = {
        {"silence", NULL, NULL, "no answer for 200 ms"},
        {"half an answer", "$5\r\nab", NULL, "no answer for 200 ms"},
        {"not Redis", "HTTP/1.1 400 Bad Request\r\n", NULL, "not Redis' protocol"},
        {"an empty type", "\r\n\r\n", NULL, "not Redis' protocol"},
        {"too many elements", "*11\r\n", NULL, "lists of more than 10 elements"},
        {"too many elements together", "*2\r\n*9\r\n", NULL, "lists of more than 10 elements"},
        {"too many elements inside", "*1\r\n*2147483647\r\n", NULL, "lists of more than 10 elements"},
        {"more than 64 bits", "*99999999999999999999\r\n", NULL, ""},
        {"too deep", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", NULL, "not Redis' protocol"},
        {"a refusal before any question", NULL, "-DENIED protected mode\x1b[31m\r\n", "DENIED protected mode"},
        {"an answer nobody asked for", NULL, ":7\r\n", "nobody asked for"},
        {"an answer too many", "+OK\r\n+OK\r\n", NULL, "OK"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop *loop = loop_new();
        struct fake_line lines[] = {{NULL, rows[i].answer}};
        struct fake_redis *fake = fake_new(loop, lines);
        fake->greeting = rows[i].greeting;
        struct client client;
        bool is_silent = strstr(rows[i].says, "no answer") != NULL;
        client_open_with(&client, loop, fake->path, is_silent ? &no_silence : &patient);
        if (rows[i].greeting == NULL) {
            say(&client, "GET", "a", NULL);
        }
        TURN_UNTIL(loop, client.lost[0] != '\0');
        if (strstr(client.lost, rows[i].says) == NULL || strchr(client.lost, '\x1b') != NULL) {
            fail_msg("%s: %s", rows[i].name, client.lost);
        }
        client_release(&client);
        fake_free(fake);
        loop_free(loop);
    }
}

/* A string that never ends is not collected for ever, whatever size it claims. */
static void test_endless_string(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct fake_redis *fake = fake_new(loop, (const struct fake_line[]){{NULL, "$2000000000\r\n"}});
    struct client client;
    client_open(&client, loop, fake->path);
    say(&client, "GET", "a", NULL);
    char more[8192];
    memset(more, 'x', sizeof more);
    size_t sent = 0;
    TURN_UNTIL(loop, fake->heard.len > 0);
    while (client.lost[0] == '\0' && sent < 64 * sizeof more) {
        fake_send(fake, 0, more, sizeof more);
        sent += sizeof more;
        loop_turn(loop, 0);
    }
    TURN_UNTIL(loop, client.lost[0] != '\0');
    assert_string_equal(client.lost, "it sent a string larger than any document may be");
    client_release(&client);
    fake_free(fake);
    loop_free(loop);
}

static void test_cannot_connect(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct client client;
    char *dir = scratch_new();
    char *path = xasprintf("%s/none.sock", dir);
    client_open(&client, loop, path);
    assert_string_equal(client.lost, strerror(ENOENT));
    client_release(&client);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)free_port()),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct address address = {.size = sizeof name};
    memcpy(&address.sock, &name, sizeof name);
    client_start(&client, loop, &address, &patient);
    TURN_UNTIL(loop, client.lost[0] != '\0');
    assert_string_equal(client.lost, strerror(ECONNREFUSED));
    client_release(&client);
    scratch_free(dir);
    free(path);
    loop_free(loop);
}

/* A host that swallows the SYN: here a listener whose queue is full. */
static void test_connect_timeout(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[4];
    assert_int_equal(bind(listener, (const struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (const struct sockaddr *)&name, size);
    }
    struct address address = {.size = size};
    memcpy(&address.sock, &name, size);
    struct client client;
    client_start(&client, loop, &address, &no_queue);
    TURN_UNTIL(loop, client.lost[0] != '\0');
    assert_string_equal(client.lost, "no connection for 100 ms");
    client_release(&client);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        close(fillers[i]);
    }
    close(listener);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_good),          cmocka_unit_test(test_url_bad),
        cmocka_unit_test(test_resolve),           cmocka_unit_test(test_resolve_mute),
        cmocka_unit_test(test_answers),           cmocka_unit_test(test_messages),
        cmocka_unit_test(test_freed_in_callback), cmocka_unit_test(test_losses),
        cmocka_unit_test(test_endless_string),    cmocka_unit_test(test_cannot_connect),
        cmocka_unit_test(test_connect_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
