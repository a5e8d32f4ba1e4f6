/* Calls of a former bridge: taken back from the journal, with their waits begun anew, for what happened meanwhile is
 * told late or not at all. */
#include <stdio.h>

#include "base/mem.h"
#include "bridge/internal.h"
#include "bridge/journal.h"

/* REARM_APART_MS: a bridge that dies again and again must not wait for ever. */
enum { LATEST_RETRY_MS = 60000, REARM_APART_MS = 60000 };

mono_ms bridge_rules_by(const struct bridge *bridge, const struct bridge_call *call) {
    mono_ms since = call->entry.facts.seen_at > call->restored_at ? call->entry.facts.seen_at : call->restored_at;
    return since + bridge->options.rules_wait_ms;
}

/* Nothing that is past comes later than NOW, whatever the entry says: else a wait for it would never end. */
static void clamp(struct call *facts, mono_ms now) {
#define X(field) facts->field = facts->field < now ? facts->field : now;
    JOURNAL_PAST(X)
#undef X
#define X(field) facts->field = facts->field < now + LATEST_RETRY_MS ? facts->field : now + LATEST_RETRY_MS;
    JOURNAL_COMING(X)
#undef X
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        facts->crash_at[i] = facts->crash_at[i] < now ? facts->crash_at[i] : now;
    }
    for (unsigned i = 0; i < facts->leg_count; i++) {
        struct leg *leg = call_leg_at(facts, i);
        leg->joined_at = leg->joined_at < now ? leg->joined_at : now;
        leg->left_at = leg->left_at < now ? leg->left_at : now;
    }
}

/* What was waited for may have come while nobody listened: its word is late, so the wait begins anew. What is ending
 * goes on ending. */
static void rearm(struct bridge_call *call, mono_ms now) {
    struct call *facts = &call->entry.facts;
    if (call->rearmed_at != 0 && now < call->rearmed_at + REARM_APART_MS) {
        return;
    }
    call->rearmed_at = now;
    if (facts->process != PROCESS_NONE && facts->voice != VOICE_SPEAKS) {
        facts->started_at = now;
    }
    if (call->end != END_NONE) {
        return;
    }
    if (!facts->had_caller) {
        facts->seen_at = now;
    }
    for (unsigned i = 0; i < facts->leg_count; i++) {
        struct leg *leg = call_leg_at(facts, i);
        leg->left_at = leg->state == LEG_LEFT_SOFT ? now : leg->left_at;
    }
}

static char *copy(struct slice text) {
    return text.p != NULL ? xmemdup(text.p, text.n) : NULL;
}

static void restore_names(struct bridge_call *call, const struct journal_entry *entry) {
    for (unsigned i = 0; i < entry->name_count; i++) {
        bridge_keep_identity(call, entry->names[i].sid, entry->names[i].text);
    }
}

static struct bridge_call *call_from(const struct journal_entry *entry, mono_ms now) {
    struct bridge_call *call = xcalloc(1, sizeof *call);
    call->entry.facts = call_copy(&entry->facts);
    snprintf(call->entry.sid, sizeof call->entry.sid, "%.*s", SLICE_ARG(entry->sid));
    call->entry.room = (struct slice){copy(entry->room), entry->room.n};
    call->end = entry->end;
    call->agent_name = copy(entry->agent);
    call->metadata = copy(entry->metadata);
    call->after_call_ms = entry->after_call_ms;
    call->stop_timeout_ms = entry->stop_timeout_ms;
    call->room_agent = copy(entry->room_agent);
    call->looked_at_metadata = entry->looked_at_metadata;
    snprintf(call->instance, sizeof call->instance, "%.*s", SLICE_ARG(entry->instance));
    call->pid = entry->pid;
    call->birth = entry->birth;
    if (call->entry.facts.process == PROCESS_STARTING && call->pid > 1) {
        call->entry.facts.process = PROCESS_RUNNING; /* a standby that was just being handed the call */
    }
    call->dismissed_at = entry->dismissed_at < now ? entry->dismissed_at : now;
    bridge_leg_keep(&call->leg, &entry->leg);
    restore_names(call, entry);
    call->started_wall_ms = entry->started_wall_ms;
    call->newest_s = entry->newest_s;
    call->finished_s = entry->finished_s;
    call->listed_s = entry->listed_s;
    call->room_event = entry->room_event;
    call->starts = entry->starts;
    call->kills = entry->kills;
    call->created_s = entry->created_s;
    call->ended_at = entry->ended_at < now ? entry->ended_at : now;
    call->chosen_by = entry->chosen_by;
    call->chosen_rule = copy(entry->chosen_rule);
    call->phase = PHASE_DECIDING;
    call->answered = entry->facts.answered_at != 0;
    call->restored_at = call->touched_at = call->callers_at = now;
    call->rearmed_at = entry->rearmed_at < now ? entry->rearmed_at : now;
    call->kept = 1; /* there is a text of it, which one does not matter */
    return call;
}

