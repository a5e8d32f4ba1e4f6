/* Asking the bridge. */
#include "cli/remote.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/keys.h"
#include "auth/keyring.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/target.h"
#include "http/client.h"
#include "livekit/token.h"

enum { ANSWER_TIMEOUT_MS = 5000, ANSWER_MAX = 64 << 20, TOKEN_TTL_S = 60, HTTP_OK = 200 };
#define STATUS_PATH "/health/sip-bridge-status"

/* One request with a token of ours, where there is a key to sign it with. */
struct request {
    const char *method, *path;
    bool needs_operator;
    int timeout_ms; /* 0: ANSWER_TIMEOUT_MS */
    const struct target *target;
    bool is_named; /* by whoever runs the command: not the address of the settings */
};

/* Nobody answered: maybe these are not the settings of the bridge. */
static void doubt_settings(const struct settings *settings, struct diag *diag) {
    size_t length = strlen(diag->what);
    if (!settings_is_given(settings, SETTING_SIP_ADMIN_LISTEN)) {
        snprintf(diag->what + length, sizeof diag->what - length,
                 " SIP_ADMIN_LISTEN is not set here: --env-file FILE gives the bridge's settings");
    }
}

static bool send_request(const struct settings *settings, const struct request *request,
                         struct remote_answer *ret_answer, struct diag *diag) {
    bool has_key = settings->livekit_api_key != NULL || settings->livekit_keys != NULL;
    struct keyring *keys = has_key || request->needs_operator ? keys_load(settings, diag) : NULL;
    if (keys == NULL && request->needs_operator) {
        return false;
    }
    int64_t now_s = clock_wall_ms() / 1000;
    cleanup_free char *token = keys == NULL ? xstrdup("")
                               : request->needs_operator
                                   ? token_for_request(keys, request->method, request->path, now_s)
                                   : token_for_operator(keys, true, now_s, TOKEN_TTL_S);
    cleanup_free char *authorization = xasprintf("Bearer %s", token);
    keyring_free(keys);
    struct http_client *client = http_client_new();
    struct http_call call = {
        .method = request->method,
        .url = request->target->url,
        .unix_socket = request->target->unix_socket,
        .authorization = *token != '\0' ? authorization : NULL,
        .timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : ANSWER_TIMEOUT_MS,
        .max_answer = ANSWER_MAX,
    };
    bool good = http_client_call(client, &call, &ret_answer->status, &ret_answer->body, diag);
    http_client_free(client);
    if (!good && !request->is_named) {
        doubt_settings(settings, diag);
    }
    return good;
}

/* NAMED, else the settings' own; NULL: there is none. */
static const char *address_of(const struct settings *settings, const char *named, struct diag *diag) {
    const char *where = named != NULL ? named : settings->admin_listen[0];
    if (where == NULL) {
        diag_fail(diag, "", "SIP_ADMIN_LISTEN names no address: give --url");
    }
    return where;
}

/* WHERE without a path, or an address; PATH is added. */
static void target_base(struct target *target, const char *where, const char *path) {
    struct slice base = slice_of(where);
    bool is_url = slice_starts(base, SLICE("http://")) || slice_starts(base, SLICE("https://"));
    base.n -= is_url && where[base.n - 1] == '/';
    cleanup_free char *whole = xasprintf("%.*s%s", SLICE_ARG(base), is_url ? path : "");
    target_init(target, slice_of(whole), path);
}

/* 200 with a body, or the reason why not. */
static bool get_status(const struct settings *settings, const struct request *request, struct buf *ret_body,
                       struct diag *diag) {
    struct remote_answer answer = {0};
    bool good = send_request(settings, request, &answer, diag);
    if (good && answer.status != HTTP_OK) {
        good = diag_fail(diag, request->target->url, "answered %d%s", answer.status,
                         answer.status == 401 ? ": the keys in your settings are not those of the running bridge" : "");
    }
    buf_clear(ret_body);
    buf_add_slice(ret_body, good ? buf_slice(&answer.body) : SLICE(""));
    buf_release(&answer.body);
    return good;
}

