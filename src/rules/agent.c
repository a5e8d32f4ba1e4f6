/* One agent of the directory: the keys of its entry, each with its own check. */
#include "rules/agent.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/argv.h"
#include "base/mem.h"
#include "base/text.h"
#include "rules/document.h"

static bool read_text(const json_t *value, const char *where, struct diag *diag, struct slice *ret_text) {
    if (!json_is_string(value)) {
        return diag_fail(diag, where, "must be a string, not %s", document_kind(value));
    }
    *ret_text = (struct slice){json_string_value(value), json_string_length(value)};
    if (ret_text->n > AGENT_MAX_TEXT) {
        return diag_fail(diag, where, "has %zu bytes, at most %d are taken", ret_text->n, AGENT_MAX_TEXT);
    }
    return true;
}

static bool read_command_list(struct agent *agent, const json_t *list, struct diag *diag) {
    size_t count = json_array_size(list);
    if (count == 0 || count > ARGV_MAX) {
        return diag_fail(diag, "command", "has 1 to %d arguments, not %zu", ARGV_MAX, count);
    }
    agent->command = xcalloc(count + 1, sizeof *agent->command);
    for (size_t i = 0; i < count; i++) {
        char where[32];
        struct slice text;
        snprintf(where, sizeof where, "command[%zu]", i);
        if (!read_text(json_array_get(list, i), where, diag, &text)) {
            return false;
        }
        agent->command[i] = xmemdup(text.p, text.n);
    }
    return agent->command[0][0] != '\0' || diag_fail(diag, "command[0]", "is empty: it names the program");
}

static bool read_command(struct agent *agent, json_t *value, struct diag *diag) {
    argv_free(take_ptr(agent->command));
    if (json_is_array(value)) {
        return read_command_list(agent, value, diag);
    }
    struct slice text;
    if (!json_is_string(value)) {
        return diag_fail(diag, "command", "must be a list of strings like [\"python\",\"-m\",\"bot\"], not %s",
                         document_kind(value));
    }
    if (!read_text(value, "command", diag, &text)) {
        return false;
    }
    agent->command = argv_split(text, diag);
    if (agent->command == NULL) {
        diag_within(diag, "command");
    }
    return agent->command != NULL;
}

static bool read_cwd(struct agent *agent, json_t *value, struct diag *diag) {
    struct slice text;
    if (!read_text(value, "cwd", diag, &text)) {
        return false;
    }
    if (text.n == 0 || text.p[0] != '/') {
        return diag_fail(diag, "cwd", "must be a whole path that begins with /");
    }
    free(agent->cwd);
    agent->cwd = xmemdup(text.p, text.n);
    return true;
}

static bool is_env_name(const char *name) {
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && name[length] == '\0' && (name[0] < '0' || name[0] > '9');
}

/* What every agent gets from us for its call. */
static bool is_ours(const char *name) {
    return strncmp(name, "SIP_", 4) == 0 || strcmp(name, "LIVEKIT_TOKEN") == 0 || strcmp(name, "NOTIFY_SOCKET") == 0;
}

static bool read_variable(const char *name, const json_t *value, struct diag *diag, char **ret_variable) {
    char shown[DOCUMENT_SHOWN], where[DOCUMENT_SHOWN + 8];
    snprintf(where, sizeof where, "env.%s", document_show(slice_of(name), shown));
    struct slice text;
    if (!is_env_name(name)) {
        return diag_fail(diag, where, "is not a variable's name: letters, digits and _, not a digit first");
    }
    if (is_ours(name)) {
        return diag_fail(diag, where, "is set by the bridge for every call and cannot be set here");
    }
    if (!read_text(value, where, diag, &text)) {
        return false;
    }
    *ret_variable = xasprintf("%s=%.*s", name, SLICE_ARG(text));
    return true;
}

static bool read_env(struct agent *agent, json_t *value, struct diag *diag) {
    if (!json_is_object(value)) {
        return diag_fail(diag, "env", "must be an object of strings like {\"LANG\":\"C\"}, not %s",
                         document_kind(value));
    }
    size_t count = json_object_size(value);
    if (count > AGENT_MAX_ENV) {
        return diag_fail(diag, "env", "has %zu variables, at most %d are taken", count, AGENT_MAX_ENV);
    }
    argv_free(agent->env);
    agent->env = xcalloc(count + 1, sizeof *agent->env);
    size_t place = 0;
    const char *name;
    json_t *text;
    json_object_foreach(value, name, text) {
        if (!read_variable(name, text, diag, &agent->env[place++])) {
            return false;
        }
    }
    return true;
}

