/* Patterns for numbers: '*' any run of characters, '?' exactly one, everything else itself. Linear time in the
 * length of both (no backtracking over more than the last star). Pure. */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include <stdbool.h>

#include "base/slice.h"

enum { PATTERN_MAX = 128 };

bool pattern_match(struct slice pattern, struct slice text);
/* True when it matches every text. */
bool pattern_is_any(struct slice pattern);
/* More specific is larger: an exact number before any wildcard, then the number of literal characters, then '?' before '*'. */
unsigned pattern_weight(struct slice pattern);

#endif
