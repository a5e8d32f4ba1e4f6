/* The growing buffer: doubles, never shrinks until released. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void buf_release(struct buf *buf) {
    free(buf->p);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf) {
    buf->len = 0;
    if (buf->p != NULL) {
        buf->p[0] = '\0';
    }
}

char *buf_reserve(struct buf *buf, size_t size) {
    size_t need = buf->len + size + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap > 0 ? buf->cap : 64;
        while (cap < need) {
            cap *= 2;
        }
        buf->p = xrealloc(buf->p, cap);
        buf->cap = cap;
    }
    return buf->p + buf->len;
}

void buf_add(struct buf *buf, const void *bytes, size_t size) {
    char *at = buf_reserve(buf, size);
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    buf->len += size;
    buf->p[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_add_slice(struct buf *buf, struct slice slice) {
    buf_add(buf, slice.p, slice.n);
}

void buf_addc(struct buf *buf, char c) {
    char *at = buf_reserve(buf, 1);
    at[0] = c;
    at[1] = '\0';
    buf->len++;
}

void buf_addf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length > 0) {
        vsnprintf(buf_reserve(buf, (size_t)length), (size_t)length + 1, format, again);
        buf->len += (size_t)length;
    }
    va_end(again);
}

void buf_consume(struct buf *buf, size_t size) {
    if (size == 0) {
        return;
    }
    memmove(buf->p, buf->p + size, buf->len - size);
    buf->len -= size;
    buf->p[buf->len] = '\0';
}

char *buf_take(struct buf *buf) {
    char *text = buf->p != NULL ? buf->p : xstrdup("");
    *buf = (struct buf){0};
    return text;
}
