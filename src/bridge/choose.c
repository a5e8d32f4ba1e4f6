/* Choosing the agent of a call: rules/decide with what the call knows, unless the limits leave no room for it. */
#include <jansson.h>

#include "base/argv.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/internal.h"
#include "bridge/journal.h"
#include "rules/document.h"

/* Who decides for whom: what decide() hands back to us. */
struct chooser {
    const struct bridge *bridge;
    const struct bridge_call *call;
    mono_ms now;
};

static long in_use(void *context, const struct agent *agent) {
    const struct chooser *chooser = context;
    const struct agent_use *use = bridge_use_of(chooser->bridge, slice_of(agent->name));
    return use != NULL ? use->calls : 0;
}

static bool is_resting(void *context, struct slice name) {
    const struct chooser *chooser = context;
    const struct agent_use *use = bridge_use_of(chooser->bridge, name);
    return use != NULL && !circuit_lets(&use->circuit, chooser->now);
}

static struct decide_input input_of(const struct chooser *chooser) {
    const struct bridge *bridge = chooser->bridge;
    const struct bridge_call *call = chooser->call;
    return (struct decide_input){
        .rules = bridge->rules,
        .directory = bridge->directory,
        .default_agent = slice_of(bridge->options.default_agent),
        .room_agent = slice_of(call->room_agent),
        .called_known = call->leg.called != NULL,
        .leg_known = call->leg.known,
        .called = slice_of(call->leg.called),
        .caller = slice_of(call->leg.caller),
        .trunk = slice_of(call->leg.trunk_id),
        .in_use = in_use,
        .is_resting = is_resting,
        .context = (void *)chooser,
    };
}

static void log_step(void *context, const struct rule *rule, const char *what) {
    (void)rule;
    struct log_about about;
    bridge_about(context, &about);
    log_debug(&about, "choosing: %s", what);
}

static void log_missing(void *context, const char *what) {
    const struct chooser *chooser = context;
    struct log_about about;
    bridge_about(chooser->call, &about);
    log_warning(&about, "choosing: %s, going on without it", what);
}

/* Each step down is told (design: "Deciding the agent"), in detail only where somebody asked for it. */
static struct choice choose(struct bridge_call *call, struct decide_input *input) {
    struct choice choice = log_enabled(LOG_DEBUG) ? decide_explain(input, log_step, call) : decide(input);
    if (choice.stepped_down && choice.kind != CHOICE_UNCERTAIN) {
        input->on_missing = log_missing;
        choice = decide(input);
    }
    return choice;
}

static void keep_reason(struct bridge_call *call, const struct choice *choice) {
    cleanup_buf struct buf label = {0};
    if (choice->rule != NULL) {
        rule_label(choice->rule, &label);
    }
    free(call->chosen_rule);
    call->chosen_rule = choice->rule != NULL ? buf_take(&label) : NULL;
    call->chosen_by = choice->reason;
}

static void keep_choice(struct bridge *bridge, struct bridge_call *call, const struct choice *choice) {
    const char *metadata = choice->rule != NULL ? choice->rule->metadata : NULL;
    free(call->agent_name);
    free(call->metadata);
    keep_reason(call, choice);
    directory_release(call->directory);
    call->directory = bridge->directory != NULL ? directory_hold(bridge->directory) : NULL;
    call->agent = choice->agent;
    call->after_call_ms = choice->agent->after_call_ms;
    call->stop_timeout_ms = choice->agent->stop_timeout_ms;
    call->metadata = metadata != NULL ? xstrdup(metadata) : NULL;
    call->agent_name = xmemdup(choice->name.p, choice->name.n);
    bridge_unuse(bridge, call);
    bridge_use(bridge, call);
    bridge_try(call);
}

void bridge_read_metadata(struct bridge_call *call, struct slice metadata) {
    if (metadata.n == 0 || metadata.p[0] != '{') {
        return;
    }
    struct diag diag;
    json_auto_t *root = json_loadb(metadata.p, metadata.n, 0, NULL);
    struct slice name = slice_of(json_string_value(json_object_get(root, "agent_name")));
    if (name.n > 0 && document_is_name(name, "agent_name", &diag)) {
        call->room_agent = xmemdup(name.p, name.n);
    } else if (name.n > 0) {
        struct log_about about;
        bridge_about(call, &about);
        log_warning(&about, "the room's metadata name nobody: %s; the rules decide", diag.what);
    }
}

