/* A call is queued, in flight, paused between two tries, or done. What happens to it happens from a timer or from the
 * HTTP client's callback, never from livekit_send: so its owner always has the handle first. */
#include "livekit/api.h"

#include <assert.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/multi.h"
#include "livekit/method.h"

enum {
    TIMEOUT_MS = 5000,
    MAX_IN_FLIGHT = 16,
    MAX_WAITING = 1000,
    MAX_ANSWER = 4 * 1024 * 1024,
    MAX_TRIES = 8,
    FIRST_PAUSE_MS = 100,
    MAX_PAUSE_MS = 2000,
    MAX_RETRY_AFTER_MS = 3000,
    MIN_TRY_MS = 1000,
};

enum call_state { CALL_QUEUED, CALL_IN_FLIGHT, CALL_PAUSED, CALL_DONE };

struct livekit_call {
    struct livekit_api *api;
    const struct method *method;
    enum livekit_urgency urgency;
    enum call_state state;
    struct buf body;
    char *room;
    size_t room_size;
    bool is_waited; /* its result is kept for livekit_wait */
    void (*on_done)(void *context, const struct livekit_result *result);
    void *context;
    mono_ms deadline;
    int64_t asked_us;
    int tries;
    struct timer timer; /* queued: the deadline; paused: the next try */
    struct http_flight *flight;
    struct livekit_result *result;
    TAILQ_ENTRY(livekit_call) link;
};

TAILQ_HEAD(call_queue, livekit_call);

struct livekit_api {
    struct livekit_options options;
    char *url;
    struct http_multi *http;
    struct call_queue queues[LIVEKIT_URGENT + 1];
    struct call_queue others; /* in flight, paused, done and not yet taken */
    int in_flight, routine_in_flight;
    size_t waiting; /* not done */
    struct contact contact;
    struct task contact_task;
    uint64_t dice;
};

const char *livekit_outcome_name(enum livekit_outcome outcome) {
    static const char *const names[] = {
#define X(name, text) [LIVEKIT_##name] = text,
        LIVEKIT_OUTCOMES(X)
#undef X
    };
    return names[outcome];
}

static struct call_queue *queue_of(struct livekit_call *call) {
    return call->state == CALL_QUEUED ? &call->api->queues[call->urgency] : &call->api->others;
}

static void move(struct livekit_call *call, enum call_state state) {
    TAILQ_REMOVE(queue_of(call), call, link);
    int flies = (state == CALL_IN_FLIGHT) - (call->state == CALL_IN_FLIGHT);
    call->api->in_flight += flies;
    call->api->routine_in_flight += call->urgency == LIVEKIT_ROUTINE ? flies : 0;
    call->state = state;
    TAILQ_INSERT_TAIL(queue_of(call), call, link);
}

static void free_result(struct livekit_result *result) {
    if (result != NULL) {
        parse_release(&result->answer);
        free(result);
    }
}

/* Takes it out of its api, which may be freed from now on. */
static void detach(struct livekit_call *call) {
    bool is_done = call->state == CALL_DONE;
    timer_cancel(&call->timer);
    http_multi_cancel(take_ptr(call->flight));
    move(call, CALL_DONE);
    TAILQ_REMOVE(&call->api->others, call, link);
    call->api->waiting -= !is_done;
}

static void free_call(struct livekit_call *call) {
    free_result(call->result);
    buf_release(&call->body);
    free(call->room);
    free(call);
}

static void pump(struct livekit_api *api);

/* The call has its result, its last act but to tell. */
static void finish(struct livekit_call *call, enum contact_state state) {
    struct livekit_api *api = call->api;
    const struct livekit_result *result = call->result;
    int64_t wall_ms = clock_wall_ms();
    call->result->tries = call->tries;
    api->contact.calls++;
    api->contact.failures += result->outcome != LIVEKIT_OK && result->outcome != LIVEKIT_NOT_FOUND;
    histogram_add(&api->contact.latency, clock_mono_us() - call->asked_us);
    if (state != CONTACT_UNTRIED && contact_note(&api->contact, state, result->why, wall_ms)) {
        task_add(&api->contact_task, api->options.loop);
    }
    if (call->is_waited) {
        timer_cancel(&call->timer);
        move(call, CALL_DONE);
        api->waiting--;
        pump(api);
        return;
    }
    detach(call);
    pump(api);
    call->on_done(call->context, result);
    free_call(call);
}

/* Of a call that was never sent, or whose last try is known to be useless. */
static void give_up(struct livekit_call *call, const char *why) {
    call->result = xcalloc(1, sizeof *call->result);
    call->result->outcome = LIVEKIT_AWAY;
    snprintf(call->result->why, sizeof call->result->why, "%s", why);
    finish(call, CONTACT_UNTRIED); /* that says more about us than about LiveKit */
}

