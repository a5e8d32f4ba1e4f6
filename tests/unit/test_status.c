/* sipbridge status against a server that answers one request with what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer_server.h"
#include "auth/keyring.h"
#include "auth/operator.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "run_cli.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static const char full_status[] =
    "{\"enabled\":true,\"running\":true,\"active_rooms\":[\"r\"],\"process_count\":1,\"process_pids\":{\"r\":42},"
    "\"version\":\"0.1.0\",\"uptime_s\":90,\"message\":\"all is "
    "well\",\"calls\":[{\"sid\":\"RM_1\",\"room\":\"r\\u001b[31m\",\"state\":"
    "\"TALKING\","
    "\"agent\":\"support\",\"called\":\"+331\",\"caller\":\"+332\",\"pid\":42,\"started_at\":\"2026-11-22T20:00:00Z\","
    "\"age_s\":725,\"ring_ms\":320,\"restarts\":0}],\"rules\":{\"source\":\"redis\",\"count\":3,\"loaded_at\":\"x\","
    "\"error\":null,"
    "\"warnings\":[\"rules[1]: x\"]},"
    "\"agents\":{\"source\":\"file\",\"count\":2,\"loaded_at\":null,\"error\":\"agents.json: wrong\",\"broken\":"
    "{\"sales\":\"no such file\"}},"
    "\"redis\":{\"state\":\"connected\",\"error\":null},\"stimm\":{\"state\":\"away\",\"error\":\"it answers "
    "500\"},\"webhooks\":{\"received\":5,\"verified\":3,\"rejected\":"
    "{\"expired\":2,\"not_jwt\":0},\"ignored\":1,\"duplicate\":0,\"invalid\":0,\"refused\":4},"
    "\"remedy\":\"do `this`\",\"errors\":[{\"at\":\"2026-11-22T20:00:01Z\",\"message\":\"agent "
    "crashed\",\"agent\":\"bot\",\"call\":"
    "\"RM_1\",\"room\":\"r\"},{\"at\":\"2026-11-22T20:00:02Z\",\"message\":\"call RM_2 ended\",\"call\":\"RM_2\"}]}";

static const struct cli_command *const commands[] = {&cli_status, NULL};

static struct ran ask(const char *listen, const char *option) {
    char *environment[] = {(char *)"LIVEKIT_API_KEY=devkey", (char *)"LIVEKIT_API_SECRET=" SECRET, (char *)listen,
                           NULL};
    return run_cli(commands, environment, (char *[]){(char *)"status", (char *)option, NULL});
}

static struct ran ask_server(const struct server *server, const char *option) {
    cleanup_free char *listen = xasprintf("SIP_ADMIN_LISTEN=127.0.0.1:%d", server->port);
    return ask(listen, option);
}

static void shows_tables(void **state) {
    (void)state;
    struct server server;
    server_start(&server, 200, full_status);
    cleanup_ran struct ran ran = ask_server(&server, NULL);
    assert_string_equal(ran.err.p, "");
    assert_int_equal(ran.code, CLI_OK);
    assert_string_equal(ran.out.p,
                        "bridge    running, version 0.1.0, up 90s, 1 agent process\n"
                        "          all is well\n"
                        "          do `this`\n"
                        "rules     3 from redis, loaded x\n"
                        "          rules[1]: x\n"
                        "agents    2 from file: agents.json: wrong\n"
                        "          sales is broken: no such file\n"
                        "redis     connected\n"
                        "stimm     away: it answers 500\n"
                        "webhooks  received 5, verified 3, ignored 1, duplicate 0, invalid 0, refused 4, bad_method 0, "
                        "rejected expired 2\n"
                        "\n1 call in progress\n"
                        "CALL  STATE    AGENT    CALLED  CALLER  RING ms  RESTARTS  AGE     PID  ROOM\n"
                        "RM_1  TALKING  support  +331    +332    320      0         12m 5s  42   r\\x1b[31m\n"
                        "\nlast errors and warnings\n"
                        "2026-11-22T20:00:01Z  agent crashed (agent bot, call RM_1)\n"
                        "2026-11-22T20:00:02Z  call RM_2 ended\n");
    server_stop(&server);
}

/* The request carries a token that may read and nothing more. */
static void asks_as_a_reader(void **state) {
    (void)state;
    struct server server;
    server_start(&server, 200, full_status);
    cleanup_ran struct ran ran = ask_server(&server, "--json");
    assert_int_equal(ran.code, CLI_OK);
    cleanup_free char *wanted = xasprintf("%s\n", full_status);
    assert_string_equal(ran.out.p, wanted);
    pthread_join(server.thread, NULL);
    assert_non_null(strstr(server.request.p, "GET /health/sip-bridge-status HTTP/1.1\r\n"));
    const char *header = strcasestr(server.request.p, "\r\nauthorization: ");
    assert_non_null(header);
    header += strlen("\r\nauthorization: ");
    struct keyring *keys = keyring_new();
    assert_true(keyring_add(keys, SLICE("devkey"), SLICE(SECRET), NULL));
    struct slice token = {header, strcspn(header, "\r")};
    assert_int_equal(operator_check(keys, token, clock_wall_ms() / 1000), OPERATOR_READER);
    keyring_free(keys);
    close(server.listener);
    buf_release(&server.request);
}

static void says_what_went_wrong(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *body, *wanted;
    } cases[] = {
        {401, "", "answered 401: the keys in your settings are not those of the running bridge\n"},
        {404, "x", "answered 404\n"},
        {200, "<html>", "the answer is no status of sipbridge: "},
        {200, "[]", "the answer is no status of sipbridge: not an object\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server server;
        server_start(&server, cases[i].status, cases[i].body);
        cleanup_ran struct ran ran = ask_server(&server, NULL);
        assert_int_equal(ran.code, CLI_FAILED);
        assert_non_null(strstr(ran.err.p, cases[i].wanted));
        server_stop(&server);
    }
    cleanup_ran struct ran refused = ask("SIP_ADMIN_LISTEN=unix:/nonexistent/socket", NULL);
    assert_int_equal(refused.code, CLI_FAILED);
    assert_true(refused.err.len > 0);
    cleanup_ran struct ran nowhere = ask("SIP_ADMIN_LISTEN=", NULL);
    assert_int_equal(nowhere.code, CLI_USAGE);
    assert_string_equal(nowhere.err.p, "sipbridge status: SIP_ADMIN_LISTEN names no address: give --url\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_tables),
        cmocka_unit_test(asks_as_a_reader),
        cmocka_unit_test(says_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