struct journal_leg bridge_leg_words(const struct call_leg_text *leg) {
    return (struct journal_leg){
        .known = leg->known,
        .sid = leg->sid,
        .called = slice_of(leg->called),
        .caller = slice_of(leg->caller),
        .trunk_id = slice_of(leg->trunk_id),
        .rule_id = slice_of(leg->rule_id),
        .attributes = slice_of(leg->attributes),
        .identity = slice_of(leg->identity),
    };
}

/* Copies TEXT to *AT and moves that behind it. */
static const char *put(char **at, struct slice text, bool known) {
    char *copy = *at;
    if (text.p == NULL && !known) {
        return NULL;
    }
    if (text.n > 0) {
        memcpy(copy, text.p, text.n);
    }
    copy[text.n] = '\0';
    *at += text.n + 1;
    return copy;
}

void bridge_leg_keep(struct call_leg_text *leg, const struct journal_leg *words) {
    const struct slice texts[] = {words->called,  words->caller,     words->trunk_id,
                                  words->rule_id, words->attributes, words->identity};
    const char **const places[] = {&leg->called,  &leg->caller,     &leg->trunk_id,
                                   &leg->rule_id, &leg->attributes, &leg->identity};
    size_t size = ARRAY_LEN(texts);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size += texts[i].n;
    }
    char *block = xmalloc(size), *at = block;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *places[i] = put(&at, texts[i], words->known);
    }
    free(leg->block); /* now: WORDS may have been in it */
    leg->block = block;
    leg->sid = words->sid;
    leg->known = words->known;
}

void bridge_leg_forget(struct call_leg_text *leg) {
    free(leg->block);
    *leg = (struct call_leg_text){0};
}

/* The caller was not vetoed when they joined, for the rules came later: they are now, and only they (rule 4). */
static void reject_leg(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    const struct leg *known = call_leg(&call->entry.facts, call->leg.sid);
    enum reject_when when = known != NULL && known->arriving ? REJECT_LATER : REJECT_NOW;
    struct call_event event = {.kind = CALL_LEG_REJECTED, .sid = call->leg.sid};
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "caller %s rejected: a reject rule matches", call->leg.caller);
    bridge_trace(bridge, call, "decision: reject the caller: a reject rule matches");
    bridge->counters.rejected_legs++;
    bridge->ports.livekit.reject(bridge->ports.livekit.self, about.room, slice_of(call->leg.identity), when);
    bridge_leg_forget(&call->leg);
    call_note(&call->entry.facts, &event, bridge_policy(bridge, call), now);
}

static void say_choice(const struct bridge *bridge, const struct bridge_call *call, const struct choice *choice) {
    cleanup_buf struct buf why = {0};
    decide_describe(choice, &why);
    struct log_about about;
    bridge_about(call, &about);
    if (choice->kind == CHOICE_AGENT) {
        log_info(&about, "chosen: %s", why.p);
    } else {
        log_warning(&about, "no agent for this call: %s", why.p);
    }
    bridge_trace(bridge, call, "decision: %s", why.p);
}

/* Whether its command line says who called or was called: then it is not started before that is known. */
static bool wants_leg(const struct agent *agent) {
    static const char *const of_legs[] = {"called", "caller", NULL};
    return argv_uses(agent->command, of_legs) != NULL;
}

/* A hidden number may be told by the trunk, if that has just one. False: LiveKit is being asked for it. */
static bool look_up_trunk(struct bridge *bridge, struct bridge_call *call) {
    struct call_leg_text *leg = &call->leg;
    if (!leg->known || leg->called[0] != '\0' || leg->trunk_id[0] == '\0') {
        return true;
    }
    struct slice number;
    enum trunk_answer answer =
        bridge->ports.livekit.trunk_number(bridge->ports.livekit.self, slice_of(leg->trunk_id), &number);
    if (answer == TRUNK_NUMBER) {
        struct journal_leg words = bridge_leg_words(leg);
        words.called = number;
        bridge_leg_keep(leg, &words);
        struct log_about about;
        bridge_about(call, &about);
        log_info(&about, "the called number is hidden; the trunk %s has only %s", leg->trunk_id, leg->called);
    }
    return answer != TRUNK_PENDING;
}

