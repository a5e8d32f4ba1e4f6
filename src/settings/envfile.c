/* The parser of ".env" files: line by line, each line once from left to right. */
#include "settings/envfile.h"

#include "base/buf.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name(char c, bool first) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* After a closing quote only blanks and a comment may follow. */
static const char *check_end(struct slice rest) {
    rest = slice_trim(rest);
    return rest.n == 0 || rest.p[0] == '#' ? NULL : "there is text after the closing quote";
}

static const char *read_single(struct slice text, struct buf *ret_value) {
    const char *end = memchr(text.p, '\'', text.n);
    if (end == NULL) {
        return "the quote ' is not closed on this line";
    }
    buf_add(ret_value, text.p, (size_t)(end - text.p));
    return check_end(slice_after(text, (size_t)(end - text.p) + 1));
}

static void add_escaped(struct buf *out, char c) {
    switch (c) {
    case 'n': buf_addc(out, '\n'); return;
    case 't': buf_addc(out, '\t'); return;
    case '"':
    case '\\':
    case '$': buf_addc(out, c); return;
    default: buf_addc(out, '\\'); buf_addc(out, c);
    }
}

static const char *read_double(struct slice text, struct buf *ret_value) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            return check_end(slice_after(text, i + 1));
        }
        if (text.p[i] == '\\' && i + 1 < text.n) {
            add_escaped(ret_value, text.p[++i]);
        } else {
            buf_addc(ret_value, text.p[i]);
        }
    }
    return "the quote \" is not closed on this line";
}

static const char *read_bare(struct slice text, struct buf *ret_value) {
    size_t end = 0;
    while (end < text.n && !(text.p[end] == '#' && end > 0 && is_blank(text.p[end - 1]))) {
        end++;
    }
    buf_add_slice(ret_value, slice_trim((struct slice){text.p, end}));
    return NULL;
}

/* NULL, or what is wrong. */
static const char *read_value(struct slice text, struct buf *ret_value) {
    buf_add(ret_value, "", 0);
    struct slice value = slice_trim(text);
    if (value.n == 0 || (value.p[0] == '#' && value.p > text.p)) {
        return NULL;
    }
    switch (value.p[0]) {
    case '\'': return read_single(slice_after(value, 1), ret_value);
    case '"': return read_double(slice_after(value, 1), ret_value);
    default: return read_bare(value, ret_value);
    }
}

static struct slice skip_export(struct slice line) {
    struct slice word = SLICE("export");
    if (slice_starts(line, word) && line.n > word.n && is_blank(line.p[word.n])) {
        return slice_trim(slice_after(line, word.n));
    }
    return line;
}

/* The value may be a secret: it is wiped, and its buffer never grows, which would leave it where it was before. */
static void tell_pair(unsigned number, struct slice name, struct slice text, const struct envfile_reader *reader) {
    cleanup_buf struct buf value = {0};
    buf_reserve(&value, text.n);
    const char *wrong = read_value(text, &value);
    if (wrong != NULL) {
        reader->on_error(reader->context, number, wrong);
    } else {
        reader->on_pair(reader->context, number, name, buf_slice(&value));
    }
    explicit_bzero(value.p, value.cap);
}

static void read_line(unsigned number, struct slice line, const struct envfile_reader *reader) {
    line = slice_trim(line);
    if (line.n == 0 || line.p[0] == '#') {
        return;
    }
    line = skip_export(line);
    size_t name_size = 0;
    while (name_size < line.n && is_name(line.p[name_size], name_size == 0)) {
        name_size++;
    }
    struct slice rest = slice_trim(slice_after(line, name_size));
    if (name_size == 0 || rest.n == 0 || rest.p[0] != '=') {
        reader->on_error(reader->context, number, "is not NAME=VALUE");
        return;
    }
    if (memchr(line.p, '\0', line.n) != NULL) {
        reader->on_error(reader->context, number, "contains a NUL byte");
        return;
    }
    tell_pair(number, (struct slice){line.p, name_size}, slice_after(rest, 1), reader);
}

void envfile_parse(struct slice text, const struct envfile_reader *reader) {
    struct slice mark = SLICE("\xEF\xBB\xBF"); /* some editors begin UTF-8 files with it */
    text = slice_starts(text, mark) ? slice_after(text, mark.n) : text;
    for (unsigned number = 1; text.n > 0; number++) {
        read_line(number, slice_line(&text), reader);
    }
}
