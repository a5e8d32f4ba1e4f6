/* Text from outside: checking, escaping, numbers with units. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms, at most U+10FFFF. NUL counts as valid. */
bool text_is_utf8(struct slice text);
/* Appends TEXT fit for a terminal, a log line or a diag: control characters, DEL, invalid UTF-8, and invisible
 * or direction-changing characters (U+00AD, U+061C, U+180E, U+200B-200F, U+2028-202E, U+2060-2064, U+2066-206F,
 * U+FEFF, U+FFF9-FFFB, U+E0000-E007F) become \xNN or \u{N}; a backslash becomes \\. At most LIMIT bytes are added; a
 * cut is marked with "…". */
void text_escape(struct buf *out, struct slice text, size_t limit);
/* The same, but a backslash stays one: for whole messages, parts of which (a diag) were escaped before. */
void text_clean(struct buf *out, struct slice text, size_t limit);
/* A whole decimal number, optional '-', nothing else around it. */
bool text_int64(struct slice text, int64_t *ret_value);
/* "500ms", "2s", "5m", "4h", "7d", or "0": milliseconds. No sign, no fraction; at most ten years. */
bool text_duration(struct slice text, int64_t *ret_ms);
/* The shortest such form of MS: "500ms", "2s", "5m". RET needs 24 bytes. */
void text_duration_format(int64_t ms, char ret_text[24]);
/* "65536", "16KiB", "1MiB", "2GiB" (K, M, G mean the same): bytes. */
bool text_size(struct slice text, int64_t *ret_bytes);
/* Levenshtein distance, at most LIMIT + 1; for "did you mean". Inputs over 64 bytes give LIMIT + 1. */
unsigned text_distance(struct slice a, struct slice b, unsigned limit);
/* A phone number fit for a log: all digits but the last three become '*' wherever five or more digits (up to
 * two spaces, dots, dashes or parentheses between them) stand in a row: "+15550001111" -> "+********111".
 * IPv4 addresses with their port, and numbers of milliseconds ("10000 ms"), stay. */
void text_mask_numbers(struct buf *out, struct slice text);
/* ^[A-Za-z0-9_]{1,64}$: a LiveKit sid that may become a file name (design: "Adoption"). */
bool text_is_sid(struct slice text);

#endif
