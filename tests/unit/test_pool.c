/* The pool around a fake engine, with a fake clock: who gets a call, what is started when, what is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include <signal.h>

#include "pool/pool.h"

enum { MOST = 64, START = 1000000 };

struct fake_process {
    char label[ENGINE_LABEL_MAX + 1], instance[ENGINE_INSTANCE_SIZE], agent[64];
    bool there, deaf, waits, handed;
    int64_t memory;
};

struct scene {
    struct pool *pool;
    struct engine engine;
    mono_ms now;
    unsigned instances, kept;
    bool busy;
    uint64_t stamp;
    struct fake_process processes[MOST];
    unsigned count;
    struct buf log; /* of what concerns calls: "cold RM_1;hand RM_1;" */
    struct directory *directory;
};

static struct fake_process *find(struct scene *scene, const char *label) {
    for (unsigned i = scene->count; i > 0; i--) {
        if (strcmp(scene->processes[i - 1].label, label) == 0) {
            return &scene->processes[i - 1];
        }
    }
    return NULL;
}

static void fake_ensure(void *self, const struct engine_job *job) {
    struct scene *scene = self;
    if (!job->waits) {
        buf_addf(&scene->log, "cold %s;", job->label);
        return;
    }
    assert_true(scene->count < MOST);
    assert_null(job->line.p);
    struct fake_process *process = &scene->processes[scene->count++];
    *process = (struct fake_process){.there = true, .waits = true};
    snprintf(process->label, sizeof process->label, "%s", job->label);
    snprintf(process->instance, sizeof process->instance, "%s", job->instance);
    snprintf(process->agent, sizeof process->agent, "%s", job->agent);
}

static void tell_event(struct scene *scene, struct fake_process *process, struct engine_event event) {
    memcpy(event.label, process->label, sizeof event.label);
    memcpy(event.instance, process->instance, sizeof event.instance);
    assert_true(pool_event(scene->pool, &event) == process->waits);
}

static void tell(struct scene *scene, struct fake_process *process, enum engine_event_kind kind, int status) {
    tell_event(
        scene, process,
        (struct engine_event){.kind = kind, .pid = 100, .birth = 7, .exit_kind = EXIT_CODE, .exit_value = status});
}

static void fake_stop(void *self, const char *label, const struct engine_stop *how) {
    (void)how;
    struct fake_process *process = find(self, label);
    assert_non_null(process);
    process->deaf = true; /* it goes when the test says so */
}

static void fake_adopt(void *self, const struct engine_adoption *adoption) {
    (void)self, (void)adoption;
}

static void fake_list(void *self, void (*each)(void *context, const struct engine_view *view), void *context) {
    (void)self, (void)each, (void)context;
}

static bool fake_is_there(void *self, const char *label) {
    const struct fake_process *process = find(self, label);
    return process != NULL && process->there && !process->deaf;
}

static bool fake_hand_over(void *self, const char *label, const struct engine_job *job) {
    struct scene *scene = self;
    struct fake_process *process = find(scene, label);
    assert_string_equal(process->instance, job->instance);
    process->handed = true;
    process->waits = false;
    snprintf(process->label, sizeof process->label, "%s", job->label);
    buf_addf(&scene->log, "hand %s;", job->label);
    return true;
}

static int64_t fake_memory(void *self, const char *label) {
    return find(self, label)->memory;
}

static mono_ms fake_now(void *self) {
    return ((struct scene *)self)->now;
}

static void fake_instance(void *self, char ret_instance[ENGINE_INSTANCE_SIZE]) {
    struct scene *scene = self;
    snprintf(ret_instance, ENGINE_INSTANCE_SIZE, "%016x%016x", ++scene->instances, 0);
}

static bool fake_busy(void *self) {
    return ((struct scene *)self)->busy;
}

static uint64_t fake_stamp(void *self, const struct engine_job *job) {
    (void)job;
    return ((struct scene *)self)->stamp;
}

static void fake_keep(void *self, const struct pool_waiting *waiting) {
    assert_int_equal(waiting->pid, 100);
    ((struct scene *)self)->kept++;
}

