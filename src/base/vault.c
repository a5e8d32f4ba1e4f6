/* libsodium's guarded memory. */
#include "base/vault.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static void *take(size_t size) {
    void *memory = sodium_init() >= 0 ? sodium_malloc(size) : NULL; /* sodium_init may be called again and again */
    if (memory == NULL) {
        fprintf(stderr, "sipbridge: SIP no memory for secrets (%zu bytes wanted)\n", size);
        abort();
    }
    sodium_memzero(memory, size);
    return memory;
}

void *vault_new(size_t size) {
    assert(size % 16 == 0);
    return take(size);
}

char *vault_dup(struct slice text) {
    char *copy = take(text.n + 1);
    if (text.n > 0) {
        memcpy(copy, text.p, text.n);
    }
    return copy;
}

void vault_free(void *memory) {
    sodium_free(memory);
}
