/* The rules and agents of simulated calls, parsed once. */
#ifndef SIM_DOCUMENTS_H
#define SIM_DOCUMENTS_H

#include "rules/directory.h"
#include "rules/ruleset.h"
#include "sim/plan.h"

struct sim_documents {
    struct ruleset *rules[RULES_COUNT];
    struct directory *directory;
};

void documents_load(struct sim_documents *documents);
void documents_release(struct sim_documents *documents);

#endif