static void fake_drop(void *self, const char *label) {
    (void)label;
    ((struct scene *)self)->kept--;
}

static const struct pool_options plain = {
    .livekit_url = "ws://livekit", .api_key = "key", .api_secret = "secret", .starts_at_once = 2, .ready_ms = 5000};

static void agents(struct scene *scene, const char *json) {
    static const struct directory_defaults defaults = {.stop_timeout_ms = 1000};
    struct diag diag = {0};
    directory_release(scene->directory);
    scene->directory = directory_parse(slice_of(json), &defaults, &diag);
    assert_non_null(scene->directory);
    pool_set_directory(scene->pool, scene->directory);
    pool_tick(scene->pool);
}

static void open_with(struct scene *scene, const struct pool_options *options, const char *json) {
    *scene = (struct scene){.now = START, .stamp = 1};
    const struct pool_ports ports = {
        .engine = {.self = scene, .ensure = fake_ensure, .stop = fake_stop, .adopt = fake_adopt, .list = fake_list},
        .waiters = {.self = scene, .is_there = fake_is_there, .hand_over = fake_hand_over, .memory = fake_memory},
        .self = scene,
        .now = fake_now,
        .new_instance = fake_instance,
        .is_busy = fake_busy,
        .stamp = fake_stamp,
        .keep = fake_keep,
        .drop = fake_drop,
    };
    scene->pool = pool_new(options, &ports);
    scene->engine = pool_engine(scene->pool);
    agents(scene, json);
}

#define ONE "{\"support\":{\"command\":[\"run\"],\"standby\":1}}"
#define TWO "{\"support\":{\"command\":[\"run\"],\"standby\":2}}"

static void open_scene(struct scene *scene, const char *json) {
    open_with(scene, &plain, json);
}

static void close_scene(struct scene *scene) {
    pool_free(scene->pool);
    directory_release(scene->directory);
    buf_release(&scene->log);
}

static struct pool_view view_of(const struct scene *scene, const char *agent);

static void ready(struct scene *scene, struct fake_process *process) {
    tell(scene, process, ENGINE_STARTED, 0);
    tell(scene, process, ENGINE_READY, 0);
    pool_tick(scene->pool);
}

/* All that are starting become ready, and those that follow, MS later each time. */
static void settle(struct scene *scene, int64_t ms) {
    for (unsigned i = 0; i < scene->count; i++) {
        struct fake_process *process = &scene->processes[i];
        if (process->waits && process->there && !process->deaf && process->memory == 0) {
            scene->now += ms;
            process->memory = 1;
            ready(scene, process);
        }
    }
}

static void wait(struct scene *scene, int64_t ms) {
    mono_ms until = scene->now + ms;
    while (pool_next_due(scene->pool) <= until) {
        mono_ms due = pool_next_due(scene->pool);
        scene->now = due > scene->now ? due : scene->now + 1;
        pool_tick(scene->pool);
    }
    scene->now = until;
    pool_tick(scene->pool);
}

static void gone(struct scene *scene, struct fake_process *process, int status) {
    process->there = false;
    tell(scene, process, ENGINE_EXITED, status);
    pool_tick(scene->pool);
}

static void killed(struct scene *scene, struct fake_process *process, int signal) {
    process->there = false;
    tell_event(scene, process,
               (struct engine_event){
                   .kind = ENGINE_EXITED, .pid = 100, .birth = 7, .exit_kind = EXIT_SIGNAL, .exit_value = signal});
    pool_tick(scene->pool);
}

static struct pool_view found;
static const char *looked_for;

static void see(void *context, const struct pool_view *view) {
    (void)context;
    if (strcmp(view->agent, looked_for) == 0) {
        found = *view;
    }
}

static struct pool_view view_of(const struct scene *scene, const char *agent) {
    found = (struct pool_view){.agent = NULL};
    looked_for = agent;
    pool_each(scene->pool, see, NULL);
    return found;
}

