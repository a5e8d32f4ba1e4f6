/* What an agent process gets: its argv's values, its environment, its token and its one line (design: "What an
 * agent process gets"). */
#include "base/json_text.h"
#include "base/mem.h"
#include "bridge/internal.h"

enum {
    MOST_ENV = 16,
    MOST_LOST = 3, /* standbys in a row that did not take a call: the next process is a new one */
};

struct pairs {
    struct engine_pair list[MOST_ENV];
    size_t count;
};

/* Only what is known is set. */
static void add(struct pairs *pairs, const char *name, struct slice value) {
    if (value.n > 0) {
        pairs->list[pairs->count++] = (struct engine_pair){name, value};
    }
}

/* A start under way: the token is this one process's. */
struct start {
    const struct bridge *bridge;
    const struct bridge_call *call;
    const char *token;
};

static void add_environment(const struct start *start, struct pairs *env) {
    const struct bridge_options *options = &start->bridge->options;
    const struct bridge_call *call = start->call;
    add(env, "LIVEKIT_URL", slice_of(options->livekit_url));
    add(env, "LIVEKIT_TOKEN", slice_of(start->token));
    add(env, "SIP_CALL_SID", slice_of(call->entry.sid));
    add(env, "SIP_ROOM_NAME", call->entry.room);
    add(env, "SIP_AGENT_NAME", slice_of(call->agent_name));
    add(env, "SIP_CALLED_NUMBER", slice_of(call->leg.called));
    add(env, "SIP_CALLER_NUMBER", slice_of(call->leg.caller));
    add(env, "SIP_TRUNK_ID", slice_of(call->leg.trunk_id));
    add(env, "SIP_RULE_ID", slice_of(call->leg.rule_id));
    add(env, "SIP_RULE_METADATA", slice_of(call->metadata));
    if (call->agent->api_credentials) {
        add(env, "LIVEKIT_API_KEY", slice_of(options->api_key));
        add(env, "LIVEKIT_API_SECRET", slice_of(options->api_secret));
    }
}

static void add_object(struct buf *line, const char *name, const char *json) {
    json_add_raw(line, name, json != NULL && json[0] != '\0' ? slice_of(json) : SLICE("{}"));
}

static void build_line(const struct start *start, const char *attributes, struct buf *line) {
    const struct bridge_call *call = start->call;
    buf_clear(line);
    buf_adds(line, "{\"v\":1");
    json_add_field(line, "call_sid", slice_of(call->entry.sid));
    json_add_field(line, "room", call->entry.room);
    json_add_field(line, "livekit_url", slice_of(start->bridge->options.livekit_url));
    json_add_field(line, "token", slice_of(start->token));
    json_add_field(line, "agent", slice_of(call->agent_name));
    json_add_field(line, "agent_id", slice_of(call->agent->id));
    json_add_field(line, "called", slice_of(call->leg.called));
    json_add_field(line, "caller", slice_of(call->leg.caller));
    json_add_field(line, "trunk", slice_of(call->leg.trunk_id));
    add_object(line, "metadata", call->metadata);
    add_object(line, "attributes", attributes);
    buf_addc(line, '}');
}

/* Attributes may be 64 KiB, the line 32: then it goes without them. */
static void fit_line(const struct start *start, struct buf *line) {
    build_line(start, start->call->leg.attributes, line);
    if (line->len > ENGINE_LINE_MAX) {
        bridge_warn_attributes(start->call, line->len);
        build_line(start, NULL, line);
    }
}

static char *mint(const struct bridge *bridge, const struct bridge_call *call) {
    cleanup_free char *identity = bridge_agent_identity(slice_of(call->entry.sid));
    return bridge->ports.mint(bridge->ports.self, call->entry.room, slice_of(identity));
}

/* Which process it will be: a standby that waits for such a job, or a new one. The journal has it before it is told. */
static void name_process(const struct bridge *bridge, struct bridge_call *call, const struct engine_job *job) {
    const struct engine *engine = &bridge->ports.engine;
    struct engine_reserved reserved = {0};
    call->warm = engine->reserve != NULL && call->lost < MOST_LOST && engine->reserve(engine->self, job, &reserved);
    call->pid = reserved.pid;
    call->birth = reserved.birth;
    if (call->warm) {
        memcpy(call->instance, reserved.instance, sizeof call->instance);
    } else {
        bridge->ports.new_instance(bridge->ports.self, call->instance);
    }
}

void bridge_start(struct bridge *bridge, struct bridge_call *call) {
    cleanup_free char *token = mint(bridge, call);
    const struct start start = {bridge, call, token};
    struct pairs env = {.count = 0};
    add_environment(&start, &env);
    const struct engine_pair places[] = {
        {"room", call->entry.room},
        {"agent", slice_of(call->agent_name)},
        {"agent_id", slice_of(call->agent->id)},
        {"called", slice_of(call->leg.called)},
        {"caller", slice_of(call->leg.caller)},
        {"livekit_url", slice_of(bridge->options.livekit_url)},
    };
    cleanup_buf struct buf line = {0};
    fit_line(&start, &line);
    struct engine_job job = {
        .label = call->entry.sid,
        .instance = call->instance,
        .command = (const char *const *)call->agent->command,
        .cwd = call->agent->cwd,
        .env = (const char *const *)call->agent->env,
        .places = places,
        .place_count = ARRAY_LEN(places),
        .call_env = env.list,
        .call_env_count = env.count,
        .line = buf_slice(&line),
        .secret = slice_of(token),
        .agent = call->agent_name,
    };
    name_process(bridge, call, &job);
    call->starts++;
    bridge->counters.starts++;
    bridge->counters.warm += call->warm;
    bridge->counters.restarts += call->starts > 1;
    bridge_trace(bridge, call, "action: %s the agent %s (start %u)", call->warm ? "hand over to" : "start",
                 call->agent_name, call->starts);
    bridge->ports.engine.ensure(bridge->ports.engine.self, &job);
}
