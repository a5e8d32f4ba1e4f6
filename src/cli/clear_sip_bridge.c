/* sipbridge clear-sip-bridge: ends every call, its agent and its room. The running bridge is told to; what it has not
 * deleted after a while (it may be an old one, or away) is deleted here, and LiveKit asked whether all are gone. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/clear.h"
#include "cli/confirm.h"
#include "cli/remote.h"
#include "cli/show.h"

enum { LOOK_MS = 200, PATIENCE_MS = 3000, ACCEPTED = 202 };

struct clear_options {
    bool yes, json;
    const char *url;
    int64_t wait_ms;
};

/* What the running bridge has and did. */
struct bridge_view {
    bool is_there;
    size_t calls, agents;
    json_t *pids;     /* {room: pid} as of the beginning */
    bool is_told;     /* it stops its calls … */
    bool is_deleting; /* … and deletes rooms */
    size_t stopping, left;
    struct diag diag; /* why it is not there */
};

struct clearing {
    const struct cli *cli;
    const struct clear_options *options;
    const struct settings *settings;
    struct livekit_access *access;
    struct bridge_view bridge;
    size_t rooms;
    struct clear_done done;
};

static json_t *ask_status(const struct clearing *clearing, struct diag *diag) {
    cleanup_buf struct buf body = {0};
    json_error_t error;
    if (!remote_ask_status(clearing->settings, clearing->options->url, &body, diag)) {
        return NULL;
    }
    json_t *status = json_loadb(body.p, body.len, 0, &error);
    if (status == NULL) {
        (void)diag_fail(diag, "", "what answers there is no sipbridge");
    }
    return status;
}

static void look_at_bridge(struct clearing *clearing) {
    struct bridge_view *bridge = &clearing->bridge;
    json_t *status = ask_status(clearing, &bridge->diag);
    bridge->is_there = status != NULL;
    bridge->pids = json_incref(json_object_get(status, "process_pids"));
    bridge->calls = json_array_size(json_object_get(status, "calls"));
    bridge->agents = json_object_size(bridge->pids);
    json_decref(status);
}

/* Agents of the beginning that still run; all of them where the bridge cannot be asked. */
static size_t count_agents(const struct clearing *clearing) {
    struct diag diag;
    const char *room;
    json_t *pid;
    size_t count = 0;
    json_t *status = ask_status(clearing, &diag);
    const json_t *now = json_object_get(status, "process_pids");
    json_object_foreach(clearing->bridge.pids, room, pid) {
        count += status == NULL || json_equal(json_object_get(now, room), pid);
    }
    json_decref(status);
    return count;
}

static void on_timer(struct timer *timer) {
    (void)timer; /* that it is no longer started is all that matters */
}

static void pause_for(struct loop *loop, int64_t pause_ms) {
    struct timer timer = {.on_due = on_timer};
    timer_start(&timer, loop, pause_ms);
    while (timer.loop != NULL) {
        loop_turn(loop, (int)pause_ms);
    }
}

static int wait_for_agents(struct clearing *clearing) {
    struct bridge_view *bridge = &clearing->bridge;
    mono_ms deadline = clock_mono_ms() + clearing->options->wait_ms;
    while ((bridge->left = count_agents(clearing)) > 0 && clock_mono_ms() < deadline) {
        pause_for(clearing->access->loop, LOOK_MS);
    }
    if (!clearing->options->json) {
        printf("agents: %zu of %zu processes ended\n", bridge->agents - bridge->left, bridge->agents);
    }
    if (bridge->left > 0) {
        cli_error(
            clearing->cli,
            "agent processes that still run: %zu; they have SIP_AFTER_CALL and SIP_STOP_TIMEOUT to end, `sipbridge "
            "status` tells when they did",
            bridge->left);
    }
    return bridge->left == 0 ? CLI_OK : CLI_FAILED;
}

/* True unless a bridge is there that does not do as it is told. */
static bool tell_bridge(struct clearing *clearing) {
    struct bridge_view *bridge = &clearing->bridge;
    const struct remote_wish wish = {.where = clearing->options->url, .path = "/api/livekit/cleanup-sip-rooms"};
    struct remote_answer answer = {0};
    if (!remote_post(clearing->settings, &wish, &answer, &bridge->diag)) {
        char why[sizeof bridge->diag + 4];
        diag_text(&bridge->diag, why, sizeof why);
        cli_error(clearing->cli, "warning: no running bridge could be told to end its agents: %s", why);
        return true;
    }
    json_t *told = json_loadb(answer.body.len > 0 ? answer.body.p : "", answer.body.len, 0, NULL);
    bridge->is_told = answer.status == ACCEPTED;
    const char *rooms = json_string_value(json_object_get(told, "rooms"));
    bridge->is_deleting = bridge->is_told && rooms != NULL && strcmp(rooms, "deleting") == 0;
    bridge->stopping = (size_t)json_integer_value(json_object_get(told, "calls_stopping"));
    if (!bridge->is_told) {
        const char *message = json_string_value(json_object_get(told, "message"));
        cli_error(clearing->cli, "the running bridge does not end its calls: it answered %d%s%s%s", answer.status,
                  message != NULL ? ": " : "", message != NULL ? message : "",
                  answer.status == 401 ? ": the keys in your settings are not its own" : "");
    } else if (!clearing->options->json) {
        printf("calls: %zu being stopped by the running bridge\n", bridge->stopping);
    }
    json_decref(told);
    buf_release(&answer.body);
    return bridge->is_told;
}