/* A call as the bridge makes it. True: it was handed to a standby. */
static bool call_as(struct scene *scene, const char *label, const struct engine_job *job) {
    struct engine_job own = *job;
    struct engine_reserved reserved = {0};
    bool warm = scene->engine.reserve(scene->engine.self, &own, &reserved);
    own.label = label;
    own.instance = warm ? reserved.instance : "00000000000000000000000000000abc";
    own.line = SLICE("{}");
    scene->engine.ensure(scene->engine.self, &own);
    pool_tick(scene->pool);
    return warm;
}

static const char *const command[] = {"run", NULL}, *const no_env[] = {NULL};
static const struct engine_pair places[] = {{"agent_id", {"", 0}}, {"room", {"r", 1}}};
static const struct engine_pair call_env[] = {{"LIVEKIT_URL", {"ws://livekit", 12}}, {"SIP_CALL_SID", {"RM_1", 4}}};
static const struct engine_job job_of_support = {.command = command,
                                                 .env = no_env,
                                                 .places = places,
                                                 .place_count = ARRAY_LEN(places),
                                                 .call_env = call_env,
                                                 .call_env_count = ARRAY_LEN(call_env),
                                                 .agent = "support"};

static bool call(struct scene *scene, const char *label) {
    return call_as(scene, label, &job_of_support);
}

static void did(struct scene *scene, const char *wanted) {
    assert_string_equal(scene->log.len > 0 ? scene->log.p : "", wanted);
    buf_clear(&scene->log);
}

static void test_fills_and_hands_over(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    assert_int_equal(scene.count, 2);
    assert_false(call(&scene, "RM_0")); /* none is ready yet */
    did(&scene, "cold RM_0;");
    settle(&scene, 100);
    assert_true(call(&scene, "RM_1"));
    assert_true(call(&scene, "RM_2"));
    did(&scene, "hand RM_1;hand RM_2;");
    assert_int_equal(scene.count, 4); /* refilled at once */
    assert_false(call(&scene, "RM_3"));
    did(&scene, "cold RM_3;");
    struct pool_view view = view_of(&scene, "support");
    assert_true(view.handed_over == 2 && view.missed == 2 && view.starting == 2 && view.ready == 0);
    settle(&scene, 100);
    assert_int_equal(view_of(&scene, "support").ready, 2);
    close_scene(&scene);
}

static void test_nobody_gets_another_entrys(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    static const char *const other[] = {"run", "-v", NULL};
    static const struct engine_pair elsewhere[] = {{"LIVEKIT_URL", {"ws://other", 10}}};
    struct engine_job job = job_of_support;
    job.agent = "sales";
    assert_false(call_as(&scene, "RM_1", &job));
    job = job_of_support;
    job.command = other;
    assert_false(call_as(&scene, "RM_2", &job));
    job = job_of_support;
    job.cwd = "/tmp";
    assert_false(call_as(&scene, "RM_3", &job));
    job = job_of_support;
    job.call_env = elsewhere;
    job.call_env_count = 1;
    assert_false(call_as(&scene, "RM_4", &job));
    assert_int_equal(view_of(&scene, "support").ready, 1);
    assert_true(call(&scene, "RM_5"));
    close_scene(&scene);
}

static void test_dead_ones_are_not_reserved(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    scene.processes[0].there = false;
    assert_true(call(&scene, "RM_1"));
    assert_true(scene.processes[1].handed && !scene.processes[0].handed);
    scene.processes[2].there = false;
    assert_false(call(&scene, "RM_2"));
    did(&scene, "hand RM_1;cold RM_2;");
    close_scene(&scene);
}

static void test_starts_at_once_are_few(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene,
               "{\"support\":{\"command\":[\"run\"],\"standby\":5},\"b\":{\"command\":[\"run\"],\"standby\":5}}");
    assert_int_equal(scene.count, 2);
    for (unsigned i = 0; i < 8; i++) {
        ready(&scene, &scene.processes[i]);
        assert_true(view_of(&scene, "support").starting + view_of(&scene, "b").starting <= 2);
    }
    assert_true(view_of(&scene, "support").ready >= 3 && view_of(&scene, "b").ready >= 3); /* in turn */
    close_scene(&scene);
}

