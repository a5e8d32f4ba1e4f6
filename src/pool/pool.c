/* The pool: who gets a call, what the engine tells, and what is started next. */
#include "pool/pool.h"

#include <signal.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "pool/shelf.h"

enum { REASON_OF_START = 150 };

static struct shelf *find_shelf(const struct pool *pool, const char *agent) {
    struct shelf *shelf = NULL;
    HASH_FIND_STR(pool->shelves, agent, shelf);
    return shelf;
}

/* The agent's own, or that of one command for every name. */
static struct shelf *shelf_for(const struct pool *pool, const struct engine_job *job) {
    struct shelf *shelf = job->agent != NULL ? find_shelf(pool, job->agent) : NULL;
    return shelf != NULL ? shelf : find_shelf(pool, "");
}

/* A reservation that nobody came for. */
static void put_back(struct pool *pool) {
    struct standby *standby = take_ptr(pool->reserved);
    if (standby != NULL) {
        standby->state = STANDBY_READY;
    }
}

/* One that is not there is told to go, in case that it only closed its standard input. */
static struct standby *pick_living(struct shelf *shelf, mono_ms now) {
    const struct engine_waiters *waiters = &shelf->pool->ports.waiters;
    struct standby *standby;
    while ((standby = shelf_pick(shelf)) != NULL && !waiters->is_there(waiters->self, standby->label)) {
        shelf_dismiss(shelf, standby, now);
        if (!standby->settled) {
            shelf_failed(shelf, NULL, "was gone, or had closed its standard input, when a call came", now);
        }
    }
    return standby;
}

static bool reserve(void *self, const struct engine_job *job, struct engine_reserved *ret_reserved) {
    struct pool *pool = self;
    struct shelf *shelf = shelf_for(pool, job);
    mono_ms now = pool_now(pool);
    put_back(pool);
    if (shelf == NULL || pool->closed) {
        return false;
    }
    pool->dirty = true;
    policy_call(&shelf->policy, now);
    struct standby *standby = order_fits(&shelf->order, job) ? pick_living(shelf, now) : NULL;
    if (standby == NULL) {
        shelf->counters.missed++;
        return false;
    }
    standby->state = STANDBY_RESERVED;
    pool->reserved = standby;
    pool->reserved_of = shelf;
    memcpy(ret_reserved->instance, standby->instance, sizeof ret_reserved->instance);
    ret_reserved->pid = standby->pid;
    ret_reserved->birth = standby->birth;
    return true;
}

static void forget(const struct pool *pool, const struct standby *standby) {
    if (pool->ports.drop != NULL && standby->pid != 0) {
        pool->ports.drop(pool->ports.self, standby->label);
    }
}

static void hand_over(struct pool *pool, const struct engine_job *job) {
    const struct engine_waiters *waiters = &pool->ports.waiters;
    struct standby *standby = pool->reserved;
    if (!waiters->hand_over(waiters->self, standby->label, job)) {
        put_back(pool);
        return;
    }
    pool->reserved = NULL;
    pool->reserved_of->counters.handed_over++;
    shelf_set_state(standby, STANDBY_HANDED, pool_now(pool));
}

static void ensure(void *self, const struct engine_job *job) {
    struct pool *pool = self;
    if (pool->reserved != NULL && strcmp(pool->reserved->instance, job->instance) == 0) {
        hand_over(pool, job);
        return;
    }
    pool->ports.engine.ensure(pool->ports.engine.self, job);
}

static void stop(void *self, const char *label, const struct engine_stop *how) {
    const struct pool *pool = self;
    pool->ports.engine.stop(pool->ports.engine.self, label, how);
}

static void adopt(void *self, const struct engine_adoption *adoption) {
    const struct pool *pool = self;
    pool->ports.engine.adopt(pool->ports.engine.self, adoption);
}

static void list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    const struct pool *pool = self;
    pool->ports.engine.list(pool->ports.engine.self, each, context);
}

struct engine pool_engine(struct pool *pool) {
    return (
        struct engine){.self = pool, .reserve = reserve, .ensure = ensure, .stop = stop, .adopt = adopt, .list = list};
}

static struct standby *find_standby(const struct pool *pool, const char *label, struct shelf **ret_shelf) {
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        struct standby *standby = shelf_find(shelf, label);
        if (standby != NULL) {
            *ret_shelf = shelf;
            return standby;
        }
    }
    return NULL;
}

static void say_how(const struct engine_event *event, const char *when, char ret_text[POOL_REASON_SIZE]) {
    static const char *const kinds[] = {[EXIT_CODE] = "status", [EXIT_SIGNAL] = "signal", [EXIT_UNKNOWN] = "status"};
    snprintf(ret_text, POOL_REASON_SIZE, "ended with %s %d %s", kinds[event->exit_kind], event->exit_value, when);
}

/* By an operator, the kernel for want of memory, or whoever stops processes: not by a fault of its own. */
static bool was_killed(const struct engine_event *event) {
    return event->kind == ENGINE_EXITED && event->exit_kind == EXIT_SIGNAL &&
           (event->exit_value == SIGKILL || event->exit_value == SIGTERM);
}

