/* Verified events on their way to the bridge: in their order, and not more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/queue.h"

struct told {
    size_t count;
    int64_t last_s;
};

static void on_event(void *context, const struct webhook_event *event) {
    struct told *told = context;
    assert_int_equal(event->created_at_s, told->last_s + 1);
    told->last_s = event->created_at_s;
    told->count++;
}

static bool add(struct event_queue *queue, int64_t created_at_s) {
    const struct webhook_event event = {.created_at_s = created_at_s};
    struct webhook_event *copy = event_copy(&event);
    bool taken = queue_add(queue, copy);
    if (!taken) {
        event_free(copy);
    }
    return taken;
}

static void test_full(void **state) {
    (void)state;
    static struct event_queue queue;
    struct told told = {0};
    struct loop *loop = loop_new();
    queue_init(&queue, loop, on_event, &told);
    int64_t next = 1;
    for (int round = 0; round < 2; round++) { /* the second time its first place is in the middle of the ring */
        assert_true(add(&queue, next++));
        loop_turn(loop, 0);
        for (size_t i = 0; i < QUEUE_MAX; i++) {
            assert_true(add(&queue, next++));
        }
        assert_int_equal(told.count, (size_t)round * (QUEUE_MAX + 1) + 1); /* nobody is told before the loop's turn */
        assert_false(add(&queue, next));
        loop_turn(loop, 0);
        assert_int_equal(told.count, (size_t)(round + 1) * (QUEUE_MAX + 1));
        assert_int_equal(queue.count, 0);
    }
    assert_true(add(&queue, next));
    queue_release(&queue); /* with one that nobody was told of */
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
