/* The JSON documents of this layer, before their meaning: read with limits on size, depth and number of values (all
 * judged before a single value is built), strictly (duplicate keys and text that is not UTF-8 are mistakes), and
 * with a word of help where JSON's own errors are hard to read. */
#ifndef RULES_DOCUMENT_H
#define RULES_DOCUMENT_H

#include "base/diag.h"
#include "base/slice.h"
#include "rules/notes.h"

struct json_t;

enum {
    DOCUMENT_MAX_DEPTH = 32,
    DOCUMENT_MAX_VALUES = 3000000, /* about thirty for each of RULESET_MAX_RULES */
    DOCUMENT_SHOWN = 96,           /* room for text shown in a sentence, its mark of a cut and NUL included */
};

/* The document, at most MAX_BYTES of it; json_decref it. NULL with DIAG (where "line 3, column 7"). */
struct json_t *document_parse(struct slice text, size_t max_bytes, struct diag *diag);
/* The same for what is to be an entry of a document: one level less, so that the document can be read too. */
struct json_t *document_parse_entry(struct slice text, size_t max_bytes, struct diag *diag);
/* "a string", "a list", … */
const char *document_kind(const struct json_t *value);
/* TEXT escaped and cut for a sentence; returns RET_TEXT. */
const char *document_show(struct slice text, char ret_text[DOCUMENT_SHOWN]);
/* Whether TEXT may name an agent: 1 to 128 bytes of UTF-8 without control characters. WHERE is for DIAG. */
bool document_is_name(struct slice text, const char *where, struct diag *diag);
/* A whole number from RANGE[0] to RANGE[1]. */
bool document_integer(const struct json_t *value, const char *where, const long range[2], struct diag *diag,
                      long *ret_value);
/* Remarks that KEY is not one of KEYS (NULL-terminated), with the nearest of them. WHERE is the object. */
void document_note_key(struct notes *notes, const char *where, const char *key, const char *const *keys);

#endif
