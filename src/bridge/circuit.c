/* The few steps of a circuit. */
#include "bridge/circuit.h"

const char *circuit_state_name(enum circuit_state state) {
    static const char *const names[] = {
        [CIRCUIT_CLOSED] = "closed", [CIRCUIT_OPEN] = "open", [CIRCUIT_TRIAL] = "trial"};
    return names[state];
}

enum circuit_state circuit_state(const struct circuit *circuit, mono_ms now) {
    if (circuit->open_until == 0) {
        return CIRCUIT_CLOSED;
    }
    return now < circuit->open_until ? CIRCUIT_OPEN : CIRCUIT_TRIAL;
}

bool circuit_lets(const struct circuit *circuit, mono_ms now) {
    enum circuit_state state = circuit_state(circuit, now);
    return state == CIRCUIT_CLOSED || (state == CIRCUIT_TRIAL && !circuit->trying);
}

bool circuit_take(struct circuit *circuit) {
    circuit->trying = circuit->open_until != 0;
    return circuit->trying;
}

void circuit_leave(struct circuit *circuit) {
    circuit->trying = false;
}

unsigned circuit_spoke(struct circuit *circuit) {
    unsigned before = circuit->failures;
    circuit->failures = 0;
    circuit->open_until = 0;
    circuit->trying = false;
    return before;
}

static int64_t open_ms(unsigned openings) {
    int64_t ms = CIRCUIT_OPEN_MS;
    for (unsigned i = 0; i < openings && ms < CIRCUIT_MAX_OPEN_MS; i++) {
        ms *= 2;
    }
    return ms < CIRCUIT_MAX_OPEN_MS ? ms : CIRCUIT_MAX_OPEN_MS;
}

static void open_now(struct circuit *circuit, mono_ms now) {
    if (now - circuit->opened_to > CIRCUIT_FORGET_MS) {
        circuit->openings = 0;
    }
    circuit->open_until = circuit->opened_to = now + open_ms(circuit->openings);
    circuit->openings++;
    circuit->trying = false;
}

bool circuit_failed(struct circuit *circuit, unsigned before, bool is_trial, mono_ms now) {
    if (circuit->open_until != 0) {
        if (is_trial && circuit->trying) {
            open_now(circuit, now);
            return true;
        }
        return false;
    }
    circuit->failures = (before > circuit->failures ? before : circuit->failures) + 1;
    if (circuit->failures < CIRCUIT_FAILURES) {
        return false;
    }
    open_now(circuit, now);
    return true;
}
