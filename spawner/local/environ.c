/* Builds environments. What is passed on is decided once, at the start, from the environment of that moment. */
#include "spawner/local/environ.h"

#include <fnmatch.h>

#include "base/mem.h"

static const char *const always[] = {"PATH", "HOME", "LANG", "TZ"};

/* `*` in SIP_AGENT_ENV must not undo what the clean environment is for. */
static const char *const never_by_glob[] = {"LIVEKIT_API_SECRET", "LIVEKIT_KEYS",  "REDIS_URL",    "SIP_INSTANCE",
                                            "SIP_STANDBY",        "NOTIFY_SOCKET", "LISTEN_FDS",   "LISTEN_FDNAMES",
                                            "LISTEN_PID",         "WATCHDOG_PID",  "WATCHDOG_USEC"};

static bool is_among(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_passed(const char *name, char *const *pass) {
    for (; pass != NULL && *pass != NULL; pass++) {
        if (strcmp(*pass, name) == 0) {
            return true;
        }
        if (fnmatch(*pass, name, 0) == 0 && !is_among(name, never_by_glob, ARRAY_LEN(never_by_glob))) {
            return true;
        }
    }
    return false;
}

/* Sets NAME=VALUE given as one text; a text without a name is no variable. */
static void set_var(struct strv *out, const char *var) {
    const char *equals = strchr(var, '=');
    if (equals == NULL || equals == var) {
        return;
    }
    cleanup_free char *name = xmemdup(var, (size_t)(equals - var));
    strv_set(out, name, slice_of(equals + 1));
}

void environ_base(struct strv *out, char *const *vars, char *const *pass) {
    strv_set(out, "PATH", slice_of(ENVIRON_DEFAULT_PATH));
    for (; vars != NULL && *vars != NULL; vars++) {
        const char *equals = strchr(*vars, '=');
        if (equals == NULL) {
            continue;
        }
        cleanup_free char *name = xmemdup(*vars, (size_t)(equals - *vars));
        if (is_among(name, always, ARRAY_LEN(always)) || is_passed(name, pass)) {
            set_var(out, *vars);
        }
    }
}

void environ_build(struct strv *out, const struct strv *base, const struct engine_job *job, const char *notify_socket) {
    for (size_t i = 0; i < base->count; i++) {
        strv_take(out, xstrdup(base->p[i]));
    }
    strv_set(out, "PYTHONUNBUFFERED", SLICE("1"));
    for (const char *const *var = job->env; var != NULL && *var != NULL; var++) {
        set_var(out, *var);
    }
    for (size_t i = 0; i < job->call_env_count; i++) {
        strv_set(out, job->call_env[i].name, job->call_env[i].value);
    }
    strv_set(out, "SIP_INSTANCE", slice_of(job->instance));
    if (notify_socket != NULL) {
        strv_set(out, "NOTIFY_SOCKET", slice_of(notify_socket));
    }
}
