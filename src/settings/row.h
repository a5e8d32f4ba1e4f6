/* The table of settings as data: what the loader and the documents walk over. */
#ifndef SETTINGS_ROW_H
#define SETTINGS_ROW_H

#include <stddef.h>

#include "settings/settings.h"

enum setting_type {
    TYPE_BOOL,
    TYPE_TEXT,
    TYPE_SECRET,
    TYPE_URL,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_COUNT,
    TYPE_MODE,
    TYPE_CHOICE,
    TYPE_LIST,
};

struct setting_row {
    struct setting_info info;
    enum setting_type type;
    size_t offset, size;                                 /* of its field in struct settings */
    int64_t least, most;                                 /* both 0: any */
    bool empty_means;                                    /* an empty value is a value */
    bool (*check)(const char *value, struct diag *diag); /* of each element of a list */
};

const struct setting_row *row_at(enum setting_id id);
/* The row of the NAME_SIZE bytes at NAME; NULL when there is none. */
const struct setting_row *row_find(const char *name, size_t name_size);
/* Its value is nobody's business: it is kept in memory for secrets (base/vault.h), its text too. */
static inline bool row_is_secret(const struct setting_row *row) {
    return row->type == TYPE_SECRET || row->type == TYPE_URL;
}
static inline void *row_field(const struct setting_row *row, struct settings *settings) {
    return (char *)settings + row->offset;
}

#endif