/* Its process was told to stop some time ago: it has what is left of that time. */
static void resume_stop(const struct bridge *bridge, const struct bridge_call *call, mono_ms now) {
    int64_t since = now - call->dismissed_at;
    int64_t after = call->after_call_ms > since ? call->after_call_ms - since : 0;
    int64_t whole = call->after_call_ms + call->stop_timeout_ms;
    int64_t left = whole > since ? whole - since : 0;
    struct engine_stop stop = {.after_ms = after, .timeout_ms = left - after};
    bridge->ports.engine.stop(bridge->ports.engine.self, call->entry.sid, &stop);
}

static void adopt(const struct bridge *bridge, const struct bridge_call *call, mono_ms now) {
    if (call->entry.facts.process == PROCESS_NONE) {
        return;
    }
    struct engine_adoption adoption = {
        .label = call->entry.sid,
        .instance = call->instance,
        .agent = call->agent_name,
        .pid = call->entry.facts.process == PROCESS_RUNNING ? call->pid : 0,
        .birth = call->birth,
        .secret_name = "LIVEKIT_TOKEN",
    };
    bridge->ports.engine.adopt(bridge->ports.engine.self, &adoption);
    if (call->entry.facts.dismissed) {
        resume_stop(bridge, call, now);
    }
}

bool bridge_restore(struct bridge *bridge, const struct journal_entry *entry, mono_ms now, struct diag *diag) {
    if (!slice_is(entry->boot, bridge->options.boot)) {
        return diag_fail(diag, "boot", "is another one: the machine was started anew, and its process is gone");
    }
    if (bridge_knows(bridge, entry->sid)) {
        return diag_fail(diag, "sid", "is that of a call known already");
    }
    struct bridge_call *call = call_from(entry, now);
    clamp(&call->entry.facts, now);
    bridge_add(bridge, call);
    if (entry->over && entry->facts.process == PROCESS_NONE) {
        table_retire(&bridge->table, &call->entry, entry->over_at < now ? entry->over_at : now);
        bridge_rest(bridge, call);
        return true;
    }
    rearm(call, now);
    bridge->counters.restored++;
    bridge_trace(bridge, call, "event: taken back from the journal");
    adopt(bridge, call, now);
    struct call_event passed = {.kind = CALL_TICK}; /* what an exit meant may have been waited for, and no more */
    bridge_note(bridge, call, &passed, now);
    return true;
}

static void note_lost(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "agent %s is no longer in the directory: another one is chosen", call->agent_name);
    struct call_event lost = {.kind = CALL_CHOICE_LOST};
    bridge_unuse(bridge, call);
    free(take_ptr(call->agent_name));
    call_note(&call->entry.facts, &lost, bridge_policy(bridge, call), now);
}

bool bridge_regain(struct bridge *bridge, struct bridge_call *call, mono_ms now) {
    const struct directory *directory = bridge->directory;
    const struct agent *agent = directory != NULL ? directory_find(directory, slice_of(call->agent_name)) : NULL;
    if (agent != NULL && agent->broken == NULL) {
        struct call_event again = {.kind = CALL_CHOICE_LOST}; /* its credentials may be others than they were */
        call_note(&call->entry.facts, &again, bridge_policy(bridge, call), now);
        again = (struct call_event){.kind = CALL_CHOSEN, .any_agent = agent->api_credentials};
        call_note(&call->entry.facts, &again, bridge_policy(bridge, call), now);
        call->directory = directory_hold(bridge->directory);
        call->agent = agent;
        call->after_call_ms = agent->after_call_ms;
        call->stop_timeout_ms = agent->stop_timeout_ms;
        return true;
    }
    if (!bridge->ready && now < bridge_rules_by(bridge, call)) {
        return false;
    }
    note_lost(bridge, call, now);
    return true;
}
