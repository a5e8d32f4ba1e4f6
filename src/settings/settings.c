/* Loading: gather what was written (defaults, file, environment), parse each value, then check what belongs
 * together. Nothing stops at the first mistake. */
#include "settings/settings.h"

#include <string.h>

#include "base/argv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"
#include "base/vault.h"
#include "settings/check.h"
#include "settings/envfile.h"
#include "settings/preset.h"
#include "settings/row.h"
#include "settings/unknown.h"
#include "settings/value.h"

enum { SECRET_FILE_MAX = 1024 + 2, SECRET_GOOD = 32 };

typedef bool read_file(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag);

struct gathering {
    read_file *read;
    struct settings *settings;
    struct settings_report *report;
    const char *file; /* whose lines are being read; NULL: the environment */
};

static struct diag *next_diag(struct diag *diags, size_t *count) {
    static struct diag spare;
    struct diag *diag = *count < SETTINGS_MAX_PROBLEMS ? &diags[*count] : &spare;
    ++*count;
    return diag;
}

static struct diag *new_error(struct settings_report *report) {
    return next_diag(report->errors, &report->error_count);
}

static struct diag *new_warning(struct settings_report *report) {
    return next_diag(report->warnings, &report->warning_count);
}

static void replace(char **text, char *fresh) {
    free(*text);
    *text = fresh;
}

static void release_text(struct settings *settings, enum setting_id id) {
    (row_is_secret(row_at(id)) ? vault_free : free)(take_ptr(settings->text[id]));
}

static void set_text(struct settings *settings, enum setting_id id, struct slice text) {
    char *fresh = row_is_secret(row_at(id)) ? vault_dup(text) : xmemdup(text.p, text.n);
    release_text(settings, id);
    settings->text[id] = fresh;
}

bool settings_is_given(const struct settings *settings, enum setting_id id) {
    return strcmp(settings->origin[id], "default") != 0;
}

/* "SIP_MAX_BODY" or "SIP_MAX_BODY (sipbridge.env:3)". */
static char *setting_place(const struct settings *settings, enum setting_id id) {
    const char *name = row_at(id)->info.name;
    const char *origin = settings->origin[id];
    bool plain = strcmp(origin, "environment") == 0 || !settings_is_given(settings, id);
    return plain ? xstrdup(name) : xasprintf("%s (%s)", name, origin);
}

static void take_pair(struct gathering *gathering, unsigned line, struct slice name, struct slice value) {
    const struct setting_row *row = row_find(name.p, name.n);
    cleanup_free char *origin =
        gathering->file != NULL ? xasprintf("%s:%u", gathering->file, line) : xstrdup("environment");
    if (row == NULL) {
        struct diag unknown;
        if (unknown_name(name, &unknown)) {
            cleanup_free char *place = gathering->file != NULL ? xasprintf("%s (%s)", unknown.where, origin) : NULL;
            (void)diag_fail(new_warning(gathering->report), place != NULL ? place : unknown.where, "%s", unknown.what);
        }
        return;
    }
    if (value.n == 0 && !row->empty_means) {
        return;
    }
    enum setting_id id = (enum setting_id)(row - row_at((enum setting_id)0));
    set_text(gathering->settings, id, value);
    replace(&gathering->settings->origin[id], take_ptr(origin));
}

static void on_pair(void *context, unsigned line, struct slice name, struct slice value) {
    take_pair(context, line, name, value);
}

static void on_error(void *context, unsigned line, const char *what) {
    struct gathering *gathering = context;
    cleanup_free char *place = xasprintf("%s:%u", gathering->file, line);
    (void)diag_fail(new_error(gathering->report), place, "%s", what);
}

/* Of what was read for a secret in it. */
static void wipe(struct buf *text) {
    if (text->p != NULL) {
        explicit_bzero(text->p, text->cap);
    }
    buf_release(text);
}
#define cleanup_wiped __attribute__((cleanup(wipe)))

static void gather_file(struct gathering *gathering, const char *path) {
    cleanup_wiped struct buf text = {0};
    struct diag diag;
    gathering->file = path;
    if (!gathering->read(path, ENVFILE_MAX_SIZE, &text, &diag)) {
        *new_error(gathering->report) = diag;
        return;
    }
    envfile_parse(buf_slice(&text), &(struct envfile_reader){on_pair, on_error, gathering});
}

