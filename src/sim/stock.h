/* The rules and agents of simulated calls, parsed once. */
#ifndef SIM_STOCK_H
#define SIM_STOCK_H

#include "rules/directory.h"
#include "rules/ruleset.h"
#include "sim/plan.h"

struct sim_stock {
    struct ruleset *rules[RULES_COUNT];
    struct directory *directory;
    struct directory *waiting; /* the same for the pool: the first agent has standbys */
};

void stock_load(struct sim_stock *stock);
void stock_release(struct sim_stock *stock);

#endif
