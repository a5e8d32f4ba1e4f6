/* GET /health/sip-bridge-status: Stimm's fields first, then ours. */
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/when.h"
#include "ops/load.h"
#include "ops/ops.h"

void ops_errors_add(void *context, const struct log_heard *record) {
    struct ops_errors *errors = context;
    struct ops_error *error = &errors->list[errors->count++ % OPS_ERRORS];
    error->wall_ms = record->wall_ms;
    snprintf(error->text, sizeof error->text, "%s", record->message);
    snprintf(error->call, sizeof error->call, "%s", record->call);
    snprintf(error->room, sizeof error->room, "%s", record->room);
    snprintf(error->agent, sizeof error->agent, "%s", record->agent);
}

/* Invalid UTF-8 never gets so far, but a cut message may end inside a character. */
static json_t *text(const char *bytes, size_t size) {
    json_t *value = json_stringn(bytes, size);
    for (size_t cut = 1; value == NULL && cut < 4 && cut <= size; cut++) {
        value = json_stringn(bytes, size - cut);
    }
    return value != NULL ? value : json_string("");
}

static json_t *text_of(struct slice slice) {
    return text(slice.n > 0 ? slice.p : "", slice.n);
}

static json_t *time_text(int64_t wall_ms) {
    if (wall_ms == 0) {
        return json_null();
    }
    char text[WHEN_SIZE];
    when_format(wall_ms, text);
    return json_string(text);
}

struct lists {
    json_t *rooms, *pids, *calls;
};

static void add_call(void *context, const struct bridge_view *view) {
    struct lists *lists = context;
    json_array_append_new(lists->rooms, text_of(view->room));
    if (view->pid != 0) {
        cleanup_free char *room = xmemdup(view->room.p, view->room.n);
        json_object_set_new(lists->pids, room, json_integer(view->pid));
    }
    json_t *call = json_object();
    json_object_set_new(call, "sid", json_string(view->sid));
    json_object_set_new(call, "room", text_of(view->room));
    json_object_set_new(call, "state", json_string(view->phase));
    json_object_set_new(call, "why", json_string(view->why));
    json_object_set_new(call, "agent", text_of(slice_of(view->agent)));
    json_object_set_new(call, "called", text_of(view->called));
    json_object_set_new(call, "caller", text_of(view->caller));
    json_object_set_new(call, "pid", view->pid != 0 ? json_integer(view->pid) : json_null());
    json_object_set_new(call, "started_at", time_text(view->started_wall_ms));
    int64_t age_ms = clock_wall_ms() - view->started_wall_ms;
    json_object_set_new(call, "age_s", json_integer(age_ms > 0 ? age_ms / 1000 : 0));
    json_object_set_new(call, "ring_ms", view->ring_ms >= 0 ? json_integer(view->ring_ms) : json_null());
    json_object_set_new(call, "restarts", json_integer(view->restarts));
    json_array_append_new(lists->calls, call);
}

static json_t *document_json(const struct source_state *state) {
    json_t *document = json_object();
    json_object_set_new(document, "source", json_string(state->kind != NULL ? state->kind : "none"));
    json_object_set_new(document, "count", json_integer((json_int_t)state->count));
    json_object_set_new(document, "loaded_at", time_text(state->loaded_wall_ms));
    json_object_set_new(document, "error", state->error[0] != '\0' ? text_of(slice_of(state->error)) : json_null());
    return document;
}

static json_t *broken_json(const struct directory *directory) {
    json_t *broken = json_object();
    size_t count = directory != NULL ? directory_count(directory) : 0;
    const struct agent *template = directory != NULL ? directory_template(directory) : NULL;
    if (template != NULL && template->broken != NULL) {
        json_object_set_new(broken, "SIP_AGENT_COMMAND", text_of(slice_of(template->broken)));
    }
    for (size_t i = 0; i < count; i++) {
        const struct agent *agent = directory_at(directory, i);
        if (agent->broken != NULL) {
            json_object_set_new(broken, agent->name, text_of(slice_of(agent->broken)));
        }
    }
    return broken;
}

static json_t *warnings_json(const struct ruleset *rules) {
    json_t *warnings = json_array();
    size_t count = rules != NULL ? ruleset_warnings(rules) : 0;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(warnings, text_of(slice_of(ruleset_warning(rules, i))));
    }
    return warnings;
}