/* A caller that rings has the CPU first, but a busy machine refills too. */
static void test_waits_for_calls_that_ring(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    wait(&scene, 60000);
    scene.busy = true;
    assert_true(call(&scene, "RM_1"));
    assert_int_equal(scene.count, 2);
    wait(&scene, POOL_HELD_MS - 1);
    assert_int_equal(scene.count, 2);
    wait(&scene, 1);
    assert_int_equal(scene.count, 3);
    assert_true(call(&scene, "RM_2"));
    wait(&scene, POOL_HELD_MS / 2);
    assert_int_equal(scene.count, 3);
    scene.busy = false; /* answered */
    pool_tick(scene.pool);
    assert_int_equal(scene.count, 4);
    close_scene(&scene);
}

static void test_never_ready_backs_off(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    unsigned before = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(scene.count, before + 1);
        before = scene.count;
        struct fake_process *process = &scene.processes[scene.count - 1];
        tell(&scene, process, ENGINE_STARTED, 0);
        wait(&scene, plain.ready_ms);
        assert_true(process->deaf); /* it was told to go */
        gone(&scene, process, 0);
        assert_int_equal(scene.count, before);
        wait(&scene, 1000 << i);
    }
    assert_true(pool_fails(scene.pool));
    struct pool_view view = view_of(&scene, "support");
    assert_true(view.fails && view.failed == 4 && strstr(view.reason, "READY=1") != NULL);
    settle(&scene, 10);
    assert_false(pool_fails(scene.pool));
    close_scene(&scene);
}

static void test_failed_starts(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    tell(&scene, &scene.processes[0], ENGINE_START_FAILED, 0);
    pool_tick(scene.pool);
    assert_int_equal(scene.count, 1);
    wait(&scene, 1000);
    assert_int_equal(scene.count, 2);
    ready(&scene, &scene.processes[1]);
    gone(&scene, &scene.processes[1], 3); /* too soon: that fails, too */
    assert_int_equal(scene.count, 2);
    assert_int_equal(view_of(&scene, "support").failed, 2);
    wait(&scene, 2000);
    assert_int_equal(scene.count, 3);
    close_scene(&scene);
}

/* A reason is cut between two characters: it stands in JSON. */
static void test_a_long_reason_is_text(void **state) {
    (void)state;
    for (int blanks = 0; blanks < 2; blanks++) {
        struct scene scene;
        open_scene(&scene, ONE);
        struct engine_event event = {.kind = ENGINE_START_FAILED};
        snprintf(event.diag.where, sizeof event.diag.where, "/%.*s", blanks, " ");
        for (int i = 0; i < 150; i++) {
            memcpy(event.diag.what + strlen(event.diag.what), "é", sizeof "é");
        }
        tell_event(&scene, &scene.processes[0], event);
        struct pool_view view = view_of(&scene, "support");
        assert_int_equal(view.failed, 1);
        assert_true(strlen(view.reason) > 100 && text_is_utf8(slice_of(view.reason)));
        close_scene(&scene);
    }
}

/* Again and again, by somebody who stops processes: after each time there is one second of rest, and no more. */
static void test_killed_while_they_waited_is_no_failure(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    for (int i = 0; i < 5; i++) {
        ready(&scene, &scene.processes[i]);
        killed(&scene, &scene.processes[i], i % 2 == 0 ? SIGKILL : SIGTERM);
        assert_int_equal(scene.count, i + 1);
        wait(&scene, 999);
        assert_int_equal(scene.count, i + 1);
        assert_int_equal(view_of(&scene, "support").retry_in_ms, 1);
        wait(&scene, 1);
        assert_int_equal(scene.count, i + 2);
    }
    assert_int_equal(view_of(&scene, "support").failed, 0);
    ready(&scene, &scene.processes[5]);
    killed(&scene, &scene.processes[5], SIGSEGV); /* its own fault */
    assert_int_equal(view_of(&scene, "support").failed, 1);
    close_scene(&scene);
}

