/* The identities of a call's legs: the facts know only their hashes, but LiveKit is asked for people by name. */
#include "base/mem.h"
#include "bridge/internal.h"

unsigned bridge_identity_count(const struct bridge_call *call) {
    return call->next_identity < CALL_LEGS ? call->next_identity : CALL_LEGS;
}

static const struct leg_identity *find(const struct bridge_call *call, uint64_t sid) {
    for (unsigned i = 0; i < bridge_identity_count(call); i++) {
        if (call->identities[i].sid == sid) {
            return &call->identities[i];
        }
    }
    return NULL;
}

void bridge_keep_identity(struct bridge_call *call, uint64_t sid, struct slice identity) {
    if (find(call, sid) != NULL) {
        return;
    }
    unsigned count = bridge_identity_count(call), place = call->next_identity++ % CALL_LEGS;
    if (place == count) {
        call->identities = xrealloc(call->identities, (count + 1) * sizeof *call->identities);
    } else {
        free(call->identities[place].text);
    }
    call->identities[place] = (struct leg_identity){sid, xmemdup(identity.p, identity.n)};
}

const char *bridge_identity_of(const struct bridge_call *call, uint64_t sid) {
    const struct leg_identity *found = find(call, sid);
    return found != NULL ? found->text : NULL;
}

void bridge_forget_identities(struct bridge_call *call) {
    for (unsigned i = 0; i < bridge_identity_count(call); i++) {
        free(call->identities[i].text);
    }
    free(take_ptr(call->identities));
    call->next_identity = 0;
}
