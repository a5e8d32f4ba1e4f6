/* One function a check, for the files of this layer. */
#ifndef DOCTOR_JUDGES_H
#define DOCTOR_JUDGES_H

#include "doctor/check.h"

#define X(function, name, needs, looks_at, causes) \
    void judge_##function(const struct exam *exam, struct findings *findings);
DOCTOR_CHECKS(X)
#undef X

/* Whether all of LiveKit's dispatch rules for TRUNK, and there is one, make rooms that sipbridge leaves alone. */
bool judge_leads_elsewhere(const struct exam *exam, const struct livekit_trunk *trunk);
/* "office (ST_x)", or the id alone where there is no name. */
const char *judge_label(struct findings *findings, struct slice name, struct slice id);
/* The command that makes the trunk of a JSON field as LiveKit keeps it; NULL when it is none, or says no number. */
const char *json_field_again(const struct exam_json_field *json, struct findings *findings);

#endif
