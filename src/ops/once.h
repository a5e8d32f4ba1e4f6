/* Tokens that were used for what may be done once with each: a copy of one that somebody overheard is worth nothing then.
 * The last ONCE_REMEMBERED are known, more than an operator needs within the hour that a token lives. */
#ifndef OPS_ONCE_H
#define OPS_ONCE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/hmac.h"

enum { ONCE_REMEMBERED = 256 };

struct once {
    unsigned char macs[ONCE_REMEMBERED][HMAC_SIZE];
    size_t count; /* ever; a ring */
};

/* False when the token of MAC was taken before. */
bool once_take(struct once *once, const unsigned char mac[HMAC_SIZE]) __attribute__((warn_unused_result));

#endif
