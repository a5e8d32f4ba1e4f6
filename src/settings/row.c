/* settings/table.h, expanded once. */
#include "settings/row.h"

#include <string.h>

#include "settings/check.h"

#define NO_LIMITS
#define RANGE(lowest, highest) .least = (lowest), .most = (highest),
#define CHOICES(list) .info.choices = (list),
#define CHECK(function) .check = (function),
#define EMPTY .empty_means = true,
#define CHANGE_RELOAD true
#define CHANGE_RESTART false
#define SHOWN_BOOL "true or false"
#define SHOWN_TEXT "text"
#define SHOWN_SECRET "secret"
#define SHOWN_URL "URL"
#define SHOWN_DURATION "duration"
#define SHOWN_SIZE "size"
#define SHOWN_COUNT "number"
#define SHOWN_MODE "octal mode"
#define SHOWN_CHOICE "choice"
#define SHOWN_LIST "list"

static const struct setting_row rows[] = {
#define X(setting, field, kind, standard, limits, change, part, text)    \
    [SETTING_##setting] = {.info.name = #setting,                        \
                           .info.type = SHOWN_##kind,                    \
                           .info.fallback = (standard),                  \
                           .info.section = (part),                       \
                           .info.help = (text),                          \
                           .info.is_secret = TYPE_##kind == TYPE_SECRET, \
                           .type = TYPE_##kind,                          \
                           .info.reloads = CHANGE_##change,              \
                           .size = sizeof((struct settings *)0)->field,  \
                           limits /* NOLINT(bugprone-macro-parentheses) */.offset = offsetof(struct settings, field)},
    SETTINGS(X)
#undef X
};

const struct setting_row *row_at(enum setting_id id) {
    return &rows[id];
}

const struct setting_row *row_find(const char *name, size_t name_size) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strlen(rows[i].info.name) == name_size && memcmp(rows[i].info.name, name, name_size) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct setting_info *settings_info(enum setting_id id) {
    return &rows[id].info;
}