static void gather_environment(struct gathering *gathering, char *const *environment) {
    gathering->file = NULL;
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        const char *equals = strchr(environment[i], '=');
        if (equals != NULL) {
            struct slice name = {environment[i], (size_t)(equals - environment[i])};
            take_pair(gathering, 0, name, slice_of(equals + 1));
        }
    }
}

static void parse_values(struct settings *settings, struct settings_report *report) {
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = row_at(id);
        struct diag diag = {0};
        if (!value_parse(row, settings->text[id], row_field(row, settings), &diag)) {
            cleanup_free char *place = setting_place(settings, id);
            (void)diag_fail(new_error(report), place, "%s", diag.what);
        }
    }
}

/* LIVEKIT_API_SECRET_FILE stands for LIVEKIT_API_SECRET. */
static void read_secret_file(struct settings *settings, struct settings_report *report, read_file *read) {
    const char *path = settings->livekit_api_secret_file;
    cleanup_wiped struct buf secret = {0};
    struct diag diag;
    if (path == NULL) {
        return;
    }
    cleanup_free char *place = setting_place(settings, SETTING_LIVEKIT_API_SECRET_FILE);
    if (settings->livekit_api_secret != NULL) {
        (void)diag_fail(new_error(report), place, "is set beside LIVEKIT_API_SECRET: keep one of them");
        return;
    }
    if (!read(path, SECRET_FILE_MAX, &secret, &diag)) {
        (void)diag_fail(new_error(report), place, "%s %s", diag.where, diag.what);
        return;
    }
    while (secret.len > 0 && memchr("\r\n", secret.p[secret.len - 1], 2) != NULL) {
        secret.p[--secret.len] = '\0';
    }
    if (secret.len == 0 || memchr(secret.p, '\0', secret.len) != NULL) {
        (void)diag_fail(new_error(report), place, "%s holds no secret: one line of text is wanted", path);
        return;
    }
    settings->livekit_api_secret = vault_dup(buf_slice(&secret));
    set_text(settings, SETTING_LIVEKIT_API_SECRET, buf_slice(&secret));
    replace(&settings->origin[SETTING_LIVEKIT_API_SECRET], xasprintf("file %s", path));
}

/* What a command line says of a call is not known before there is one. */
static void check_standby(const struct settings *settings, char *const *command, struct settings_report *report) {
    static const char *const of_calls[] = {"room", "called", "caller", NULL};
    const char *name = settings->standby > 0 ? argv_uses(command, of_calls) : NULL;
    if (name != NULL) {
        (void)
            diag_fail(new_error(report), "SIP_STANDBY",
                      "cannot be used with {%s} in SIP_AGENT_COMMAND (%s): it is known only when a call comes; take it "
                      "out (the agent reads it in its line on standard input), or leave SIP_STANDBY at 0",
                      name, settings->origin[SETTING_SIP_AGENT_COMMAND]);
    }
}

static void check_shell(char *const *command, struct settings_report *report) {
    const char *word = argv_shell_word(command);
    if (word != NULL) {
        (void)diag_fail(
            new_warning(report), "SIP_AGENT_COMMAND",
            "hands \"%s\" to the program as it stands, for no shell reads it: write sh -c '…' where one shall", word);
    }
}

static void check_agent_command(const struct settings *settings, struct settings_report *report) {
    char **command = settings->agent_command != NULL ? argv_split(slice_of(settings->agent_command), NULL) : NULL;
    if (command != NULL) {
        check_standby(settings, command, report);
        check_shell(command, report);
    }
    argv_free(command);
}

/* Where LIVEKIT_API_URL is not set, the API is asked there, too; agents alone may be given any. */
static void check_livekit(const struct settings *settings, struct settings_report *report) {
    struct diag diag = {0};
    if (settings->enabled && settings->livekit_api_url == NULL && report->error_count == 0 &&
        !check_base_url(settings->livekit_url, &diag)) {
        (void)diag_fail(new_error(report), "LIVEKIT_URL", "the value %s (or set LIVEKIT_API_URL)", diag.what);
    }
}

