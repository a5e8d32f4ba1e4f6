/* Calls that are over, buried: what late and repeated events of them need is kept in few bytes, some 300 where a call in
 * progress has 2,000, and nothing of it is lost, so that a grave opened is the call that it was (without its agent's
 * entry in the directory, as one taken back from the journal). Found by sid and by room name; the longest over is the
 * first to go. Knows no bridge. */
#ifndef BRIDGE_GRAVES_H
#define BRIDGE_GRAVES_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/slice.h"

struct bridge_call;
struct grave;

struct graves {
    struct grave **by_sid, **by_room;      /* chains; NULL before the first one */
    TAILQ_HEAD(grave_queue, grave) by_age; /* longest over first */
    size_t count;
};

void graves_init(struct graves *graves);
/* Of none. */
void graves_release(struct graves *graves);
/* Takes over CALL, which is over, in no table and counted nowhere, and keeps what must be kept of it. */
void graves_add(struct graves *graves, struct bridge_call *call);
/* The grave of that sid, or that whose sid is the newest of ROOM; NULL: none. */
struct grave *graves_find(const struct graves *graves, struct slice sid);
struct grave *graves_find_room(const struct graves *graves, struct slice room);
/* The one that is over for longest; NULL: none. */
struct grave *graves_oldest(const struct graves *graves);
mono_ms grave_over_at(const struct grave *grave);
/* The call of GRAVE, which is no more. */
struct bridge_call *graves_open(struct graves *graves, struct grave *grave);

#endif
