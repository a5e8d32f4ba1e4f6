/* The queue of what is to be told. */
#include "spawner/local/teller.h"

#include "base/mem.h"

struct told *teller_add(struct teller *teller, const struct job *job, enum engine_event_kind kind) {
    struct told *told = xcalloc(1, sizeof *told);
    told->event.kind = kind;
    told->event.pid = job->pid;
    told->event.birth = job->birth;
    told->event.exit_kind = EXIT_UNKNOWN;
    memcpy(told->event.label, job->label, sizeof told->event.label);
    memcpy(told->event.instance, job->instance, sizeof told->event.instance);
    STAILQ_INSERT_TAIL(&teller->events, told, next);
    task_add(&teller->task, teller->loop);
    return told;
}

static void free_told(struct told *told) {
    free(told->secret);
    free(told);
}

static void remember_secret(struct teller *teller, struct told *told) {
    if (told->event.kind != ENGINE_EXITED || told->secret == NULL) {
        return;
    }
    free(teller->last_label);
    free(teller->last_secret);
    teller->last_label = xstrdup(told->event.label);
    teller->last_secret = take_ptr(told->secret);
}

/* Tells what was queued when the turn came; what the listener causes is told in its own turn. */
static void on_tell(struct task *task) {
    struct teller *teller = container_of(task, struct teller, task);
    STAILQ_HEAD(, told) events = STAILQ_HEAD_INITIALIZER(events);
    STAILQ_CONCAT(&events, &teller->events);
    while (!STAILQ_EMPTY(&events)) {
        struct told *told = STAILQ_FIRST(&events);
        STAILQ_REMOVE_HEAD(&events, next);
        remember_secret(teller, told);
        teller->on_event(teller->context, &told->event);
        free_told(told);
    }
}

void teller_init(struct teller *teller, const struct local_options *options) {
    teller->loop = options->loop;
    teller->on_event = options->on_event;
    teller->context = options->context;
    teller->task.run = on_tell;
    STAILQ_INIT(&teller->events);
}

const char *teller_secret(const struct teller *teller, const char *label) {
    return teller->last_label != NULL && strcmp(teller->last_label, label) == 0 ? teller->last_secret : NULL;
}

void teller_release(struct teller *teller) {
    task_cancel(&teller->task);
    while (!STAILQ_EMPTY(&teller->events)) {
        struct told *told = STAILQ_FIRST(&teller->events);
        STAILQ_REMOVE_HEAD(&teller->events, next);
        free_told(told);
    }
    free(teller->last_label);
    free(teller->last_secret);
}
