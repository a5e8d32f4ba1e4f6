/* A bridge on a stage: recording fakes for its ports, and short words for webhooks. Included after cmocka.h. */
#ifndef TESTS_BRIDGE_STAGE_H
#define TESTS_BRIDGE_STAGE_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/bridge.h"

enum { STAGE_START = 1000000 };

/* A group's set-up: everything is logged, to nowhere. */
static inline int stage_silence_log(void **state) {
    (void)state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&(struct log_options){.fd = null, .level = LOG_DEBUG});
    return null < 0;
}

/* What the bridge asked of its ports, as lines, and the last job in full. */
struct stage {
    struct bridge *bridge;
    struct bridge_options options;
    struct ruleset *rules;
    struct directory *directory;
    mono_ms now;
    struct buf log; /* "start RM_1 support;stop RM_1 after=0 timeout=5000;…" */
    struct buf job_line, job_env, job_places, job_command;
    char instance[ENGINE_INSTANCE_SIZE];
    unsigned instances, unknown; /* unknown: how often it told of an agent that is not in the directory */
    bool can_ask;
    struct buf journal; /* the text kept last, of whichever call */
    unsigned kept;      /* how often something was */
    bool cannot_keep;
    enum trunk_answer trunk;
    unsigned suspicions; /* that LiveKit is gone */
    struct buf ended;    /* lines of the call log */
};

static inline void stage_ensure(void *self, const struct engine_job *job) {
    struct stage *stage = self;
    buf_addf(&stage->log, "start %s %s;", job->label, job->agent);
    buf_clear(&stage->job_line);
    buf_add(&stage->job_line, job->line.p, job->line.n);
    buf_clear(&stage->job_env);
    for (size_t i = 0; i < job->call_env_count; i++) {
        buf_addf(&stage->job_env, "%s=%.*s\n", job->call_env[i].name, SLICE_ARG(job->call_env[i].value));
    }
    buf_clear(&stage->job_places);
    for (size_t i = 0; i < job->place_count; i++) {
        buf_addf(&stage->job_places, "%s=%.*s\n", job->places[i].name, SLICE_ARG(job->places[i].value));
    }
    buf_clear(&stage->job_command);
    for (size_t i = 0; job->command[i] != NULL; i++) {
        buf_addf(&stage->job_command, "%s ", job->command[i]);
    }
    assert_true(slice_is(job->secret, "the-token"));
    snprintf(stage->instance, sizeof stage->instance, "%s", job->instance);
}

static inline void stage_stop(void *self, const char *label, const struct engine_stop *stop) {
    struct stage *stage = self;
    if (stop->kill) {
        buf_addf(&stage->log, "kill %s;", label);
    } else {
        buf_addf(&stage->log, "stop %s after=%d timeout=%d;", label, (int)stop->after_ms, (int)stop->timeout_ms);
    }
}

static inline void stage_adopt(void *self, const struct engine_adoption *adoption) {
    struct stage *stage = self;
    buf_addf(&stage->log, "adopt %s %s pid=%d birth=%d;", adoption->label, adoption->agent, (int)adoption->pid,
             (int)adoption->birth);
    assert_string_equal(adoption->secret_name, "LIVEKIT_TOKEN"); /* which its last lines must not tell */
    snprintf(stage->instance, sizeof stage->instance, "%s", adoption->instance);
}

static inline void stage_dirty(void *self) {
    (void)self;
}

static inline bool stage_keep(void *self, const char *sid, struct slice text) {
    struct stage *stage = self;
    (void)sid;
    if (stage->cannot_keep) {
        return false;
    }
    buf_clear(&stage->journal);
    buf_add_slice(&stage->journal, text);
    stage->kept++;
    return true;
}

static inline void stage_drop(void *self, const char *sid) {
    struct stage *stage = self;
    buf_addf(&stage->log, "drop %s;", sid);
}

static inline void stage_list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    (void)self, (void)each, (void)context;
}

static inline bool stage_ask(void *self, const char *sid, struct slice room, enum want_ask ask) {
    static const char *const words[] = {
        [ASK_NUMBER] = "ask-number", [ASK_READY] = "ask-ready", [ASK_ROOM] = "ask-room"};
    (void)room;
    struct stage *stage = self;
    if (stage->can_ask) {
        buf_addf(&stage->log, "%s %s;", words[ask], sid);
    }
    return stage->can_ask;
}

static inline enum trunk_answer stage_trunk(void *self, struct slice trunk, struct slice *ret_number) {
    struct stage *stage = self;
    buf_addf(&stage->log, "trunk %.*s;", SLICE_ARG(trunk));
    if (stage->trunk == TRUNK_NUMBER) {
        *ret_number = SLICE("+15550001");
    }
    return stage->trunk;
}

static inline void stage_suspect(void *self, const char *sid, struct slice room) {
    (void)sid, (void)room;
    struct stage *stage = self;

    stage->suspicions++;
}

