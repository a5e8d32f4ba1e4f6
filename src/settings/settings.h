/* The settings: typed values, and where each came from. The environment wins over --env-file, which wins over the
 * defaults. Everything that is wrong is reported at once, so that one start shows all there is to mend. */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "settings/table.h"

#define SETTING_C_BOOL bool
#define SETTING_C_TEXT char *
#define SETTING_C_SECRET char *
#define SETTING_C_URL char *
#define SETTING_C_DURATION int64_t
#define SETTING_C_SIZE int64_t
#define SETTING_C_COUNT int64_t
#define SETTING_C_MODE unsigned
#define SETTING_C_CHOICE int
#define SETTING_C_LIST char **

enum setting_id {
#define X(name, ...) SETTING_##name,
    SETTINGS(X)
#undef X
        SETTING_COUNT
};

/* Places in the lists of choices. LOG_LEVEL and SIP_LOG_FORMAT are enum log_level and enum log_format. */
enum { CREDENTIALS_TOKEN, CREDENTIALS_API };
enum { ON_EXIT_KEEP, ON_EXIT_DRAIN, ON_EXIT_STOP };
enum { NUMBERS_SHOW, NUMBERS_MASK };
enum { ROOM_NUMBER_CALLER, ROOM_NUMBER_CALLED };

struct settings {
#define X(name, field, type, ...) SETTING_C_##type field;
    SETTINGS(X)
#undef X
    char *text[SETTING_COUNT];   /* as written; never NULL after a load */
    char *origin[SETTING_COUNT]; /* "default", "environment", "sipbridge.env:12", "file /run/secret", "preset of …" */
};

enum { SETTINGS_MAX_PROBLEMS = 64, SETTINGS_LIST_MAX = 64 /* elements of a list */ };

/* Where they are written, for a load and each reload. Borrowed. */
struct settings_place {
    const char *env_file;     /* or NULL */
    char *const *environment; /* NULL-terminated list of NAME=VALUE */
};

/* What a load has to say. Counts past SETTINGS_MAX_PROBLEMS are counted only. */
struct settings_report {
    struct diag errors[SETTINGS_MAX_PROBLEMS];
    struct diag warnings[SETTINGS_MAX_PROBLEMS];
    size_t error_count, warning_count;
};

/* ENVIRONMENT is a NULL-terminated list of NAME=VALUE; ENV_FILE a path or NULL. False when the report has errors;
 * SETTINGS must be released in either case. The report is cleared first. */
bool settings_load(struct settings *ret_settings, const char *env_file, char *const *environment,
                   struct settings_report *report) __attribute__((warn_unused_result));
/* The same while the process runs on, which must wait for nobody: of files only regular ones are read. */
bool settings_load_again(struct settings *ret_settings, const struct settings_place *place,
                         struct settings_report *report) __attribute__((warn_unused_result));
/* Wipes secrets and frees everything; SETTINGS is then zero. */
void settings_release(struct settings *settings);
#define cleanup_settings __attribute__((cleanup(settings_release)))

/* Whether there is a key to verify and sign with: what serve, replay, token … cannot do without. */
bool settings_need_keys(const struct settings *settings, struct diag *diag) __attribute__((warn_unused_result));
/* The path in LIVEKIT_KEYS if that names a file, else NULL (then it holds the keys themselves, or nothing). */
const char *settings_keys_file(const struct settings *settings);

/* What is known of a setting without its value: for help and documents. */
struct setting_info {
    const char *name, *type, *fallback, *choices, *section, *help;
    bool is_secret;
    bool reloads; /* a reload changes it; else a restart */
};
const struct setting_info *settings_info(enum setting_id id);
/* Whether somebody, or a preset, gave a value: it is not the default. */
bool settings_is_given(const struct settings *settings, enum setting_id id);
/* The value as anyone may see it: secrets as "set (32 bytes)", URLs without their password. */
void settings_show(const struct settings *settings, enum setting_id id, struct buf *out);

#endif
