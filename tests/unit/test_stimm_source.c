/* Asking Stimm for its agents: when, what of odd answers, back-off; the agents as a source beside files, with the last
 * good copy; reading once for commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer_server.h"
#include "odd_server.h"
#include "source/fetch.h"
#include "source_bench.h"

#define KEY "sk-provider-key"
#define A_AND_B                                                                   \
    "[{\"id\":\"id-a\",\"name\":\"a\",\"llm_config\":{\"api_key\":\"" KEY "\"}}," \
    "{\"id\":\"id-b\",\"name\":\"b\",\"is_default\":true,\"tts_config\":{\"k\":\"" KEY "\"}}]"
#define A_ONLY "[{\"id\":\"id-a\",\"name\":\"a\"}]"
#define COPY "{\n\"a\":{\"id\":\"id-a\"},\n\"b\":{\"id\":\"id-b\",\"order\":0}\n}\n"
#define NEVER 1000000

static char *command[] = {"/bin/true", "{agent_id}", NULL};
static const struct directory_defaults defaults = {.command = command};

/* A source at a server that answers what the test says. */
struct scene {
    struct loop *loop;
    struct odd_server server;
    int status;
    const char *headers, *body;
    bool silent;
    struct stimm_source *source;
    struct stimm_status said;
    unsigned statuses, lists;
    char agents[256]; /* "a=id-a b=id-b" of the last list */
};

static void on_request(struct odd_server *server, struct odd_conn *conn, const char *request) {
    struct scene *scene = container_of(server, struct scene, server);
    (void)request;
    if (!scene->silent) {
        odd_answer(conn, scene->status, scene->headers, scene->body);
    }
}

static void on_status(void *context, const struct stimm_status *status) {
    struct scene *scene = context;
    scene->said = *status;
    scene->statuses++;
    assert_null(strstr(status->error, KEY));
}

static void on_agents(void *context, struct stimm_document *document) {
    struct scene *scene = context;
    cleanup_buf struct buf agents = {0};
    for (size_t i = 0; i < directory_count(document->directory); i++) {
        const struct agent *agent = directory_at(document->directory, i);
        buf_addf(&agents, "%s%s=%s", i > 0 ? " " : "", agent->name, agent->id);
    }
    snprintf(scene->agents, sizeof scene->agents, "%s", agents.p != NULL ? agents.p : "");
    scene->lists++;
}

static void scene_serve(struct scene *scene, int status, const char *body) {
    scene->status = status;
    scene->body = body;
}

static void scene_init(struct scene *scene) {
    *scene = (struct scene){.loop = loop_new(), .status = 200, .headers = "", .body = A_AND_B};
    odd_start(&scene->server, scene->loop, on_request);
}

static void scene_start(struct scene *scene, const char *path, struct stimm_times times) {
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d%s", scene->server.port, path);
    scene->source = stimm_source_start(&(struct stimm_source_options){
        .loop = scene->loop,
        .url = url,
        .defaults = &defaults,
        .times = times,
        .on_status = on_status,
        .on_agents = on_agents,
        .context = scene,
    });
    assert_non_null(scene->source);
    assert_int_equal(scene->statuses, 0);
}

static void scene_release(struct scene *scene) {
    stimm_source_free(scene->source);
    odd_stop(&scene->server);
    loop_free(scene->loop);
}

/* Nothing happens by itself. */
static const struct stimm_times still = {.timeout_ms = 60000, .refresh_ms = NEVER, .miss_ms = 20, .retry_ms = NEVER};

static bool was_asked(const struct scene *scene, const char *line) {
    return scene->server.last.len > 0 && strncmp(scene->server.last.p, line, strlen(line)) == 0;
}

