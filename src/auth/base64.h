/* Base64 as tokens use it (RFC 4648), strictly: no white space, no bits beyond the last byte, so that every value
 * has exactly one spelling. Not for secrets: a table is looked up by the text's characters. */
#ifndef AUTH_BASE64_H
#define AUTH_BASE64_H

#include "base/buf.h"

enum base64_kind {
    BASE64_PADDED, /* section 4: '+', '/', always padded: LiveKit's sha256 claim */
    BASE64_URL,    /* section 5: '-', '_', never padded: JSON Web Tokens */
};

void base64_encode(struct buf *out, enum base64_kind kind, struct slice bytes);
/* False for anything but the one right spelling, and for more than SIZE bytes; RET_COUNT is then untouched. */
bool base64_decode(enum base64_kind kind, struct slice text, unsigned char *ret_bytes, size_t size, size_t *ret_count)
    __attribute__((warn_unused_result));
/* Only characters of BASE64_URL; empty is allowed. */
bool base64_is_url_text(struct slice text);

#endif