/* Told of every call, but the last warnings and errors must not hold only these. */
static void say_full(struct bridge *bridge, const struct bridge_call *call, mono_ms now) {
    const char *why = limit_text(call->limit);
    uint64_t skipped;
    struct log_about about;
    bridge_about(call, &about);
    if (log_limit_pass(&bridge->full_limit, now, &skipped)) {
        log_warning(&about, "no agent for this call: %s (and %llu before it)", why, (unsigned long long)skipped);
    } else {
        log_info(&about, "no agent for this call: %s", why);
    }
    bridge_trace(bridge, call, "decision: no agent: %s", why);
}

/* True when the limits leave no room for CALL, which is noted. */
static bool is_refused(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    call->limit = limits_reached(&bridge->limits, now);
    if (call->limit == LIMIT_NONE) {
        return false;
    }
    struct call_event event = {.kind = CALL_OVERLOAD};
    say_full(bridge, call, now);
    call_note(&call->entry.facts, &event, bridge_policy(bridge, call), now);
    return true;
}

/* The leg that decided is rejected by a rule, or nobody can be had, or there is an agent. */
bool bridge_choose(struct bridge *bridge, struct bridge_call *call, bool final, mono_ms now) {
    bool waited = now >= bridge_rules_by(bridge, call);
    if (!bridge->ready && !waited) {
        return false;
    }
    bool told = look_up_trunk(bridge, call);
    struct chooser chooser = {bridge, call, now};
    struct decide_input input = input_of(&chooser);
    input.leg_known = (input.leg_known && told) || final;
    input.called_known = input.called_known && told;
    struct choice choice = choose(call, &input);
    if (choice.unknown && bridge->ports.unknown_agent != NULL) {
        bridge->ports.unknown_agent(bridge->ports.self);
    }
    if ((choice.kind == CHOICE_AGENT || choice.kind == CHOICE_UNCERTAIN) && is_refused(bridge, call, now)) {
        return true;
    }
    bool too_early = choice.kind == CHOICE_AGENT && !input.leg_known && wants_leg(choice.agent);
    if (choice.kind == CHOICE_UNCERTAIN || too_early) {
        return false;
    }
    if (choice.kind == CHOICE_REJECT && call->leg.known) {
        reject_leg(bridge, call, now);
        return true;
    }
    struct call_event event = {.kind = choice.kind == CHOICE_AGENT ? CALL_CHOSEN : CALL_NOBODY};
    if (choice.kind == CHOICE_AGENT) {
        keep_choice(bridge, call, &choice);
        event.any_agent = choice.agent->api_credentials;
    }
    say_choice(bridge, call, &choice);
    histogram_add(&bridge->times.decision, (now - call->entry.facts.seen_at) * 1000);
    call_note(&call->entry.facts, &event, bridge_policy(bridge, call), now);
    return true;
}

bool bridge_vetoes(struct bridge *bridge, const struct bridge_call *call, const struct webhook_event *event,
                   const char **ret_why) {
    if (bridge->options.require_trunk && event->participant.trunk_id.n == 0) {
        *ret_why = "it came through no trunk (SIP_REQUIRE_TRUNK)";
        return true;
    }
    if (bridge->rules == NULL) {
        return false;
    }
    struct chooser chooser = {bridge, call, 0}; /* whoever cannot be had: only the veto counts */
    struct decide_input input = input_of(&chooser);
    input.leg_known = true;
    input.is_resting = NULL;
    input.called = event->participant.called;
    input.caller = event->participant.caller;
    input.trunk = event->participant.trunk_id;
    *ret_why = "a reject rule matches";
    return decide(&input).kind == CHOICE_REJECT;
}
