/* Tells a recorded call anew, as one that happens now: fresh ids in one consistent mapping, times moved, the recorded
 * agent's identity replaced by the one that sipbridge gives its agents. Trunk and rule ids, numbers and everything else
 * stay as they were. One struct retell is one telling: the same recording told by two is two different calls. */
#ifndef CLI_RETELL_H
#define CLI_RETELL_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/slice.h"

struct retell;

/* A moment of the recording, the moment it becomes, and how many times faster time goes from there. */
struct retell_clock {
    int64_t recorded_ms, told_ms;
    double speed;
};

struct retell *retell_new(void);
void retell_free(struct retell *retell);
/* Notes the rooms and agents of BODY. Every body of a recording is learned before the first is told: a track may be
 * published before its participant is introduced. What is no event is passed over. */
void retell_learn(struct retell *retell, struct slice body);
/* "createdAt" of BODY in milliseconds; 0 when it has none. */
int64_t retell_created_ms(struct slice body);
/* Appends BODY told anew to OUT. False with DIAG when it is not a JSON object. */
bool retell_body(struct retell *retell, struct slice body, const struct retell_clock *clock, struct buf *out,
                 struct diag *diag) __attribute__((warn_unused_result));

/* Appends "EVENT ROOM-SID IDENTITY" of BODY to OUT, for people. */
void retell_summary(struct slice body, struct buf *out);

#endif
