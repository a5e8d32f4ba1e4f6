/* Reading output. A token may stand in anything an agent prints: the exact secret is replaced where it is known,
 * and whatever has the shape of a JWT everywhere (RFC 7519: three base64url parts, the first begins with "eyJ"). */
#include "spawner/local/reader.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/output.h"

enum { CHUNK = 65536, SECRET_SHORTEST = 8 };

static size_t base64url_length(const char *at, const char *end) {
    const char *from = at;
    while (at < end && (*at == '-' || *at == '_' || (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                        (*at >= 'a' && *at <= 'z'))) {
        at++;
    }
    return (size_t)(at - from);
}

/* How many bytes at AT are a JWT; 0: none. */
static size_t token_length(const char *at, const char *end) {
    if (end - at < 3 || memcmp(at, "eyJ", 3) != 0) {
        return 0;
    }
    const char *from = at;
    for (int part = 0; part < 3; part++) {
        size_t length = base64url_length(at, end);
        bool dot = at + length < end && at[length] == '.';
        if (length == 0 || (part < 2 && !dot)) {
            return 0;
        }
        at += length + (part < 2 ? 1 : 0);
    }
    return (size_t)(at - from);
}

static void show(struct slice line, struct slice secret, size_t limit, struct buf *out) {
    cleanup_buf struct buf clean = {0};
    const char *at = line.p, *end = line.p + line.n;
    while (at < end) {
        size_t token = token_length(at, end);
        struct slice rest = {at, (size_t)(end - at)};
        if (secret.n >= SECRET_SHORTEST && slice_starts(rest, secret)) {
            buf_adds(&clean, "[secret]");
            at += secret.n;
        } else if (token > 0) {
            buf_adds(&clean, "[token]");
            at += token;
        } else {
            buf_addc(&clean, *at++);
        }
    }
    buf_clear(out);
    text_escape(out, buf_slice(&clean), limit);
    buf_adds(out, "");
}

static void tell(struct slice line, struct slice secret, size_t limit, reader_line *each, void *context) {
    cleanup_buf struct buf shown = {0};
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    show(line, secret, limit, &shown);
    each(context, shown.p);
}

bool reader_open(struct reader *reader, const char *directory, const char *label, struct diag *diag) {
    *reader = (struct reader){.fd = output_open_read(directory, label, diag)};
    return reader->fd >= 0;
}

bool reader_open_part(struct reader *reader, const char *directory, const char *label, unsigned part) {
    *reader = (struct reader){.fd = output_open_part(directory, label, part, NULL)};
    return reader->fd >= 0;
}

/* Where data begins at or after AT; the end of the file when there is none. */
static off_t data_start(int fd, off_t at) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data >= 0) {
        return data;
    }
    return errno == ENXIO ? lseek(fd, 0, SEEK_END) : at;
}

/* Steps over what was removed under the reader. */
static void skip_hole(struct reader *reader, reader_line *each, void *context) {
    off_t data = data_start(reader->fd, reader->at);
    if (data <= reader->at) {
        return;
    }
    cleanup_free char *note = xasprintf("[%lld bytes removed by SIP_LOG_MAX]", (long long)(data - reader->at));
    each(context, note);
    buf_clear(&reader->part);
    reader->torn = true;
    reader->at = data;
}

static void tell_complete(struct reader *reader, reader_line *each, void *context) {
    size_t done = 0;
    while (done < reader->part.len) {
        const char *at = reader->part.p + done;
        const char *newline = memchr(at, '\n', reader->part.len - done);
        if (newline == NULL) {
            break;
        }
        struct slice line = {at, (size_t)(newline - at)};
        if (!reader->torn) {
            tell(line, (struct slice){0}, READER_LINE_SHOWN, each, context);
        }
        reader->torn = false;
        done += line.n + 1;
    }
    buf_consume(&reader->part, done);
    if (reader->part.len >= CHUNK) {
        reader_rest(reader, each, context);
        reader->torn = true; /* what follows belongs to a line that was shown cut */
    }
}

void reader_new_lines(struct reader *reader, reader_line *each, void *context) {
    for (;;) {
        skip_hole(reader, each, context);
        ssize_t size = pread(reader->fd, buf_reserve(&reader->part, CHUNK), CHUNK, reader->at);
        if (size <= 0) {
            return;
        }
        reader->part.len += (size_t)size;
        reader->at += size;
        tell_complete(reader, each, context);
    }
}

void reader_rest(struct reader *reader, reader_line *each, void *context) {
    if (reader->part.len > 0 && !reader->torn) {
        tell(buf_slice(&reader->part), (struct slice){0}, READER_LINE_SHOWN, each, context);
    }
    buf_clear(&reader->part);
}

void reader_close(struct reader *reader) {
    if (reader->fd >= 0) {
        close(take_fd(reader->fd));
    }
    buf_release(&reader->part);
}

/* The last CHUNK bytes of FD, at most what stands behind its offset. A first line whose start is missing is dropped: half a
 * secret would not be known. */
static void read_tail(int fd, struct buf *out) {
    off_t start = lseek(fd, 0, SEEK_CUR), size = lseek(fd, 0, SEEK_END);
    off_t from = data_start(fd, size - start > CHUNK ? size - CHUNK : start);
    ssize_t got = pread(fd, buf_reserve(out, CHUNK), CHUNK, from);
    if (got <= 0) {
        return;
    }
    out->len = (size_t)got;
    bool torn = from > start;
    const char *newline = torn ? memchr(out->p, '\n', out->len) : NULL;
    if (newline != NULL) {
        buf_consume(out, (size_t)(newline - out->p) + 1);
    } else if (torn) {
        buf_consume(out, out->len);
        buf_adds(out, "[a line too long to show]");
    }
}

/* Where the last COUNT lines of TEXT begin. */
static const char *last_lines(struct slice text, unsigned count) {
    const char *at = text.p + text.n;
    while (at > text.p) {
        if (at[-1] == '\n' && count-- == 0) {
            break;
        }
        at--;
    }
    return at;
}

void reader_tail(int fd, unsigned count, struct slice secret, reader_line *each, void *context) {
    cleanup_buf struct buf text = {0};
    read_tail(fd, &text);
    if (text.len > 0 && text.p[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len == 0 || count == 0) {
        return;
    }
    const char *end = text.p + text.len;
    for (const char *at = last_lines(buf_slice(&text), count - 1); at <= end;) {
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const char *stop = newline != NULL ? newline : end;
        tell((struct slice){at, (size_t)(stop - at)}, secret, READER_TAIL_SHOWN, each, context);
        at = stop + 1;
    }
}