/* Whoever waited for long did not fail, whatever it died of, nor who was killed as it waited. */
static void on_end(struct shelf *shelf, struct standby *standby, const struct engine_event *event, mono_ms now) {
    char reason[POOL_REASON_SIZE] = "";
    bool waited = standby->state == STANDBY_READY;
    if (event->kind == ENGINE_START_FAILED) {
        char text[sizeof event->diag];
        cleanup_buf struct buf shown = {0};
        diag_text(&event->diag, text, sizeof text);
        text_clean(&shown, slice_of(text), REASON_OF_START);
        snprintf(reason, sizeof reason, "could not be started: %s", shown.p);
    } else if (standby->state == STANDBY_STARTING || waited) {
        say_how(event, waited ? "while it waited for a call" : "before it was ready", reason);
    }
    forget(shelf->pool, standby);
    bool settled = standby->settled || now - standby->since >= POLICY_SETTLED_MS;
    if (waited && (settled || was_killed(event))) {
        if (!settled) {
            policy_killed(&shelf->policy, now);
        }
        log_info(&(struct log_about){.agent = slice_of(shelf->order.agent), .pid = standby->pid}, "a standby %s",
                 reason);
    } else if (reason[0] != '\0') {
        shelf_failed(shelf, event->kind == ENGINE_EXITED ? standby->label : NULL, reason, now);
    }
    shelf_remove(shelf, standby);
    pool_tidy(shelf->pool, shelf);
}

static void on_ready(struct shelf *shelf, struct standby *standby, mono_ms now) {
    if (standby->state != STANDBY_STARTING) {
        return;
    }
    int64_t took_ms = now - standby->since;
    policy_ready(&shelf->policy, took_ms);
    shelf_set_state(standby, STANDBY_READY, now);
    log_debug(&(struct log_about){.agent = slice_of(shelf->order.agent), .pid = standby->pid},
              "a standby is ready, %lld ms after its start", (long long)took_ms);
}

static void on_started(const struct pool *pool, struct standby *standby, const struct engine_event *event) {
    standby->pid = event->pid;
    standby->birth = event->birth;
    if (pool->ports.keep != NULL) {
        const struct pool_waiting waiting = {standby->label, standby->instance, standby->pid, standby->birth};
        pool->ports.keep(pool->ports.self, &waiting);
    }
}

/* A call was not taken. One that hangs may not be the only one: then none of them gets another call. */
static void on_lost(struct shelf *shelf, struct standby *standby, mono_ms now) {
    shelf->counters.lost++;
    shelf->lost_in_row++;
    shelf_failed(shelf, NULL, "did not take the call that it got", now);
    shelf_remove(shelf, standby);
    if (shelf->lost_in_row >= SHELF_LOST) {
        shelf_dismiss_all(shelf, now);
    }
    pool_tidy(shelf->pool, shelf);
}

static struct standby *find_instance(const struct pool *pool, const char *instance, struct shelf **ret_shelf) {
    for (struct shelf *shelf = pool->shelves; shelf != NULL; shelf = shelf->hh.next) {
        struct standby *standby = shelf_find_instance(shelf, instance);
        if (standby != NULL) {
            *ret_shelf = shelf;
            return standby;
        }
    }
    return NULL;
}

/* Once it has the line, a successor knows the process by its call. One whose call ended before that has only an end. */
static void of_a_call(const struct pool *pool, const struct engine_event *event, mono_ms now) {
    struct shelf *shelf = NULL;
    struct standby *standby = find_instance(pool, event->instance, &shelf);
    if (standby == NULL || standby->state != STANDBY_HANDED) {
        return;
    }
    switch (event->kind) {
    case ENGINE_STARTED:
    case ENGINE_EXITED: forget(pool, standby); break;
    case ENGINE_NOT_TAKEN: on_lost(shelf, standby, now); break;
    case ENGINE_START_FAILED:
    case ENGINE_READY: break;
    }
}

bool pool_event(struct pool *pool, const struct engine_event *event) {
    mono_ms now = pool_now(pool);
    struct shelf *shelf = NULL;
    pool->dirty = true;
    if (!slice_starts(slice_of(event->label), SLICE(ENGINE_WAITER_PREFIX))) {
        of_a_call(pool, event, now);
        return false;
    }
    struct standby *standby = find_standby(pool, event->label, &shelf);
    if (standby == NULL || standby->state == STANDBY_HANDED) {
        if (event->kind == ENGINE_EXITED && pool->ports.drop != NULL) {
            pool->ports.drop(pool->ports.self, event->label); /* a former start's, or one that did not take its call */
        }
        return true;
    }
    switch (event->kind) {
    case ENGINE_STARTED: on_started(pool, standby, event); break;
    case ENGINE_READY: on_ready(shelf, standby, now); break;
    case ENGINE_START_FAILED:
    case ENGINE_EXITED: on_end(shelf, standby, event, now); break;
    case ENGINE_NOT_TAKEN: break;
    }
    return true;
}
