/* A ring of signatures. */
#include "ops/once.h"

#include <string.h>

bool once_take(struct once *once, const unsigned char mac[HMAC_SIZE]) {
    for (size_t i = 0; i < ONCE_REMEMBERED && i < once->count; i++) {
        if (hmac_equal(once->macs[i], mac)) {
            return false;
        }
    }
    memcpy(once->macs[once->count++ % ONCE_REMEMBERED], mac, HMAC_SIZE);
    return true;
}
