/* Verified events between the HTTP answer and the bridge: bounded, first in, first out. */
#ifndef APP_QUEUE_H
#define APP_QUEUE_H

#include "loop/loop.h"
#include "webhooks/event.h"

enum { QUEUE_MAX = 16384 };

struct event_queue {
    struct task task; /* runs in the loop's turn after the batch of requests */
    struct loop *loop;
    void (*on_event)(void *context, const struct webhook_event *event);
    void *context;
    struct webhook_event *list[QUEUE_MAX];
    size_t first, count;
};

void queue_init(struct event_queue *queue, struct loop *loop,
                void (*on_event)(void *context, const struct webhook_event *event), void *context);
/* Takes EVENT over; false (and it is still the caller's) when the queue is full. */
bool queue_add(struct event_queue *queue, struct webhook_event *event);
void queue_release(struct event_queue *queue);

#endif
