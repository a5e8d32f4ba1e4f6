/* Writing JSON by hand, where the shape is fixed and a tree would be waste. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/buf.h"

/* Appends TEXT as a JSON string with its quotes (RFC 8259, section 7). Invalid UTF-8 becomes U+FFFD. */
void json_add_string(struct buf *out, struct slice text);
/* Appends ,"name":"text" (without the comma after an opening brace). NAME needs no escaping. */
void json_add_field(struct buf *out, const char *name, struct slice text);
/* The same with VALUE written as it is: a number, true, an object. */
void json_add_raw(struct buf *out, const char *name, struct slice value);
void json_add_number(struct buf *out, const char *name, int64_t value);

#endif