static void check_together(const struct settings *settings, struct settings_report *report) {
    bool key = settings->livekit_api_key != NULL, secret = settings->livekit_api_secret != NULL;
    bool tried = settings->livekit_api_secret_file != NULL;
    if (key && !secret && !tried) {
        (void)diag_fail(new_error(report), "LIVEKIT_API_SECRET",
                        "is not set but LIVEKIT_API_KEY is: both belong together (or set LIVEKIT_API_SECRET_FILE)");
    }
    if (secret && !key) {
        (void)diag_fail(new_error(report), "LIVEKIT_API_KEY", "is not set but its secret is: both belong together");
    }
    if (secret && strlen(settings->livekit_api_secret) < SECRET_GOOD) {
        (void)diag_fail(new_warning(report), "LIVEKIT_API_SECRET",
                        "is only %zu byte%s long: %d or more are hard to guess", strlen(settings->livekit_api_secret),
                        strlen(settings->livekit_api_secret) == 1 ? "" : "s", SECRET_GOOD);
    }
    if (settings->listen != NULL && settings->listen[0] == NULL) {
        (void)diag_fail(new_error(report), "SIP_LISTEN", "names no address: write for example 127.0.0.1:8790");
    }
    if (settings->standby_max > 0 && settings->standby_max < settings->standby) {
        (void)diag_fail(new_error(report), "SIP_STANDBY_MAX", "is less than SIP_STANDBY: give the same or more, or 0");
    }
}

static bool load(struct settings *ret_settings, const struct settings_place *place, struct settings_report *report,
                 read_file *read) {
    *ret_settings = (struct settings){0};
    memset(report, 0, sizeof *report);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        set_text(ret_settings, id, slice_of(row_at(id)->info.fallback));
        ret_settings->origin[id] = xstrdup("default");
    }
    struct gathering gathering = {.read = read, .settings = ret_settings, .report = report};
    if (place->env_file != NULL) {
        gather_file(&gathering, place->env_file);
    }
    gather_environment(&gathering, place->environment);
    preset_apply(ret_settings);
    parse_values(ret_settings, report);
    read_secret_file(ret_settings, report, read);
    check_together(ret_settings, report);
    check_livekit(ret_settings, report);
    check_agent_command(ret_settings, report);
    return report->error_count == 0;
}

bool settings_load(struct settings *ret_settings, const char *env_file, char *const *environment,
                   struct settings_report *report) {
    const struct settings_place place = {.env_file = env_file, .environment = environment};
    return load(ret_settings, &place, report, file_read);
}

bool settings_load_again(struct settings *ret_settings, const struct settings_place *place,
                         struct settings_report *report) {
    return load(ret_settings, place, report, file_read_regular);
}

void settings_release(struct settings *settings) {
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        value_release(row_at(id), row_field(row_at(id), settings));
        release_text(settings, id);
        replace(&settings->origin[id], NULL);
    }
    *settings = (struct settings){0};
}

bool settings_need_keys(const struct settings *settings, struct diag *diag) {
    if (settings->livekit_api_key != NULL || settings->livekit_keys != NULL) {
        return true;
    }
    return diag_fail(diag, "LIVEKIT_API_KEY",
                     "is not set: give LIVEKIT_API_KEY and LIVEKIT_API_SECRET (or LIVEKIT_KEYS) as in LiveKit's "
                     "configuration, in the environment or in a file (--env-file FILE)");
}

/* Keys are written "name: secret"; a path has no such colon, or begins with / or . */
const char *settings_keys_file(const struct settings *settings) {
    const char *keys = settings->livekit_keys;
    if (keys == NULL || strchr(keys, '\n') != NULL) {
        return NULL;
    }
    return keys[0] == '/' || keys[0] == '.' || strchr(keys, ':') == NULL ? keys : NULL;
}

void settings_show(const struct settings *settings, enum setting_id id, struct buf *out) {
    const char *file = id == SETTING_LIVEKIT_KEYS ? settings_keys_file(settings) : NULL;
    buf_add(out, "", 0);
    if (file != NULL) {
        text_escape(out, slice_of(file), 512);
        return;
    }
    value_show(row_at(id), settings->text[id], out);
}