bool remote_ask_status(const struct settings *settings, const char *where, struct buf *ret_body, struct diag *diag) {
    struct target target __attribute__((cleanup(target_release))) = {0};
    const struct request request = {.method = "GET", .target = &target, .is_named = where != NULL};
    const char *address = address_of(settings, where, diag);
    if (address == NULL) {
        return false;
    }
    target_base(&target, address, STATUS_PATH);
    return get_status(settings, &request, ret_body, diag);
}

bool remote_look(const struct settings *settings, int timeout_ms, struct remote_answer *ret_answer, struct diag *diag) {
    struct target target __attribute__((cleanup(target_release))) = {0};
    const struct request request = {.method = "GET", .timeout_ms = timeout_ms, .target = &target};
    target_base(&target, settings->admin_listen[0], STATUS_PATH);
    return send_request(settings, &request, ret_answer, diag);
}

bool remote_try_status(const struct settings *settings, const char *where, struct buf *ret_body, struct diag *diag) {
    struct target target __attribute__((cleanup(target_release))) = {0};
    const struct request request = {.method = "GET", .target = &target, .is_named = where != NULL};
    const char *address = address_of(settings, where, diag);
    if (address == NULL) {
        return false;
    }
    target_init(&target, slice_of(address), STATUS_PATH);
    return get_status(settings, &request, ret_body, diag);
}

int remote_status(const struct cli *cli, const struct settings *settings, const char *where, struct buf *ret_body) {
    struct diag diag = {0};
    if (address_of(settings, where, &diag) == NULL) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    return remote_try_status(settings, where, ret_body, &diag) ? CLI_OK : cli_fail(cli, &diag);
}

bool remote_post(const struct settings *settings, const struct remote_wish *wish, struct remote_answer *ret_answer,
                 struct diag *diag) {
    struct target target __attribute__((cleanup(target_release))) = {0};
    const char *address = address_of(settings, wish->where, diag);
    if (address == NULL) {
        return false;
    }
    target_base(&target, address, wish->path);
    const struct request request = {.method = "POST",
                                    .path = wish->path,
                                    .needs_operator = true,
                                    .target = &target,
                                    .is_named = wish->where != NULL};
    return send_request(settings, &request, ret_answer, diag);
}

/* A value of any simple kind. */
static void add_value(struct cli_table *table, const json_t *value) {
    if (json_is_string(value)) {
        cli_table_add(table, json_string_value(value));
    } else if (json_is_integer(value)) {
        cli_table_addf(table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        cli_table_add(table, json_is_true(value) ? "yes" : "no");
    } else {
        cli_table_add(table, "-");
    }
}

static void add_calls(struct cli_table *table, const json_t *calls) {
    static const char *const before[] = {"sid", "state", "agent", "called", "caller", "ring_ms", "restarts"};
    static const char *const after[] = {"pid", "room"};
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        for (size_t field = 0; field < ARRAY_LEN(before); field++) {
            add_value(table, json_object_get(call, before[field]));
        }
        const json_t *age = json_object_get(call, "age_s");
        if (json_is_integer(age)) {
            show_age(table, json_integer_value(age));
        } else {
            cli_table_add(table, "-"); /* of an older bridge */
        }
        for (size_t field = 0; field < ARRAY_LEN(after); field++) {
            add_value(table, json_object_get(call, after[field]));
        }
    }
}

void remote_print_calls(const json_t *calls) {
    static const char *const titles[] = {"CALL",    "STATE",    "AGENT", "CALLED", "CALLER",
                                         "RING ms", "RESTARTS", "AGE",   "PID",    "ROOM"};
    enum { PID = 8, ROOM = 9 };
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    table.spare = 1U << PID | 1U << ROOM;
    add_calls(&table, calls);
    printf("%zu call%s in progress\n", json_array_size(calls), json_array_size(calls) == 1 ? "" : "s");
    if (json_array_size(calls) > 0) {
        cli_table_print(&table);
    }
}
