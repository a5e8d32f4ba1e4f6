/* Moments as people and files read them: "2026-11-25T18:30:00.250Z" (RFC 3339, UTC, milliseconds). */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { WHEN_SIZE = 48 };

void when_format(int64_t wall_ms, char ret_text[WHEN_SIZE]);
/* The same of whole seconds: "2026-11-25T18:30:00Z"; "" for a year that cannot be written. */
void when_format_s(int64_t wall_s, char ret_text[WHEN_SIZE]);
/* Exactly that form, of the years 1970 to 9999; false for anything else. */
bool when_parse(struct slice text, int64_t *ret_wall_ms);

#endif