static void test_end_of_one_that_waited_long_is_no_failure(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    wait(&scene, 11000);
    gone(&scene, &scene.processes[0], 1);
    assert_int_equal(scene.count, 3); /* at once */
    assert_int_equal(view_of(&scene, "support").failed, 0);
    close_scene(&scene);
}

static void lost(struct scene *scene, struct fake_process *process) {
    struct engine_event event = {.kind = ENGINE_NOT_TAKEN};
    memcpy(event.label, process->label, sizeof event.label);
    memcpy(event.instance, process->instance, sizeof event.instance);
    assert_false(pool_event(scene->pool, &event)); /* the bridge wants to know */
    pool_tick(scene->pool);
}

/* Where two in a row did not take their call the others would not either. */
static void test_not_taken(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":4}}");
    settle(&scene, 1);
    assert_true(call(&scene, "RM_1"));
    lost(&scene, &scene.processes[0]);
    assert_int_equal(view_of(&scene, "support").ready, 3);
    assert_true(call(&scene, "RM_2"));
    lost(&scene, &scene.processes[1]);
    struct pool_view view = view_of(&scene, "support");
    assert_true(view.ready == 0 && view.lost == 2 && view.wanted == 1 && view.fails);
    assert_false(call(&scene, "RM_3"));
    wait(&scene, 10000); /* then one is on trial */
    settle(&scene, 1);
    view = view_of(&scene, "support");
    assert_true(view.ready == 1 && view.starting == 0);
    assert_true(call(&scene, "RM_4"));
    wait(&scene, POOL_TAKEN_MS + 1);
    settle(&scene, 1);
    assert_int_equal(view_of(&scene, "support").wanted, 4);
    assert_false(pool_fails(scene.pool));
    close_scene(&scene);
}

static void test_changed_entry(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    agents(&scene, "{\"support\":{\"command\":[\"run\",\"-v\"],\"standby\":1}}");
    assert_true(scene.processes[0].deaf && scene.processes[1].deaf);
    assert_int_equal(scene.count, 3);
    gone(&scene, &scene.processes[0], 0);
    gone(&scene, &scene.processes[1], 0);
    ready(&scene, &scene.processes[2]);
    assert_int_equal(view_of(&scene, "support").ready, 1);
    agents(&scene, "{}");
    gone(&scene, &scene.processes[2], 0);
    assert_null(view_of(&scene, "support").agent);
    close_scene(&scene);
}

/* Whoever has LiveKit's credentials in its environment is of no use with others; who has a token is. */
static void test_other_credentials(void **state) {
    (void)state;
    struct scene scene;
    struct pool_options other = plain;
    open_scene(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":1},"
                       "\"api\":{\"command\":[\"run\"],\"standby\":1,\"credentials\":\"api\"}}");
    settle(&scene, 1);
    const struct engine_pair env[] = {{"LIVEKIT_URL", {"ws://livekit", 12}},
                                      {"LIVEKIT_API_KEY", {"key", 3}},
                                      {"LIVEKIT_API_SECRET", {"secret", 6}}};
    struct engine_job job = job_of_support;
    job.agent = "api";
    assert_false(call_as(&scene, "RM_1", &job)); /* its entry meant a token */
    job.call_env = env;
    job.call_env_count = ARRAY_LEN(env);
    assert_true(call_as(&scene, "RM_2", &job));
    settle(&scene, 1);
    unsigned before = scene.count;
    other.api_secret = "another";
    pool_set_options(scene.pool, &other);
    pool_tick(scene.pool);
    assert_int_equal(scene.count, before + 1);
    assert_false(call_as(&scene, "RM_3", &job));
    assert_true(call(&scene, "RM_4"));
    close_scene(&scene);
}

