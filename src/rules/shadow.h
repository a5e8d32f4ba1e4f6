/* Rules that stand in the way of others: for people who edit them, not for the decision. Pure. */
#ifndef RULES_SHADOW_H
#define RULES_SHADOW_H

#include "rules/directory.h"
#include "rules/ruleset.h"

/* Whether every number that INNER matches is matched by OUTER, both normalised patterns. */
bool shadow_covers(struct slice outer, struct slice inner);
/* The rule that is tried before the one at INDEX and takes every call this one could get; NULL when there is none. A
 * rule whose agent cannot be had (DIRECTORY says; NULL: nobody knows) takes none: it gives way. */
const struct rule *shadow_of(const struct ruleset *rules, unsigned index, const struct directory *directory);

#endif