static json_t *stimm_json(const struct source_stimm_state *stimm) {
    const char *error = stimm->status.error;
    json_t *object = json_object();
    json_object_set_new(object, "state",
                        json_string(stimm->configured ? stimm_state_name(stimm->status.state) : "not configured"));
    json_object_set_new(object, "error", error[0] != '\0' ? text_of(slice_of(error)) : json_null());
    return object;
}

static void add_source(json_t *status, const struct source *source) {
    json_t *rules = document_json(source_rules_state(source));
    json_object_set_new(rules, "warnings", warnings_json(source_rules(source)));
    json_object_set_new(status, "rules", rules);
    json_t *agents = document_json(source_directory_state(source));
    json_object_set_new(agents, "broken", broken_json(source_directory(source)));
    json_object_set_new(status, "agents", agents);
    const struct source_redis_state *redis = source_redis(source);
    const char *state = !redis->configured ? "not configured" : redis->connected ? "connected" : "away";
    json_t *object = json_pack("{s:s, s:b}", "state", state, "live_changes", (int)redis->tracking);
    json_object_set_new(object, "error", redis->error[0] != '\0' ? text_of(slice_of(redis->error)) : json_null());
    json_object_set_new(status, "redis", object);
    json_object_set_new(status, "stimm", stimm_json(source_stimm(source)));
}

static json_t *reconcile_json(const struct reconcile *reconcile) {
    struct reconcile_view view = reconcile_view(reconcile);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "rounds", (json_int_t)view.rounds, "calls_found",
                     (json_int_t)view.started, "calls_ended", (json_int_t)view.ended, "legs_ended",
                     (json_int_t)view.left, "stale_rooms_deleted", (json_int_t)view.deleted, "webhooks_missing",
                     (int)view.unheard);
}

/* With LIVEKIT_API_URL=off its webhooks are all that is heard of it. */
static json_t *livekit_json(const struct ops *ops) {
    const struct contact *contact = ops->livekit;
    char trouble[CONTACT_ERROR_SIZE] = "";
    if (contact != NULL) {
        contact_trouble(contact, trouble, sizeof trouble);
    }
    json_t *livekit = json_object();
    json_object_set_new(livekit, "state",
                        json_string(contact != NULL ? contact_state_name(contact->state) : "not asked"));
    json_object_set_new(livekit, "error", trouble[0] != '\0' ? text_of(slice_of(trouble)) : json_null());
    if (contact != NULL) {
        json_object_set_new(livekit, "requests", json_integer((json_int_t)contact->requests));
    }
    if (ops->reconcile != NULL) {
        json_object_set_new(livekit, "reconcile", reconcile_json(ops->reconcile));
    }
    return livekit;
}

static json_t *probe_json(const struct receiver_probe *probe) {
    if (probe->wall_ms == 0) {
        return json_null();
    }
    json_t *object = json_object();
    json_object_set_new(object, "at", time_text(probe->wall_ms));
    json_object_set_new(object, "room", text_of(slice_of(probe->room)));
    json_object_set_new(object, "event", text_of(slice_of(probe->event)));
    json_object_set_new(object, "key", text_of(slice_of(probe->key)));
    return object;
}