/* A call that was handed over may come back, so its shelf is there a little longer. */
static void test_entry_gone_after_a_call(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    assert_true(call(&scene, "RM_1"));
    agents(&scene, "{}");
    gone(&scene, &scene.processes[1], 0);
    lost(&scene, &scene.processes[0]);
    assert_null(view_of(&scene, "support").agent);
    agents(&scene, ONE);
    settle(&scene, 1);
    assert_true(call(&scene, "RM_2"));
    agents(&scene, "{}");
    gone(&scene, &scene.processes[3], 0);
    wait(&scene, POOL_TAKEN_MS + 1);
    assert_null(view_of(&scene, "support").agent);
    assert_int_equal(pool_next_due(scene.pool), MONO_NEVER);
    close_scene(&scene);
}

/* An entry that only says how many shall wait, or what does not concern those that do. */
static void test_other_numbers_only(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    agents(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":1,\"max\":7,\"order\":3}}");
    assert_int_equal(scene.count, 2);
    assert_true(scene.processes[0].deaf != scene.processes[1].deaf);
    agents(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":5,\"max\":2}}"); /* more could never have a call */
    settle(&scene, 1);
    assert_int_equal(view_of(&scene, "support").ready, 2);
    close_scene(&scene);
}

/* Replaced without a gap: the old one goes when the new one is ready. */
static void check_replaced(struct scene *scene) {
    assert_int_equal(scene->count, 2);
    assert_false(scene->processes[0].deaf);
    assert_int_equal(view_of(scene, "support").ready, 1);
    ready(scene, &scene->processes[1]);
    assert_true(scene->processes[0].deaf);
    assert_int_equal(view_of(scene, "support").ready, 1);
}

static void test_too_old(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":1,\"standby_max_age\":\"1m\"}}");
    settle(&scene, 1);
    wait(&scene, 59999);
    assert_int_equal(scene.count, 1);
    wait(&scene, 1);
    check_replaced(&scene);
    close_scene(&scene);
}

static void test_too_large(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":1,\"standby_max_rss\":\"1KiB\"}}");
    settle(&scene, 1);
    wait(&scene, 20000);
    assert_int_equal(scene.count, 1);
    scene.processes[0].memory = 1025;
    wait(&scene, POOL_LOOK_MS);
    check_replaced(&scene);
    close_scene(&scene);
}

static void test_changed_program(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    scene.stamp = 2;
    wait(&scene, POOL_LOOK_MS);
    check_replaced(&scene);
    close_scene(&scene);
}

static void test_renew(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    pool_renew(scene.pool);
    pool_tick(scene.pool);
    check_replaced(&scene);
    close_scene(&scene);
}

static void test_shortage_of_memory(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    pool_hold(scene.pool, true);
    assert_true(call(&scene, "RM_1"));
    wait(&scene, 60000);
    assert_int_equal(scene.count, 1);
    pool_hold(scene.pool, false);
    pool_tick(scene.pool);
    assert_int_equal(scene.count, 2);
    close_scene(&scene);
}

static void test_limits_of_the_machine(void **state) {
    (void)state;
    struct scene scene;
    struct pool_options options = plain;
    options.max_waiting = 3;
    options.max_starts = 4;
    open_with(&scene, &options, "{\"support\":{\"command\":[\"run\"],\"standby\":9}}");
    assert_int_equal(scene.count, 1); /* four a second */
    wait(&scene, 250);
    assert_int_equal(scene.count, 2);
    settle(&scene, 300);
    wait(&scene, 60000);
    assert_int_equal(scene.count, 3);
    close_scene(&scene);
}

static void test_closing(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, TWO);
    settle(&scene, 1);
    assert_int_equal(scene.kept, 2);
    pool_close(scene.pool);
    assert_true(scene.processes[0].deaf && scene.processes[1].deaf);
    assert_false(call(&scene, "RM_1"));
    gone(&scene, &scene.processes[0], 0);
    gone(&scene, &scene.processes[1], 0);
    assert_int_equal(scene.kept, 0);
    wait(&scene, 60000);
    agents(&scene, "{\"support\":{\"command\":[\"run\"],\"standby\":3}}");
    assert_int_equal(scene.count, 2);
    close_scene(&scene);
}

