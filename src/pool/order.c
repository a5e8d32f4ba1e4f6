/* Orders, and the jobs that they are. */
#include "pool/order.h"

#include "base/argv.h"
#include "base/mem.h"

static char *copy(const char *text) {
    return xstrdup(text != NULL ? text : "");
}

void order_init(struct order *order, const struct agent *agent, const struct order_access *access) {
    *order = (struct order){
        .agent = xstrdup(agent->name),
        .command = argv_copy(agent->command),
        .env = argv_copy(agent->env),
        .cwd = agent->cwd != NULL ? xstrdup(agent->cwd) : NULL,
        .id = copy(agent->id),
        .url = copy(access->livekit_url),
        .api = agent->api_credentials,
        .credentials = access->generation,
        .access = access,
    };
}

void order_release(struct order *order) {
    free(order->agent);
    argv_free(order->command);
    argv_free(order->env);
    free(order->cwd);
    free(order->id);
    free(order->url);
    *order = (struct order){0};
}

/* Only what is known is set, as for a call. */
static void add(struct engine_job *job, struct order_parts *parts, const char *name, const char *value) {
    if (value[0] != '\0') {
        parts->env[job->call_env_count++] = (struct engine_pair){name, slice_of(value)};
    }
}

struct engine_job order_job(const struct order *order, const char *label, const char *instance,
                            struct order_parts *ret_parts) {
    ret_parts->places[0] = (struct engine_pair){"agent", slice_of(order->agent)};
    ret_parts->places[1] = (struct engine_pair){"agent_id", slice_of(order->id)};
    ret_parts->places[2] = (struct engine_pair){"livekit_url", slice_of(order->url)};
    struct engine_job job = {
        .label = label,
        .instance = instance,
        .command = (const char *const *)order->command,
        .cwd = order->cwd,
        .env = (const char *const *)order->env,
        .places = ret_parts->places,
        .place_count = ORDER_PLACES,
        .call_env = ret_parts->env,
        .agent = order->agent,
        .waits = true,
    };
    add(&job, ret_parts, "LIVEKIT_URL", order->url);
    add(&job, ret_parts, "SIP_AGENT_NAME", order->agent);
    add(&job, ret_parts, "LIVEKIT_API_KEY", order->api ? order->access->api_key : "");
    add(&job, ret_parts, "LIVEKIT_API_SECRET", order->api ? order->access->api_secret : "");
    add(&job, ret_parts, "SIP_STANDBY", "1");
    return job;
}

static bool same_text(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_list(char *const *one, const char *const *other) {
    size_t at = 0;
    if (one == NULL || other == NULL) {
        return (one == NULL || *one == NULL) && (other == NULL || *other == NULL);
    }
    while (one[at] != NULL && other[at] != NULL && strcmp(one[at], other[at]) == 0) {
        at++;
    }
    return one[at] == NULL && other[at] == NULL;
}

static struct slice value_of(const struct engine_pair *pairs, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) == 0) {
            return pairs[i].value;
        }
    }
    return (struct slice){0};
}

static bool same_credentials(const struct order *order, const struct engine_job *job) {
    const struct order_access *access = order->access;
    struct slice key = value_of(job->call_env, job->call_env_count, "LIVEKIT_API_KEY");
    struct slice secret = value_of(job->call_env, job->call_env_count, "LIVEKIT_API_SECRET");
    if (!order->api) {
        return key.n == 0 && secret.n == 0;
    }
    return order->credentials == access->generation && slice_is(key, access->api_key) &&
           slice_is(secret, access->api_secret);
}

bool order_fits(const struct order *order, const struct engine_job *job) {
    const struct engine_pair *env = job->call_env;
    bool named = order->agent[0] == '\0' || same_text(order->agent, job->agent);
    return named && same_list(order->command, job->command) && same_list(order->env, job->env) &&
           same_text(order->cwd, job->cwd) &&
           slice_is(value_of(job->places, job->place_count, "agent_id"), order->id) &&
           slice_is(value_of(env, job->call_env_count, "LIVEKIT_URL"), order->url) && same_credentials(order, job);
}
