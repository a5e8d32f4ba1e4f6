/* The life of a call in the bridge: note a fact, ask the tables what is wanted, act, look again. */
#include "bridge/bridge.h"

#include "base/log.h"
#include "base/mem.h"
#include "bridge/internal.h"

const struct bridge_options bridge_options_default = {
    .room_prefix = "sip-inbound",
    .default_agent = "",
    .livekit_url = "",
    .boot = "",
    .require_trunk = true,
    .rules_wait_ms = 8000,
    .tombstone_ms = 120000,
    .max_tombstones = 4096,
    .max_calls = 100000,
};

/* More rounds than facts one event can bring about; a table that wants to and fro is a bug. */
enum { SETTLE_ROUNDS = 16 };

struct bridge *bridge_new(const struct bridge_options *options, const struct bridge_ports *ports) {
    struct bridge *bridge = xcalloc(1, sizeof *bridge);
    bridge->options = *options;
    bridge->ports = *ports;
    TAILQ_INIT(&bridge->dirty);
    graves_init(&bridge->graves);
    limits_init(&bridge->limits, options->max_served, options->max_starts);
    histogram_init(&bridge->times.ring, &buckets_ring);
    histogram_init(&bridge->times.decision, &buckets_quick);
    histogram_init(&bridge->times.start, &buckets_quick);
    return bridge;
}

static void free_call(struct bridge *bridge, struct bridge_call *call) {
    table_remove(&bridge->table, &call->entry);
    bridge_unuse(bridge, call);
    bridge_count_ringing(bridge, call, true);
    bridge_unmark(bridge, call);
    directory_release(call->directory);
    bridge_leg_forget(&call->leg);
    bridge_forget_identities(call);
    free(call->room_agent);
    free(call->agent_name);
    free(call->metadata);
    free(call->chosen_rule);
    free((char *)call->entry.room.p);
    free(call->own_policy);
    call_release(&call->entry.facts);
    free(call);
}

static void forget_call(struct bridge *bridge, struct bridge_call *call) {
    bridge_drop(bridge, call);
    free_call(bridge, call);
}

void bridge_free(struct bridge *bridge) {
    if (bridge == NULL) {
        return;
    }
    struct call_entry *entry, *next;
    HASH_ITER(by_sid, bridge->table.by_sid, entry, next) {
        free_call(bridge, call_of(entry));
    }
    struct bridge_call *call;
    while ((call = bridge_oldest(bridge)) != NULL) {
        free_call(bridge, call);
    }
    table_release(&bridge->table);
    graves_release(&bridge->graves);
    bridge_uses_release(bridge);
    limits_release(&bridge->limits);
    ruleset_release(bridge->rules);
    directory_release(bridge->directory);
    free(bridge);
}

/* A room that was no call is forgotten at once: a caller may still make it one. All others leave a tombstone. */
static void finish(struct bridge *bridge, struct bridge_call *call, const struct want *want, mono_ms now) {
    if (!call->entry.over) {
        bridge_tell_ended(bridge, call, now);
    }
    if (want->end == END_NOT_A_CALL) {
        forget_call(bridge, call);
        return;
    }
    bridge_mark(bridge, call);
    table_retire(&bridge->table, &call->entry, now);
    bridge_leg_forget(&call->leg); /* tombstones must not keep what callers sent */
    bridge_forget_identities(call);
}

static void note_end(struct bridge *bridge, struct bridge_call *call, enum call_end end, mono_ms now) {
    if (end == END_NONE) {
        call->end = END_NONE;
        call->ended_at = 0;
        if (call->entry.facts.choice == CHOSEN_AGENT) {
            bridge_use(bridge, call);
        }
        return;
    }
    if (call->end != END_NONE) {
        return; /* the first reason is the reason: room_finished after the caller left says nothing new */
    }
    call->end = end;
    call->ended_at = now;
    bridge_unuse(bridge, call);
    bridge_say_end(call, end);
    bridge_trace(bridge, call, "decision: end the call: %s", call_end_text(end));
}

static void note_phase(struct bridge *bridge, struct bridge_call *call, enum call_phase phase) {
    if (phase != call->phase) {
        bridge_trace(bridge, call, "phase: %s -> %s", call_phase_label(call->phase), call_phase_label(phase));
        if (call->phase == PHASE_DECIDING && call->asked_number) {
            bridge->ports.livekit.forget_number(bridge->ports.livekit.self, call->entry.sid);
        }
        call->phase = phase;
    }
    call->asked_ready = call->asked_ready && phase == PHASE_NOT_READY; /* each time-out asks anew */
    call->asked_room = call->asked_room && (phase == PHASE_EMPTY || phase == PHASE_GRACE);
}

static void note_answer(struct bridge *bridge, struct bridge_call *call) {
    const struct call *facts = &call->entry.facts;
    if (call->answered || facts->answered_at == 0) {
        return;
    }
    call->answered = true;
    bridge->counters.answered++;
    histogram_add(&bridge->times.ring, (facts->answered_at - facts->seen_at) * 1000);
    struct log_about about;
    bridge_about(call, &about);
    log_info(&about, "answered: the agent's audio is there after %lld ms of ringing",
             (long long)(facts->answered_at - facts->seen_at));
}

