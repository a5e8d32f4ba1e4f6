/* The LiveKit port without a client behind it. */
#include "bridge/ports.h"

static bool cannot_ask(void *self, const char *sid, struct slice room, enum want_ask ask) {
    (void)self, (void)sid, (void)room, (void)ask;
    return false;
}

static void nothing_to_forget(void *self, const char *sid) {
    (void)self, (void)sid;
}

static bool cannot_delete(void *self, const char *sid, struct slice room) {
    (void)self, (void)sid, (void)room;
    return false;
}

static bool cannot_reject(void *self, struct slice room, struct slice identity, enum reject_when when) {
    (void)self, (void)room, (void)identity, (void)when;
    return false;
}

static enum trunk_answer no_trunk(void *self, struct slice trunk, struct slice *ret_number) {
    (void)self, (void)trunk, (void)ret_number;
    return TRUNK_NONE;
}

static void no_suspicion(void *self, const char *sid, struct slice room) {
    (void)self, (void)sid, (void)room;
}

const struct livekit_port livekit_unavailable = {
    .ask = cannot_ask,
    .forget_number = nothing_to_forget,
    .delete_room = cannot_delete,
    .reject = cannot_reject,
    .trunk_number = no_trunk,
    .suspect = no_suspicion,
};