static bool read_max(struct agent *agent, json_t *value, struct diag *diag) {
    return document_integer(value, "max", (const long[]){0, AGENT_MAX_AT_ONCE}, diag, &agent->max);
}

static bool read_order(struct agent *agent, json_t *value, struct diag *diag) {
    return document_integer(value, "order", (const long[]){-AGENT_MAX_ORDER, AGENT_MAX_ORDER}, diag, &agent->order);
}

static bool read_wait(const json_t *value, const char *where, int64_t most_ms, struct diag *diag, int64_t *ret_ms) {
    int64_t wait_ms = 0;
    bool zero = json_is_integer(value) && json_integer_value(value) == 0;
    bool good = zero || (json_is_string(value) && text_duration(slice_of(json_string_value(value)), &wait_ms));
    if (!good) {
        return diag_fail(diag, where, "must be a time with its unit like \"500ms\", \"10s\" or \"5m\", or 0");
    }
    if (wait_ms > most_ms) {
        char most[24];
        text_duration_format(most_ms, most);
        return diag_fail(diag, where, "must be at most %s", most);
    }
    *ret_ms = wait_ms;
    return true;
}

static bool read_stop_timeout(struct agent *agent, json_t *value, struct diag *diag) {
    return read_wait(value, "stop_timeout", AGENT_MAX_STOP_MS, diag, &agent->stop_timeout_ms);
}

static bool read_after_call(struct agent *agent, json_t *value, struct diag *diag) {
    return read_wait(value, "after_call", AGENT_MAX_AFTER_CALL_MS, diag, &agent->after_call_ms);
}

static bool read_credentials(struct agent *agent, json_t *value, struct diag *diag) {
    const char *text = json_string_value(value);
    bool api = text != NULL && strcmp(text, "api") == 0;
    if (!api && (text == NULL || strcmp(text, "token") != 0)) {
        return diag_fail(diag, "credentials", "must be \"token\" (its own room only) or \"api\" (key and secret)");
    }
    agent->api_credentials = api;
    return true;
}

static bool read_id(struct agent *agent, json_t *value, struct diag *diag) {
    struct slice text;
    if (!read_text(value, "id", diag, &text)) {
        return false;
    }
    free(agent->id);
    agent->id = xmemdup(text.p, text.n);
    return true;
}

/* An entry for an engine that is not in this version must not run the default command instead. */
static bool refuse_engine(struct agent *agent, json_t *value, struct diag *diag) {
    (void)agent;
    (void)value;
    return diag_fail(diag, "",
                     "only agents with a \"command\" can be run: \"dispatch\" and \"job\" are for other engines");
}

static bool read_standby(struct agent *agent, json_t *value, struct diag *diag) {
    return document_integer(value, "standby", (const long[]){0, AGENT_MAX_STANDBY}, diag, &agent->standby.least);
}

static bool read_standby_max(struct agent *agent, json_t *value, struct diag *diag) {
    return document_integer(value, "standby_max", (const long[]){0, AGENT_MAX_STANDBY}, diag, &agent->standby.most);
}

static bool read_standby_max_age(struct agent *agent, json_t *value, struct diag *diag) {
    return read_wait(value, "standby_max_age", AGENT_MAX_AGE_MS, diag, &agent->standby.max_age_ms);
}

static bool read_standby_max_rss(struct agent *agent, json_t *value, struct diag *diag) {
    int64_t bytes = 0;
    bool zero = json_is_integer(value) && json_integer_value(value) == 0;
    bool good = zero || (json_is_string(value) && text_size(slice_of(json_string_value(value)), &bytes));
    if (!good) {
        return diag_fail(diag, "standby_max_rss", "must be a size with its unit like \"500MiB\" or \"2GiB\", or 0");
    }
    agent->standby.max_rss = bytes;
    return true;
}

static const struct field {
    const char *key;
    bool (*read)(struct agent *agent, json_t *value, struct diag *diag);
} fields[] = {
    {"command", read_command},
    {"cwd", read_cwd},
    {"env", read_env},
    {"max", read_max},
    {"order", read_order},
    {"stop_timeout", read_stop_timeout},
    {"after_call", read_after_call},
    {"credentials", read_credentials},
    {"id", read_id},
    {"standby", read_standby},
    {"standby_max", read_standby_max},
    {"standby_max_age", read_standby_max_age},
    {"standby_max_rss", read_standby_max_rss},
    {"dispatch", refuse_engine},
    {"job", refuse_engine},
};

static const struct field *find_field(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(key, fields[i].key) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static void note_key(const struct agent *agent, const char *key, struct notes *notes) {
    const char *keys[ARRAY_LEN(fields) + 1] = {NULL};
    char shown[DOCUMENT_SHOWN];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        keys[i] = fields[i].key;
    }
    document_note_key(notes, document_show(slice_of(agent->name), shown), key, keys);
}

