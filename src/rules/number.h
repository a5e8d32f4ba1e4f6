/* Phone numbers as LiveKit compares them (livekit/sip: NormalizeNumber): what matches ^\+?[\d\- ()]+$ loses spaces,
 * dashes and parentheses and gets a '+' in front if it has none; everything else stays as it is. Pure. */
#ifndef RULES_NUMBER_H
#define RULES_NUMBER_H

#include "base/buf.h"
#include "base/slice.h"

/* What is longer cannot be a number: a caller chooses this text, and every wildcard rule is tried against it. */
enum { NUMBER_MAX = 512 };

/* Appends NUMBER normalised. */
void number_normalise(struct buf *out, struct slice number);

#endif
