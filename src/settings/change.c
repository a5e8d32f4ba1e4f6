/* Comparing by what was written, taking over by swapping. */
#include "settings/change.h"

#include <string.h>

#include "settings/row.h"

static void swap(void *a, void *b, size_t size) {
    char kept[sizeof(int64_t)];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

static void take_over(struct settings *current, struct settings *fresh, enum setting_id id) {
    const struct setting_row *row = row_at(id);
    swap(row_field(row, current), row_field(row, fresh), row->size);
    swap(&current->text[id], &fresh->text[id], sizeof current->text[id]);
    swap(&current->origin[id], &fresh->origin[id], sizeof current->origin[id]);
}

/* A preset belongs to the setting it stands beside: where that waits, so does its preset. */
static bool is_of_preset(const struct settings *settings, enum setting_id id) {
    return strncmp(settings->origin[id], "preset of ", 10) == 0;
}

static bool differs(const struct settings *a, const struct settings *b, enum setting_id id) {
    return strcmp(a->text[id], b->text[id]) != 0;
}

struct settings_change settings_take_over(struct settings *current, struct settings *fresh) {
    struct settings_change change = {0};
    bool preset_waits =
        differs(current, fresh, SETTING_STIMM_API_URL) || differs(current, fresh, SETTING_SIP_AGENTS_FILE);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        if (!differs(current, fresh, id)) {
            continue;
        }
        bool is_preset = is_of_preset(current, id) || is_of_preset(fresh, id);
        bool waits = !settings_info(id)->reloads || (is_preset && preset_waits);
        change.waiting[id] = waits;
        change.taken[id] = !waits;
        if (!waits) {
            take_over(current, fresh, id);
        }
    }
    return change;
}

void settings_names(const bool set[SETTING_COUNT], struct buf *out) {
    buf_add(out, "", 0);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        if (set[id]) {
            buf_addf(out, "%s%s", out->len > 0 ? ", " : "", settings_info(id)->name);
        }
    }
}