static bool read_entry(struct agent *agent, json_t *value, struct notes *notes, struct diag *diag) {
    if (!json_is_object(value)) {
        return diag_fail(diag, "", "must be an object like {\"command\":[\"python\",\"-m\",\"bot\"]}, not %s",
                         document_kind(value));
    }
    const char *key;
    json_t *field_value;
    json_object_foreach(value, key, field_value) {
        const struct field *field = find_field(key);
        if (field == NULL) {
            note_key(agent, key, notes);
        } else if (!json_is_null(field_value) && !field->read(agent, field_value, diag)) {
            return false;
        }
    }
    const json_t *least = json_object_get(value, "standby"), *most = json_object_get(value, "standby_max");
    if (json_is_integer(least) && json_is_integer(most) && agent->standby.most < agent->standby.least) {
        return diag_fail(diag, "standby_max", "must be at least what \"standby\" is (%ld), not %ld",
                         agent->standby.least, agent->standby.most);
    }
    return true;
}

static bool check_command(const struct agent *agent, struct diag *diag) {
    if (agent->command == NULL) {
        return diag_fail(diag, "command", "is missing, and SIP_AGENT_COMMAND gives none either");
    }
    if (!argv_check(agent->command, diag)) {
        diag_within(diag, "command");
        return false;
    }
    return true;
}

/* What is known only when a call comes cannot be in the command line of a process that is started before. */
static bool check_standby(struct agent *agent, struct diag *diag) {
    static const char *const of_calls[] = {"room", "called", "caller", NULL};
    static const char *const of_names[] = {"agent", "agent_id", NULL}; /* one command for every name */
    struct agent_standby *standby = &agent->standby;
    standby->most = standby->most < standby->least ? standby->least : standby->most;
    if (standby->least == 0) {
        return true;
    }
    const char *name = argv_uses(agent->command, of_calls);
    if (name == NULL && agent->name[0] == '\0') {
        name = argv_uses(agent->command, of_names);
    }
    return name == NULL ||
           diag_fail(
               diag, "command",
               "{%s} is known only when a call comes, so no process can stand by: take it out (the agent reads it "
               "in its line on standard input), or set \"standby\" (SIP_STANDBY) to 0",
               name);
}

void agent_init(struct agent *agent, struct slice name, const struct directory_defaults *defaults) {
    *agent = (struct agent){
        .name = xmemdup(name.n > 0 ? name.p : "", name.n),
        .id = xstrdup(""),
        .command = argv_copy(defaults->command),
        .cwd = defaults->cwd != NULL ? xstrdup(defaults->cwd) : NULL,
        .env = xcalloc(1, sizeof *agent->env),
        .stop_timeout_ms = defaults->stop_timeout_ms,
        .after_call_ms = defaults->after_call_ms,
        .api_credentials = defaults->api_credentials,
        .standby = defaults->standby,
        .order = AGENT_DEFAULT_ORDER,
    };
}

void agent_check(struct agent *agent) {
    struct diag diag;
    if (!check_command(agent, &diag) || !check_standby(agent, &diag)) {
        agent_break(agent, &diag);
    }
}

/* Only of a command of its own: of that of all agents the settings say it. */
static void note_shell(const struct agent *agent, const json_t *entry, struct notes *notes) {
    bool is_own = json_object_get(entry, "command") != NULL && agent->command != NULL;
    const char *word = is_own ? argv_shell_word(agent->command) : NULL;
    if (word != NULL) {
        char name[DOCUMENT_SHOWN], shown[DOCUMENT_SHOWN];
        notes_add(notes,
                  "%s: command: hands \"%s\" to the program as it stands, for no shell reads it: write "
                  "[\"sh\", \"-c\", \"…\"] where one shall",
                  document_show(slice_of(agent->name), name), document_show(slice_of(word), shown));
    }
}

void agent_read(struct agent *agent, json_t *value, struct notes *notes) {
    struct diag diag;
    if (!read_entry(agent, value, notes, &diag)) {
        agent_break(agent, &diag);
        return;
    }
    note_shell(agent, value, notes);
    agent_check(agent);
}

void agent_break(struct agent *agent, const struct diag *diag) {
    char text[sizeof diag->where + sizeof diag->what + 4];
    diag_text(diag, text, sizeof text);
    free(agent->broken);
    agent->broken = xstrdup(text);
    argv_free(take_ptr(agent->command));
}

void agent_clear(struct agent *agent) {
    free(agent->name);
    free(agent->id);
    argv_free(agent->command);
    free(agent->cwd);
    argv_free(agent->env);
    free(agent->broken);
}
