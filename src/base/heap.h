/* A binary heap of due times. Items are embedded in their owner's struct; the heap holds only pointers.
 * All operations are O(log n); an item knows its slot, so any one can be moved or removed. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t due;
    size_t slot; /* 1-based; 0 while in no heap */
};

/* Zero-initialise; heap_release frees the array, not the items. */
struct heap {
    struct heap_item **items; /* items[0] is slot 1 */
    size_t count, cap;
};

void heap_release(struct heap *heap);
/* Puts ITEM in with DUE, or moves it there. */
void heap_set(struct heap *heap, struct heap_item *item, int64_t due);
/* Takes ITEM out; nothing when it is not in. */
void heap_remove(struct heap *heap, struct heap_item *item);
/* The item due first; NULL when empty. */
struct heap_item *heap_first(const struct heap *heap);

#endif
