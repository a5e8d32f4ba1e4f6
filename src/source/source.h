/* Where rules and agents come from: files (inotify), Redis (live) or, the agents, Stimm (asked now and then), and the
 * last good copy on disk. Tells its owner whenever there is a new good snapshot; a bad document keeps the one in use and is reported.
 *
 * "Not loaded" is not "empty": ready says whether there is something to decide with (a first load, the last good
 * copy from the state directory, or nothing configured at all). */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "loop/loop.h"
#include "rules/directory.h"
#include "rules/ruleset.h"
#include "source/stimm_source.h"

struct source_options {
    struct loop *loop;
    const char *rules_file;  /* SIP_RULES_FILE or NULL */
    const char *agents_file; /* SIP_AGENTS_FILE or NULL */
    const char *redis_url;   /* REDIS_URL or NULL; a file wins over Redis for its document */
    const char *stimm_url;   /* STIMM_API_URL or NULL; for the agents it wins over Redis, and a file over it */
    const char *state_dir;   /* where rules.json and agents.json, the last good copies, are kept; NULL: nowhere */
    struct directory_defaults defaults;                          /* borrowed while the source lives */
    bool (*check)(const struct agent *agent, struct diag *diag); /* for directory_check; NULL: none */
    /* A new snapshot of either; called from the loop, never from inside source_start. */
    void (*on_change)(void *context);
    void *context;
};

/* What status and health say of one document. */
struct source_state {
    const char *kind; /* "file", "redis", "stimm", "command", "none", "last good copy" */
    size_t count;
    int64_t loaded_wall_ms; /* 0: never */
    char error[512];        /* why the newest document is not in use, or why it cannot be read; "" when all is well */
};

struct source_redis_state {
    bool configured, connected;
    bool tracking;            /* changes arrive at once; else the slow re-read is all */
    char error[256];          /* "" while connected */
    struct histogram latency; /* from each command to its answer */
};

struct source_stimm_state {
    bool configured; /* the agents come from there */
    struct stimm_status status;
};

struct source;

/* Never waits: Redis may be away. False with DIAG only for what can never work (a bad REDIS_URL). */
struct source *source_start(const struct source_options *options, struct diag *diag);
void source_free(struct source *source);
/* Both borrowed until the calling callback returns: hold what you keep. NULL: none. */
struct ruleset *source_rules(const struct source *source);
struct directory *source_directory(const struct source *source);
bool source_ready(const struct source *source);
const struct source_state *source_rules_state(const struct source *source);
const struct source_state *source_directory_state(const struct source *source);
const struct source_redis_state *source_redis(const struct source *source);
const struct source_stimm_state *source_stimm(const struct source *source);
/* A call named an agent that is not in the directory: where agents are asked for only now and then, soon. */
void source_miss(struct source *source);
/* Other defaults for agents, and another check; agents are judged anew at the next source_reload. Both are borrowed like
 * those of source_options. */
void source_change(struct source *source, const struct directory_defaults *defaults,
                   bool (*check)(const struct agent *agent, struct diag *diag));
/* Reads everything again (SIGHUP), and judges it again even if it is the same: an executable may be there now. */
void source_reload(struct source *source);

#endif