static void print_result(const struct clearing *clearing) {
    const struct bridge_view *bridge = &clearing->bridge;
    const struct clear_done *done = &clearing->done;
    json_t *object = json_pack("{s:s, s:O, s:I, s:I}", "prefix", clearing->settings->room_prefix, "rooms", done->rooms,
                               "deleted", (json_int_t)(done->count - done->left), "left", (json_int_t)done->left);
    json_object_set_new(object, "bridge",
                        json_pack("{s:b, s:I, s:I, s:I}", "told", (int)bridge->is_told, "calls_stopping",
                                  (json_int_t)bridge->stopping, "agents", (json_int_t)bridge->agents, "agents_left",
                                  (json_int_t)bridge->left));
    show_json(object);
}

static int clear_all(struct clearing *clearing) {
    cleanup_result struct livekit_result *listed = clear_list(clearing->cli, clearing->access);
    if (listed == NULL) {
        return CLI_FAILED;
    }
    int code = tell_bridge(clearing) ? CLI_OK : CLI_FAILED;
    const struct clear_wish wish = {.prefix = slice_of(clearing->settings->room_prefix),
                                    .json = clearing->options->json,
                                    .listed = &listed->answer,
                                    .patience_ms = clearing->bridge.is_deleting ? PATIENCE_MS : 0};
    int cleared = clear_rooms(clearing->cli, clearing->access, &wish, &clearing->done);
    code = cleared != CLI_OK ? cleared : code;
    clearing->bridge.left = clearing->bridge.agents;
    if (clearing->bridge.is_told && clearing->options->wait_ms > 0) {
        int waited = wait_for_agents(clearing);
        code = waited != CLI_OK ? waited : code;
    }
    if (clearing->options->json) {
        print_result(clearing);
    }
    json_decref(clearing->done.rooms);
    return code;
}

static int ask(const struct clearing *clearing) {
    const struct bridge_view *bridge = &clearing->bridge;
    cleanup_free char *calls =
        bridge->is_there ? xasprintf("end %zu call%s and %zu agent process%s", bridge->calls,
                                     bridge->calls == 1 ? "" : "s", bridge->agents, bridge->agents == 1 ? "" : "es")
                         : xstrdup("end the calls in them (no running bridge was found)");
    return confirm(clearing->cli, clearing->options->yes, "Delete %zu room%s whose name begins with \"%s\", and %s?",
                   clearing->rooms, clearing->rooms == 1 ? "" : "s", clearing->settings->room_prefix, calls);
}

static int clear(struct clearing *clearing) {
    cleanup_result struct livekit_result *listed = clear_list(clearing->cli, clearing->access);
    if (listed == NULL) {
        return CLI_FAILED;
    }
    clearing->rooms = clear_count(listed, slice_of(clearing->settings->room_prefix));
    look_at_bridge(clearing);
    const struct bridge_view *bridge = &clearing->bridge;
    bool is_empty = clearing->rooms + bridge->calls + bridge->agents == 0;
    int code = is_empty ? CLI_OK : ask(clearing);
    code = code == CLI_OK ? clear_all(clearing) : code;
    json_decref(bridge->pids);
    return code;
}

static int run(struct cli *cli) {
    struct clear_options options = {.wait_ms = 15000};
    cleanup_settings struct settings settings = {0};
    cleanup_access struct livekit_access access = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    if (slice_of(settings.room_prefix).n == 0) {
        cli_error(cli,
                  "SIP_ROOM_PREFIX is empty, so that every room is ours: `sipbridge clear-rooms` deletes them all");
        return CLI_USAGE;
    }
    if (!livekit_access_open(cli, &settings, &access)) {
        return CLI_USAGE;
    }
    struct clearing clearing = {.cli = cli, .options = &options, .settings = &settings, .access = &access};
    return clear(&clearing);
}

static const struct cli_option options_table[] = {
    CONFIRM_OPTION(clear_options, yes),
    {"wait", 0, CLI_DURATION, offsetof(struct clear_options, wait_ms), "TIME",
     "how long to wait for the agents to end (default 15s; 0: not at all)"},
    {"json", 0, CLI_FLAG, offsetof(struct clear_options, json), NULL, "one JSON object: what became of each room"},
    REMOTE_OPTION(clear_options, url),
};

const struct cli_command cli_clear_sip_bridge = {
    .name = "clear-sip-bridge",
    .summary = "End every call: stop its agent and delete its room.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "The running bridge is told to stop its calls and to delete every room whose name begins with "
        "SIP_ROOM_PREFIX. What is still there 3 s later is deleted here, and LiveKit asked whether all are gone. "
        "Without a running bridge only rooms are deleted, with a warning: an agent that lost its bridge ends "
        "when its room does, if it is well-behaved.",
    .run = run,
};
