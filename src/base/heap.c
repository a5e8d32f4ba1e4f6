/* The heap, 1-based: the children of slot n are 2n and 2n + 1. */
#include "base/heap.h"

#include "base/mem.h"

void heap_release(struct heap *heap) {
    free(heap->items);
    *heap = (struct heap){0};
}

static void place(struct heap *heap, size_t slot, struct heap_item *item) {
    heap->items[slot - 1] = item;
    item->slot = slot;
}

static void sift_up(struct heap *heap, struct heap_item *item) {
    size_t slot = item->slot;
    while (slot > 1 && heap->items[slot / 2 - 1]->due > item->due) {
        place(heap, slot, heap->items[slot / 2 - 1]);
        slot /= 2;
    }
    place(heap, slot, item);
}

static void sift_down(struct heap *heap, struct heap_item *item) {
    size_t slot = item->slot;
    for (;;) {
        size_t child = slot * 2;
        if (child > heap->count) {
            break;
        }
        if (child < heap->count && heap->items[child]->due < heap->items[child - 1]->due) {
            child++;
        }
        if (heap->items[child - 1]->due >= item->due) {
            break;
        }
        place(heap, slot, heap->items[child - 1]);
        slot = child;
    }
    place(heap, slot, item);
}

static void append(struct heap *heap, struct heap_item *item) {
    if (heap->count == heap->cap) {
        heap->cap = heap->cap > 0 ? heap->cap * 2 : 16;
        heap->items = xrealloc(heap->items, heap->cap * sizeof heap->items[0]);
    }
    heap->count++;
    place(heap, heap->count, item);
}

void heap_set(struct heap *heap, struct heap_item *item, int64_t due) {
    if (item->slot == 0) {
        append(heap, item);
    }
    item->due = due;
    sift_up(heap, item);
    sift_down(heap, item);
}

void heap_remove(struct heap *heap, struct heap_item *item) {
    if (item->slot == 0) {
        return;
    }
    struct heap_item *last = heap->items[heap->count - 1];
    size_t slot = item->slot;
    heap->count--;
    item->slot = 0;
    if (last != item) {
        place(heap, slot, last);
        sift_up(heap, last);
        sift_down(heap, last);
    }
}

struct heap_item *heap_first(const struct heap *heap) {
    return heap->count > 0 ? heap->items[0] : NULL;
}
