/* Patterns for numbers: '*' any run of characters, '?' exactly one (a whole UTF-8 character), everything else
 * itself. Only the last star is ever tried again, so the time is bounded by the product of the two lengths, never
 * exponential in the number of stars; a pattern has at most PATTERN_MAX bytes, which makes it linear in the text.
 * Pure. */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum { PATTERN_MAX = 128 };

/* Both already normalised. An empty text (a hidden number) matches only what pattern_is_any. */
bool pattern_match(struct slice pattern, struct slice text);
/* True when it matches every text. */
bool pattern_is_any(struct slice pattern);
/* True when it matches one text only: no wildcard. */
bool pattern_is_exact(struct slice pattern);
/* More specific is larger: an exact number before any wildcard, then the number of literal characters, then '?'
 * before '*', then the number of '?'. Exact patterns weigh the same: two of them never match the same number.
 * Only for patterns of at most PATTERN_MAX bytes. */
unsigned pattern_weight(struct slice pattern);
/* Appends PATTERN as numbers are normalised: one that is digits, wildcards and fillers, perhaps after a '+', loses
 * the fillers and gets a '+' in front of a leading digit ("33 1*" -> "+331*", "*" stays). Everything else stays. */
void pattern_normalise(struct buf *out, struct slice pattern);

#endif
