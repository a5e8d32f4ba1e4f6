/* The identities of a call's legs: the facts know only their hashes, but LiveKit is asked for people by name. */
#include "base/mem.h"
#include "bridge/internal.h"

static struct leg_identity *find(const struct bridge_call *call, uint64_t sid) {
    for (unsigned i = 0; i < CALL_LEGS; i++) {
        if (call->identities[i].text != NULL && call->identities[i].sid == sid) {
            return (struct leg_identity *)&call->identities[i];
        }
    }
    return NULL;
}

void bridge_keep_identity(struct bridge_call *call, uint64_t sid, struct slice identity) {
    if (find(call, sid) != NULL) {
        return;
    }
    struct leg_identity *place = &call->identities[call->next_identity++ % CALL_LEGS];
    free(place->text);
    *place = (struct leg_identity){sid, xmemdup(identity.p, identity.n)};
}

const char *bridge_identity_of(const struct bridge_call *call, uint64_t sid) {
    const struct leg_identity *found = find(call, sid);
    return found != NULL ? found->text : NULL;
}

void bridge_forget_identities(struct bridge_call *call) {
    for (unsigned i = 0; i < CALL_LEGS; i++) {
        free(take_ptr(call->identities[i].text));
    }
}