static void test_asks_at_once(void **state) {
    (void)state;
    static const struct {
        const char *path, *request;
    } cases[] = {
        {"", "GET /api/agents/ HTTP/1.1\r\n"},
        {"/", "GET /api/agents/ HTTP/1.1\r\n"},
        {"/stimm//", "GET /stimm/api/agents/ HTTP/1.1\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        scene_init(&scene);
        scene_start(&scene, cases[i].path, still);
        TURN_UNTIL(scene.loop, scene.lists == 1);
        assert_true(was_asked(&scene, cases[i].request));
        assert_string_equal(scene.agents, "b=id-b a=id-a");
        assert_int_equal(scene.said.state, STIMM_CONNECTED);
        assert_string_equal(scene.said.error, "");
        scene_release(&scene);
    }
}

static void test_asks_again_slowly(void **state) {
    (void)state;
    struct scene scene;
    struct stimm_times times = still;
    times.refresh_ms = 10;
    scene_init(&scene);
    scene_start(&scene, "", times);
    TURN_UNTIL(scene.loop, scene.lists == 2);
    scene_serve(&scene, 200, A_ONLY);
    TURN_UNTIL(scene.loop, strcmp(scene.agents, "a=id-a") == 0);
    assert_int_equal(scene.server.connections, 1); /* kept alive */
    scene_release(&scene);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        int status;
        enum stimm_state state;
        const char *body, *error;
    } cases[] = {
        {500, STIMM_AWAY, "{\"detail\":\"" KEY "\"}", "it answers 500"},
        {503, STIMM_AWAY, "", "it answers 503"},
        {429, STIMM_AWAY, "", "it answers 429"},
        {404, STIMM_ODD, "<" KEY ">", "it answers 404: there is no /api/agents/, is STIMM_API_URL right?"},
        {401, STIMM_ODD, "", "it answers 401: it wants a login, and sipbridge has none"},
        {422, STIMM_ODD, "", "it answers 422"},
        {204, STIMM_ODD, "", "it answers 204: that is no list of agents"},
        {307, STIMM_ODD, "", "it answers 307: redirects are not followed, set STIMM_API_URL to where it leads"},
        {200, STIMM_ODD, "{}", "the answer must be a list of agents, not an object"},
        {200, STIMM_ODD, "[\"" KEY, "the answer is not valid JSON (what stands there is not shown: it may be a key)"},
        {200, STIMM_ODD, "", "the answer is not valid JSON (what stands there is not shown: it may be a key)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        scene_init(&scene);
        scene_serve(&scene, cases[i].status, cases[i].body);
        scene_start(&scene, "", still);
        TURN_UNTIL(scene.loop, scene.statuses == 1);
        assert_int_equal(scene.said.state, cases[i].state);
        assert_string_equal(scene.said.error, cases[i].error);
        assert_int_equal(scene.said.retry_ms, NEVER);
        assert_int_equal(scene.lists, 0);
        scene_release(&scene);
    }
}

static void cut(struct odd_server *server, struct odd_conn *conn, const char *request) {
    (void)server, (void)request;
    odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{");
    odd_reset(conn);
}

static void flood(struct odd_server *server, struct odd_conn *conn, const char *request) {
    (void)server, (void)request;
    odd_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n[");
}

static void gibberish(struct odd_server *server, struct odd_conn *conn, const char *request) {
    (void)server, (void)request;
    odd_say(conn, "* OK IMAP4rev1 ready\r\n");
    odd_close(conn);
}

static void test_broken_transports(void **state) {
    (void)state;
    static const struct {
        void (*on_request)(struct odd_server *, struct odd_conn *, const char *);
        enum stimm_state state;
        const char *error; /* part of it */
    } cases[] = {
        {cut, STIMM_AWAY, ""},
        {flood, STIMM_ODD, "the answer is longer than 8388608 bytes"},
        {gibberish, STIMM_AWAY, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        scene_init(&scene);
        scene.server.on_request = cases[i].on_request;
        scene_start(&scene, "", still);
        TURN_UNTIL(scene.loop, scene.statuses == 1);
        assert_int_equal(scene.said.state, cases[i].state);
        assert_true(scene.said.error[0] != '\0');
        assert_non_null(strstr(scene.said.error, cases[i].error));
        scene_release(&scene);
    }
}

static void test_silence_and_refused_connection(void **state) {
    (void)state;
    struct scene scene;
    struct stimm_times times = still;
    times.timeout_ms = 50;
    times.retry_ms = 1;
    scene_init(&scene);
    scene.silent = true;
    scene_start(&scene, "", times);
    TURN_UNTIL(scene.loop, scene.statuses == 1);
    assert_int_equal(scene.said.state, STIMM_AWAY);
    assert_string_equal(scene.said.error, "no answer within 50 ms");
    odd_stop(&scene.server);
    TURN_UNTIL(scene.loop, strstr(scene.said.error, "onnect") != NULL);
    assert_null(strstr(scene.said.error, " ms")); /* else each time another error */
    scene_release(&scene);
}

static void test_backs_off(void **state) {
    (void)state;
    struct scene scene;
    struct stimm_times times = still;
    times.retry_ms = 1;
    scene_init(&scene);
    scene_serve(&scene, 500, "");
    scene_start(&scene, "", times);
    for (unsigned i = 1; i <= 8; i++) {
        TURN_UNTIL(scene.loop, scene.statuses == i);
        assert_int_equal(scene.said.retry_ms, i < 7 ? 1 << (i - 1) : 64);
    }
    scene_serve(&scene, 200, A_ONLY);
    TURN_UNTIL(scene.loop, scene.lists == 1);
    assert_int_equal(scene.said.state, STIMM_CONNECTED);
    scene_serve(&scene, 500, "");
    stimm_source_refresh(scene.source);
    TURN_UNTIL(scene.loop, scene.said.state == STIMM_AWAY);
    assert_int_equal(scene.said.retry_ms, 1); /* from the beginning */
    scene_release(&scene);
}

static void test_retry_after(void **state) {
    (void)state;
    struct scene scene;
    struct stimm_times times = still;
    times.retry_ms = 1;
    scene_init(&scene);
    scene_serve(&scene, 503, "");
    scene.headers = "Retry-After: 7\r\n";
    scene_start(&scene, "", times);
    TURN_UNTIL(scene.loop, scene.statuses == 1);
    assert_int_equal(scene.said.retry_ms, 7000);
    scene.headers = "Retry-After: 100000\r\n";
    stimm_source_refresh(scene.source); /* the operator's word comes before it */
    TURN_UNTIL(scene.loop, scene.statuses == 2);
    assert_int_equal(scene.said.retry_ms, 60000);
    scene_release(&scene);
}

static void test_miss_asks_soon_and_not_often(void **state) {
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_serve(&scene, 200, A_ONLY);
    scene_start(&scene, "", still);
    stimm_source_miss(scene.source); /* asked for anyway */
    TURN_UNTIL(scene.loop, scene.lists == 1);
    scene_serve(&scene, 200, A_AND_B);
    for (unsigned i = 0; i < 100; i++) {
        stimm_source_miss(scene.source);
    }
    TURN_UNTIL(scene.loop, scene.lists == 2);
    assert_string_equal(scene.agents, "b=id-b a=id-a");
    assert_int_equal(scene.server.requests, 2);
    scene_release(&scene);
}

/* The next request of a miss may be far: it does not come before its time, but a reload does. */
static void test_misses_are_spaced(void **state) {
    (void)state;
    struct scene scene;
    struct stimm_times times = still;
    times.miss_ms = NEVER;
    scene_init(&scene);
    scene_start(&scene, "", times);
    TURN_UNTIL(scene.loop, scene.lists == 1);
    stimm_source_miss(scene.source);
    stimm_source_refresh(scene.source);
    stimm_source_miss(scene.source);
    TURN_UNTIL(scene.loop, scene.lists == 2);
    stimm_source_miss(scene.source);
    loop_turn(scene.loop, 0);
    loop_turn(scene.loop, 0);
    assert_int_equal(scene.server.requests, 2);
    scene_release(&scene);
}

/* What is under way was perhaps answered before the agent was made. */
static void test_miss_during_a_request(void **state) {
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_serve(&scene, 200, A_ONLY);
    scene_start(&scene, "", still);
    TURN_UNTIL(scene.loop, scene.lists == 1);
    scene.silent = true;
    stimm_source_refresh(scene.source);
    TURN_UNTIL(scene.loop, scene.server.requests == 2);
    stimm_source_miss(scene.source);
    scene.silent = false;
    odd_answer(scene.server.last_conn, 200, "", A_ONLY);
    scene_serve(&scene, 200, A_AND_B);
    TURN_UNTIL(scene.loop, scene.lists == 3);
    assert_string_equal(scene.agents, "b=id-b a=id-a");
    scene_release(&scene);
}

static void test_miss_does_not_shorten_the_back_off(void **state) {
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_serve(&scene, 500, "");
    scene_start(&scene, "", still);
    TURN_UNTIL(scene.loop, scene.statuses == 1);
    stimm_source_miss(scene.source);
    loop_turn(scene.loop, 30);
    loop_turn(scene.loop, 30);
    assert_int_equal(scene.server.requests, 1);
    scene_release(&scene);
}

/* Stimm lists 100 agents unless told more. */
static void test_long_list(void **state) {
    (void)state;
    struct scene scene;
    cleanup_buf struct buf page = {0};
    for (int i = 0; i < 100; i++) {
        buf_addf(&page, "%s{\"id\":\"%d\",\"name\":\"%d\"}", i == 0 ? "[" : ",", i, i);
    }
    buf_addc(&page, ']');
    scene_init(&scene);
    scene_serve(&scene, 200, page.p);
    scene_start(&scene, "", still);
    TURN_UNTIL(scene.loop, scene.server.requests == 2);
    assert_int_equal(scene.lists, 0); /* a part of them is never used */
    assert_true(was_asked(&scene, "GET /api/agents/?limit=10000 HTTP/1.1\r\n"));
    TURN_UNTIL(scene.loop, scene.lists == 1);
    scene_serve(&scene, 200, A_ONLY);
    stimm_source_refresh(scene.source);
    TURN_UNTIL(scene.loop, scene.lists == 2);
    assert_int_equal(scene.server.requests, 3);
    assert_true(was_asked(&scene, "GET /api/agents/?limit=10000 HTTP/1.1\r\n"));
    scene_release(&scene);
}

static void test_free_while_asking(void **state) {
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.silent = true;
    scene_start(&scene, "", still);
    TURN_UNTIL(scene.loop, scene.server.requests == 1);
    scene_release(&scene);
    stimm_source_free(NULL);
}

/* ---- as one of the sources ---- */

/* Its Stimm is the scene's server. */
struct stimm_bench {
    struct scene scene;
    struct bench bench;
    char *url;
};

static void stimm_bench_init(struct stimm_bench *both) {
    *both = (struct stimm_bench){0};
    scene_init(&both->scene);
    bench_init(&both->bench);
    loop_free(both->bench.loop);
    both->bench.loop = both->bench.options.loop = both->scene.loop;
    both->url = xasprintf("http://127.0.0.1:%d", both->scene.server.port);
    both->bench.options.stimm_url = both->url;
    both->bench.options.defaults = defaults;
}

static void stimm_bench_release(struct stimm_bench *both) {
    odd_stop(&both->scene.server);
    bench_release(&both->bench); /* and the loop of both */
    free(both->url);
}

static const struct source_state *agents_state(const struct stimm_bench *both) {
    return source_directory_state(both->bench.source);
}

static void test_source(void **state) {
    (void)state;
    struct stimm_bench both;
    stimm_bench_init(&both);
    bench_start(&both.bench);
    assert_false(source_ready(both.bench.source));
    assert_string_equal(agents_state(&both)->kind, "stimm");
    assert_int_equal(source_stimm(both.bench.source)->status.state, STIMM_UNTRIED);
    TURN_UNTIL(both.scene.loop, both.bench.changes == 1);
    assert_true(source_ready(both.bench.source)); /* no rules anywhere: there are none */
    assert_string_equal(agents_state(&both)->kind, "stimm");
    assert_int_equal(agents_state(&both)->count, 2);
    assert_string_equal(directory_first(source_directory(both.bench.source))->name, "b");
    assert_true(source_stimm(both.bench.source)->configured);
    TURN_UNTIL(both.scene.loop, copy_is(&both.bench, "agents.json", COPY));
    source_reload(both.bench.source);
    TURN_UNTIL(both.scene.loop, both.scene.server.requests == 2 && both.bench.changes == 2); /* judged again */
    scene_serve(&both.scene, 200, A_ONLY);
    source_miss(both.bench.source);
    TURN_UNTIL(both.scene.loop, both.bench.changes == 3);
    assert_int_equal(agents_state(&both)->count, 1);
    stimm_bench_release(&both);
}

static void test_source_away_at_start(void **state) {
    (void)state;
    struct stimm_bench both;
    stimm_bench_init(&both);
    free(scratch_file(both.bench.state_dir, "agents.json", COPY, 0600));
    scene_serve(&both.scene, 500, "");
    bench_start(&both.bench);
    assert_true(source_ready(both.bench.source));
    assert_string_equal(agents_state(&both)->kind, "last good copy");
    assert_string_equal(directory_first(source_directory(both.bench.source))->id, "id-b");
    TURN_UNTIL(both.scene.loop, source_stimm(both.bench.source)->status.state == STIMM_AWAY);
    assert_string_equal(agents_state(&both)->error, "it answers 500");
    cleanup_free char *wanted = xasprintf("Stimm %s: it answers 500, what is in use stays, again in 500ms\n", both.url);
    assert_string_equal(both.bench.warnings.p, wanted);
    scene_serve(&both.scene, 200, A_AND_B);
    TURN_UNTIL(both.scene.loop, strcmp(agents_state(&both)->kind, "stimm") == 0);
    assert_string_equal(agents_state(&both)->error, "");
    stimm_bench_release(&both);
}

static void test_source_keeps_what_it_has(void **state) {
    (void)state;
    struct stimm_bench both;
    stimm_bench_init(&both);
    bench_start(&both.bench);
    TURN_UNTIL(both.scene.loop, source_ready(both.bench.source));
    TURN_UNTIL(both.scene.loop, copy_is(&both.bench, "agents.json", COPY));
    scene_serve(&both.scene, 200, "[{\"llm_config\":\"" KEY "\"}]");
    source_reload(both.bench.source);
    TURN_UNTIL(both.scene.loop, source_stimm(both.bench.source)->status.state == STIMM_ODD);
    assert_int_equal(directory_count(source_directory(both.bench.source)), 2);
    assert_true(warned(&both.bench,
                       "none of its 1 agents can be used: [0] id: must be a string, and is missing, what is in "
                       "use stays, again in 500ms"));
    assert_false(warned(&both.bench, KEY));
    assert_true(copy_is(&both.bench, "agents.json", COPY));
    stimm_bench_release(&both);
}

/* No agents is an answer. */
static void test_source_with_no_agents(void **state) {
    (void)state;
    struct stimm_bench both;
    stimm_bench_init(&both);
    scene_serve(&both.scene, 200, "[]");
    bench_start(&both.bench);
    TURN_UNTIL(both.scene.loop, source_ready(both.bench.source));
    assert_int_equal(directory_count(source_directory(both.bench.source)), 0);
    stimm_bench_release(&both);
}

static void test_file_wins(void **state) {
    (void)state;
    struct stimm_bench both;
    stimm_bench_init(&both);
    cleanup_free char *path = scratch_file(both.bench.dir, "mine.json", "{\"mine\":{}}", 0600);
    both.bench.options.agents_file = path;
    bench_start(&both.bench);
    assert_string_equal(agents_state(&both)->kind, "file");
    assert_false(source_stimm(both.bench.source)->configured);
    source_reload(both.bench.source);
    source_miss(both.bench.source);
    TURN_UNTIL(both.scene.loop, both.bench.changes > 0);
    assert_int_equal(both.scene.server.requests, 0);
    stimm_bench_release(&both);
}

/* ---- once, for commands ---- */

static void fetch_from(int status, const char *body, struct fetch *ret_fetch) {
    struct server server;
    server_start(&server, status, body);
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d/", server.port);
    const struct source_options options = {.stimm_url = url, .defaults = defaults};
    fetch_run(&options, 60000, ret_fetch);
    server_stop(&server);
}

static void test_fetch(void **state) {
    (void)state;
    struct fetch fetch;
    fetch_from(200, A_AND_B, &fetch);
    assert_string_equal(fetch.agents.kind, "stimm");
    assert_string_equal(fetch.agents.text, COPY);
    assert_string_equal(fetch.agents.diag.what, "");
    assert_int_equal(directory_count(fetch.agents.directory), 2);
    assert_string_equal(fetch.rules.kind, "none");
    fetch_release(&fetch);
    fetch_from(500, KEY, &fetch);
    assert_null(fetch.agents.directory);
    assert_string_equal(fetch.agents.diag.what, "it answers 500");
    assert_non_null(strstr(fetch.agents.diag.where, "http://127.0.0.1:"));
    fetch_release(&fetch);
}

/* A server that takes the connection and says nothing. */
static void test_fetch_timeout(void **state) {
    (void)state;
    struct stimm_bench both;
    struct fetch fetch;
    stimm_bench_init(&both);
    both.bench.options.redis_url = "redis://127.0.0.1:1"; /* refuses, and keeps nobody waiting */
    fetch_run(&both.bench.options, 2000, &fetch);         /* time enough to be refused there */
    assert_string_equal(fetch.agents.diag.what, "no answer within 2s");
    assert_string_equal(fetch.agents.diag.where, both.url);
    assert_string_equal(fetch.rules.diag.what, "Connection refused");
    fetch_release(&fetch);
    stimm_bench_release(&both);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_at_once),
        cmocka_unit_test(test_asks_again_slowly),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken_transports),
        cmocka_unit_test(test_silence_and_refused_connection),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_miss_asks_soon_and_not_often),
        cmocka_unit_test(test_misses_are_spaced),
        cmocka_unit_test(test_miss_during_a_request),
        cmocka_unit_test(test_miss_does_not_shorten_the_back_off),
        cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_free_while_asking),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_source_away_at_start),
        cmocka_unit_test(test_source_keeps_what_it_has),
        cmocka_unit_test(test_source_with_no_agents),
        cmocka_unit_test(test_file_wins),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_fetch_timeout),
    };
    log_init(&(struct log_options){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
