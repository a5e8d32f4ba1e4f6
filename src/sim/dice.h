/* What chance says, choice by choice (sim/choices.h): random numbers that are the same for the same seed on every
 * machine (xoshiro256**, not for secrets), or the outcomes of a tape. Choices that a tape has not are calm. */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/choices.h"

struct tape;

struct dice {
    uint64_t state[4];
    struct tape *record;       /* outcomes that are not calm are added; or NULL */
    const struct tape *replay; /* instead of chance; or NULL */
    uint32_t asked[CHOICE_COUNT];
};

void dice_init(struct dice *dice, uint64_t seed);
/* The same, writing down in TAPE what comes out. */
void dice_record(struct dice *dice, uint64_t seed, struct tape *tape);
/* TAPE's outcomes. */
void dice_replay(struct dice *dice, const struct tape *tape);
uint64_t dice_next(struct dice *dice);
/* DRAWN is the outcome that chance has; returned is the one that counts. */
uint64_t dice_take(struct dice *dice, enum sim_choice what, uint64_t drawn);
/* From 0 to LIMIT - 1. */
unsigned dice_below(struct dice *dice, enum sim_choice what, unsigned limit);
/* From LEAST to MOST, both included. */
int64_t dice_between(struct dice *dice, enum sim_choice what, int64_t least, int64_t most);
/* True in PERCENT of 100 cases. */
bool dice_chance(struct dice *dice, enum sim_choice what, unsigned percent);
/* The same where that is the calm outcome. */
bool dice_spared(struct dice *dice, enum sim_choice what, unsigned percent);

#endif
