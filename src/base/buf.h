/* A growing byte buffer that is always NUL-terminated once something was added. Zero-initialise it;
 * buf_release frees it. Embedded NULs are allowed: use len. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
    char *p;
    size_t len, cap;
};

void buf_release(struct buf *buf);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t size);
void buf_adds(struct buf *buf, const char *text);
void buf_add_slice(struct buf *buf, struct slice slice);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for SIZE more bytes; returns where to write them. The caller then adds to len. */
char *buf_reserve(struct buf *buf, size_t size);
/* Removes the first SIZE bytes. */
void buf_consume(struct buf *buf, size_t size);
/* Gives the NUL-terminated text to the caller (free it) and leaves an empty buffer; never NULL. */
char *buf_take(struct buf *buf);
static inline struct slice buf_slice(const struct buf *buf) {
    return (struct slice){buf->p, buf->len};
}
#define cleanup_buf __attribute__((cleanup(buf_release)))

#endif
