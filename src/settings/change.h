/* What a reload changes: new values of settings that can change take the place of those in effect, the others wait for
 * the next start. */
#ifndef SETTINGS_CHANGE_H
#define SETTINGS_CHANGE_H

#include "settings/settings.h"

struct settings_change {
    bool taken[SETTING_COUNT];   /* in effect from now on */
    bool waiting[SETTING_COUNT]; /* written otherwise than in effect: with the next start */
};

/* Moves values from FRESH, which was loaded without an error, to CURRENT; those they replace go the other way, so that
 * whoever borrowed them may do so until FRESH is released. What waits stays in CURRENT as it is. */
struct settings_change settings_take_over(struct settings *current, struct settings *fresh);
/* The names in SET, with commas between them; "" for none. */
void settings_names(const bool set[SETTING_COUNT], struct buf *out);

#endif
