/* Typed values: one parse function per type, all of them with the same words for what is wrong. */
#include "settings/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/argv.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"
#include "base/vault.h"

enum { SHOWN_VALUE = 80 };

/* "VALUE WHY", or "the value WHY" where VALUE is nobody's business. */
static bool wrong(const struct setting_row *row, const char *text, struct diag *diag, const char *why) {
    cleanup_buf struct buf shown = {0};
    if (row_is_secret(row)) {
        return diag_fail(diag, NULL, "the value %s", why);
    }
    text_escape(&shown, slice_of(text), SHOWN_VALUE);
    return diag_fail(diag, NULL, "\"%s\" %s", shown.p, why);
}

static bool checked(const struct setting_row *row, const char *text, struct diag *diag) {
    struct diag why = {0};
    if (!text_is_utf8(slice_of(text))) {
        return wrong(row, text, diag, "is not valid UTF-8");
    }
    if (row->check == NULL || *text == '\0' || row->check(text, &why)) {
        return true;
    }
    return wrong(row, text, diag, why.what);
}

static bool parse_bool(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"1", true},  {"yes", true}, {"on", true},
                 {"false", false}, {"0", false}, {"no", false}, {"off", false}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *(bool *)field = words[i].value;
            return true;
        }
    }
    return wrong(row, text, diag, "is neither true nor false");
}

static bool parse_text(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    if (!checked(row, text, diag)) {
        return false;
    }
    char *copy = NULL;
    if (*text != '\0' || row->empty_means) {
        copy = row_is_secret(row) ? vault_dup(slice_of(text)) : xstrdup(text);
    }
    memcpy(field, &copy, sizeof copy);
    return true;
}

static void format_size(int64_t bytes, char ret_text[24]) {
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"GiB", GIB}, {"MiB", MIB}, {"KiB", KIB}, {" bytes", 1}};
    size_t i = 0;
    while (bytes % units[i].factor != 0 || bytes < units[i].factor) {
        if (++i == ARRAY_LEN(units) - 1) {
            break;
        }
    }
    snprintf(ret_text, 24, "%" PRId64 "%s", bytes / units[i].factor, units[i].name);
}

static bool in_range(const struct setting_row *row, int64_t value) {
    return (row->least == 0 && row->most == 0) || (value >= row->least && value <= row->most);
}

static bool parse_duration(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    int64_t ms;
    if (text_duration(slice_of(text), &ms) && in_range(row, ms)) {
        *(int64_t *)field = ms;
        return true;
    }
    char least[24], most[24], why[160];
    text_duration_format(row->least, least);
    text_duration_format(row->most, most);
    snprintf(why, sizeof why, "is not a duration from %s to %s: write for example 500ms, 2s, 5m, 4h or 7d", least,
             most);
    return wrong(row, text, diag, why);
}

static bool parse_size(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    int64_t bytes;
    if (text_size(slice_of(text), &bytes) && in_range(row, bytes)) {
        *(int64_t *)field = bytes;
        return true;
    }
    char least[24], most[24], why[160];
    format_size(row->least, least);
    format_size(row->most, most);
    snprintf(why, sizeof why, "is not a size from %s to %s: write for example 65536, 16KiB, 1MiB or 2GiB", least, most);
    return wrong(row, text, diag, why);
}

static bool parse_count(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    int64_t count;
    if (text_int64(slice_of(text), &count) && in_range(row, count)) {
        *(int64_t *)field = count;
        return true;
    }
    char why[96];
    snprintf(why, sizeof why, "is not a number from %" PRId64 " to %" PRId64, row->least, row->most);
    return wrong(row, text, diag, why);
}

static bool parse_mode(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    unsigned mode = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '7' && p - text < 5; p++) {
        mode = mode * 8 + (unsigned)(*p - '0');
    }
    if (p == text || *p != '\0' || !in_range(row, mode)) {
        return wrong(row, text, diag, "is not an octal mode from 0 to 0777: write for example 0660");
    }
    *(unsigned *)field = mode;
    return true;
}

static bool parse_choice(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    const char *word = row->info.choices;
    for (int place = 0;; place++) {
        size_t size = strcspn(word, "|");
        if (strlen(text) == size && strncasecmp(text, word, size) == 0) {
            *(int *)field = place;
            return true;
        }
        if (word[size] == '\0') {
            break;
        }
        word += size + 1;
    }
    char why[160];
    snprintf(why, sizeof why, "is none of %s", row->info.choices);
    return wrong(row, text, diag, why);
}

static bool parse_list(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    char **list = xcalloc(SETTINGS_LIST_MAX + 1, sizeof *list);
    size_t count = 0;
    bool good = true;
    for (const char *p = text; good && *p != '\0'; p += *p == ',') {
        size_t size = strcspn(p, ",");
        struct slice element = slice_trim((struct slice){p, size});
        cleanup_free char *item = xmemdup(element.p, element.n);
        p += size;
        if (count == SETTINGS_LIST_MAX) {
            good = wrong(row, text, diag, "has too many elements: at most 64");
        } else if (*item != '\0') {
            good = checked(row, item, diag);
            list[count++] = take_ptr(item);
        }
    }
    if (!good) {
        argv_free(list);
        return false;
    }
    memcpy(field, &list, sizeof(char **));
    return true;
}

static bool (*const parsers[])(const struct setting_row *, const char *, void *, struct diag *) = {
    [TYPE_BOOL] = parse_bool,   [TYPE_TEXT] = parse_text,         [TYPE_SECRET] = parse_text,
    [TYPE_URL] = parse_text,    [TYPE_DURATION] = parse_duration, [TYPE_SIZE] = parse_size,
    [TYPE_MODE] = parse_mode,   [TYPE_CHOICE] = parse_choice,     [TYPE_LIST] = parse_list,
    [TYPE_COUNT] = parse_count,
};

bool value_parse(const struct setting_row *row, const char *text, void *field, struct diag *diag) {
    return parsers[row->type](row, text, field, diag);
}

void value_release(const struct setting_row *row, void *field) {
    if (row->type == TYPE_LIST) {
        char **list;
        memcpy(&list, field, sizeof list);
        argv_free(list);
    } else if (row->type == TYPE_TEXT || row_is_secret(row)) {
        char *text;
        memcpy(&text, field, sizeof text);
        (row_is_secret(row) ? vault_free : free)(text);
    }
}

/* scheme://user:***@host; what is no URL may be anything, a password too. */
static void show_url(const char *text, struct buf *out) {
    const char *scheme = strstr(text, "://");
    if (scheme == NULL) {
        buf_addf(out, "set (%zu bytes)", strlen(text));
        return;
    }
    const char *from = scheme + 3;
    const char *at = strrchr(from, '@');
    const char *colon = at != NULL ? memchr(from, ':', (size_t)(at - from)) : NULL;
    if (at == NULL) {
        text_escape(out, slice_of(text), SHOWN_VALUE);
        return;
    }
    size_t shown = (size_t)((colon != NULL ? colon : from) - text);
    text_escape(out, (struct slice){text, shown}, SHOWN_VALUE);
    buf_adds(out, colon != NULL ? ":***" : "***");
    text_escape(out, slice_of(at), SHOWN_VALUE);
}

void value_show(const struct setting_row *row, const char *text, struct buf *out) {
    if (row->type == TYPE_SECRET && *text != '\0') {
        buf_addf(out, "set (%zu bytes)", strlen(text));
    } else if (row->type == TYPE_URL && *text != '\0') {
        show_url(text, out);
    } else {
        text_escape(out, slice_of(text), 512);
    }
}
