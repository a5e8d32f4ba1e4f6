/* What some settings are where others are set and they are not: the defaults of a whole set-up, so that its users
 * write down nothing but what is theirs. */
#ifndef SETTINGS_PRESET_H
#define SETTINGS_PRESET_H

#include "settings/settings.h"

/* Fills in what was not written, as text; call it when all is gathered and nothing is parsed. The origin of what it
 * fills in says so. */
void preset_apply(struct settings *settings);

#endif