/* Half of PAUSE_MS to one and a half: several bridges must not come back in step. splitmix64. */
static int64_t jitter(struct livekit_api *api, int64_t pause_ms) {
    uint64_t z = (api->dice += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return pause_ms / 2 + (int64_t)((z ^ (z >> 31)) % (uint64_t)(pause_ms + 1));
}

/* When to try again after ANSWER; MONO_NEVER for not at all. */
static mono_ms next_try(struct livekit_call *call, const struct http_multi_answer *answer) {
    bool is_hopeless = answer->end == HTTP_BAD_URL || answer->end == HTTP_NOT_TRUSTED;
    if (call->result->outcome != LIVEKIT_AWAY || call->method->care != METHOD_REPEAT || is_hopeless ||
        call->tries >= MAX_TRIES) {
        return MONO_NEVER;
    }
    int64_t pause_ms = (int64_t)FIRST_PAUSE_MS << (call->tries - 1);
    pause_ms = jitter(call->api, pause_ms < MAX_PAUSE_MS ? pause_ms : MAX_PAUSE_MS);
    int64_t wished_ms =
        answer->retry_after_s > MAX_RETRY_AFTER_MS / 1000 ? MAX_RETRY_AFTER_MS : answer->retry_after_s * 1000;
    mono_ms at = clock_mono_ms() + (pause_ms > wished_ms ? pause_ms : wished_ms);
    return at < call->deadline ? at : MONO_NEVER;
}

static void on_answer(void *context, const struct http_multi_answer *answer) {
    struct livekit_call *call = context;
    struct livekit_api *api = call->api;
    call->flight = NULL;
    if (answer->date_s != 0) {
        contact_note_date(&api->contact, answer->date_s, clock_wall_ms());
    }
    call->result = xcalloc(1, sizeof *call->result);
    enum contact_state state = method_judge(call->method, answer, keyring_name(api->options.keys, 0), call->result);
    mono_ms again_at = next_try(call, answer);
    if (again_at == MONO_NEVER) {
        finish(call, state);
        return;
    }
    free_result(take_ptr(call->result));
    move(call, CALL_PAUSED);
    timer_start_at(&call->timer, api->options.loop, again_at);
    pump(api);
}

/* A request that may be repeated gets half of the time that is left, so that a connection which died silently does
 * not cost all of it; but never less than MIN_TRY_MS while there is as much. */
static int64_t try_ms(const struct livekit_call *call) {
    int64_t left_ms = call->deadline - clock_mono_ms();
    if (call->method->care != METHOD_REPEAT || left_ms <= MIN_TRY_MS) {
        return left_ms;
    }
    return left_ms / 2 > MIN_TRY_MS ? left_ms / 2 : MIN_TRY_MS;
}

static void fly(struct livekit_call *call) {
    struct livekit_api *api = call->api;
    struct slice room = {call->room, call->room_size};
    cleanup_free char *token = token_for_api(api->options.keys, call->method->grant, room, clock_wall_ms() / 1000);
    cleanup_free char *authorization = xasprintf("Bearer %s", token);
    cleanup_free char *url = xasprintf("%s/twirp/livekit.%s", api->url, call->method->path);
    timer_cancel(&call->timer);
    move(call, CALL_IN_FLIGHT);
    api->contact.requests++;
    api->contact.retries += call->tries > 0;
    call->tries++;
    call->flight = http_multi_start(api->http, &(struct http_multi_call){
                                                   .method = "POST",
                                                   .url = url,
                                                   .authorization = authorization,
                                                   .content_type = "application/json",
                                                   .body = buf_slice(&call->body),
                                                   .timeout_ms = try_ms(call),
                                                   .max_answer = MAX_ANSWER,
                                                   .once = call->method->care == METHOD_ONCE,
                                                   .on_done = on_answer,
                                                   .context = call,
                                               });
}

static void pump(struct livekit_api *api) {
    int max = api->options.max_in_flight, routine_max = max - max / 4;
    while (api->in_flight < max) {
        struct livekit_call *call = TAILQ_FIRST(&api->queues[LIVEKIT_URGENT]);
        if (call == NULL && api->routine_in_flight < routine_max) {
            call = TAILQ_FIRST(&api->queues[LIVEKIT_ROUTINE]);
        }
        if (call == NULL) {
            return;
        }
        fly(call);
    }
}

static void on_timer(struct timer *timer) {
    struct livekit_call *call = container_of(timer, struct livekit_call, timer);
    char why[128];
    if (call->state == CALL_PAUSED) {
        move(call, CALL_QUEUED);
        timer_start_at(&call->timer, call->api->options.loop, call->deadline);
        pump(call->api);
        return;
    }
    snprintf(why, sizeof why, "not sent in time: %zu calls were waiting for LiveKit", call->api->waiting);
    give_up(call, why);
}

struct livekit_call *livekit_send(struct livekit_api *api, const struct api_request *request) {
    const struct livekit_ask *ask = request->ask;
    int timeout_ms = ask != NULL && ask->timeout_ms > 0 ? ask->timeout_ms : api->options.timeout_ms;
    bool is_full = api->waiting >= MAX_WAITING; /* then it flies now or never */
    struct livekit_call *call = xcalloc(1, sizeof *call);
    *call = (struct livekit_call){.api = api,
                                  .method = request->method,
                                  .urgency = ask != NULL ? ask->urgency : LIVEKIT_URGENT,
                                  .state = CALL_QUEUED,
                                  .body = *request->body,
                                  .room = xmemdup(request->room.n > 0 ? request->room.p : "", request->room.n),
                                  .room_size = request->room.n,
                                  .is_waited = ask == NULL,
                                  .on_done = ask != NULL ? ask->on_done : NULL,
                                  .context = ask != NULL ? ask->context : NULL,
                                  .deadline = clock_mono_ms() + timeout_ms,
                                  .asked_us = clock_mono_us(),
                                  .timer.on_due = on_timer};
    *request->body = (struct buf){0};
    assert(call->is_waited || call->on_done != NULL);
    TAILQ_INSERT_TAIL(queue_of(call), call, link);
    api->waiting++;
    timer_start_at(&call->timer, api->options.loop, is_full ? 0 : call->deadline);
    pump(api);
    return call;
}

void livekit_cancel(struct livekit_call *call) {
    if (call != NULL) {
        struct livekit_api *api = call->api;
        detach(call);
        free_call(call);
        pump(api);
    }
}

struct livekit_result *livekit_wait(struct livekit_call *call) {
    assert(call->is_waited);
    while (call->state != CALL_DONE) {
        loop_turn(call->api->options.loop, 1000);
    }
    struct livekit_result *result = take_ptr(call->result);
    detach(call);
    free_call(call);
    assert(result != NULL);
    return result;
}

void livekit_result_free(struct livekit_result *result) {
    free_result(result);
}

static void tell_contact(struct task *task) {
    struct livekit_api *api = container_of(task, struct livekit_api, contact_task);
    if (api->options.on_contact != NULL) {
        api->options.on_contact(api->options.context);
    }
}

struct livekit_api *livekit_new(const struct livekit_options *options) {
    struct http_multi *http = http_multi_new(&(struct http_multi_options){.loop = options->loop,
                                                                          .ca_file = options->ca_file,
                                                                          .max_idle = options->max_in_flight});
    if (http == NULL) {
        return NULL;
    }
    struct livekit_api *api = xcalloc(1, sizeof *api);
    *api = (struct livekit_api){.options = *options,
                                .http = http,
                                .url = xstrdup(options->url),
                                .contact_task.run = tell_contact};
    histogram_init(&api->contact.latency, &buckets_quick);
    api->options.timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    api->options.max_in_flight = options->max_in_flight > 0 ? options->max_in_flight : MAX_IN_FLIGHT;
    api->options.url = api->options.ca_file = NULL; /* theirs */
    api->dice = (uint64_t)clock_mono_us() ^ (uint64_t)(uintptr_t)api;
    TAILQ_INIT(&api->queues[LIVEKIT_ROUTINE]);
    TAILQ_INIT(&api->queues[LIVEKIT_URGENT]);
    TAILQ_INIT(&api->others);
    return api;
}

static void drop_all(struct call_queue *queue) {
    struct livekit_call *call;
    while ((call = TAILQ_FIRST(queue)) != NULL) {
        detach(call);
        free_call(call);
    }
}

void livekit_free(struct livekit_api *api) {
    if (api != NULL) {
        drop_all(&api->queues[LIVEKIT_ROUTINE]);
        drop_all(&api->queues[LIVEKIT_URGENT]);
        drop_all(&api->others);
        task_cancel(&api->contact_task);
        http_multi_free(api->http);
        free(api->url);
        free(api);
    }
}

const struct contact *livekit_contact(const struct livekit_api *api) {
    return &api->contact;
}

size_t livekit_waiting(const struct livekit_api *api, size_t *ret_in_flight) {
    *ret_in_flight = (size_t)api->in_flight;
    return api->waiting;
}
