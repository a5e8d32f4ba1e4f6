/* Settings to options, one by one. */
#include "app/from_settings.h"

#include <string.h>
#include <sys/resource.h>

#include "base/argv.h"
#include "base/mem.h"
#include "spawner/local/local.h"

enum { CONNECTIONS_OF_FILES = 4, LEAST_CONNECTIONS = 16 };

struct log_options log_options_from(const struct settings *settings) {
    return (struct log_options){
        .fd = 1,
        .level = (enum log_level)settings->log_level,
        .format = (enum log_format)settings->log_format,
        .mask_numbers = settings->log_numbers == NUMBERS_MASK,
    };
}

static unsigned smaller(unsigned a, rlim_t b) {
    return a < b ? a : (unsigned)b;
}

struct http_limits http_limits_from(const struct settings *settings) {
    struct http_limits limits = http_limits_default;
    struct rlimit files;
    limits.max_body = (size_t)settings->max_body;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
        rlim_t share = files.rlim_cur / CONNECTIONS_OF_FILES;
        limits.max_connections = smaller(limits.max_connections, share > LEAST_CONNECTIONS ? share : LEAST_CONNECTIONS);
        limits.max_per_peer = smaller(limits.max_per_peer, limits.max_connections / 2);
    }
    return limits;
}

struct bridge_options bridge_options_from(const struct settings *settings) {
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default;
    options.policy.number_wait_ms = settings->number_wait_ms;
    options.policy.ready_ms = settings->ready_timeout_ms;
    options.policy.rejoin_ms = settings->rejoin_grace_ms;
    options.policy.max_call_ms = settings->max_call_ms;
    options.policy.close_room = settings->close_room && livekit_is_wanted(settings);
    options.room_prefix = settings->room_prefix;
    options.room_names_called = settings->room_number == ROOM_NUMBER_CALLED;
    options.default_agent = settings->default_agent != NULL ? settings->default_agent : "";
    options.livekit_url = settings->livekit_url;
    options.api_key = settings->livekit_api_key;
    options.api_secret = settings->livekit_api_secret;
    options.max_served = (size_t)settings->max_calls;
    options.max_starts = (size_t)settings->max_starts;
    options.require_trunk = settings->require_trunk;
    return options;
}

static bool check_agent(const struct agent *agent, struct diag *diag) {
    cleanup_free char *path = local_resolve(agent->command[0], (const char *const *)agent->env, agent->cwd, diag);
    return path != NULL;
}

/* The keys of LIVEKIT_KEYS are never handed out. */
static bool check_agent_without_key(const struct agent *agent, struct diag *diag) {
    if (agent->api_credentials) {
        return diag_fail(diag, "credentials",
                         "\"api\" needs LIVEKIT_API_KEY and LIVEKIT_API_SECRET, which are not set");
    }
    return check_agent(agent, diag);
}

void source_options_from(const struct settings *settings, struct source_options *ret_options, char ***ret_command) {
    const char *command = settings->agent_command; /* good: the settings' table checks it */
    *ret_command = command != NULL ? argv_split(slice_of(command), NULL) : NULL;
    bool has_only_other_keys = settings->livekit_api_key == NULL && settings->livekit_keys != NULL;
    *ret_options = (struct source_options){
        .rules_file = settings->rules_file,
        .agents_file = settings->agents_file,
        .redis_url = settings->redis_url,
        .stimm_url = settings->stimm_api_url,
        .defaults = {.command = *ret_command,
                     .cwd = settings->agent_cwd,
                     .api_credentials = settings->agent_credentials == CREDENTIALS_API,
                     .stop_timeout_ms = settings->stop_timeout_ms,
                     .after_call_ms = settings->after_call_ms,
                     .standby = {.least = (long)settings->standby,
                                 .most = (long)settings->standby_max,
                                 .max_age_ms = settings->standby_max_age_ms,
                                 .max_rss = settings->standby_max_rss}},
        .check = has_only_other_keys ? check_agent_without_key : check_agent,
    };
}

bool livekit_is_wanted(const struct settings *settings) {
    return settings->livekit_api_url == NULL || strcmp(settings->livekit_api_url, "off") != 0;
}

struct livekit_api *livekit_from_settings(const struct settings *settings, const struct livekit_options *base,
                                          struct diag *diag) {
    const char *from = settings->livekit_api_url != NULL ? settings->livekit_api_url : settings->livekit_url;
    if (!livekit_is_wanted(settings)) {
        (void)diag_fail(diag, "LIVEKIT_API_URL", "is off: this needs LiveKit's API");
        return NULL;
    }
    cleanup_free char *url = livekit_http_url(from, diag);
    if (url == NULL) {
        return NULL;
    }
    struct livekit_options options = *base;
    options.url = url;
    options.ca_file = settings->livekit_ca;
    struct livekit_api *api = livekit_new(&options);
    if (api == NULL) {
        (void)diag_fail(diag, "LIVEKIT_API_URL", "libcurl cannot be started");
    }
    return api;
}
