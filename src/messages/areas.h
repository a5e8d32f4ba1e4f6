/* The areas, one file each, in the order in which they are shown. */
#ifndef MESSAGES_AREAS_H
#define MESSAGES_AREAS_H

#include "messages/messages.h"

#define MESSAGE_AREAS(X) \
    X(calls)             \
    X(choice)            \
    X(agents)            \
    X(leftovers)         \
    X(standbys)          \
    X(livekit)           \
    X(webhooks)          \
    X(sources)           \
    X(life)              \
    X(state)

#define X(name) extern const struct message_area messages_##name;
MESSAGE_AREAS(X)
#undef X

#endif