static inline bool stage_delete(void *self, const char *sid, struct slice room) {
    struct stage *stage = self;
    buf_addf(&stage->log, "delete %s %.*s;", sid, SLICE_ARG(room));
    return stage->can_ask;
}

static inline void stage_forget(void *self, const char *sid) {
    (void)self, (void)sid;
}

static inline bool stage_reject(void *self, struct slice room, struct slice identity, enum reject_when when) {
    struct stage *stage = self;
    buf_addf(&stage->log, "reject%s %.*s %.*s;", when == REJECT_LATER ? " later" : "", SLICE_ARG(room),
             SLICE_ARG(identity));
    return stage->can_ask;
}

static inline char *stage_mint(void *self, struct slice room, struct slice identity) {
    struct stage *stage = self;
    buf_addf(&stage->log, "mint %.*s %.*s;", SLICE_ARG(room), SLICE_ARG(identity));
    return xstrdup("the-token");
}

static inline void stage_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    struct stage *stage = self;
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%032x", ++stage->instances);
}

static inline void stage_unknown(void *self) {
    ((struct stage *)self)->unknown++;
}

static inline int64_t stage_wall(void *self) {
    const struct stage *stage = self;
    return 1700000000000 + stage->now;
}

static inline void stage_ended(void *self, const struct call_record *record) {
    struct stage *stage = self;
    call_record_write(record, false, &stage->ended);
}

#define STAGE_AGENTS                                                                                              \
    "{\"support\":{\"command\":[\"run\",\"{room}\"],\"order\":1,\"stop_timeout\":\"5s\"},"                        \
    "\"sales\":{\"command\":[\"sell\"],\"max\":1,\"credentials\":\"api\",\"after_call\":\"3s\",\"stop_timeout\":" \
    "\"2s\"}}"

/* The rules and agents from now on; a NULL RULES: none are configured. */
static inline void stage_rules(struct stage *stage, const char *rules, const char *agents) {
    static const struct directory_defaults defaults = {.stop_timeout_ms = 10000};
    struct diag diag = {0};
    ruleset_release(stage->rules);
    directory_release(stage->directory);
    stage->rules = rules != NULL ? ruleset_parse(slice_of(rules), &diag) : NULL;
    assert_true(rules == NULL || stage->rules != NULL);
    stage->directory = directory_parse(slice_of(agents), &defaults, &diag);
    assert_non_null(stage->directory);
    bridge_set_rules(stage->bridge, stage->rules, stage->directory, true, stage->now);
}

typedef bool stage_reserve(void *self, const struct engine_job *job, struct engine_reserved *ret_reserved);

/* A bridge without rules; OPTIONS NULL: the defaults; LIVEKIT NULL: a fake; RESERVE NULL: nothing waits. */
static inline void stage_open_warm(struct stage *stage, const struct bridge_options *options,
                                   const struct livekit_port *livekit, stage_reserve *reserve) {
    *stage = (struct stage){.now = STAGE_START, .options = options != NULL ? *options : bridge_options_default};
    stage->can_ask = stage->options.policy.close_room;
    stage->options.livekit_url = "ws://livekit:7880";
    stage->options.api_key = "the-key";
    stage->options.api_secret = "the-secret";
    if (stage->options.policy.ready_ms == 0) {
        stage->options.policy = call_policy_default;
        stage->options.policy.close_room = false;
    }
    struct bridge_ports ports = {
        .engine = {.self = stage,
                   .reserve = reserve,
                   .ensure = stage_ensure,
                   .stop = stage_stop,
                   .adopt = stage_adopt,
                   .list = stage_list},
        .livekit = {.self = stage,
                    .ask = stage_ask,
                    .forget_number = stage_forget,
                    .delete_room = stage_delete,
                    .reject = stage_reject,
                    .trunk_number = stage_trunk,
                    .suspect = stage_suspect},
        .journal = {.self = stage, .on_dirty = stage_dirty, .keep = stage_keep, .drop = stage_drop},
        .self = stage,
        .mint = stage_mint,
        .new_instance = stage_instance,
        .wall_ms = stage_wall,
        .on_ended = stage_ended,
        .unknown_agent = stage_unknown,
    };
    ports.livekit = livekit != NULL ? *livekit : ports.livekit;
    stage->bridge = bridge_new(&stage->options, &ports);
}

static inline void stage_open_with(struct stage *stage, const struct bridge_options *options,
                                   const struct livekit_port *livekit) {
    stage_open_warm(stage, options, livekit, NULL);
}

static inline void stage_open(struct stage *stage, const struct bridge_options *options) {
    stage_open_with(stage, options, NULL);
}

static inline void stage_close(struct stage *stage) {
    bridge_free(stage->bridge);
    ruleset_release(stage->rules);
    directory_release(stage->directory);
    buf_release(&stage->log);
    buf_release(&stage->journal);
    buf_release(&stage->ended);
    buf_release(&stage->job_line);
    buf_release(&stage->job_env);
    buf_release(&stage->job_places);
    buf_release(&stage->job_command);
}