/* Until rules were loaded once, a call waits for them, but not for ever. */
static mono_ms next_look(const struct bridge *bridge, const struct bridge_call *call, const struct want *want,
                         mono_ms now) {
    mono_ms rules_by = bridge_rules_by(bridge, call);
    bool lacks_agent = want->phase == PHASE_STARTING && call->agent == NULL;
    bool waits = (want->phase == PHASE_DECIDING || lacks_agent) && !bridge->ready && rules_by > now;
    return waits && rules_by < want->next ? rules_by : want->next;
}

/* Does what is wanted. May free CALL: nobody touches it afterwards. */
static void settle(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    const struct call_policy *policy = bridge_policy(bridge, call);
    note_answer(bridge, call);
    bridge_note_voice(bridge, call);
    struct want want = call_want(&call->entry.facts, policy, now);
    for (unsigned round = 0; round < SETTLE_ROUNDS; round++) {
        note_end(bridge, call, want.end, now);
        note_phase(bridge, call, want.phase);
        if (!bridge_act(bridge, call, &want, now)) {
            break;
        }
        want = call_want(&call->entry.facts, policy, now);
    }
    bridge_count_ringing(bridge, call, want.phase == PHASE_OVER);
    if (want.phase == PHASE_OVER) {
        finish(bridge, call, &want, now);
        return;
    }
    bridge_mark(bridge, call);
    table_revive(&bridge->table, &call->entry);
    table_schedule(&bridge->table, &call->entry, next_look(bridge, call, &want, now));
}

void bridge_note(struct bridge *bridge, struct bridge_call *call, const struct call_event *event, mono_ms now) {
    call->touched_at = call_event_is_word(event->kind) ? now : call->touched_at;
    call->callers_at = call_event_tells_of_callers(&call->entry.facts, event) ? now : call->callers_at;
    call_note(&call->entry.facts, event, bridge_policy(bridge, call), now);
    settle(bridge, call, now);
}

/* What an exit means may be told by time alone: without that a call whose wait is just over would be settled as one that
 * waits for something to happen. */
static void look_again(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    struct call_event passed = {.kind = CALL_TICK};
    bridge_note(bridge, call, &passed, now);
}

/* Calls go on with the policy they began with. LiveKit's being away is no setting. */
static void keep_policies(struct bridge *bridge) {
    struct call_entry *entry, *next;
    bridge_wake_all(bridge);
    HASH_ITER(by_sid, bridge->table.by_sid, entry, next) {
        struct bridge_call *call = call_of(entry);
        if (call->own_policy == NULL) {
            call->own_policy = xmalloc(sizeof *call->own_policy);
            *call->own_policy = bridge->options.policy;
        }
    }
}

void bridge_set_options(struct bridge *bridge, const struct bridge_options *options) {
    bool away = bridge->options.policy.livekit_away;
    uint64_t seed = bridge->options.seed;
    keep_policies(bridge);
    bridge->options = *options;
    bridge->options.policy.livekit_away = away;
    bridge->options.seed = seed;
    limits_change(&bridge->limits, options->max_served, options->max_starts);
}

void bridge_set_rules(struct bridge *bridge, struct ruleset *rules, struct directory *directory, bool ready,
                      mono_ms now) {
    struct ruleset *old_rules = bridge->rules;
    struct directory *old_directory = bridge->directory;
    bridge->rules = rules != NULL ? ruleset_hold(rules) : NULL;
    bridge->directory = directory != NULL ? directory_hold(directory) : NULL;
    bridge->ready = ready;
    if (directory != old_directory) {
        bridge_forgive(bridge);
    }
    ruleset_release(old_rules);
    directory_release(old_directory);
    bridge_trunks_known(bridge, now);
}

void bridge_trunks_known(struct bridge *bridge, mono_ms now) {
    struct call_entry *entry, *next;
    HASH_ITER(by_sid, bridge->table.by_sid, entry, next) {
        if (!entry->over && (entry->facts.choice == CHOSEN_NOT || call_of(entry)->agent == NULL)) {
            look_again(bridge, call_of(entry), now);
        }
    }
}

void bridge_presume_away(struct bridge *bridge) {
    bridge->presumed_away = true;
}

void bridge_livekit_away(struct bridge *bridge, bool away, mono_ms now) {
    bool presumed = bridge->presumed_away;
    bridge->presumed_away = false;
    if (bridge->options.policy.livekit_away == away && !presumed) {
        return;
    }
    bool was_away = bridge->options.policy.livekit_away;
    bridge->options.policy.livekit_away = away;
    bridge_forgive(bridge); /* agents fail when LiveKit does, and before that is known (rule 6) */
    if (away) {
        log_warning(NULL, "LiveKit does not answer: no agent is started or given up until it does");
        return; /* what runs lives on */
    }
    if (was_away) {
        log_info(NULL, "LiveKit answers again");
    }
    struct call_entry *entry, *next;
    HASH_ITER(by_sid, bridge->table.by_sid, entry, next) {
        if (!entry->over) {
            look_again(bridge, call_of(entry), now);
        }
    }
}

