/* Memory: allocation that cannot fail, and clean-up at the end of a scope.
 *
 * Out of memory is not an error a daemon of this size can serve through: x*alloc end the process with a
 * message, so no caller has a branch for it. free() takes what they give; free(NULL) does nothing. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

/* What they do then; for memory that a library could not get. */
void mem_exhausted(size_t wanted) __attribute__((noreturn));

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed memory for COUNT elements of SIZE bytes. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies SIZE bytes and adds a NUL. */
char *xmemdup(const void *bytes, size_t size) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* `cleanup_free char *p = …;` frees p when the scope ends; `return take_ptr(p);` hands it on instead.
 * `cleanup_fd int fd = …;` closes it when it is not -1. */
void mem_free_at(void *pointer_to_pointer);
void mem_close_at(int *fd);
#define cleanup_free __attribute__((cleanup(mem_free_at)))
#define cleanup_fd __attribute__((cleanup(mem_close_at)))
#define take_ptr(p)                 \
    (__extension__({                \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    }))
#define take_fd(fd)        \
    (__extension__({       \
        int taken_ = (fd); \
        (fd) = -1;         \
        taken_;            \
    }))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The struct that embeds MEMBER at PTR. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
