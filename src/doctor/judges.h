/* One function a check, for the files of this layer. */
#ifndef DOCTOR_JUDGES_H
#define DOCTOR_JUDGES_H

#include "doctor/check.h"

#define X(function, name, needs, looks_at, causes) \
    void judge_##function(const struct exam *exam, struct findings *findings);
DOCTOR_CHECKS(X)
#undef X

/* Whether the dispatch rule makes rooms that sipbridge takes for calls. */
bool rule_is_ours(const struct livekit_rule *rule, const char *prefix);
/* Whether RULE takes calls over TRUNK. */
bool rule_takes_calls_of(const struct livekit_rule *rule, const struct livekit_trunk *trunk);

#endif
