/* What follows from LiveKit's values. */
#include "livekit/model.h"

/* LiveKit puts "_" behind the prefix of individual and callee rules. */
bool livekit_rule_makes(const struct livekit_rule *rule, struct slice prefix) {
    if (rule->kind == LIVEKIT_RULE_OTHER || slice_starts(rule->room, prefix)) {
        return rule->kind != LIVEKIT_RULE_OTHER;
    }
    return rule->kind != LIVEKIT_RULE_DIRECT && slice_starts(prefix, rule->room) &&
           slice_is(slice_after(prefix, rule->room.n), "_");
}
