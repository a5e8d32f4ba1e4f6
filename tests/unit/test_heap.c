/* The heap of due times against a plain array that is searched: random additions, moves and removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/mem.h"

enum { ITEMS = 64, ROUNDS = 200000 };

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void check_order(const struct heap *heap) {
    for (size_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->items[i]->slot, i + 1);
        assert_true(i == 0 || heap->items[(i + 1) / 2 - 1]->due <= heap->items[i]->due);
    }
}

static int64_t least_due(const struct heap_item *items, size_t *ret_count) {
    int64_t least = INT64_MAX;
    *ret_count = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        if (items[i].slot != 0) {
            ++*ret_count;
            least = items[i].due < least ? items[i].due : least;
        }
    }
    return least;
}

static void test_against_a_search(void **state) {
    (void)state;
    struct heap heap = {0};
    struct heap_item items[ITEMS] = {0};
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct heap_item *item = &items[next_random(&seed) % ITEMS];
        if (next_random(&seed) % 3 == 0) {
            heap_remove(&heap, item);
            assert_int_equal(item->slot, 0);
        } else {
            heap_set(&heap, item, (int64_t)(next_random(&seed) % 50) - 25);
        }
        size_t count;
        int64_t least = least_due(items, &count);
        assert_int_equal(heap.count, count);
        assert_true(count == 0 ? heap_first(&heap) == NULL : heap_first(&heap)->due == least);
        if (round % 100 == 0) {
            check_order(&heap);
        }
    }
    heap_release(&heap);
}

static void test_comes_out_in_order(void **state) {
    (void)state;
    struct heap heap = {0};
    struct heap_item items[1000] = {0};
    uint64_t seed = 42;
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        heap_set(&heap, &items[i], (int64_t)(next_random(&seed) >> 1));
    }
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        struct heap_item *first = heap_first(&heap);
        assert_true(first->due >= last);
        last = first->due;
        heap_remove(&heap, first);
    }
    assert_null(heap_first(&heap));
    heap_release(&heap);
}

static void test_empty(void **state) {
    (void)state;
    struct heap heap = {0};
    struct heap_item item = {0};
    assert_null(heap_first(&heap));
    heap_remove(&heap, &item);
    assert_null(heap_first(&heap));
    heap_set(&heap, &item, 5);
    heap_set(&heap, &item, 7);
    assert_ptr_equal(heap_first(&heap), &item);
    assert_int_equal(heap.count, 1);
    heap_release(&heap);
    assert_null(heap_first(&heap));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_search),
        cmocka_unit_test(test_comes_out_in_order),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
