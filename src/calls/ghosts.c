/* Agents that LiveKit goes on to show although their processes are gone: the last few of a call. */
#include "calls/ghosts.h"

#include <string.h>

#include "base/mem.h"

bool call_is_ghost(const struct call *call, uint64_t sid) {
    bool is = sid != 0 && sid == call->ghost_sid;
    for (unsigned i = 0; i < ARRAY_LEN(call->older_ghosts); i++) {
        is = is || (sid != 0 && sid == call->older_ghosts[i]);
    }
    return is;
}

void ghosts_add(struct call *call, uint64_t sid) {
    if (sid == 0 || sid == call->ghost_sid) {
        return;
    }
    memmove(call->older_ghosts + 1, call->older_ghosts, sizeof call->older_ghosts - sizeof call->older_ghosts[0]);
    call->older_ghosts[0] = call->ghost_sid;
    call->ghost_sid = sid;
}
