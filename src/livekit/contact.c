/* Notes. */
#include "livekit/contact.h"

#include <math.h>
#include <stdio.h>

const char *contact_state_name(enum contact_state state) {
    static const char *const names[] = {
#define X(name, text) [CONTACT_##name] = text,
        CONTACT_STATES(X)
#undef X
    };
    return names[state];
}

bool contact_note(struct contact *contact, enum contact_state state, const char *error, int64_t wall_ms) {
    bool changed = contact->state != state;
    if (state != CONTACT_CONNECTED) {
        snprintf(contact->error, sizeof contact->error, "%s", error);
        contact->error_wall_ms = wall_ms;
    }
    if (changed) {
        contact->state = state;
        contact->since_wall_ms = wall_ms;
    }
    return changed;
}

void contact_note_date(struct contact *contact, int64_t date_s, int64_t wall_ms) {
    const double weight = 0.3;
    /* The header is cut to whole seconds: on average half a second is missing. */
    double skew_s = (double)date_s + 0.5 - (double)wall_ms / 1000;
    contact->skew_s = contact->skew_known ? contact->skew_s + weight * (skew_s - contact->skew_s) : skew_s;
    contact->skew_known = true;
}

bool contact_clock_is_off(const struct contact *contact) {
    return contact->skew_known && fabs(contact->skew_s) > CONTACT_MAX_SKEW_S;
}

void contact_trouble(const struct contact *contact, char *ret_text, unsigned long size) {
    ret_text[0] = '\0';
    if (contact->state != CONTACT_UNTRIED && contact->state != CONTACT_CONNECTED) {
        snprintf(ret_text, size, "LiveKit: %s", contact->error);
    } else if (contact_clock_is_off(contact)) {
        snprintf(ret_text, size,
                 "LiveKit's clock is %.0f s %s ours: tokens and webhooks will be refused; set both by NTP",
                 fabs(contact->skew_s), contact->skew_s > 0 ? "ahead of" : "behind");
    }
}
