/* Asking the bridge. */
#include "cli/remote.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "app/keys.h"
#include "auth/keyring.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/target.h"
#include "http/client.h"
#include "livekit/token.h"

enum { ANSWER_TIMEOUT_MS = 5000, ANSWER_MAX = 64 << 20, TOKEN_TTL_S = 60, HTTP_OK = 200 };
#define STATUS_PATH "/health/sip-bridge-status"

/* "Bearer …", or NULL where the settings hold no key. */
static char *reader_authorization(const struct settings *settings) {
    bool has_key = settings->livekit_api_key != NULL || settings->livekit_keys != NULL;
    struct keyring *keys = has_key ? keys_load(settings, NULL) : NULL;
    if (keys == NULL) {
        return NULL;
    }
    cleanup_free char *token = token_for_operator(keys, true, clock_wall_ms() / 1000, TOKEN_TTL_S);
    keyring_free(keys);
    return xasprintf("Bearer %s", token);
}

bool remote_look_at(const struct settings *settings, const char *where, struct remote_look *look, struct diag *diag) {
    struct target target __attribute__((cleanup(target_release)));
    cleanup_free char *authorization = reader_authorization(settings);
    target_init(&target, slice_of(where), STATUS_PATH);
    struct http_client *client = http_client_new();
    struct http_call call = {
        .method = "GET",
        .url = target.url,
        .unix_socket = target.unix_socket,
        .authorization = authorization,
        .timeout_ms = look->timeout_ms > 0 ? look->timeout_ms : ANSWER_TIMEOUT_MS,
        .max_answer = ANSWER_MAX,
    };
    bool good = http_client_call(client, &call, &look->status, &look->body, diag);
    http_client_free(client);
    return good;
}

int remote_status(const struct cli *cli, const struct settings *settings, const char *where, struct buf *ret_body) {
    where = where != NULL ? where : settings->admin_listen[0];
    if (where == NULL) {
        cli_error(cli, "SIP_ADMIN_LISTEN names no address: give --url");
        return CLI_USAGE;
    }
    struct remote_look look = {0};
    struct diag diag;
    bool good = remote_look_at(settings, where, &look, &diag);
    if (good && look.status != HTTP_OK) {
        good = diag_fail(&diag, where, "answered %d%s", look.status,
                         look.status == 401 ? ": the keys in your settings are not those of the running bridge" : "");
    }
    *ret_body = look.body;
    return good ? CLI_OK : cli_fail(cli, &diag);
}

/* A value of any simple kind, as text. */
static void add_value(struct buf *out, const json_t *value) {
    if (json_is_string(value)) {
        buf_adds(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        buf_adds(out, json_is_true(value) ? "yes" : "no");
    } else {
        buf_adds(out, "-");
    }
}

void remote_print_calls(const json_t *calls) {
    static const char *const titles[] = {"CALL", "STATE",   "AGENT",    "CALLED",  "CALLER",
                                         "PID",  "RING ms", "RESTARTS", "STARTED", "ROOM"};
    static const char *const fields[ARRAY_LEN(titles)] = {"sid", "state",   "agent",    "called",     "caller",
                                                          "pid", "ring_ms", "restarts", "started_at", "room"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        for (size_t field = 0; field < ARRAY_LEN(fields); field++) {
            cleanup_buf struct buf text = {0};
            add_value(&text, json_object_get(json_array_get(calls, i), fields[field]));
            cli_table_add(&table, text.p);
        }
    }
    printf("%zu call%s in progress\n", json_array_size(calls), json_array_size(calls) == 1 ? "" : "s");
    if (json_array_size(calls) > 0) {
        cli_table_print(&table);
    }
}
