/* xoshiro256** by Blackman and Vigna, seeded by splitmix64: small, and the same on every machine. */
#include "sim/dice.h"

#include <string.h>

#include "sim/tape.h"

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t value, unsigned by) {
    return (value << by) | (value >> (64 - by));
}

void dice_init(struct dice *dice, uint64_t seed) {
    dice->record = NULL;
    dice->replay = NULL;
    for (unsigned i = 0; i < 4; i++) {
        dice->state[i] = splitmix(&seed);
    }
}

void dice_record(struct dice *dice, uint64_t seed, struct tape *tape) {
    dice_init(dice, seed);
    dice->record = tape;
    memset(dice->asked, 0, sizeof dice->asked);
}

void dice_replay(struct dice *dice, const struct tape *tape) {
    dice_init(dice, 0);
    dice->replay = tape;
    memset(dice->asked, 0, sizeof dice->asked);
}

uint64_t dice_next(struct dice *dice) {
    uint64_t *s = dice->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t dice_take(struct dice *dice, enum sim_choice what, uint64_t drawn) {
    if (dice->replay != NULL) {
        return tape_value(dice->replay, what, dice->asked[what]++);
    }
    if (dice->record != NULL) {
        tape_add(dice->record, &(struct tape_item){what, dice->asked[what]++, drawn});
    }
    return drawn;
}

unsigned dice_below(struct dice *dice, enum sim_choice what, unsigned limit) {
    uint64_t outcome = dice_take(dice, what, dice_next(dice) % limit);
    return (unsigned)(outcome < limit ? outcome : limit - 1);
}

int64_t dice_between(struct dice *dice, enum sim_choice what, int64_t least, int64_t most) {
    uint64_t room = (uint64_t)(most - least), outcome = dice_take(dice, what, dice_next(dice) % (room + 1));
    return least + (int64_t)(outcome < room ? outcome : room);
}

bool dice_chance(struct dice *dice, enum sim_choice what, unsigned percent) {
    return dice_take(dice, what, dice_next(dice) % 100 < percent) != 0;
}

bool dice_spared(struct dice *dice, enum sim_choice what, unsigned percent) {
    return dice_take(dice, what, dice_next(dice) % 100 >= percent) == 0;
}
