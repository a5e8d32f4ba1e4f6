/* Chance that can be repeated: xoshiro256** (Blackman and Vigna), seeded from one number by splitmix64. */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state[4];
};

void dice_init(struct dice *dice, uint64_t seed);
uint64_t dice_next(struct dice *dice);
/* From 0 below LIMIT, which is not 0. */
unsigned dice_below(struct dice *dice, unsigned limit);
/* From LEAST to MOST, both included. */
int64_t dice_between(struct dice *dice, int64_t least, int64_t most);
/* True in PERCENT of 100 cases. */
bool dice_chance(struct dice *dice, unsigned percent);

#endif
