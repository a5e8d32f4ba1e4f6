/* One value: text to the typed field of its row, and back for people. */
#ifndef SETTINGS_VALUE_H
#define SETTINGS_VALUE_H

#include "settings/row.h"

/* Fills FIELD, which must be zero. False with DIAG's `what` (the value, unless it is a secret, and what would be
 * right); FIELD is untouched then. */
bool value_parse(const struct setting_row *row, const char *text, void *field, struct diag *diag)
    __attribute__((warn_unused_result));
/* Frees what FIELD holds, wiping secrets. */
void value_release(const struct setting_row *row, void *field);
/* TEXT as anyone may see it. */
void value_show(const struct setting_row *row, const char *text, struct buf *out);

#endif
