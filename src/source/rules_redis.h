/* The rules document as a STRING in Redis, changed under WATCH. */
#ifndef SOURCE_RULES_REDIS_H
#define SOURCE_RULES_REDIS_H

#include "source/rules_writer.h"

/* rules_write for PLACE's Redis; its loop must be set. TEXT is scratch and holds the new document in the end. */
enum edit_result rules_redis_write(const struct rules_place *place, const struct rules_change *change, struct buf *text,
                                   struct diag *diag) __attribute__((warn_unused_result));

#endif