/* Oldest first. */
static json_t *rejections_json(const struct receiver_sightings *sightings) {
    json_t *list = json_array();
    uint64_t count = sightings->rejection_count, first = count > RECEIVER_REJECTIONS ? count - RECEIVER_REJECTIONS : 0;
    for (uint64_t i = first; i < count; i++) {
        const struct receiver_rejection *rejection = &sightings->rejections[i % RECEIVER_REJECTIONS];
        struct buf hint cleanup_buf = {0};
        verify_hint(&hint, rejection->reason, &rejection->detail);
        json_t *object = json_object();
        json_object_set_new(object, "at", time_text(rejection->wall_ms));
        json_object_set_new(object, "reason", json_string(verify_reason_label(rejection->reason)));
        json_object_set_new(object, "hint", text_of(buf_slice(&hint)));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *webhooks_json(const struct receiver *receiver) {
    const struct receiver_counters *counters = receiver_counters(receiver);
    const struct receiver_sightings *sightings = receiver_sightings(receiver);
    json_t *rejected = json_object();
    for (size_t i = 0; i < VERIFY_REASON_COUNT; i++) {
        if (counters->rejected[i] > 0) {
            json_object_set_new(rejected, verify_reason_label((enum verify_reason)i),
                                json_integer((json_int_t)counters->rejected[i]));
        }
    }
    json_t *webhooks =
        json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "received", (json_int_t)counters->received, "verified",
                  (json_int_t)counters->verified, "rejected", rejected, "ignored", (json_int_t)counters->ignored,
                  "duplicate", (json_int_t)counters->duplicate, "invalid", (json_int_t)counters->invalid, "refused",
                  (json_int_t)counters->refused, "bad_method", (json_int_t)counters->bad_method);
    json_object_set_new(webhooks, "last_verified_at", time_text(counters->last_verified_wall_ms));
    json_object_set_new(webhooks, "probe", probe_json(&sightings->probe));
    json_object_set_new(webhooks, "rejections", rejections_json(sightings));
    return webhooks;
}

static json_t *call_log_json(const struct call_log_state *log) {
    const char *state = !log->wanted ? "not kept" : log->failing ? "failing" : "written";
    json_t *object = json_pack("{s:s, s:I, s:I, s:I}", "state", state, "lines", (json_int_t)log->written, "waiting",
                               (json_int_t)log->waiting, "lost", (json_int_t)log->lost);
    json_object_set_new(object, "error", log->error[0] != '\0' ? text_of(slice_of(log->error)) : json_null());
    return object;
}

static void set_unless_empty(json_t *object, const char *name, const char *value) {
    if (value[0] != '\0') {
        json_object_set_new(object, name, text_of(slice_of(value)));
    }
}

static json_t *error_json(const struct ops_error *error) {
    json_t *object = json_object();
    json_object_set_new(object, "at", time_text(error->wall_ms));
    json_object_set_new(object, "message", text_of(slice_of(error->text)));
    set_unless_empty(object, "call", error->call);
    set_unless_empty(object, "agent", error->agent);
    set_unless_empty(object, "room", error->room);
    return object;
}

static json_t *errors_json(const struct ops_errors *errors) {
    json_t *list = json_array();
    uint64_t first = errors->count > OPS_ERRORS ? errors->count - OPS_ERRORS : 0;
    for (uint64_t i = first; i < errors->count; i++) {
        json_array_append_new(list, error_json(&errors->list[i % OPS_ERRORS]));
    }
    return list;
}

static void add_calls(json_t *status, const struct ops *ops, mono_ms now) {
    struct lists lists = {json_array(), json_object(), json_array()};
    bridge_each(ops->bridge, now, add_call, &lists);
    json_object_set_new(status, "active_rooms", lists.rooms);
    json_object_set_new(status, "process_count", json_integer((json_int_t)json_object_size(lists.pids)));
    json_object_set_new(status, "process_pids", lists.pids);
    json_object_set_new(status, "calls", lists.calls);
}

/* Descriptors that may be open at once; an agent's process takes three. */
static json_t *file_limit_json(void) {
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return known ? json_integer((json_int_t)limit.rlim_cur) : json_null();
}

void ops_status_json(const struct ops *ops, mono_ms now, struct buf *out) {
    const struct ops_state *state = ops_state(ops);
    json_t *status =
        json_pack("{s:b, s:b}", "enabled", (int)ops->enabled, "running", (int)(state->health != HEALTH_DISABLED));
    add_calls(status, ops, now);
    json_object_set_new(status, "version", json_string(SIPBRIDGE_VERSION));
    json_object_set_new(status, "uptime_s", json_integer((now - ops->started) / 1000));
    json_object_set_new(status, "started_at", time_text(ops->started_wall_ms));
    json_object_set_new(status, "status", json_string(ops_health_name(state->health)));
    json_object_set_new(status, "message", json_string(state->message));
    json_object_set_new(status, "remedy", json_string(state->remedy));
    json_object_set_new(status, "file_limit", file_limit_json());
    json_object_set_new(status, "limits", ops_limits_json(ops, now));
    json_object_set_new(status, "circuits", ops_circuits_json(ops, now));
    json_object_set_new(status, "standbys", ops_standbys_json(ops));
    if (ops->source != NULL) {
        add_source(status, ops->source);
    }
    json_object_set_new(status, "livekit", livekit_json(ops));
    json_object_set_new(status, "webhooks", webhooks_json(ops->receiver));
    if (ops->call_log != NULL) {
        json_object_set_new(status, "call_log", call_log_json(ops->call_log));
    }
    json_object_set_new(status, "errors", errors_json(ops->errors));
    cleanup_free char *dumped = json_dumps(status, JSON_COMPACT);
    json_decref(status);
    buf_adds(out, dumped != NULL ? dumped : "{}");
    buf_addc(out, '\n');
}
