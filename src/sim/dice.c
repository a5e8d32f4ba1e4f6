/* xoshiro256**: fast, small, and the same on every machine. */
#include "sim/dice.h"

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
    for (unsigned i = 0; i < 4; i++) {
        dice->state[i] = splitmix(&seed);
    }
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

unsigned dice_below(struct dice *dice, unsigned limit) {
    return (unsigned)(dice_next(dice) % limit);
}

int64_t dice_between(struct dice *dice, int64_t least, int64_t most) {
    return least + (int64_t)(dice_next(dice) % (uint64_t)(most - least + 1));
}

bool dice_chance(struct dice *dice, unsigned percent) {
    return dice_below(dice, 100) < percent;
}