/* What a successor must end: those that wait, until their call has them. */
static void test_what_is_kept(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    assert_int_equal(scene.kept, 1);
    assert_true(call(&scene, "RM_1"));
    assert_int_equal(scene.kept, 1); /* the journal of the call comes first */
    tell(&scene, &scene.processes[0], ENGINE_STARTED, 0);
    assert_int_equal(scene.kept, 0);
    close_scene(&scene);
}

/* Its call ended in the turn in which it was handed over: it was never told. */
static void test_what_is_kept_of_one_that_was_never_told(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, ONE);
    settle(&scene, 1);
    assert_true(call(&scene, "RM_1"));
    tell(&scene, &scene.processes[0], ENGINE_EXITED, 0);
    assert_int_equal(scene.kept, 0);
    close_scene(&scene);
}

static void test_template_serves_every_name(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, "{}");
    static char *run[] = {"run", NULL};
    const struct directory_defaults defaults = {.command = run, .standby = {.least = 1, .most = 1}};
    directory_release(scene.directory);
    scene.directory = directory_of_command(&defaults);
    pool_set_directory(scene.pool, scene.directory);
    pool_tick(scene.pool);
    settle(&scene, 1);
    assert_string_equal(scene.processes[0].agent, "");
    assert_true(call(&scene, "RM_1"));
    close_scene(&scene);
}

/* Whatever happens, in whatever order: never more processes than allowed, and no call without an answer. */
static void test_storm(void **state) {
    (void)state;
    unsigned seed = 12345;
    for (int round = 0; round < 200; round++) {
        struct scene scene;
        char label[16];
        open_scene(&scene,
                   "{\"support\":{\"command\":[\"run\"],\"standby\":2,\"standby_max\":4,\"standby_max_age\":\"1m\"}}");
        for (int step = 0; step < 60 && scene.count < MOST - 4; step++) {
            seed = seed * 1103515245u + 12345u;
            struct fake_process *process = &scene.processes[(seed >> 8) % scene.count];
            bool waits = process->there && process->waits;
            switch ((seed >> 16) % 8) {
            case 0:
            case 1: settle(&scene, 20); break;
            case 2: scene.busy = !scene.busy; break;
            case 3: wait(&scene, (seed >> 4) % 3000); break;
            case 4:
                if (waits) {
                    gone(&scene, process, 1);
                }
                break;
            case 5: pool_renew(scene.pool); break;
            default:
                snprintf(label, sizeof label, "RM_%d", step);
                buf_clear(&scene.log);
                call(&scene, label);
                assert_true(scene.log.len > 0);
            }
            pool_tick(scene.pool);
            struct pool_view view = view_of(&scene, "support");
            assert_true(view.starting <= 2 && view.ready <= 4 + 2 && view.wanted >= 2 && view.wanted <= 4);
        }
        close_scene(&scene);
    }
}

static int silence_log(void **state) {
    (void)state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&(struct log_options){.fd = null, .level = LOG_DEBUG});
    return null < 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_and_hands_over),
        cmocka_unit_test(test_nobody_gets_another_entrys),
        cmocka_unit_test(test_dead_ones_are_not_reserved),
        cmocka_unit_test(test_starts_at_once_are_few),
        cmocka_unit_test(test_waits_for_calls_that_ring),
        cmocka_unit_test(test_never_ready_backs_off),
        cmocka_unit_test(test_failed_starts),
        cmocka_unit_test(test_a_long_reason_is_text),
        cmocka_unit_test(test_killed_while_they_waited_is_no_failure),
        cmocka_unit_test(test_end_of_one_that_waited_long_is_no_failure),
        cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_changed_entry),
        cmocka_unit_test(test_other_credentials),
        cmocka_unit_test(test_entry_gone_after_a_call),
        cmocka_unit_test(test_other_numbers_only),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_changed_program),
        cmocka_unit_test(test_renew),
        cmocka_unit_test(test_shortage_of_memory),
        cmocka_unit_test(test_limits_of_the_machine),
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_what_is_kept_of_one_that_was_never_told),
        cmocka_unit_test(test_template_serves_every_name),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, silence_log, NULL);
}
