/* Allocation that ends the process when there is no memory left. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void mem_exhausted(size_t wanted) {
    fprintf(stderr, "sipbridge: SIP out of memory (%zu bytes wanted)\n", wanted);
    abort();
}

static void *need(void *pointer, size_t size) {
    if (pointer == NULL) {
        mem_exhausted(size);
    }
    return pointer;
}

void *xmalloc(size_t size) {
    return need(malloc(size > 0 ? size : 1), size);
}

void *xcalloc(size_t count, size_t size) {
    return need(calloc(count > 0 ? count : 1, size > 0 ? size : 1), size);
}

void *xrealloc(void *old, size_t size) {
    return need(realloc(old, size > 0 ? size : 1), size);
}

char *xstrdup(const char *text) {
    return xmemdup(text, strlen(text));
}

char *xmemdup(const void *bytes, size_t size) {
    char *copy = xmalloc(size + 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return need(length < 0 ? NULL : text, 0);
}

void mem_free_at(void *pointer_to_pointer) {
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof pointer);
    free(pointer);
}

void mem_close_at(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}
