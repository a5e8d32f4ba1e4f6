/* What the bridge remembers of each agent: how many calls it has, and the circuit that keeps one that fails again and
 * again from being started. */
#include "base/log.h"
#include "base/mem.h"
#include "bridge/internal.h"

enum { MOST_IDLE = 1024 };

struct agent_use *bridge_use_of(const struct bridge *bridge, struct slice name) {
    struct agent_use *use = NULL;
    HASH_FIND(hh, bridge->uses, name.p, name.n, use);
    return use;
}

static void drop(struct bridge *bridge, struct agent_use *use) {
    HASH_DEL(bridge->uses, use);
    free(use->name);
    free(use);
}

static bool is_clean(const struct circuit *circuit) {
    return circuit->failures == 0 && circuit->openings == 0;
}

/* Names may come from rooms' metadata: those without a call are not remembered in any number. */
static void drop_idle(struct bridge *bridge) {
    struct agent_use *use, *next;
    HASH_ITER(hh, bridge->uses, use, next) {
        if (use->calls == 0) {
            drop(bridge, use);
        }
    }
}

static struct agent_use *get(struct bridge *bridge, const char *name) {
    struct agent_use *use = bridge_use_of(bridge, slice_of(name));
    if (use != NULL) {
        return use;
    }
    if (HASH_COUNT(bridge->uses) >= MOST_IDLE) {
        drop_idle(bridge);
    }
    use = xcalloc(1, sizeof *use);
    use->name = xstrdup(name);
    HASH_ADD_KEYPTR(hh, bridge->uses, use->name, strlen(use->name), use);
    return use;
}

void bridge_use(struct bridge *bridge, struct bridge_call *call) {
    if (call->use != NULL || call->agent_name == NULL) {
        return;
    }
    call->use = get(bridge, call->agent_name);
    call->use->calls++;
    bridge->limits.calls++;
}

void bridge_unuse(struct bridge *bridge, struct bridge_call *call) {
    struct agent_use *use = take_ptr(call->use);
    if (use == NULL) {
        return;
    }
    bridge->limits.calls--;
    if (call->is_trial) {
        call->is_trial = false;
        circuit_leave(&use->circuit);
    }
    if (--use->calls == 0 && is_clean(&use->circuit)) {
        drop(bridge, use);
    }
}

void bridge_count_ringing(struct bridge *bridge, struct bridge_call *call, bool over) {
    const struct call *facts = &call->entry.facts;
    bool rings = !over && call->end == END_NONE && facts->process != PROCESS_NONE && facts->answered_at == 0;
    if (rings != call->rings) {
        call->rings = rings;
        bridge->ringing += rings ? 1 : (size_t)-1;
    }
}

void bridge_uses_release(struct bridge *bridge) {
    struct agent_use *use, *next;
    HASH_ITER(hh, bridge->uses, use, next) {
        drop(bridge, use);
    }
}

void bridge_try(struct bridge_call *call) {
    struct log_about about;
    call->is_trial = circuit_take(&call->use->circuit);
    if (call->is_trial) {
        bridge_about(call, &about);
        log_info(&about, "this call tries the agent, which failed again and again before");
    }
}

void bridge_note_voice(struct bridge *bridge, struct bridge_call *call) {
    if (call->noted_voice || !call->entry.facts.spoke) {
        return;
    }
    struct agent_use *use = bridge_use_of(bridge, slice_of(call->agent_name));
    call->noted_voice = true;
    call->is_trial = false;
    if (use == NULL) {
        return;
    }
    if (use->circuit.open_until != 0) {
        struct log_about about;
        bridge_about(call, &about);
        log_info(&about, "the agent speaks again: it is started for every call as before");
    }
    call->failures_before = circuit_spoke(&use->circuit);
}

/* Nothing is held against an agent that was told to end, or whose end LiveKit may have brought about. One that was
 * killed because it did not speak in time failed. */
static bool counts(const struct bridge *bridge, const struct bridge_call *call, enum exit_fact exit, mono_ms now) {
    const struct call *facts = &call->entry.facts;
    if (bridge->options.policy.livekit_away || facts->room_again || facts->pushed_out_at != 0) {
        return false;
    }
    if (call->end != END_NONE || facts->dismissed) {
        return facts->confirmed && !facts->spoke;
    }
    bool crashed = exit == EXIT_CRASHED || exit == EXIT_NEVER_AGAIN;
    return !facts->spoke || (crashed && now - facts->spoke_at < CIRCUIT_EARLY_MS);
}

void bridge_note_failure(struct bridge *bridge, struct bridge_call *call, enum exit_fact exit, mono_ms now) {
    if (call->agent_name == NULL || !counts(bridge, call, exit, now)) {
        return;
    }
    struct circuit *circuit = &get(bridge, call->agent_name)->circuit;
    unsigned before = call->noted_voice ? call->failures_before : 0;
    bool opened = circuit_failed(circuit, before, call->is_trial, now);
    if (!opened) {
        return;
    }
    call->is_trial = false;
    struct log_about about;
    bridge_about(call, &about);
    log_error(&about,
              "the agent failed again and again: calls get their next choice for %lld s, then one call tries it",
              (long long)(circuit->open_until - now) / 1000);
    bridge_trace(bridge, call, "decision: leave the agent %s alone for a while", call->agent_name);
}

void bridge_forgive(struct bridge *bridge) {
    for (struct agent_use *use = bridge->uses; use != NULL; use = use->hh.next) {
        use->circuit = (struct circuit){0};
    }
}

void bridge_each_circuit(const struct bridge *bridge, mono_ms now,
                         void (*each)(void *context, const struct bridge_circuit *circuit), void *context) {
    for (const struct agent_use *use = bridge->uses; use != NULL; use = use->hh.next) {
        enum circuit_state state = circuit_state(&use->circuit, now);
        if (use->circuit.failures == 0 && state == CIRCUIT_CLOSED) {
            continue;
        }
        struct bridge_circuit view = {
            .agent = use->name,
            .state = circuit_state_name(state),
            .is_open = state != CIRCUIT_CLOSED,
            .failures = use->circuit.failures,
            .tried_in_ms = state == CIRCUIT_OPEN ? use->circuit.open_until - now : 0,
        };
        each(context, &view);
    }
}

bool bridge_is_resting(const struct bridge *bridge) {
    for (const struct agent_use *use = bridge->uses; use != NULL; use = use->hh.next) {
        if (use->circuit.open_until != 0) {
            return true;
        }
    }
    return false;
}
