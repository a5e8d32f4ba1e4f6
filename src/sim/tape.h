/* A simulated call written down: the outcomes of its choices (sim/choices.h) that are not calm. Played again it is the
 * same call; with some of them left out it is another, calmer one. As text: "network=2 lost.3 stays-ms.1=4000", where
 * .N is how often the choice was asked before (0 is not written), and =N the outcome (1 is not written). */
#ifndef SIM_TAPE_H
#define SIM_TAPE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/diag.h"
#include "sim/dice.h"

enum { TAPE_MOST = 1 << 20 }; /* items of a text */

struct tape_item {
    enum sim_choice what;
    uint32_t turn; /* how often it was asked before */
    uint64_t outcome;
};

struct tape {
    struct tape_item *items; /* by what, then by turn */
    size_t count, cap;
};

void tape_release(struct tape *tape);
void tape_copy(struct tape *to, const struct tape *from);
/* One that is calm is not kept. In any order; tape_sort comes before the tape is played. */
void tape_add(struct tape *tape, const struct tape_item *item);
void tape_sort(struct tape *tape);
/* COUNT items from FROM on are as if they had been calm. */
void tape_cut(struct tape *tape, size_t from, size_t count);
uint64_t tape_value(const struct tape *tape, enum sim_choice what, uint32_t turn);
void tape_print(const struct tape *tape, struct buf *out);
/* False with DIAG for what is no tape. */
bool tape_parse(struct slice text, struct tape *ret_tape, struct diag *diag) __attribute__((warn_unused_result));

#endif
