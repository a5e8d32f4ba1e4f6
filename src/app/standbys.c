/* The pool of standbys in the daemon: its clock, what it may start, how it knows a changed program, and what becomes of
 * those that a former start left. */
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "app/internal.h"
#include "base/mem.h"

/* A standby takes three open files, a call as many: half of what is left is for calls. */
enum { FILES_OF_BRIDGE = 100, FILES_OF_STANDBY = 3 };

static mono_ms now_of(void *self) {
    const struct app *app = self;
    return loop_now(app->loop);
}

static void new_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    app_new_instance(self, ret_instance);
}

static bool is_busy(void *self) {
    const struct app *app = self;
    return bridge_ringing(app->bridge) > 0;
}

/* What changes when the file at PATH is another one or was written to; 0: it is no file. */
static uint64_t stamp_of(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return 0;
    }
    const uint64_t facts[] = {(uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                              (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec};
    uint64_t stamp = 0;
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        stamp = (stamp ^ facts[i]) * 1099511628211ULL;
    }
    return stamp | 1;
}

/* The first argument that names a file: the script that an interpreter runs. */
static uint64_t stamp_of_script(const struct engine_job *job) {
    for (const char *const *argument = job->command + 1; *argument != NULL; argument++) {
        bool is_whole = (*argument)[0] == '/';
        cleanup_free char *path =
            !is_whole && job->cwd != NULL ? xasprintf("%s/%s", job->cwd, *argument) : xstrdup(*argument);
        uint64_t stamp = (*argument)[0] != '-' ? stamp_of(path) : 0;
        if (stamp != 0) {
            return stamp;
        }
    }
    return 0;
}

static uint64_t stamp(void *self, const struct engine_job *job) {
    struct diag diag;
    (void)self;
    cleanup_free char *program = local_resolve(job->command[0], job->env, job->cwd, &diag);
    return (program != NULL ? stamp_of(program) : 0) * 31 + stamp_of_script(job) + 1;
}

static void keep(void *self, const struct pool_waiting *waiting) {
    const struct app *app = self;
    struct standby_left left = {.pid = waiting->pid, .birth = waiting->birth};
    memcpy(left.label, waiting->label, strlen(waiting->label) + 1);
    memcpy(left.instance, waiting->instance, strlen(waiting->instance) + 1);
    standby_dir_keep(&app->standby_dir, &left);
}

static void drop(void *self, const char *label) {
    const struct app *app = self;
    standby_dir_drop(&app->standby_dir, label);
}

static size_t most_waiting(void) {
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    if (!known) {
        return 0;
    }
    return limit.rlim_cur > FILES_OF_BRIDGE ? (size_t)((limit.rlim_cur - FILES_OF_BRIDGE) / FILES_OF_STANDBY / 2) : 1;
}

static struct pool_options options_from(const struct settings *settings) {
    return (struct pool_options){
        .livekit_url = settings->livekit_url,
        .api_key = settings->livekit_api_key,
        .api_secret = settings->livekit_api_secret,
        .starts_at_once = (size_t)settings->standby_starts,
        .max_starts = (size_t)settings->max_starts,
        .max_calls = (size_t)settings->max_calls,
        .max_waiting = most_waiting(),
        .ready_ms = settings->standby_timeout_ms,
    };
}

void standbys_build(struct app *app) {
    const struct pool_options options = options_from(app->settings);
    const struct pool_ports ports = {
        .engine = local_engine(app->local),
        .waiters = local_waiters(app->local),
        .self = app,
        .now = now_of,
        .new_instance = new_instance,
        .is_busy = is_busy,
        .stamp = stamp,
        .keep = keep,
        .drop = drop,
        .show_output = app_show_output,
    };
    app->pool = pool_new(&options, &ports);
}

void standbys_change(struct app *app) {
    const struct pool_options options = options_from(app->settings);
    pool_set_options(app->pool, &options);
}

/* A call that was taken back may have it: then it is no standby any more. */
static void end_left(void *context, const struct standby_left *left) {
    const struct app *app = context;
    struct engine engine = local_engine(app->local);
    if (local_has_instance(app->local, left->instance)) {
        standby_dir_drop(&app->standby_dir, left->label);
        return;
    }
    const struct engine_adoption adoption = {.label = left->label,
                                             .instance = left->instance,
                                             .pid = left->pid,
                                             .birth = left->birth};
    const struct engine_stop stop = {.timeout_ms = app->settings->stop_timeout_ms};
    engine.adopt(engine.self, &adoption);
    engine.stop(engine.self, left->label, &stop);
}

void standbys_end_left(struct app *app) {
    standby_dir_each(&app->standby_dir, end_left, app);
}
