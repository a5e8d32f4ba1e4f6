/* Slots: the first SPREAD_EXACT values have their own; then each power of two has SPREAD_STEPS. */
#include "report/spread.h"

enum { EXACT_BITS = 8 };
_Static_assert(SPREAD_EXACT == 1 << EXACT_BITS && SPREAD_STEPS == SPREAD_EXACT / 2, "an octave is halved by its steps");

static size_t slot_of(int64_t value) {
    if (value < SPREAD_EXACT) {
        return (size_t)value;
    }
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)value) - EXACT_BITS; /* 0: 256 to 511 */
    uint64_t step = ((uint64_t)value >> (octave + 1)) - SPREAD_STEPS;
    return SPREAD_EXACT + octave * SPREAD_STEPS + (size_t)step;
}

/* The largest value of a slot. */
static int64_t end_of(size_t slot) {
    if (slot < SPREAD_EXACT) {
        return (int64_t)slot;
    }
    size_t octave = (slot - SPREAD_EXACT) / SPREAD_STEPS, step = (slot - SPREAD_EXACT) % SPREAD_STEPS;
    return ((int64_t)(step + SPREAD_STEPS + 1) << (octave + 1)) - 1;
}

static int64_t within(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

void spread_add(struct spread *spread, int64_t value) {
    value = within(value, 0, SPREAD_MOST);
    spread->least = spread->count == 0 || value < spread->least ? value : spread->least;
    spread->most = spread->count == 0 || value > spread->most ? value : spread->most;
    spread->count++;
    spread->slots[slot_of(value)]++;
}

int64_t spread_percentile(const struct spread *spread, double percent) {
    double wanted = percent / 100 * (double)spread->count;
    uint64_t seen = 0;
    for (size_t slot = 0; slot < SPREAD_SLOTS; slot++) {
        seen += spread->slots[slot];
        if (seen > 0 && (double)seen >= wanted) {
            return within(end_of(slot), spread->least, spread->most);
        }
    }
    return -1;
}

uint64_t spread_upto(const struct spread *spread, int64_t value) {
    size_t last = slot_of(within(value, 0, SPREAD_MOST));
    uint64_t count = 0;
    for (size_t slot = 0; slot <= last; slot++) {
        count += spread->slots[slot];
    }
    return count;
}
