/* Processes that are started ahead of calls and wait: an engine around another one. Whoever asks for a process of an
 * agent gets one that waits, where there is one (reserve, then ensure: hand-over), and a new one as ever where there is
 * not. What may wait, and how many, comes from the directory of agents; policy.h says how many.
 *
 * Refilling. A process that was handed a call is followed by a new one at once, but
 * - at most `starts_at_once` are starting at a time, of all agents together;
 * - while calls are being answered (is_busy) none is begun before it has waited for that for POOL_HELD_MS: a ringing caller
 *   has the CPU first, and a machine that is never quiet still gets one a second;
 * - none while memory is short, and at most `max_starts` a second.
 * One that fails (cannot be started, is not ready in time, ends before it was of use, does not take its call) makes its
 * agent's next start wait, each time twice as long up to five minutes; then one tries.
 *
 * Replaced, without a gap, are those that are too old or too large, whose program changed, and all after pool_renew: the
 * old one may have a call until the new one is ready. One whose entry changed gets none.
 *
 * Knows no loop and no clock: time is asked of a port. pool_tick is called when pool_next_due says, and after anything that
 * may have changed something: an event, a call that is answered. */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "base/clock.h"
#include "rules/directory.h"
#include "spawner/engine.h"

enum {
    POOL_HELD_MS = 1000,
    POOL_LOOK_MS = 10000,   /* how often memory and programs are looked at */
    POOL_TAKEN_MS = 2000,   /* a call that came back for so long was taken */
    POOL_REASON_SIZE = 200, /* of what is said of a failure */
};

/* A process that waits. */
struct pool_waiting {
    const char *label, *instance;
    pid_t pid;
    uint64_t birth; /* as that of ENGINE_STARTED */
};

struct pool_ports {
    struct engine engine; /* whose events go through pool_event first */
    struct engine_waiters waiters;
    void *self;
    mono_ms (*now)(void *self);
    /* 32 hex digits nobody can guess. */
    void (*new_instance)(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]);
    /* Calls are being answered: the CPU is for them. */
    bool (*is_busy)(void *self);
    /* Changes when the program that JOB runs does; NULL: nobody looks. */
    uint64_t (*stamp)(void *self, const struct engine_job *job);
    /* A successor must know of WAITING, to end it; not any more. NULL: nobody keeps it. */
    void (*keep)(void *self, const struct pool_waiting *waiting);
    void (*drop)(void *self, const char *label);
    /* The last lines of its output, for the log; NULL: none. */
    void (*show_output)(void *self, const char *label);
};

struct pool_options {
    const char *livekit_url, *api_key, *api_secret; /* borrowed until the next options, or while the pool lives */
    size_t starts_at_once;                          /* SIP_STANDBY_STARTS */
    size_t max_starts;                              /* SIP_MAX_STARTS; 0: no limit */
    size_t max_calls;                               /* SIP_MAX_CALLS; 0: no limit: more never wait for one agent */
    size_t max_waiting;                             /* of all agents, for the sake of open files; 0: no limit */
    int64_t ready_ms;                               /* SIP_STANDBY_TIMEOUT */
};

struct pool;

struct pool *pool_new(const struct pool_options *options, const struct pool_ports *ports);
/* Touches no process. */
void pool_free(struct pool *pool);
struct engine pool_engine(struct pool *pool);

/* The agents from now on (it holds them); NULL: none. */
void pool_set_directory(struct pool *pool, struct directory *directory);
void pool_set_options(struct pool *pool, const struct pool_options *options);
/* All that wait are replaced, for what they loaded may have changed. */
void pool_renew(struct pool *pool);
/* Memory is short: none is started; or no more. */
void pool_hold(struct pool *pool, bool memory_short);
/* All that wait are told to go, and no more are started. */
void pool_close(struct pool *pool);
/* What came of an operation of the engine. True: it was about a process that waits, and nobody else wants to know. */
bool pool_event(struct pool *pool, const struct engine_event *event);
/* Does what is due. Cheap when nothing is. */
void pool_tick(struct pool *pool);
/* When pool_tick has to be called next at the latest. */
mono_ms pool_next_due(const struct pool *pool);

/* How the processes of one agent that wait are doing; borrowed for the call of EACH. */
struct pool_view {
    const char *agent; /* "": of SIP_AGENT_COMMAND, for every name */
    unsigned least, most, wanted, starting, ready;
    uint64_t handed_over; /* calls that got one */
    uint64_t missed;      /* … that found none: a new process was started for them */
    uint64_t lost;        /* of those handed over: not taken */
    uint64_t started, failed, replaced;
    int64_t start_ms;    /* from start to ready, smoothed; 0: not known yet */
    int64_t retry_in_ms; /* the next start waits so long, for the last ones failed */
    bool fails;          /* none is ready, and the last ones failed again and again */
    const char *reason;  /* … why the last one did; "" */
};
void pool_each(const struct pool *pool, void (*each)(void *context, const struct pool_view *view), void *context);
/* Whether there is an agent whose standbys fail. */
bool pool_fails(const struct pool *pool);

#endif
