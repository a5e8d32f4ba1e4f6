/* A bridge, its documents and its webhooks fed with hostile values: what status and health say of it is valid JSON with
 * every member there, whatever was fed. Each line of the input is one thing that happens:
 *
 *   {…}  a webhook with this body        e RM_1     the agent of this call started, or ended
 *   r …  the rules document is this      t 1500     so many milliseconds pass
 *   a …  the agents document is this     w …        a warning of these bytes is logged
 *   c …  LiveKit refuses, in these words v …        a webhook comes with this Authorization */
#include <stdio.h>

#define assert_true(condition) demand(condition)
#define assert_non_null(pointer) demand((pointer) != NULL)
#define assert_int_equal(a, b) demand((a) == (b))
#define assert_string_equal(a, b) demand(strcmp(a, b) == 0)

#include "fuzz.h"

#include "bridge_stage.h"
#include "ops/ops.h"
#include "scratch.h"

enum { MOST_LINES = 200, MOST_WAIT_MS = 600000 };

/* What lives as long as the process. */
static const struct ops_memory memory = {.is_known = true, .hundredths = 1250, .max_percent = 60};

static struct fixed {
    struct loop *loop;
    struct source *source;
    struct keyring *keys;
    char *dir, *rules_path, *agents_path;
} fixed;

struct world {
    struct stage stage;
    struct receiver *receiver;
    struct contact contact;
    struct ops_errors errors;
    struct ops ops;
};

static void remove_dir(void) {
    scratch_free(fixed.dir);
}

static void put(const char *path, struct slice text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    demand(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    close(fd);
}

static void ignore_change(void *context) {
    (void)context;
}

static void start_fixed(void) {
    struct diag diag = {0};
    stage_silence_log(NULL);
    fixed.dir = scratch_new();
    atexit(remove_dir);
    fixed.rules_path = xasprintf("%s/rules.json", fixed.dir);
    fixed.agents_path = xasprintf("%s/agents.json", fixed.dir);
    put(fixed.rules_path, SLICE("[]"));
    put(fixed.agents_path, SLICE(STAGE_AGENTS));
    fixed.loop = loop_new();
    fixed.keys = keyring_new();
    demand(keyring_parse(fixed.keys, SLICE("devkey: 0123456789abcdef0123456789abcdef"), NULL));
    fixed.source = source_start(&(struct source_options){.loop = fixed.loop,
                                                         .rules_file = fixed.rules_path,
                                                         .agents_file = fixed.agents_path,
                                                         .on_change = ignore_change},
                                &diag);
    demand(fixed.source != NULL);
}

static bool drop_event(void *context, struct webhook_event *event) {
    (void)context;
    event_free(event);
    return true;
}

static void start_world(struct world *world) {
    *world = (struct world){0};
    stage_open(&world->stage, NULL);
    world->receiver = receiver_new(&(struct receiver_options){
        .keys = fixed.keys, .max_remembered = 16, .remember_ms = 1000, .on_event = drop_event});
    world->ops = (struct ops){.enabled = true,
                              .webhook_path = "/webhooks/livekit",
                              .room_prefix = "sip",
                              .keys = fixed.keys,
                              .receiver = world->receiver,
                              .bridge = world->stage.bridge,
                              .livekit = &world->contact,
                              .source = fixed.source,
                              .errors = &world->errors,
                              .memory = &memory,
                              .started_wall_ms = 1700000000000,
                              .started = STAGE_START};
    log_listen(ops_errors_add, &world->errors);
}

static void end_world(struct world *world) {
    log_listen(NULL, NULL);
    receiver_free(world->receiver);
    stage_close(&world->stage);
}

static void take_webhook(struct world *world, struct slice body) {
    struct diag diag = {0};
    struct webhook_event *event = event_parse(body, &diag);
    if (event != NULL) {
        bridge_webhook(world->stage.bridge, event, world->stage.now);
    }
    event_free(event);
}

static void take_documents(struct world *world, const char *path, struct slice text) {
    put(path, text);
    source_reload(fixed.source);
    loop_turn(fixed.loop, 0);
    bridge_set_rules(world->stage.bridge, source_rules(fixed.source), source_directory(fixed.source), true,
                     world->stage.now);
}

/* Of the process that was started last: by turns it starts and ends. */
static void take_engine(struct world *world, struct slice label) {
    struct engine_event event = {.kind = label.n % 2 == 0 ? ENGINE_STARTED : ENGINE_EXITED, .pid = 4711};
    memcpy(event.label, label.p, label.n < ENGINE_LABEL_MAX ? label.n : ENGINE_LABEL_MAX);
    memcpy(event.instance, world->stage.instance, sizeof event.instance);
    bridge_engine(world->stage.bridge, &event, world->stage.now);
}

static void take_token(struct world *world, struct slice authorization) {
    struct receiver_request request = {.method = SLICE("POST"),
                                       .authorization = authorization,
                                       .authorization_count = authorization.n > 0,
                                       .peer = SLICE("127.0.0.1")};
    (void)receiver_take(world->receiver, &request, 1700000000000, world->stage.now);
}

/* Callers of contact_note escape what LiveKit says. */
static void take_refusal(struct world *world, struct slice words) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, words, 300);
    contact_note(&world->contact, CONTACT_REFUSED, shown.p != NULL ? shown.p : "", 1700000000000);
}