/* What was asked of the ports since the last call of this. */
static inline void stage_did(struct stage *stage, const char *wanted) {
    assert_string_equal(stage->log.len > 0 ? stage->log.p : "", wanted);
    buf_clear(&stage->log);
}

/* Time passes: the bridge does what is due on the way. */
static inline void stage_wait(struct stage *stage, int64_t ms) {
    mono_ms until = stage->now + ms;
    while (bridge_next_due(stage->bridge) <= until) {
        mono_ms due = bridge_next_due(stage->bridge);
        stage->now = due > stage->now ? due : stage->now;
        bridge_tick(stage->bridge, stage->now);
    }
    stage->now = until;
}

static inline void stage_engine(struct stage *stage, const char *sid, enum engine_event_kind kind, int code) {
    struct engine_event event = {.kind = kind, .pid = 4711, .birth = 12, .exit_kind = EXIT_CODE, .exit_value = code};
    snprintf(event.label, sizeof event.label, "%s", sid);
    memcpy(event.instance, stage->instance, sizeof event.instance);
    bridge_engine(stage->bridge, &event, stage->now);
}

/* Webhooks, all about the room "sip-inbound_x" unless said otherwise. */
#define STAGE_ROOM "sip-inbound_x"

static inline struct webhook_event stage_event(enum event_kind kind, const char *sid, const char *room) {
    return (struct webhook_event){.kind = kind, .room = {.sid = slice_of(sid), .name = slice_of(room)}};
}

static inline void stage_room(struct stage *stage, enum event_kind kind, const char *sid) {
    struct webhook_event event = stage_event(kind, sid, STAGE_ROOM);
    bridge_webhook(stage->bridge, &event, stage->now);
}

static inline struct webhook_event stage_caller_event(const char *sid, const char *leg, const char *called) {
    struct webhook_event event = stage_event(EVENT_participant_joined, sid, STAGE_ROOM);
    event.participant.sid = event.participant.identity = slice_of(leg);
    event.participant.kind = KIND_SIP;
    event.participant.called = slice_of(called);
    event.participant.caller = SLICE("+49111");
    event.participant.trunk_id = SLICE("ST_1");
    event.participant.rule_id = SLICE("SDR_1");
    event.participant.attributes = SLICE("{\"sip.callID\":\"SCL_1\"}");
    return event;
}

static inline void stage_caller(struct stage *stage, const char *sid, const char *leg, const char *called) {
    struct webhook_event event = stage_caller_event(sid, leg, called);
    bridge_webhook(stage->bridge, &event, stage->now);
}

static inline void stage_caller_leaves(struct stage *stage, const char *sid, const char *leg) {
    struct webhook_event event = stage_caller_event(sid, leg, "");
    event.kind = EVENT_participant_left;
    event.participant.disconnect_reason = DISCONNECT_CLIENT_INITIATED;
    bridge_webhook(stage->bridge, &event, stage->now);
}

/* Somebody of KIND joined, left or spoke. */
static inline void stage_person(struct stage *stage, enum event_kind what, const char *sid, const char *identity,
                                enum participant_kind kind) {
    struct webhook_event event = stage_event(what, sid, STAGE_ROOM);
    event.participant.sid = event.participant.identity = slice_of(identity);
    event.participant.kind = what != EVENT_track_published ? kind : KIND_STANDARD;
    event.participant.disconnect_reason = DISCONNECT_CLIENT_INITIATED;
    bridge_webhook(stage->bridge, &event, stage->now);
}

static inline void stage_answer(struct stage *stage, const char *sid) {
    cleanup_free char *identity = xasprintf("sip-agent-%s", sid);
    stage_engine(stage, sid, ENGINE_STARTED, 0);
    stage_person(stage, EVENT_participant_joined, sid, identity, KIND_AGENT);
    stage_person(stage, EVENT_track_published, sid, identity, KIND_AGENT);
}

/* The phase and the reason of the call SID: "talking", "stopping/CALLER_LEFT"; "" when it is over or not known. */
struct stage_look {
    const char *sid;
    char state[64];
    struct bridge_view view;
};

static inline void stage_look_at(void *context, const struct bridge_view *view) {
    struct stage_look *look = context;
    if (strcmp(view->sid, look->sid) == 0) {
        snprintf(look->state, sizeof look->state, "%s%s%s", view->phase, view->why[0] != '\0' ? "/" : "", view->why);
        look->view = *view;
    }
}

static inline struct stage_look stage_state(struct stage *stage, const char *sid) {
    struct stage_look look = {.sid = sid};
    bridge_each(stage->bridge, stage->now, stage_look_at, &look);
    return look;
}

#define stage_is(stage, sid, wanted)                       \
    do {                                                   \
        struct stage_look look_ = stage_state(stage, sid); \
        assert_string_equal(look_.state, wanted);          \
    } while (0)

#endif
