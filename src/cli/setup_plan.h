/* What LiveKit already has for a number, and so what `sipbridge setup` has to make. Pure. */
#ifndef CLI_SETUP_PLAN_H
#define CLI_SETUP_PLAN_H

#include "livekit/model.h"

struct setup_wish {
    struct slice number; /* normalised */
    struct slice prefix; /* SIP_ROOM_PREFIX */
};

struct setup_plan {
    const struct livekit_trunk *trunk; /* that takes calls to the number; NULL: one has to be made */
    size_t trunks;                     /* so many have the number (LiveKit refuses calls that two trunks may take) */
    const struct livekit_rule *rule;   /* that takes those calls; NULL: one has to be made */
    bool is_foreign;                   /* it puts them into rooms that are not ours */
};

/* The trunk is the one that has the number, else one that takes every number. The rule is LiveKit's choice
 * (livekit/protocol sip.MatchDispatchRuleIter): rules of the trunk before rules of all trunks; of these direct, individual,
 * callee; one for this number, or with a PIN, before others. Rules for certain callers only do not count. */
struct setup_plan setup_plan(const struct setup_wish *wish, const struct livekit_answer *trunks,
                             const struct livekit_answer *rules);

#endif