struct bridge_call *bridge_live_call(const struct bridge *bridge, struct slice sid) {
    struct call_entry *entry = table_find(&bridge->table, sid);
    return entry != NULL && !entry->over ? call_of(entry) : NULL;
}

static struct bridge_call *live_call(const struct bridge *bridge, const char *sid) {
    return bridge_live_call(bridge, slice_of(sid));
}

static void note_of(struct bridge *bridge, const char *sid, enum call_event_kind kind, mono_ms now) {
    struct bridge_call *call = live_call(bridge, sid);
    if (call != NULL) {
        struct call_event event = {.kind = kind};
        bridge_note(bridge, call, &event, now);
    }
}

/* Also of a call that is over by now: it may be one again. */
static void answered_delete(struct bridge *bridge, const char *sid) {
    struct bridge_call *call = bridge_find(bridge, slice_of(sid));
    if (call != NULL) {
        call->deleting = false;
    }
}

void bridge_room_deleted(struct bridge *bridge, const char *sid, mono_ms now) {
    answered_delete(bridge, sid);
    note_of(bridge, sid, CALL_ROOM_DELETED, now);
}

void bridge_delete_failed(struct bridge *bridge, const char *sid, mono_ms now) {
    answered_delete(bridge, sid);
    note_of(bridge, sid, CALL_DELETE_FAILED, now);
}

void bridge_not_ready(struct bridge *bridge, const char *sid, mono_ms now) {
    const struct bridge_call *call = live_call(bridge, sid);
    if (call != NULL && call->asked_ready) { /* else the answer comes too late: it is another process, or it speaks */
        note_of(bridge, sid, CALL_NOT_READY, now);
    }
}

void bridge_no_caller(struct bridge *bridge, const char *sid, mono_ms now) {
    const struct bridge_call *call = live_call(bridge, sid);
    if (call != NULL && call->asked_room) { /* else the answer comes too late: somebody came */
        note_of(bridge, sid, CALL_NO_CALLER, now);
    }
}

bool bridge_was_taken(struct bridge *bridge, struct slice sid) {
    const struct bridge_call *call = bridge_find(bridge, sid);
    return call != NULL && call->entry.over && call->entry.facts.taken;
}

void bridge_forget_taken(struct bridge *bridge, struct slice sid) {
    forget_call(bridge, bridge_find(bridge, sid));
}

bool bridge_stop(struct bridge *bridge, const char *sid, mono_ms now) {
    bool known = live_call(bridge, sid) != NULL;
    note_of(bridge, sid, CALL_STOP, now);
    return known;
}

void bridge_stop_all(struct bridge *bridge, mono_ms now) {
    struct call_entry *entry, *next;
    HASH_ITER(by_sid, bridge->table.by_sid, entry, next) {
        bridge_stop(bridge, entry->sid, now);
    }
}

static void forget_expired(struct bridge *bridge, mono_ms now) {
    struct bridge_call *call;
    while ((call = bridge_expired(bridge, now)) != NULL) {
        forget_call(bridge, call);
    }
}

void bridge_tick(struct bridge *bridge, mono_ms now) {
    struct call_entry *entry;
    while ((entry = table_due(&bridge->table, now)) != NULL) {
        look_again(bridge, call_of(entry), now);
    }
    bridge_rest_all(bridge);
    forget_expired(bridge, now);
}

mono_ms bridge_next_due(const struct bridge *bridge) {
    mono_ms due = table_next_due(&bridge->table);
    mono_ms expiry = bridge_expiry(bridge);
    return due < expiry ? due : expiry;
}

bool bridge_is_live(const struct bridge *bridge, const char *sid) {
    return live_call(bridge, sid) != NULL;
}

bool bridge_is_hanging_up(const struct bridge *bridge, const char *sid) {
    const struct bridge_call *call = live_call(bridge, sid);
    return call != NULL && call->phase == PHASE_HANGING_UP;
}

size_t bridge_live(const struct bridge *bridge) {
    return bridge->table.live;
}

size_t bridge_undeleted(const struct bridge *bridge) {
    size_t count = 0;
    for (const struct call_entry *entry = bridge->table.by_sid; entry != NULL; entry = entry->by_sid.next) {
        const struct call *facts = &entry->facts;
        bool waits = !entry->over && facts->process == PROCESS_NONE && facts->delete_tries > 0;
        count += waits && container_of(entry, struct bridge_call, entry)->phase == PHASE_HANGING_UP;
    }
    return count;
}

const struct bridge_counters *bridge_counters(const struct bridge *bridge) {
    return &bridge->counters;
}