static void take_line(struct world *world, struct slice line) {
    struct slice rest = line.n > 2 ? (struct slice){line.p + 2, line.n - 2} : (struct slice){"", 0};
    int64_t ms;
    switch (line.n > 0 ? line.p[0] : '\0') {
    case '{': take_webhook(world, line); break;
    case 'r': take_documents(world, fixed.rules_path, rest); break;
    case 'a': take_documents(world, fixed.agents_path, rest); break;
    case 'e': take_engine(world, rest); break;
    case 'w': log_warning(NULL, "%.*s", SLICE_ARG(rest)); break;
    case 'v': take_token(world, rest); break;
    case 'c': take_refusal(world, rest); break;
    case 't':
        if (text_int64(rest, &ms) && ms >= 0 && ms <= MOST_WAIT_MS) {
            stage_wait(&world->stage, ms);
        }
        break;
    default: break;
    }
}

static void demand_members(const json_t *object, const char *const *names) {
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        demand(json_object_get(object, names[count]) != NULL);
    }
    demand(json_object_size(object) == count);
}

struct match {
    const json_t *calls;
    size_t count;
};

static void check_call(void *context, const struct bridge_view *view) {
    static const char *const members[] = {"sid",    "room",    "state",      "why",      "agent", "called", "pid",
                                          "caller", "ring_ms", "started_at", "restarts", "age_s", NULL};
    struct match *match = context;
    const json_t *call = json_array_get(match->calls, match->count++);
    demand_members(call, members);
    const json_t *room = json_object_get(call, "room");
    demand(slice_eq((struct slice){json_string_value(room), json_string_length(room)}, view->room));
    demand(strcmp(json_string_value(json_object_get(call, "agent")), view->agent) == 0);
    demand(text_is_sid(slice_of(view->sid)));
}

static void check_status(const struct world *world) {
    static const char *const members[] = {"enabled",      "running",  "active_rooms", "process_count",
                                          "process_pids", "calls",    "version",      "uptime_s",
                                          "started_at",   "status",   "message",      "file_limit",
                                          "rules",        "agents",   "redis",        "stimm",
                                          "livekit",      "webhooks", "errors",       "limits",
                                          "circuits",     "standbys", "remedy",       NULL};
    static const char *const document[] = {"source", "count", "loaded_at", "error", NULL};
    cleanup_buf struct buf text = {0};
    ops_status_json(&world->ops, world->stage.now, &text);
    demand(text.len > 0 && text.p[text.len - 1] == '\n');
    demand(memchr(text.p, '\n', text.len) == text.p + text.len - 1);
    json_t *status = demand_json(buf_slice(&text));
    demand_members(status, members);
    for (size_t i = 0; document[i] != NULL; i++) {
        demand(json_object_get(json_object_get(status, "rules"), document[i]) != NULL);
        demand(json_object_get(json_object_get(status, "agents"), document[i]) != NULL);
    }
    size_t broken = 0;
    for (size_t i = 0; i < directory_count(source_directory(fixed.source)); i++) {
        broken += directory_at(source_directory(fixed.source), i)->broken != NULL;
    }
    demand(json_object_size(json_object_get(json_object_get(status, "agents"), "broken")) == broken);
    struct match match = {.calls = json_object_get(status, "calls")};
    bridge_each(world->stage.bridge, world->stage.now, check_call, &match);
    demand(match.count == json_array_size(match.calls) && match.count >= bridge_live(world->stage.bridge));
    demand(json_array_size(json_object_get(status, "active_rooms")) == match.count);
    json_decref(status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (fixed.loop == NULL) {
        start_fixed();
    }
    struct slice rest = {(const char *)data, size};
    struct world world;
    start_world(&world);
    for (size_t i = 0; i < MOST_LINES && rest.n > 0; i++) {
        take_line(&world, take_until(&rest, '\n'));
    }
    check_status(&world);
    cleanup_buf struct buf health = {0};
    ops_health_json(&world.ops, &health);
    json_decref(demand_json(buf_slice(&health)));
    end_world(&world);
    return 0;
}
