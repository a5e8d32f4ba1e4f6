/* What LiveKit's inbound trunks are called by, as last listed: for calls with hidden numbers. Pure but for memory. */
#ifndef BRIDGE_TRUNKS_H
#define BRIDGE_TRUNKS_H

#include "bridge/ports.h"
#include "livekit/model.h"

/* A list is good for a minute; a trunk that it lacks may be a new one, so it is asked for anew, but at most every 5 s. */
enum { TRUNKS_KEEP_MS = 60000, TRUNKS_MISS_MS = 5000 };

struct trunk_number;

struct trunks {
    struct trunk_number *by_id;
    mono_ms listed_at, tried_at; /* 0: never */
    bool asking;
};

/* The number of ID. RET_NUMBER is borrowed until the next trunks_take. */
enum trunk_answer trunks_find(const struct trunks *trunks, struct slice id, mono_ms now, struct slice *ret_number);
/* True when LiveKit has to be asked now: nobody is asking yet. */
bool trunks_ask(struct trunks *trunks);
void trunks_take(struct trunks *trunks, const struct livekit_answer *answer, mono_ms now);
/* LiveKit could not tell; what was known stays. */
void trunks_fail(struct trunks *trunks, mono_ms now);
void trunks_release(struct trunks *trunks);

#endif
