/* What LiveKit makes of an inbound trunk's allowed addresses (livekit/protocol sip.matchAddrMasks). Pure. */
#ifndef LIVEKIT_ADDRESS_H
#define LIVEKIT_ADDRESS_H

#include "livekit/model.h"

enum livekit_address {
    LIVEKIT_ADDRESS_GOOD,    /* an IP address, a network, or a host's name */
    LIVEKIT_ADDRESS_IGNORED, /* LiveKit leaves it out: a trunk with no other takes calls from everywhere */
    LIVEKIT_ADDRESS_NOBODY   /* no caller ever has it */
};

enum livekit_address livekit_address_kind(struct slice text);
/* Whether they keep nobody out: LiveKit looks at none of them, or one is the network of all ("0.0.0.0/0"). */
bool livekit_addresses_allow_all(const struct livekit_texts *addresses);
/* Whether whoever reaches LiveKit's SIP port may call over TRUNK: neither addresses nor a password keep anybody out. */
bool livekit_trunk_is_open(const struct livekit_trunk *trunk);

#endif
