/* What is known of LiveKit from the answers it gave: whether it is there, since when, what went wrong last, how far
 * its clock is from ours, and how much was asked. Pure: it is told, and keeps a note for health and status. */
#ifndef LIVEKIT_CONTACT_H
#define LIVEKIT_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

/* X(name, text) */
#define CONTACT_STATES(X)     \
    X(UNTRIED, "untried")     \
    X(CONNECTED, "connected") \
    X(AWAY, "away")           \
    X(REFUSED, "refused")     \
    X(ODD, "not LiveKit")
/* AWAY: no answer, or one that says "later". REFUSED: it does not accept our key. ODD: what answers is not LiveKit,
 * or one we do not understand. */
enum contact_state {
#define X(name, text) CONTACT_##name,
    CONTACT_STATES(X)
#undef X
};

enum { CONTACT_MAX_SKEW_S = 30, CONTACT_ERROR_SIZE = 352 };

/* Zero-initialise but for the histogram; it owns nothing. */
struct contact {
    enum contact_state state;
    int64_t since_wall_ms;          /* since when it is in that state */
    char error[CONTACT_ERROR_SIZE]; /* the last one, kept when it is over */
    int64_t error_wall_ms;          /* when; 0: never */
    bool skew_known;
    double skew_s;              /* LiveKit's clock minus ours, smoothed */
    uint64_t calls;             /* asked for by our caller and over */
    uint64_t requests;          /* sent, the repeated ones included */
    uint64_t retries, failures; /* failures: calls that ended in anything but done or not found */
    struct histogram latency;   /* of the calls, from the asking to the result */
};

const char *contact_state_name(enum contact_state state);
/* What the last answer (or its absence) says. ERROR: a sentence; "" for CONTACT_CONNECTED. True when the state is
 * another than before. */
bool contact_note(struct contact *contact, enum contact_state state, const char *error, int64_t wall_ms);
/* The Date header of an answer that came at WALL_MS: whole seconds. */
void contact_note_date(struct contact *contact, int64_t date_s, int64_t wall_ms);
bool contact_clock_is_off(const struct contact *contact);
/* What is wrong now and what would mend it, for the health page: "" when nothing is. RET_TEXT gets SIZE bytes. */
void contact_trouble(const struct contact *contact, char *ret_text, unsigned long size);

#endif
