/* A ring of events and the task that empties it. */
#include "app/queue.h"

#include "base/mem.h"

static struct webhook_event *take_first(struct event_queue *queue) {
    struct webhook_event *event = queue->list[queue->first];
    queue->first = (queue->first + 1) % QUEUE_MAX;
    queue->count--;
    return event;
}

static void drain(struct task *task) {
    struct event_queue *queue = container_of(task, struct event_queue, task);
    while (queue->count > 0) {
        struct webhook_event *event = take_first(queue);
        queue->on_event(queue->context, event);
        event_free(event);
    }
}

void queue_init(struct event_queue *queue, struct loop *loop,
                void (*on_event)(void *context, const struct webhook_event *event), void *context) {
    queue->task = (struct task){.run = drain};
    queue->loop = loop;
    queue->on_event = on_event;
    queue->context = context;
    queue->first = queue->count = 0;
}

bool queue_add(struct event_queue *queue, struct webhook_event *event) {
    if (queue->count == QUEUE_MAX) {
        return false;
    }
    queue->list[(queue->first + queue->count++) % QUEUE_MAX] = event;
    task_add(&queue->task, queue->loop);
    return true;
}

void queue_release(struct event_queue *queue) {
    task_cancel(&queue->task);
    while (queue->count > 0) {
        event_free(take_first(queue));
    }
}
